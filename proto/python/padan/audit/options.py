"""What the auditor's commands share: options over a copy, and how they reach the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.audit.listing import TIMEOUT, AuditClient
from padan.audit.mirror import trusted
from padan.audit.mirror.place import Copy
from padan.errors import CopyError

if TYPE_CHECKING:
    from padan.cli.connection import Connection
    from padan.tlog.policy import Policy

CopyFolder = Annotated[Path, typer.Argument(help="The copy's folder, as `padan-audit mirror` made it.")]
PolicyFile = Annotated[
    Path, typer.Option("--policy", help="Whom to believe: log key, witnesses and quorum (C2SP tlog-policy).")
]
TrustedFile = Annotated[
    Path | None,
    typer.Option(
        "--trusted",
        help="What was trusted last: the record that `mirror` writes, a signed checkpoint, or a .tlog-proof from "
        "another party; default COPY.trusted.",
    ),
]


def open_copy(folder: Path) -> Copy:
    """Open a copy.

    Raises:
        CopyError: there is no such folder.
    """
    if not folder.is_dir():
        raise CopyError(
            f"there is no folder {folder}",
            next_step="make a copy first: `padan-audit mirror FROM COPY --policy FILE`",
        )
    return Copy(folder)


def open_client(link: Connection, timeout: float | None) -> AuditClient:
    """Open a client of the log's service with what the options and the configuration file say.

    Raises:
        ConfigError: a file is not usable.
    """
    return AuditClient.from_files(
        link.address,
        ca=link.ca,
        cert=link.cert,
        key=link.key,
        server_name=link.server_name,
        timeout=timeout or TIMEOUT,
    )


def last_trusted(folder: Path, given: Path | None, policy: Policy) -> trusted.Trusted:
    """Read what was trusted last.

    Raises:
        CopyError: there is no such file.
        LogError: it is not to be believed.
    """
    return trusted.read(given or trusted.beside(folder), policy)
