"""The agency's command line."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run `padan`."""
    try:
        from padan.cli import agency, console  # noqa: PLC0415 - the base install has no command line
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: {error.name} is not installed\nnext:  pip install 'padan[cli,receipts]'\n")
        raise SystemExit(2) from None
    console.run(agency.build(), agency.translate)
