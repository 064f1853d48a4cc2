"""A terminal for tests: runs a command line in this process and keeps what it printed and how it ended."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run(main: Callable[[], None], *arguments: str, stdin: bytes = b"") -> Ended:
    """Run a command line's main function.

    Args:
        main: the function of the script.
        arguments: behind the script's name.
        stdin: standard input.
    """
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with _started(arguments, stdin), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return Ended(code=int(code) if isinstance(code, int) else 0, out=out.getvalue(), err=err.getvalue())


@contextlib.contextmanager
def _started(arguments: tuple[str, ...], stdin: bytes) -> Iterator[None]:
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["command", *arguments], io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        yield
    finally:
        sys.argv, sys.stdin = before
