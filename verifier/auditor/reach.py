"""Which entries a reader may see. Pure; what is not named is not shown.

An entry is of the agency that stands in it, or else in its row: an alert's row names none, so that its agency does
not find it. What concerns no agency, or is under no purpose, is shown by its area alone, and never to an agency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.entry import ALERT_KINDS, Area, EntryError, Field, decode
from verifier.auditor.errors import OutsideGrantError
from verifier.log.scope import Scope

if TYPE_CHECKING:
    from verifier.log.store import StoredEntry

_NONE: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Bounds of what is read; an entry must be within all of them.

    Attributes:
        agencies: whose entries; None for any.
        purposes: under which purposes; None for any.
        areas: of which areas of kinds.
        alerts: also what is noted about agencies for auditors.
        from_ms: log time at or after this, milliseconds of the Unix epoch; None from the start.
        common: also entries that concern no agency.
    """

    agencies: frozenset[str] | None
    purposes: frozenset[str] | None
    areas: frozenset[Area]
    alerts: bool
    from_ms: int | None = None
    common: bool = True

    @classmethod
    def of_agency(cls, agency: str) -> Reach:
        """Make an agency's: its own entries, without alerts."""
        return cls(
            agencies=frozenset({agency}), purposes=None, areas=frozenset(Area), alerts=False, common=False
        )

    def require(self, *, agency: str, purpose: str, from_ms: int | None, until_ms: int | None) -> None:
        """Refuse filters that ask for more, or for nothing of what may be read; an empty filter asks for all of it.

        Raises:
            OutsideGrantError: with the bound that is overstepped.
        """
        if agency and self.agencies is not None and agency not in self.agencies:
            raise OutsideGrantError("no entries of this agency may be read: it is not among your agencies")
        if purpose and self.purposes is not None and purpose not in self.purposes:
            raise OutsideGrantError(
                "no entries under this purpose may be read: it is not among your purposes"
            )
        if self.from_ms is None:
            return
        if (from_ms is not None and from_ms < self.from_ms) or (
            until_ms is not None and until_ms <= self.from_ms
        ):
            raise OutsideGrantError("entries of that time may not be read: it is before your from_time")

    def scope(self) -> Scope:
        """Bound the database's reading: what `shows` would show is within it."""
        none = {_NONE} if self.common else frozenset[str]()
        return Scope(
            agencies=None if self.agencies is None else self.agencies | none,
            purposes=None if self.purposes is None else self.purposes | {_NONE},
            kinds=tuple(area.kinds for area in sorted(self.areas)),
            hidden=() if self.alerts else ALERT_KINDS,
        )

    def start(self, from_ms: int | None) -> int | None:
        """Return the later of a filter's first time and the reach's own."""
        return max((each for each in (from_ms, self.from_ms) if each is not None), default=None)

    def shows(self, row: StoredEntry) -> bool:
        """Say whether an entry may be shown."""
        return (
            any(row.kind in area.kinds for area in self.areas)
            and (self.alerts or row.kind not in ALERT_KINDS)
            and (self.from_ms is None or row.log_time_ms >= self.from_ms)
            and (self.purposes is None or row.purpose in {*self.purposes, _NONE})
            and self._concerns(row)
        )

    def _concerns(self, row: StoredEntry) -> bool:
        if self.agencies is None:
            return True
        agency = row.agency or _named(row)
        return agency in self.agencies or (self.common and agency == _NONE)


def _named(row: StoredEntry) -> str | None:
    """Read the agency that an entry names; None where that cannot be told any more."""
    try:
        return decode(row.entry).text(Field.AGENCY)
    except EntryError:
        return None
