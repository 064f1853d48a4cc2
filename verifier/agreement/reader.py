"""Reads typed values out of a TOML table and remembers everything that is wrong, with its line and what is right.

A wrong value is replaced by a harmless one so that reading goes on to the next fault; whoever reads must ask
`Problems.found` before using anything.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

from verifier.agreement.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verifier.agreement.errors import DocumentError
    from verifier.toml_lines import Path

MAX_DOCUMENT: Final = 262_144
ALL: Final = "all"
_AT_LINE: Final = re.compile(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", re.DOTALL)
_MAX_SHOWN = 40
_MAX_TEXT = 400
T = TypeVar("T")


def read_toml(
    data: bytes, name: str, *, right: str, error: type[DocumentError]
) -> tuple[str, dict[str, Any]]:
    """Read the text and the values of a document of at most 256 KiB.

    Args:
        data: TOML 1.0 in UTF-8.
        name: the file's name, for messages.
        right: where to look for what would be right.
        error: what to raise.

    Raises:
        DocumentError: too large, not UTF-8 or not TOML.
    """
    line = 0
    if len(data) > MAX_DOCUMENT:
        wrong = f"larger than {MAX_DOCUMENT:,} bytes"
    else:
        try:
            text = data.decode()
            return text, tomllib.loads(text)
        except UnicodeDecodeError as fault:
            wrong, line = "not UTF-8", data.count(b"\n", 0, fault.start) + 1
        except tomllib.TOMLDecodeError as fault:
            match = _AT_LINE.match(str(fault))
            wrong = f"not TOML: {match[1] if match else fault}"
            line = int(match[2]) if match and match[2] else data.count(b"\n") + 1
        except RecursionError:
            wrong = "nested too deeply"
    raise error(name, [Problem(line=line, where="", wrong=wrong, right=right)])


def show_path(path: Path) -> str:
    """Write a path as people read it: `purposes[0].anchors`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(slots=True, kw_only=True)
class Problems:
    """The faults found so far."""

    lines: Mapping[Path, int]
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, wrong: str, right: str) -> None:
        """Note a fault; of a key that is not there, the line is its table's."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        self.found.append(
            Problem(line=self.lines.get(known, 0), where=show_path(path), wrong=wrong, right=right)
        )


class Table:
    """One table of a document, read key by key."""

    def __init__(self, values: Mapping[str, Any], path: Path, problems: Problems) -> None:
        self._values = values
        self._problems = problems
        self._asked: set[str] = set()
        self.path = path

    def has(self, key: str) -> bool:
        """Say whether the key is there."""
        return key in self._values

    def keys(self) -> Iterable[str]:
        """Return all keys; for tables whose keys are data."""
        return self._values.keys()

    def text(
        self, key: str, *, pattern: str = r".*\S.*", right: str = "a text", default: str | None = None
    ) -> str:
        """Read a text of at most 400 characters that matches a pattern wholly."""
        value = self._get(key, right, default)
        if isinstance(value, str) and (value == default or self._fits(value, pattern)):
            return value
        return self._wrong(key, value, right, "")

    def integer(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        """Read a whole number within bounds."""
        right = f"a whole number from {low:,} to {high:,}"
        value = self._get(key, right, default)
        if type(value) is int and low <= value <= high:
            return value
        return self._wrong(key, value, right, low)

    def number(self, key: str, low: float, high: float) -> float:
        """Read a number within bounds."""
        right = f"a number from {low} to {high}"
        value = self._get(key, right, None)
        if type(value) in {int, float} and low <= value <= high:
            return float(value)
        return self._wrong(key, value, right, low)

    def flag(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._get(key, "true or false", default)
        if isinstance(value, bool):
            return value
        return self._wrong(key, value, "true or false", default)

    def moment(self, key: str) -> int:
        """Read a date-time with an offset, as seconds of the Unix epoch."""
        right = "a date and time with its offset, such as 2026-01-01T00:00:00+07:00"
        value = self._get(key, right, None)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return int(value.timestamp())
        return self._wrong(key, value, right, 0)

    def day(self, key: str) -> date | None:
        """Read a date that may be absent."""
        if not self.has(key):
            self._asked.add(key)
            return None
        value = self._get(key, "a date", None)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return self._wrong(key, value, "a date, such as 2027-06-30", None)

    def choice(self, key: str, options: Mapping[str, T], *, default: str | None = None) -> T:
        """Read one name of a closed list, and return what it stands for."""
        value = self._get(key, f"one of {', '.join(options)}", default)
        if isinstance(value, str) and value in options:
            return options[value]
        if value is not None:
            self.fault((key,), f"{_shown(value)} is not known", _nearest(value, options))
        return next(iter(options.values()))

    def choices(self, key: str, options: Mapping[str, T]) -> tuple[T, ...]:
        """Read a list of names of a closed list, each at most once; an absent key is an empty list."""
        chosen: dict[str, T] = {}
        for index, value in enumerate(self._list(key)):
            if not isinstance(value, str) or value not in options:
                self.fault((key, index), f"{_shown(value)} is not known", _nearest(value, options))
            elif value in chosen:
                self.fault((key, index), f"{value!r} stands there twice", "name it once")
            else:
                chosen[value] = options[value]
        return tuple(chosen.values())

    def texts(self, key: str, *, pattern: str = r".*\S.*", right: str = "texts") -> tuple[str, ...]:
        """Read a list of texts; an absent key is an empty list."""
        good: list[str] = []
        for index, value in enumerate(self._list(key)):
            if isinstance(value, str) and self._fits(value, pattern):
                good.append(value)
            else:
                self.fault((key, index), f"{_shown(value)} does not fit", f"it must be {right}")
        return tuple(good)

    def texts_or_all(self, key: str, *, pattern: str, right: str) -> tuple[str, ...] | None:
        """Read a list of texts, at least one and each once; None where the word `all` stands in its place."""
        if self._values.get(key) == ALL:
            self._asked.add(key)
            return None
        good = self.texts(key, pattern=pattern, right=right)
        if not self.has(key) or self._values[key] == []:
            self.fault((key,), "grants nothing", f'list them, or write "{ALL}"')
        for index, value in enumerate(good):
            if value in good[:index]:
                self.fault((key, index), f"{_shown(value)} stands there twice", "name it once")
        return good

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """Read a list of whole numbers within bounds; an absent key is an empty list."""
        good: list[int] = []
        for index, value in enumerate(self._list(key)):
            if type(value) is int and low <= value <= high:
                good.append(value)
            else:
                self.fault(
                    (key, index), f"{_shown(value)} does not fit", f"use whole numbers from {low} to {high}"
                )
        return tuple(good)

    def table(self, key: str, *, required: bool = True) -> Table:
        """Read a table; an absent one is empty, and a fault where it is required."""
        value = self._get(key, f"a table [{key}]", None if required else {})
        if not isinstance(value, dict):
            value = self._wrong(key, value, f"a table [{key}]", {})
        return Table(value, (*self.path, key), self._problems)

    def tables(self, key: str) -> list[Table]:
        """Read an array of tables; an absent one is empty."""
        tables: list[Table] = []
        for index, value in enumerate(self._list(key)):
            if isinstance(value, dict):
                tables.append(Table(value, (*self.path, key, index), self._problems))
            else:
                self.fault((key, index), f"{_shown(value)} is not a table", f"write [[{key}]]")
        return tables

    def fault(self, tail: Path, wrong: str, right: str) -> None:
        """Note a fault at a key of this table."""
        self._problems.add((*self.path, *tail), wrong, right)

    def close(self, *, known: Iterable[str] = ()) -> None:
        """Note every key that was not asked for; `known` are further keys that would be right."""
        right = dict.fromkeys((*sorted(self._asked), *known))
        for key in self._values:
            if key not in self._asked:
                self.fault((key,), "no such key", _nearest(key, right))

    def _get(self, key: str, right: str, default: Any) -> Any:
        self._asked.add(key)
        if key in self._values:
            return self._values[key]
        if default is None:
            self.fault((key,), "missing", f"it must be {right}")
        return default

    def _list(self, key: str) -> list[Any]:
        value = self._get(key, "a list", [])
        if isinstance(value, list):
            return value
        return self._wrong(key, value, "a list in [ ]", [])

    def _wrong(self, key: str, value: Any, right: str, instead: T) -> T:
        if value is not None:
            self.fault((key,), f"{_shown(value)} does not fit", f"it must be {right}")
        return instead

    @staticmethod
    def _fits(value: str, pattern: str) -> bool:
        return len(value) <= _MAX_TEXT and value.isprintable() and re.fullmatch(pattern, value) is not None


def _shown(value: Any) -> str:
    text = f"{value!r}" if isinstance(value, str | int | float | bool) else f"a {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def _nearest(value: Any, options: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        near = get_close_matches(value[:_MAX_SHOWN], options, n=1)
        if near:
            return f"did you mean {near[0]!r}?"
    return f"use one of {', '.join(options)}"
