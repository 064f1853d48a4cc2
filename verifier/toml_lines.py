"""Where the keys of a TOML document stand, so that a fault can be shown by its line.

Assumes a document that `tomllib` has accepted (TOML 1.0); of another one the lines may be wrong, never more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Path: TypeAlias = "tuple[str | int, ...]"

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_SCALAR: Final = re.compile(r"[^,\]}\r\n#]*")
_BARE: Final = re.compile(r"[^\s.=\]\"']+")
_STRINGS: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)


def lines_of(text: str) -> Mapping[Path, int]:
    """Map every key path, table and array item of a document to its line, counted from 1."""
    return _Scan(text).run()


class _Scan:
    """One pass over a document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = 0
        self._counted = 0
        self._lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}

    def run(self) -> Mapping[Path, int]:
        base: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            before = self._at
            if self._peek("["):
                base = self._header()
            else:
                self._assignment(base)
            self._skip(_BLANK)
            if self._at == before:  # not TOML: give up rather than loop
                break
        return self._lines

    def _peek(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()

    def _take(self, token: str) -> bool:
        if self._peek(token):
            self._at += len(token)
            return True
        return False

    def _line(self) -> int:
        self._newlines += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._newlines + 1

    def _key(self) -> Path:
        """Read a dotted key."""
        parts: list[str | int] = []
        while True:
            self._skip(_SPACE)
            if self._peek('"') or self._peek("'"):
                match = _STRINGS.match(self._text, self._at)
                parts.append(match.group()[1:-1] if match else "")
            else:
                match = _BARE.match(self._text, self._at)
                parts.append(match.group() if match else "")
            self._at = match.end() if match else self._at + 1
            self._skip(_SPACE)
            if not self._take("."):
                return tuple(parts)

    def _header(self) -> Path:
        line = self._line()
        array = self._take("[[") or not self._take("[")
        path: Path = ()
        keys = self._key()
        for position, key in enumerate(keys, start=1):
            path += (key,)
            if path in self._arrays and not (array and position == len(keys)):
                path += (self._arrays[path],)
        if array:
            self._arrays[path] = self._arrays.get(path, -1) + 1
            self._lines.setdefault(path, line)
            path += (self._arrays[path],)
        self._lines.setdefault(path, line)
        self._take("]]" if array else "]")
        return path

    def _assignment(self, base: Path) -> None:
        line = self._line()
        path = base
        for part in self._key():
            path += (part,)
            self._lines.setdefault(path, line)
        if self._take("="):
            self._skip(_SPACE)
            self._value(path)

    def _value(self, path: Path) -> None:
        if self._peek('"') or self._peek("'"):
            match = _STRINGS.match(self._text, self._at)
            self._at = match.end() if match else len(self._text)
        elif self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        index = 0
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take("]"):
            before = self._at
            self._lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            self._take(",")
            self._skip(_BLANK)
            if self._at == before:
                return

    def _inline_table(self, path: Path) -> None:
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take("}"):
            before = self._at
            self._assignment(path)
            self._skip(_BLANK)
            self._take(",")
            self._skip(_BLANK)
            if self._at == before:
                return
