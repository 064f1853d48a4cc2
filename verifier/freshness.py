"""The freshness that agreements promise: where the registry's data is older, an entry says so, once a day.

The entry is the agency's to read and the auditors'. The leader writes it; a setting of the log's database, in the
entry's own transaction, says of which agreements the day has one, so that the next leader does not write it again. A
counter beside the budgets would not do: who asks for one of those takes all of the day's into memory.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Protocol

from padan.entry import EntryKind, Field
from verifier import admin_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.agreement.grant import Terms
    from verifier.leader import Mandate
    from verifier.log.store import EntryRow, LogStore

NAME: Final = "freshness"
"""Of the setting: a JSON object with `day`, and in `told` the agreements that have their entry of it, as agency/id."""
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000


class AllInForce(Protocol):
    """Lists the agreements that grant anything now."""

    def all_in_force(self, now: float) -> Sequence[Terms]:
        """List them."""
        ...


class FreshnessWatch:
    """Compares the age of the registry's data with what each agreement promises."""

    def __init__(
        self,
        *,
        agreements: AllInForce,
        as_of_ms: Callable[[], tuple[int, int]],
        log: LogStore,
        now: Callable[[], float],
        log_ms: Callable[[], int],
    ) -> None:
        """Bring together what is compared.

        Args:
            agreements: who was promised what.
            as_of_ms: gives the number of the epoch in use and the registry's state that it shows.
            log: takes the entries.
            now: seconds of the Unix epoch.
            log_ms: log time, milliseconds of the Unix epoch.
        """
        self._agreements = agreements
        self._as_of = as_of_ms
        self._log = log
        self._now = now
        self._log_ms = log_ms

    def check(self, mandate: Mandate) -> int:
        """Write an entry for each agreement whose promise is broken and that has none today; returns how many.

        Args:
            mandate: the leader's.

        Raises:
            LeaderLostError: another process leads.
            RegistryUnavailableError: no epoch can be read.
            LogUnavailableError: the log cannot be written.
        """
        epoch, as_of_ms = self._as_of()
        now = self._now()
        now_ms = int(now * 1000)
        broken = [
            terms
            for terms in self._agreements.all_in_force(now)
            if now_ms - as_of_ms > terms.agreement.service_level.freshness_hours * _HOUR_MS
        ]
        return self._warn(mandate, broken, epoch, as_of_ms) if broken else 0

    def _warn(self, mandate: Mandate, broken: Sequence[Terms], epoch: int, as_of_ms: int) -> int:
        with self._log.transaction() as transaction:
            transaction.fence(mandate.term)
            at = max(self._log_ms(), transaction.last_ms())
            day = at // _DAY_MS
            told = _told(transaction.setting(NAME), day)
            untold = {_name(terms): terms for terms in broken if _name(terms) not in told}
            if untold:
                age_hours = (int(self._now() * 1000) - as_of_ms) // _HOUR_MS
                rows = [
                    _entry(terms, epoch=epoch, age_hours=age_hours, at_ms=at) for terms in untold.values()
                ]
                told |= untold.keys()
                transaction.set_setting(NAME, json.dumps({"day": day, "told": sorted(told)}))
                transaction.write({}, day, rows, [])
        return len(untold)


def _name(terms: Terms) -> str:
    return f"{terms.agreement.agency}/{terms.agreement.agreement_id}"


def _told(text: str, day: int) -> set[str]:
    """Read which agreements have their entry of a day."""
    kept = json.loads(text) if text else {}
    return set(kept["told"]) if kept.get("day") == day else set()


def _entry(terms: Terms, *, epoch: int, age_hours: int, at_ms: int) -> EntryRow:
    agreement = terms.agreement
    return admin_entry.build(
        EntryKind.FRESHNESS_BROKEN,
        {"promised_hours": str(agreement.service_level.freshness_hours), "age_hours": str(age_hours)},
        now_ms=at_ms,
        agency=agreement.agency,
        fields={
            Field.AGREEMENT: agreement.agreement_id.encode(),
            Field.AGREEMENT_VERSION: agreement.version.to_bytes(4, "big"),
            Field.EPOCH: epoch.to_bytes(4, "big"),
        },
    )
