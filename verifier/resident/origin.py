"""Where marks came from, in the directory's database: after which changes, and from which number they were taken over.

A mark goes along with a number when a change gives the person a new one, or merges another's into theirs. It does so
once; and never with a merger that came before it: that is read again after a load or a restore, and by then the numbers
may have been parted. Where nothing is known of a mark, as of one that an older release has put, it goes along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, or_, select

from verifier import schema
from verifier.resident.mark import NAMES, Mark, Marked, Taken, name_of
from verifier.vault.epoch import Followed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

BATCH: Final = 500
"""Tombstones of a statement."""
Carried = tuple[bytes, Mark, bytes]
"""A number's tombstone, a mark that it took over, and the tombstone of whom from."""
_PLACES: Final = schema.mark_place
_CARRIED: Final = schema.mark_carried


@dataclass(slots=True, kw_only=True)
class Brought:
    """What changes of a source bring.

    Attributes:
        marks: new marks by number, each with the change that brings it.
        carried: marks that numbers take over, and from which numbers.
    """

    marks: dict[Marked, dict[Mark, Followed]] = field(default_factory=dict)
    carried: dict[Carried, Taken] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether there is anything to write down."""
        return bool(self.marks or self.carried)

    def __repr__(self) -> str:
        return "Brought(<redacted>)"


def places_of(
    connection: Connection, source: str, tombstones: Iterable[bytes]
) -> dict[bytes, dict[Mark, Followed]]:
    """Read how far a source was followed when marks were put; of those of which it is known."""
    found = dict[bytes, dict[Mark, Followed]]()
    for some in batches(tombstones):
        query = select(_PLACES).where(_PLACES.c.source == source, _PLACES.c.tombstone.in_(some))
        for row in connection.execute(query):
            place = Followed(row.position, row.as_of_ms)
            found.setdefault(bytes(row.tombstone), {})[NAMES[row.mark]] = place
    return found


def carried_of(
    connection: Connection, source: str, tombstones: Iterable[bytes]
) -> dict[bytes, dict[tuple[Mark, bytes], Taken]]:
    """Read which marks numbers took over, and from whom, as somebody sees it who follows a source."""
    found = dict[bytes, dict[tuple[Mark, bytes], Taken]]()
    for some in batches(tombstones):
        query = select(_CARRIED).where(or_(_CARRIED.c.tombstone.in_(some), _CARRIED.c.other.in_(some)))
        for row in connection.execute(query):
            place = Followed(row.position, row.as_of_ms) if row.source == source else Followed()
            taken = Taken(row.since_ms, place, is_parted=bool(row.parted))
            found.setdefault(bytes(row.tombstone), {})[NAMES[row.mark], bytes(row.other)] = taken
    return found


def put_places(connection: Connection, source: str, placed: Sequence[tuple[bytes, Mark, Followed]]) -> None:
    """Write down which change has put marks that are new; what stands there of an older one goes."""
    for tombstone, mark, _ in placed:
        connection.execute(delete(_PLACES).filter_by(tombstone=tombstone, mark=name_of(mark)))
    rows = [
        {"tombstone": tombstone, "mark": name_of(mark), "source": source, **place._asdict()}
        for tombstone, mark, place in placed
    ]
    if rows:
        connection.execute(insert(_PLACES), rows)


def put_carried(connection: Connection, source: str, carried: Mapping[Carried, Taken]) -> None:
    """Write down which marks numbers took over, and which numbers were parted, with a source's changes."""
    for (tombstone, mark, other), taken in sorted(carried.items()):
        key = {"tombstone": tombstone, "mark": name_of(mark), "other": other}
        row = {
            "since_ms": taken.since_ms,
            "parted": int(taken.is_parted),
            "source": source,
            **taken.place._asdict(),
        }
        connection.execute(delete(_CARRIED).filter_by(**key))
        connection.execute(insert(_CARRIED).values(**key, **row))


def batches(tombstones: Iterable[bytes]) -> Iterable[list[bytes]]:
    """Cut tombstones, each once, into as many as a statement takes."""
    wanted = sorted(set(tombstones))
    return (wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH))
