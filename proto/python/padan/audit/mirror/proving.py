"""A bundle that lets another party check an answer without a network: the entries behind it, and that the log has them.

It is a folder, or the same as a .zip:

    answer.json             what was asked, and the rows
    checkpoint              the signed checkpoint
    entries/N.entry         the private entry N, as it was committed
    entries/N.salt          its salt, 32 bytes
    entries/N.tlog-proof    that its leaf stands at its place (C2SP tlog-proof)

It shows that each entry is in the log, and where `complete` is true that the rows follow from those entries. That no
further entry of the log belongs to the answer only a whole copy shows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from padan.audit.mirror import answer, columns
from padan.audit.mirror.bundle import no_bundle, read, write
from padan.audit.mirror.database import guard
from padan.audit.mirror.session import TIME, Session
from padan.entry import EntryError, leaf
from padan.errors import CopyError, DamageError, LogError, QueryError
from padan.tlog import merkle, proof
from padan.tlog.tile import CHECKPOINT_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from padan.audit.mirror.granting import Leaves
    from padan.audit.mirror.tree import Tree
    from padan.tlog.policy import Policy

FORMAT: Final = 1
MOST: Final = 10_000
"""Entries of one bundle."""
ANSWER: Final = "answer.json"
SECONDS: Final = 60.0
"""Within which the rows must follow: what an answer over so few entries takes is a second or two."""
_TILES: Final = 500
"""Proofs after which the tiles that were read are forgotten, so that memory is bounded."""
_PLACES: Final = ("sequence", "sequences")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a bundle shows.

    Attributes:
        origin: of the log.
        size: leaves of the tree that the proofs are against.
        entries: how many entries it has.
        complete: whether the rows follow from these entries.
        rows: of the answer.
    """

    origin: str
    size: int
    entries: int
    complete: bool
    rows: int


def places_of(found: pa.Table) -> list[int]:
    """Find the places of the log behind an answer, in its columns `sequence` or `sequences`.

    Raises:
        QueryError: it has neither.
    """
    for name in _PLACES:
        if name in found.column_names:
            cells = found.column(name).to_pylist()
            if name == "sequences":
                cells = [item for cell in cells for item in cell or ()]
            return sorted({int(cell) for cell in cells if cell is not None})
    raise QueryError(
        "the answer does not say which entries are behind it",
        next_step="select the column `sequence` too, or `list(sequence) AS sequences` beside what you count",
    )


def make(
    target: Path,
    *,
    session: Session,
    sql: str,
    found: pa.Table,
    places: Sequence[int],
    tree: Tree,
    leaves: Leaves,
    checkpoint: bytes,
) -> bool:
    """Write a bundle; say whether its rows follow from its entries.

    Args:
        target: where to; a .zip, or a folder that is made.
        session: over the copy.
        sql: what was asked.
        found: the answer.
        places: of the entries behind it.
        tree: the copy's verified tree.
        leaves: its leaves.
        checkpoint: as it was signed.

    Raises:
        QueryError: too many entries are behind the answer, or whether its rows follow takes longer than `SECONDS`.
        DamageError: an entry is not the leaf at its place.
        CopyError: there is something at the target.
    """
    if len(places) > MOST:
        raise QueryError(
            f"{len(places):,} entries are behind the answer; a bundle has at most {MOST:,}",
            next_step="narrow the report with --from, --until or --agency, or the query with WHERE",
        )
    if target.exists():
        raise CopyError(f"{target} is there already", next_step="name another bundle")
    stored = _entries(session, places)
    members: dict[str, bytes] = {CHECKPOINT_PATH: checkpoint}
    nodes = tree.nodes()
    stated = tree.checkpoint
    for count, (sequence, entry, salt) in enumerate(stored):
        own = leaf(salt, entry)
        if own != leaves[sequence]:
            raise DamageError(
                f"the private entry {sequence} is not the leaf at its place",
                next_step="run `padan-audit verify`",
                reason="entry",
            )
        if count % _TILES == 0:
            nodes = tree.nodes()
        path = merkle.inclusion_proof(sequence - 1, stated.size, nodes)
        merkle.check_inclusion(merkle.leaf_hash(own), sequence - 1, stated.size, stated.root, path)
        members[f"entries/{sequence}.entry"] = entry
        members[f"entries/{sequence}.salt"] = salt
        members[f"entries/{sequence}{proof.SUFFIX}"] = proof.LogProof(
            index=sequence - 1, path=tuple(path), checkpoint=checkpoint
        ).encode()
    rows = _documents(found)
    complete = _follows(sql, rows, stored)
    document = {"format": FORMAT, "sql": sql, "complete": complete, "entries": list(places), "rows": rows}
    members[ANSWER] = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
    write(target, members)
    return complete


def check(bundle: Path, policy: Policy) -> Checked:
    """Check a bundle: nothing but it and the policy is needed.

    Raises:
        CopyError: it is no bundle.
        QueryError: whether its rows follow takes longer than `SECONDS`.
        LogError: an entry is not shown to be in a log that the policy believes, or the rows do not follow.
    """
    members = read(bundle)
    try:
        document: dict[str, Any] = json.loads(members[ANSWER])
        sql, rows, complete = str(document["sql"]), list(document["rows"]), bool(document["complete"])
        places = [int(number) for number in document["entries"]]
        known = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise no_bundle(bundle, f"its {ANSWER} is missing or damaged") from None
    if not known:
        raise no_bundle(bundle, "it has another format")
    if len(places) > MOST or len(set(places)) < len(places):
        raise no_bundle(bundle, "it names more entries than a bundle has, or one twice")
    stated = policy.believe(_member(members, CHECKPOINT_PATH, bundle)).checkpoint
    stored = [_check_entry(members, number, policy, bundle) for number in places]
    if complete and not _follows(sql, rows, stored):
        raise DamageError(
            "the rows of the bundle do not follow from its entries: one of them was changed",
            next_step="ask whoever made it for the bundle anew, and take nothing from this one",
            reason="rows",
        )
    return Checked(
        origin=stated.origin, size=stated.size, entries=len(places), complete=complete, rows=len(rows)
    )


def _check_entry(
    members: dict[str, bytes], number: int, policy: Policy, bundle: Path
) -> tuple[int, bytes, bytes]:
    entry = _member(members, f"entries/{number}.entry", bundle)
    salt = _member(members, f"entries/{number}.salt", bundle)
    own = proof.parse(_member(members, f"entries/{number}{proof.SUFFIX}", bundle))
    if own.index != number - 1 or own.checkpoint != members[CHECKPOINT_PATH]:
        raise DamageError(
            f"the proof of entry {number} is of another place or checkpoint", next_step=_ANEW, reason="proof"
        )
    try:
        own.check(leaf(salt, entry), policy)
    except (LogError, EntryError) as error:
        raise DamageError(
            f"entry {number} of the bundle is not shown to be in the log: {error}",
            next_step=_ANEW,
            reason="proof",
        ) from None
    return number, entry, salt


_ANEW: Final = "take nothing from this bundle; keep it, and ask whoever made it"


def _entries(session: Session, places: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
    listed = ", ".join(map(str, places)) or "NULL"
    found = session.rows(
        f"SELECT sequence, raw, salt FROM entry WHERE sequence IN ({listed}) ORDER BY sequence"  # noqa: S608 - numbers
    )
    stored = [
        (row["sequence"], row["raw"], row["salt"]) for row in found.to_pylist() if row["raw"] is not None
    ]
    if len(stored) != len(places):
        raise CopyError(
            f"{len(places) - len(stored)} of the entries behind the answer are not held, or were erased",
            next_step="leave them out with WHERE NOT erased, or name entries that the copy holds",
        )
    return stored


def _follows(sql: str, rows: list[dict[str, Any]], stored: Sequence[tuple[int, bytes, bytes]]) -> bool:
    """Ask the same question over the entries alone, and compare; also without the columns that are new."""
    with columns.computer() as computer, guard():
        table = columns.compute(
            computer,
            pa.array([row[0] for row in stored], pa.uint64()),
            pa.array([row[1] for row in stored], pa.large_binary()),
            pa.array([row[2] for row in stored], pa.large_binary()),
        )
    return any(_says(table.drop_columns([*added]), sql, rows) for added in ((), columns.ADDED))


def _says(table: pa.Table, sql: str, rows: list[dict[str, Any]]) -> bool:
    with Session.over(table) as session:
        try:
            return _documents(session.rows(sql, most=len(rows), seconds=SECONDS)) == rows
        except (QueryError, ValueError, ArithmeticError) as error:  # it is not ours, and may ask for anything
            if isinstance(error, QueryError) and error.reason == TIME:
                raise
            return False


def _documents(found: pa.Table) -> list[dict[str, Any]]:
    return [{name: answer.value(cell) for name, cell in row.items()} for row in found.to_pylist()]


def _member(members: dict[str, bytes], name: str, bundle: Path) -> bytes:
    found = members.get(name)
    if found is None:
        raise no_bundle(bundle, f"{name} is missing")
    return found
