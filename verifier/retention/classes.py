"""Classes of retention: which one an entry belongs to, and until when its class is kept. Pure.

An entry about a question carries the class of its agreement (docs/agreements.md). What carries none is judged by its
kind, and what this release does not know is kept longest: erasing cannot be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from padan import entry as log_entry
from padan.entry import Area, EntryError, Field

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from verifier.config import Settings
    from verifier.log.store import StoredEntry

DAY_MS: Final = 86_400_000


class RetentionClass(IntEnum):
    """Classes by how long they are kept; 1 to 3 are the numbers of agreements, field RETENTION of an entry."""

    SHORT = 1
    STANDARD = 2
    LONG = 3
    LASTING = 4
    """Keys, ceremonies, agreements, residents' rights, audit periods: what later proofs and trails rest on."""

    @property
    def label(self) -> str:
        """The name, in lower case."""
        return self.name.lower()


_OF_AREA: Final[Mapping[int, RetentionClass]] = {
    Area.QUESTIONS: RetentionClass.STANDARD,  # refused before an agreement was found, and alerts
    Area.REGISTRY: RetentionClass.LONG,
    Area.AUDITORS: RetentionClass.LONG,
}
_AGREED: Final = frozenset({RetentionClass.SHORT, RetentionClass.STANDARD, RetentionClass.LONG})


def class_of(row: StoredEntry) -> RetentionClass:
    """Say to which class an entry that is still there belongs."""
    try:
        agreed = log_entry.decode(row.entry).number(Field.RETENTION)
    except EntryError:
        return RetentionClass.LASTING
    if agreed in _AGREED:
        return RetentionClass(agreed)
    if agreed:
        return RetentionClass.LASTING
    return _OF_AREA.get(row.kind // log_entry.AREA_SIZE * log_entry.AREA_SIZE, RetentionClass.LASTING)


def is_held(row: StoredEntry, hold: Collection[str]) -> bool:
    """Say whether an entry is under a hold: its row, or for an alert the entry itself, names one of these agencies."""
    if not hold:
        return False
    try:
        named = log_entry.decode(row.entry)
        return row.agency in hold or any(
            named.text(field) in hold for field in (Field.AGENCY, Field.ON_BEHALF_OF)
        )
    except EntryError:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long each class is kept, in whole days of log time.

    Attributes:
        days: class to days.
        hold: ids of agencies of whose entries none is erased.
    """

    days: Mapping[RetentionClass, int]
    hold: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Schedule:
        """Take it from the settings."""
        return cls(
            days={
                RetentionClass.SHORT: settings.retention_short_days,
                RetentionClass.STANDARD: settings.retention_standard_days,
                RetentionClass.LONG: settings.retention_long_days,
                RetentionClass.LASTING: settings.retention_lasting_days,
            },
            hold=frozenset(settings.retention_hold),
        )

    def until_ms(self, kept: RetentionClass, now_ms: int) -> int:
        """Name the log time before which a class is over, milliseconds: a day's begin, so that a day goes at once."""
        return max(0, (now_ms // DAY_MS - self.days[kept]) * DAY_MS)
