"""A terminal for tests: runs a command line in this process and keeps what it printed and how it ended."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable


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
    with (
        mock.patch.object(sys, "argv", ["command", *arguments]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return Ended(code=int(code) if isinstance(code, int) else 0, out=out.getvalue(), err=err.getvalue())
