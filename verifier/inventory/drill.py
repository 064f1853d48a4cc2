"""A drill of a key's compromise: what is exposed, which records, the plan, and how long it takes. Changes nothing.

1 the purpose's row of `exposure`  2 the vault's epochs that stand under the key  3 a sample of the active one, opened,
addressed and sealed anew in memory under throw-away keys, for the time that all of it takes  4 rows of the log's
tables, counted up to a bound  5 the entries of the key's time. What is away is told and takes nothing else with it.
"""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, literal, select
from sqlalchemy.exc import SQLAlchemyError

from keys.block import BlockKey
from keys.errors import KeysError
from keys.purpose import Purpose, purpose_of
from keys.seal import SealKey
from tokenizer.errors import TokenizerError
from tokenizer.outer import Outer
from verifier import schema
from verifier.directory import Directory
from verifier.errors import VerifierError
from verifier.inventory import uses
from verifier.inventory.exposure import EXPOSURES, Place
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from keys.agent import LocalKeyAgent
    from keys.keyset import RingKey
    from keys.purpose import KeysetName
    from verifier.config import Settings
    from verifier.inventory.exposure import Exposure
    from verifier.inventory.uses import LogRange
    from verifier.vault.epoch import Epoch

COUNTED: Final = 1_000_000
"""Rows of a table of the log that are counted; more of them would keep a person waiting."""
SAMPLE: Final = 2_000
"""Rows of the active epoch that are moved in memory, on average."""
_TOKENS: Final = 2**64
_TABLES: Final[Mapping[Place, tuple[Table, ...]]] = MappingProxyType(
    {
        Place.REPLAYS: (schema.kept_answer, schema.replay),
        Place.COUNTERS: (schema.counter,),
        Place.MARKS: (schema.resident_mark, schema.modality_lock, schema.mark_place, schema.mark_carried),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows that were moved in memory, and how long it took.

    Attributes:
        rows: how many.
        seconds: of this process's own processor time.
        all_rows: rows of all epochs that stand under the key and are there.
    """

    rows: int
    seconds: float
    all_rows: int

    @property
    def rate(self) -> float:
        """Rows a second on one core."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def total_seconds(self) -> float:
        """Seconds that all rows take on one core."""
        return self.all_rows / self.rate if self.rate else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What is known.

    Attributes:
        exposure: the purpose's row.
        epochs: those that stand under the key.
        tables: table of the log's database to rows; `COUNTED` means that many or more.
        log: the entries of the key's time; None where there is none.
        sample: None where no rows are moved, or none could be read.
        away: what could not be asked.
    """

    exposure: Exposure
    epochs: Sequence[Epoch]
    tables: Mapping[str, int]
    log: LogRange | None
    sample: Sample | None
    away: Sequence[str]

    @property
    def people(self) -> int:
        """Rows of people in the newest of the epochs whose rows are there, decoys left out."""
        there = [epoch for epoch in self.epochs if epoch.state is not EpochState.DROPPED]
        return max((epoch.rows - epoch.decoys for epoch in there), default=0)


def rehearse(
    settings: Settings | None, purpose: KeysetName, key: RingKey, *, unlock: Callable[[], LocalKeyAgent]
) -> Drill:
    """Find out what a key's compromise means here.

    Args:
        settings: name vault and log; None where no configuration does.
        purpose: the key's.
        key: as the keyring has it.
        unlock: unlocks the keyring; called where rows are sampled.
    """
    exposure = EXPOSURES[purpose_of(purpose)]
    epochs: list[Epoch] = []
    tables: dict[str, int] = {}
    log: LogRange | None = None
    sample: Sample | None = None
    away: list[str] = []
    if settings is None:
        away.append("no configuration names a vault and a log")
    else:
        try:
            epochs = [one for one in uses.epochs(settings) if key.key_id in one.key_ids.values()]
            if exposure.moves_rows and any(one.state is EpochState.ACTIVE for one in epochs):
                sample = _sample(settings, epochs, unlock)
        except (VerifierError, KeysError, TokenizerError, OSError) as error:
            away.append(str(error))
        try:
            with closing(Directory(settings.log_database)) as directory, directory.reading() as connection:
                tables = _counted(connection, exposure)
                log = uses.log_range(connection, key)
        except (VerifierError, SQLAlchemyError, OSError) as error:
            away.append(
                str(error) if isinstance(error, VerifierError) else "the log's database cannot be read"
            )
    return Drill(exposure=exposure, epochs=epochs, tables=tables, log=log, sample=sample, away=away)


def _counted(connection: Connection, exposure: Exposure) -> dict[str, int]:
    found: dict[str, int] = {}
    for place in exposure.places:
        for table in _TABLES.get(place, ()):
            if table.info.get("dialect", connection.dialect.name) == connection.dialect.name:
                some = select(literal(1)).select_from(table).limit(COUNTED).subquery()
                found[table.name] = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return found


def _sample(
    settings: Settings, epochs: Sequence[Epoch], unlock: Callable[[], LocalKeyAgent]
) -> Sample | None:
    active = next(epoch for epoch in epochs if epoch.state is EpochState.ACTIVE)
    with closing(open_rows(settings.vault_database)) as vault:
        width = min(_TOKENS - 1, _TOKENS * SAMPLE // max(1, active.rows))
        first = secrets.randbelow(_TOKENS - width)
        rows = vault.between(active.number, first, first + width)
    with closing(unlock()) as agent:
        old = Outer.of_agent(
            agent,
            epoch=active.number,
            token_id=active.key_ids[Purpose.OUTER_TOKEN],
            seal_id=active.key_ids[Purpose.ROW_SEAL],
        )
        new = Outer(
            realm=agent.realm,
            epoch=active.number,
            block=BlockKey(secrets.token_bytes(32)),
            seal=SealKey(secrets.token_bytes(32)),
        )
        began = time.process_time()
        for token, box in rows:
            new.seal(new.token(token), old.open(token, box))
        seconds = time.process_time() - began
    there = sum(epoch.sealed_rows for epoch in epochs if epoch.state is not EpochState.DROPPED)
    return Sample(rows=len(rows), seconds=seconds, all_rows=there) if rows else None
