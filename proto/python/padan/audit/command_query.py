"""`padan-audit query`: SQL over a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from padan.audit import inquiry
from padan.audit.inquiry import Memory, OutputFile, ProveFile, ProvePolicy  # noqa: TC001 - Typer reads the annotations
from padan.audit.mirror import proving
from padan.audit.options import CopyFolder  # noqa: TC001 - as above
from padan.cli.connection import Json  # noqa: TC001 - as above

if TYPE_CHECKING:
    import pyarrow as pa

    from padan.audit.mirror.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query")(query)


def query(
    copy: CopyFolder,
    sql: Annotated[
        str, typer.Argument(help="One SELECT over the view `entries`; `DESCRIBE entries` lists its columns.")
    ],
    *,
    output: OutputFile = None,
    prove: ProveFile = None,
    policy: ProvePolicy = None,
    memory: Memory = inquiry.MEMORY,
    json: Json = False,
) -> None:
    """Ask a copy's private entries in SQL (DuckDB's), which can read the copy and do nothing else.

    Check the copy before with `padan-audit verify`: the columns that a query reads are checked there.
    """
    inquiry.ask(
        copy, sql, evidence=_evidence, output=output, prove=prove, policy=policy, memory=memory, json=json
    )


def _evidence(_: Session, found: pa.Table) -> list[int]:
    return proving.places_of(found)
