"""The tables of residents' marks inside a transaction of the log, the same on both databases.

What two officers decide about a resident stands or falls with the entry that tells of it. What is written here counts
the directory's generation up first, as every write to the directory does, so that running services read the marks anew
and two writers stand in line there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from verifier.resident.mark import MODALITIES, Mark, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verifier.log.disputes import Cursor
    from verifier.resident.mark import Marked
    from verifier.vault.epoch import Followed

_NEXT: Final = "UPDATE generation SET value = value + 1"
_PUT: Final = (
    "INSERT INTO resident_mark (tombstone, mark, handle, since_ms) VALUES (?,?,?,?) ON CONFLICT DO NOTHING"
)
_LIFT: Final = "DELETE FROM resident_mark WHERE tombstone = ? AND mark = ?"
_LOCK: Final = (
    "INSERT INTO modality_lock (tombstone, modality, handle, since_ms) VALUES (?,?,?,?)"
    " ON CONFLICT DO NOTHING"
)
_UNLOCK: Final = "DELETE FROM modality_lock WHERE tombstone = ? AND modality = ?"
_UNPLACE: Final = "DELETE FROM mark_place WHERE tombstone = ? AND mark = ?"
_PLACE: Final = "INSERT INTO mark_place (tombstone, mark, source, position, as_of_ms) VALUES (?,?,?,?,?)"
_UNCARRY: Final = "DELETE FROM mark_carried WHERE other = ? AND mark = ?"


class MarkRows:
    """Writes marks in one transaction."""

    def __init__(self, execute: Callable[[str, Sequence[Any]], Cursor]) -> None:
        """Take the transaction's way to run a statement, whose parameters stand as `?`."""
        self._execute = execute

    def put(self, marked: Marked, mark: Mark, now_ms: int, followed: Mapping[str, Followed]) -> bool:
        """Put one mark on a number; False where it was there, and stays as it is.

        Args:
            marked: the number's names.
            mark: one mark.
            now_ms: since when it is there, milliseconds of the Unix epoch.
            followed: how far each source of changes was followed by then, as whoever puts it has seen.
        """
        self._execute(_NEXT, ())
        statement, name = (_LOCK, MODALITIES[mark]) if mark in MODALITIES else (_PUT, name_of(mark))
        if not self._execute(statement, (marked.tombstone, name, marked.handle, now_ms)).rowcount:
            return False
        self._execute(_UNPLACE, (marked.tombstone, name_of(mark)))
        for source, place in followed.items():
            self._execute(_PLACE, (marked.tombstone, name_of(mark), source, *place))
        return True

    def lift(self, tombstone: bytes, mark: Mark) -> bool:
        """Take one mark off a number; False where it was not there."""
        self._execute(_NEXT, ())
        self._execute(_UNCARRY, (tombstone, name_of(mark)))
        if mark is not Mark.ERASED:  # of an erasure it says that the feed need not erase once more
            self._execute(_UNPLACE, (tombstone, name_of(mark)))
        statement, name = (_UNLOCK, MODALITIES[mark]) if mark in MODALITIES else (_LIFT, name_of(mark))
        return self._execute(statement, (tombstone, name)).rowcount > 0
