"""The freshness that agreements promise: where the registry's data is older, an entry says so, once a day.

The entry is the agency's to read and the auditors'. The leader writes it; a counter of the day, in the entry's own
transaction, says that it was written, so that the next leader does not write it again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

from padan.canonical import prefixed
from padan.entry import EntryKind, Field
from verifier import admin_entry
from verifier.budget import KEY_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.agreement.grant import Terms
    from verifier.leader import Mandate
    from verifier.log.store import LogStore

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
        return sum(self._warn(mandate, terms, epoch, as_of_ms, now_ms) for terms in broken)

    def _warn(self, mandate: Mandate, terms: Terms, epoch: int, as_of_ms: int, now_ms: int) -> bool:
        agreement = terms.agreement
        key = hashlib.sha256(prefixed("freshness", agreement.agency, agreement.agreement_id)).digest()[
            :KEY_SIZE
        ]
        with self._log.transaction() as transaction:
            transaction.fence(mandate.term)
            at = max(self._log_ms(), transaction.last_ms())
            day = at // _DAY_MS
            if transaction.counters({key}, day).get(key, 0):
                return False
            row = admin_entry.build(
                EntryKind.FRESHNESS_BROKEN,
                {
                    "promised_hours": str(agreement.service_level.freshness_hours),
                    "age_hours": str((now_ms - as_of_ms) // _HOUR_MS),
                },
                now_ms=at,
                agency=agreement.agency,
                fields={
                    Field.AGREEMENT: agreement.agreement_id.encode(),
                    Field.AGREEMENT_VERSION: agreement.version.to_bytes(4, "big"),
                    Field.EPOCH: epoch.to_bytes(4, "big"),
                },
            )
            transaction.write({key: 1}, day, [row], [])
        return True
