"""The kept corpus: inputs that once reached something new, one a line as a Python bytes literal, a file a target.

`python -m tests.attack.fuzz.corpus TARGET FOLDER` merges a fuzzer's folder into it, smallest inputs first, and keeps
only what adds to the code that is reached.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.attack.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from _typeshed import TraceFunction

    from tests.attack.fuzz.targets import Target

CORPUS = Path(__file__).parents[1] / "corpus"
_ROOT = str(Path(__file__).parents[3])
_OURS = ("verifier", "tokenizer", "keys", "proto/python/padan")
_LONGEST = 4_096

Line = tuple[str, int]


def read(name: str) -> list[bytes]:
    """Read a target's inputs."""
    file = CORPUS / f"{name}.txt"
    return [_literal(line) for line in file.read_text(encoding="ascii").splitlines() if line]


def write(name: str, inputs: Iterable[bytes]) -> None:
    """Keep a target's inputs."""
    CORPUS.mkdir(exist_ok=True)
    lines = "".join(f"{item!r}\n" for item in sorted(set(inputs), key=lambda item: (len(item), item)))
    (CORPUS / f"{name}.txt").write_text(lines, encoding="ascii")


def unpack(name: str, folder: Path) -> None:
    """Write a target's inputs as files, as a fuzzer reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(read(name)):
        (folder / f"kept-{number:04}").write_bytes(item)


def _literal(line: str) -> bytes:
    item = ast.literal_eval(line)
    assert isinstance(item, bytes)
    return item


def reached(target: Target, data: bytes) -> frozenset[Line]:
    """Say which lines of our packages an input reaches."""
    lines: set[Line] = set()

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        path = frame.f_code.co_filename
        if not path.startswith(_ROOT) or not path[len(_ROOT) + 1 :].startswith(_OURS):
            return None
        if event == "line":
            lines.add((path, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return frozenset(lines)


def merge(target: Target, kept: list[bytes], found: Iterable[bytes]) -> list[bytes]:
    """Keep of the found inputs those that reach a line that none before reaches."""
    known: set[Line] = set()
    for item in kept:
        known |= reached(target, item)
    for item in sorted(found, key=len):
        if len(item) <= _LONGEST and not (lines := reached(target, item)) <= known:
            known |= lines
            kept.append(item)
    return kept


def main() -> None:
    """Merge a folder."""
    name, folder = sys.argv[1:]
    found = [file.read_bytes() for file in Path(folder).iterdir()]
    write(name, merge(TARGETS[name], read(name), found))


if __name__ == "__main__":
    main()
