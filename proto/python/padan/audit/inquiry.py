"""What `query` and `report` share: they ask a copy, print or write the answer, and prove it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.audit.mirror import answer, belief, proving
from padan.audit.mirror.granting import Leaves
from padan.audit.mirror.session import DEFAULT_MEMORY, Session
from padan.audit.mirror.trusted import beside, read
from padan.audit.options import open_copy
from padan.cli.console import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

OutputFile = Annotated[
    Path | None, typer.Option("--output", help="Write all rows to this file: .csv, .json, .parquet or .txt.")
]
ProveFile = Annotated[
    Path | None,
    typer.Option(
        "--prove",
        help="Write the entries behind the answer with proofs that the log has them, for another party: a folder, or a "
        ".zip; needs --policy.",
    ),
]
ProvePolicy = Annotated[
    Path | None,
    typer.Option("--policy", help="Whom to believe, for --prove: the policy that the copy was made with."),
]
Memory = Annotated[int, typer.Option(min=64, help="Megabytes that the query may take.")]
MEMORY = DEFAULT_MEMORY


def ask(
    folder: Path,
    sql: str,
    *,
    evidence: Callable[[Session, pa.Table], Sequence[int]],
    output: Path | None,
    prove: Path | None,
    policy: Path | None,
    memory: int,
    json: bool,
) -> None:
    """Ask a copy one question, and show, write and prove the answer.

    Args:
        evidence: gives the places of the entries behind an answer.

    Raises:
        QueryError: it cannot be asked.
        LogError: the copy is damaged.
        CommandError: --prove without --policy.
    """
    copy = open_copy(folder)
    if output is not None:
        answer.require_suffix(output)
    if prove is not None and policy is None:
        raise CommandError(
            "--prove needs the policy of the log", next_step="give --policy FILE", code=ExitCode.USAGE
        )
    with Session.open(copy, memory=memory) as session:
        if prove is None or policy is None:
            _show(session.ask(sql), output, json=json)
            return
        rules = belief.load_policy(policy)
        record = beside(folder)
        tree = belief.open_tree(copy, rules, read(record, rules) if record.exists() else None)
        found = session.rows(sql)
        places = evidence(session, found)
        complete = proving.make(
            prove,
            session=session,
            sql=sql,
            found=found,
            places=places,
            tree=tree,
            leaves=Leaves(copy, tree),
            checkpoint=copy.require_checkpoint(),
        )
    _show(found.to_reader(), output, json=json)
    follows = "the rows follow from them" if complete else "the rows need more of the log than them"
    sys.stderr.write(f"{prove}: {len(places):,} entries with their proofs; {follows}\n")


def _show(found: pa.RecordBatchReader, output: Path | None, *, json: bool) -> None:
    if output is not None:
        count = answer.write(found, output)
        sys.stderr.write(f"{output}: {count:,} rows\n")
    elif json:
        answer.print_json(found, sys.stdout)
    else:
        answer.print_table(found, sys.stdout)
