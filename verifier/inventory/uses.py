"""How often keys were used, as far as the vault's catalogue and the log can honestly say.

Outer keys seal one box a row, and the catalogue counts rows. Keys that a question uses are bounded by the log: each
entry is at most one receipt, one stored answer and one handle, so the entries of a key's time are told as what they
are, a bound. Nobody counts single MACs. What is not counted is not told.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose
from verifier.directory import Directory
from verifier.errors import VerifierError
from verifier.log.listing import MAX_BACKSTEP_MS, first_at, read_head
from verifier.vault.open import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from keys.keyset import Keyring, RingKey
    from verifier.config import Settings
    from verifier.vault.epoch import Epoch

ROWS: Final = "rows sealed"
PROJECTED: Final = "rows projected"
ENTRIES: Final = "log entries at most"
_PER_QUESTION: Final = frozenset(
    {Purpose.RECEIPT_SIGNING, Purpose.LOG_SIGNING, Purpose.REPLAY, Purpose.HANDLE, Purpose.BUDGET}
)
_OUTER: Final = frozenset({Purpose.OUTER_TOKEN, Purpose.ROW_SEAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What is known of a key's use: how many, of what."""

    count: int
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """The entries of a key's time.

    Attributes:
        first: place of the first one.
        last: place of the last one; below `first` where there is none.
        since: the beginning of the key's time.
        until: its end; None while it lasts.
    """

    first: int
    last: int
    since: datetime
    until: datetime | None

    @property
    def entries(self) -> int:
        """How many there are."""
        return max(0, self.last - self.first + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What is known of all keys, by key id, and what could not be asked."""

    known: Mapping[int, Used]
    away: tuple[str, ...] = ()


def count(settings: Settings | None, ring: Keyring) -> Uses:
    """Ask catalogue and log; what is away is told, and takes nothing else with it."""
    if settings is None:
        return Uses(known=MappingProxyType({}), away=("no configuration names a vault and a log",))
    known: dict[int, Used] = {}
    away: list[str] = []
    for ask in (_of_vault, _of_log):
        try:
            known |= ask(settings, ring)
        except (VerifierError, OSError) as error:
            away.append(str(error))
    return Uses(known=MappingProxyType(known), away=tuple(away))


def epochs(settings: Settings) -> Sequence[Epoch]:
    """List the vault's epochs, also those whose rows are dropped.

    Raises:
        VerifierError: the vault is away.
    """
    with closing(open_catalogue(settings.vault_database)) as catalogue:
        return catalogue.epochs()


def log_range(connection: Connection, key: RingKey) -> LogRange | None:
    """Find the entries between a key's activation and its end; None for a key that never was active."""
    if key.activated is None:
        return None
    ended = [at for at in (key.deactivated, key.compromised, key.destroyed) if at is not None]
    until = min(ended) if ended else None
    last = read_head(connection).sequence
    if until is not None:  # log time may step back a little, so that the range is rather too wide
        last = first_at(connection, _ms(until) + 1000 + MAX_BACKSTEP_MS) - 1
    first = first_at(connection, _ms(key.activated) - MAX_BACKSTEP_MS)
    return LogRange(first=first, last=last, since=key.activated, until=until)


def _of_vault(settings: Settings, ring: Keyring) -> dict[int, Used]:
    del ring
    found: dict[int, Used] = {}
    for epoch in epochs(settings):
        for purpose, key_id in epoch.key_ids.items():
            before = found[key_id].count if key_id in found else 0
            of = ROWS if purpose in _OUTER else PROJECTED
            found[key_id] = Used(count=before + epoch.sealed_rows, of=of)
    return found


def _of_log(settings: Settings, ring: Keyring) -> dict[int, Used]:
    found: dict[int, Used] = {}
    with closing(Directory(settings.log_database)) as directory, directory.reading() as connection:
        for purpose, key in ring:
            if purpose in _PER_QUESTION and (entries := log_range(connection, key)) is not None:
                found[key.key_id] = Used(count=entries.entries, of=ENTRIES)
    return found


def _ms(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)
