"""Gathers how an installation stands. Each part is asked by itself, so that one that is away takes none with it."""

from __future__ import annotations

import importlib.metadata
import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from keys import ringformat
from keys.agent_client import holders
from keys.errors import KeysError
from keys.ringfile import RingFile
from padan.entry import EntryKind
from padan.v1 import attribute_pb2
from verifier import expiry, scrape
from verifier.directory import Directory
from verifier.dispute.table import DisputeTable
from verifier.errors import VerifierError
from verifier.log.open import open_log
from verifier.log.tally import count_recent
from verifier.overview.facts import (
    Affairs,
    Agent,
    Away,
    Disk,
    Log,
    Overview,
    Sealed,
    Service,
    ServiceState,
    Vault,
)
from verifier.scrape import NoMetricsError, NotRunningError
from verifier.seat import open_seat
from verifier.tree import witnessed
from verifier.tree.folder import TreeFolder
from verifier.tree.standing import published_size
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.keyset import Keyring
    from verifier.config import Settings
    from verifier.expiry import Deadline
    from verifier.scrape import Readings

_T = TypeVar("_T")
_DAY_MS = 86_400_000
MOST_COUNTED = 200_000
"""Entries of today that are looked at; more of them would keep a person waiting."""


def gather(settings: Settings, *, now: Callable[[], float] = time.time) -> Overview:
    """Ask service, databases, files and disk; takes some seconds where something is away."""
    log = _or_away(lambda: _log(settings, int(now() * 1000)))
    ring = _or_away(lambda: _keyring(settings))
    ends = [*expiry.of_files(settings)]
    if not isinstance(log, Away):
        listed = _or_away(lambda: _listed(settings, None if isinstance(ring, Away) else ring, now()))
        ends += [] if isinstance(listed, Away) else listed
    if not isinstance(ring, Away):
        ends += expiry.of_keyring(ring)
    return Overview(
        registry=settings.registry_id,
        environment=settings.environment,
        release=importlib.metadata.version("padan-server"),
        at=now(),
        service=_service(settings),
        vault=_or_away(lambda: _vault(settings)),
        log=log,
        affairs=log if isinstance(log, Away) else _or_away(lambda: _affairs(settings, int(now() * 1000))),
        disk=_or_away(lambda: _disk(settings)),
        keyring=ring if isinstance(ring, Away) else ring.counter,
        agent=_or_away(lambda: _agent(settings)),
        ends=expiry.soon(ends, now=now()),
    )


def _or_away(ask: Callable[[], _T]) -> _T | Away:
    try:
        return ask()
    except (KeysError, VerifierError) as error:
        return Away(reason=str(error))
    except OSError as error:
        return Away(reason=f"{error.filename or 'a file'}: {error.strerror}")


def _service(settings: Settings) -> Service:
    try:
        readings = scrape.read(settings.metrics_listen)
    except NoMetricsError as error:
        return Service(state=ServiceState.UNKNOWN, reason=str(error), workers=settings.workers)
    except NotRunningError as error:
        return Service(state=ServiceState.DOWN, reason=str(error), workers=settings.workers)
    ready = readings.workers_ready
    return Service(
        state=ServiceState.READY if ready else ServiceState.NOT_READY,
        workers=settings.workers,
        workers_ready=ready,
        answers=int(readings.total("padan_answers_total") or 0),
        blocked=int(readings.total("padan_answers_total", outcome="BLOCKED") or 0),
        refusals=int(readings.total("padan_refusals_total") or 0),
        replay_seals=int(readings.total("padan_replay_seals") or 0),
        seal=_seal(readings),
        uses=_counts(readings, "padan_key_uses_total", "act"),
        failed=int(readings.total("padan_key_uses_failed_total") or 0),
        beside=_counts(readings, "padan_key_uses_unlogged_total", "use"),
    )


def _seal(readings: Readings) -> Sealed | None:
    if not readings.total("padan_sealed"):
        return None
    return Sealed(
        here=int(readings.total("padan_shares_here") or 0),
        needed=int(readings.total("padan_shares_needed") or 0),
    )


def _counts(readings: Readings, name: str, label: str) -> dict[str, int]:
    return {value: int(count) for value, count in readings.by_label(name, label).items()}


def _vault(settings: Settings) -> Vault:
    with closing(open_vault(settings.vault_database)) as vault:
        epochs = [epoch for epoch in vault.epochs() if epoch.state is not EpochState.DROPPED]
        active = next((epoch for epoch in epochs if epoch.state is EpochState.ACTIVE), None)
        positions = {} if active is None else vault.positions(active.number)
    return Vault(epochs=epochs, active=active, positions=positions)


def _log(settings: Settings, now_ms: int) -> Log:
    with closing(open_log(settings.log_database)) as log:
        head = log.head()
    with closing(Directory(settings.log_database)) as directory, directory.reading() as connection:
        since_ms = max(head.log_time_ms, now_ms) // _DAY_MS * _DAY_MS
        tally = count_recent(connection, since_ms=since_ms, at_most=MOST_COUNTED)
    return Log(
        entries=head.sequence,
        last_ms=head.log_time_ms,
        published=published_size(TreeFolder(settings.tree_folder)),
        counted=tally.entries,
        is_whole=tally.is_whole,
        alerts=tally.of_kind(EntryKind.BUDGET_ALERT),
        blocked=tally.with_outcome(attribute_pb2.VERDICT_BLOCKED),
        resets=tally.of_kind(EntryKind.BUDGET_RESET),
    )


def _affairs(settings: Settings, now_ms: int) -> Affairs:
    with closing(Directory(settings.log_database)) as directory:
        disputes, late = DisputeTable(directory).count_open(now_ms)
        seen = witnessed.parse(directory.setting(witnessed.NAME)) if settings.witness_policy else None
    with closing(open_seat(settings.log_database)) as seat:
        lease, seat_ms = seat.read()
    age = max(0.0, (seat_ms - lease.heartbeat_ms) / 1000) if lease.holder else None
    return Affairs(
        disputes=disputes,
        late=late,
        leader_age=age,
        term=lease.term,
        witness_age=None if seen is None else max(0.0, now_ms / 1000 - seen),
    )


def _listed(settings: Settings, ring: Keyring | None, now: float) -> list[Deadline]:
    with closing(Directory(settings.log_database)) as directory:
        found = [*expiry.of_directory(directory)]
        if ring is not None:
            days = settings.token_end_grace_days
            found += expiry.of_domains(directory, ring, grace_days=days, now=now)
        return found


def _keyring(settings: Settings) -> Keyring:
    return ringformat.peek(RingFile(settings.keyring).read())


def _agent(settings: Settings) -> Agent | None:
    if settings.key_agent_socket is None:
        return None
    held = holders(settings.key_agent_socket)
    return Agent(handed=held.handed, living=held.living)


def _disk(settings: Settings) -> Disk:
    usage = shutil.disk_usage(settings.data_dir)
    return Disk(free=usage.free, total=usage.total)
