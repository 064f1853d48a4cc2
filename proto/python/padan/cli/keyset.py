"""The service's keys in a file that the agency keeps: a JWK Set, as `padan info --jwks` prints it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from padan.cli.console import CommandError
from padan.extras import sealing_missing

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> dict[str, Any]:
    """Read a set; its keys are not looked at.

    Raises:
        CommandError: the file cannot be read, or is no JWK Set.
    """
    try:
        keys = json.loads(path.read_bytes())
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror})", next_step="name another file"
        ) from None
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, dict):
        raise CommandError(f"{path} is no JWK Set", next_step="get it with `padan info --jwks`")
    return keys


def signers(path: Path) -> tuple[bytes, ...]:
    """Read the public keys that sign receipts, 32 bytes each.

    Raises:
        CommandError: as `read`.
        ConfigError: it holds another key, or none; or the extra `sealing` is not installed.
    """
    try:
        from padan.servicekey import signers_in  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        raise sealing_missing() from None
    return signers_in(read(path))
