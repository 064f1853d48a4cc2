"""A whole service in memory: workers, a writer, a vault that follows the registry, a log, and processes that die.

Everything between requests and log is the service's own code; clocks, disk, network and the deaths of processes are
simulated. What several workers ask at once is committed in one group, when the writer comes to it.
"""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from keys import envelope
from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.purpose import Purpose
from keys.realm import Realm
from padan.entry import EntryKind
from padan.nik import Nik
from tests.people import AS_OF
from tests.service import request
from tests.simulator.kek_provider import MemoryKekProvider
from tests.simulator.log_store import MemoryLog
from tests.simulator.registry import SOURCE, Marks, Registry
from tests.simulator.vault import MemoryVault
from tests.simulator.world import Agreements, Clocks, Gate
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.normalise import VERSION
from tokenizer.outer import BOX_SIZE, FORMAT
from tokenizer.person import Person
from tokenizer.suite import SUITE
from verifier import admin_entry, logtime
from verifier.call import Call
from verifier.core import Verifier
from verifier.draft import Drafter
from verifier.epoch import EpochHolder
from verifier.errors import LogUnavailableError, ServiceError
from verifier.feed.sync import Sync
from verifier.group_writer import GroupWriter
from verifier.limiter import RateLimiter
from verifier.logtime import ClockAheadError, LogClock, LogTime
from verifier.period import AuditPeriod
from verifier.projector.projection import Projection, key_ids
from verifier.resident.mark import Mark
from verifier.resident.marking import names_of
from verifier.resident.rights import Rights
from verifier.retention.classes import RetentionClass, Schedule
from verifier.retention.sweep import Sweep
from verifier.settlement import Settlement
from verifier.ticket import Ticket
from verifier.token.domains import TokenDomains
from verifier.token.subjects import Subjects
from verifier.tree.witnessed import Witnessed
from verifier.vault.changer import VaultChanger
from verifier.vault.epoch import Epoch, Followed
from verifier.vault.store import VaultStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.v1 import verification_pb2
    from tests.terms import Terms
    from verifier.call import Reply
    from verifier.intent import Intent, Settled

DECOYS = 6
DAYS = {
    RetentionClass.SHORT: 1,
    RetentionClass.STANDARD: 2,
    RetentionClass.LONG: 4,
    RetentionClass.LASTING: 400,
}
_CODES = CodeLists.load()


class DiedError(BaseException):
    """The process ends here; nothing of ours may catch it."""


@lru_cache(maxsize=1)
def _custody() -> tuple[Path, MemoryKekProvider, bytes, bytes]:
    """Make one keyring for all stories; no rule depends on its keys."""
    folder = Path(tempfile.mkdtemp(prefix="padan-cluster-"))
    provider = MemoryKekProvider()
    Custody(path=folder / "keyring.json", provider=provider, actor="tests").create(
        Realm(registry_id="simulated", environment="development")
    )
    return folder / "keyring.json", provider, *envelope.generate()


@dataclass(slots=True)
class Link:
    """A worker's journal: what it sends reaches the writer, or not, and what comes back reaches it, or not."""

    cluster: Cluster
    loses: str = ""
    queue: list[Ticket] = field(default_factory=list)

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Send intents; the writer comes to them later."""
        ticket = Ticket(intents, deadline=0, done=done)
        if self.loses == "question":
            self.loses = ""
            raise LogUnavailableError("the log's writer went away")
        self.queue.append(ticket)
        self.cluster.queue.append((self, ticket))
        return ticket

    def commit(self, intents: Sequence[Intent]) -> Sequence[Settled]:
        """Send intents, and wait."""
        ticket = self.submit(intents, lambda _ticket: None)
        self.cluster.flush()
        if ticket.error is not None:
            raise ticket.error
        return ticket.settled


class Worker:
    """One process that answers."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.number = number
        self.link = Link(cluster)
        agent = cluster.agent
        self.vault = VaultStore(cluster.vault, cluster.vault.open, clock=cluster.mono)  # type: ignore[arg-type]  # a simulated catalogue
        self.epochs = EpochHolder(agent=agent, vault=self.vault, codes=_CODES)
        self.periods = AuditPeriod(agent=agent, journal=self.link, clock=cluster.mono)
        self.core = Verifier(
            gate=cluster.gate,
            agreements=cluster.agreements,
            epochs=self.epochs,
            journal=self.link,
            drafts=Drafter(
                periods=self.periods,
                random=cluster.random.randbytes,
                joint_subject=40,
                joint_prefix=400,
                receipts=True,
            ),
            rates=RateLimiter(),
            witnesses=Witnessed(lambda: None, seconds=0, required=False),
            marks=cluster.marks,
            tokens=Subjects(TokenDomains(agent, grace_days=90), cluster.log),
            now=cluster.clocks,
            slot=0.005,
        )

    def check(self) -> bool:
        """Look after itself, as health does; says whether it could answer."""
        try:
            self.periods.renew()
            self.epochs.probe()
        except ServiceError:
            return False
        return True


class Cluster:
    """The service and what it stands on.

    Attributes:
        registry: what the vault follows.
        applied: the position up to which changes are visible, and since when, in the order in which it moved.
    """

    def __init__(
        self, *, seed: int, workers: int, agencies: dict[str, Terms], people: Mapping[str, dict[str, str]]
    ) -> None:
        self.random = random.Random(seed)
        self.clocks = Clocks()
        self.log = MemoryLog()
        self.vault = MemoryVault(layered=self.random.random() < 0.5)
        self.vault.amended = self._visible
        self.gate = Gate([*agencies, "nobody"])
        self.agreements = Agreements(agencies)
        self.marks = Marks()
        path, provider, self.auditors_secret, public = _custody()
        self.agent = LocalKeyAgent.unlock(path, provider, auditors_key=public, monotonic=self.mono)
        self.registry = Registry(people)
        self.applied: list[tuple[int, float]] = []
        self.queue: list[tuple[Link, Ticket]] = []
        self._fuse: int | None = None
        self.log.point = self.vault.point = self._pass
        self.load()
        self.start_writer()
        self.workers = [Worker(self, number) for number in range(workers)]
        for worker in self.workers:
            worker.check()

    def mono(self) -> float:
        """Read the monotonic clock, which all processes of a host share."""
        return self.clocks.mono

    def burn(self, steps: int | None) -> None:
        """Let whatever process is at work die after so many steps; None for nobody."""
        self._fuse = steps

    def _pass(self) -> None:
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse < 0:
                self._fuse = None
                raise DiedError

    def _visible(self, position: int) -> None:
        self.applied.append((position, self.clocks.mono))

    # The writer

    def start_writer(self) -> None:
        """Start the process that commits; where it refuses the wall clock, somebody sets that right."""
        last = self.log.head().log_time_ms
        try:
            clock = LogClock(last_ms=last, wall_ms=self._wall_ms(), mono=self.clocks.mono)
        except ClockAheadError:
            self.clocks.wall = last / 1000
            clock = LogClock(last_ms=last, wall_ms=self._wall_ms(), mono=self.clocks.mono)

        def read(_database: float | None, last_ms: int) -> LogTime:
            return clock.now(wall_ms=self._wall_ms(), mono=self.clocks.mono, last_ms=last_ms)

        self._writer = GroupWriter(
            store=self.log,
            settlement=Settlement(
                signer=None, replay_seal=self.agent.replay_seal, random=self.random.randbytes
            ),
            clock=read,
        )

    def flush(self) -> None:
        """Commit what is queued, as one group; the writer may die of it, and is started again."""
        queue, self.queue = self.queue, []
        intents = [intent for _, ticket in queue for intent in ticket.intents]
        settled: list[Settled] = []
        error: ServiceError | None = None
        try:
            settled = self._writer.write(intents) if intents else []
        except ServiceError as failure:
            error = failure
        except DiedError:
            error = LogUnavailableError("the log's writer went away")
            self.start_writer()
        first = 0
        for link, ticket in queue:
            last = first + len(ticket.intents)
            lost = error is None and link.loses == "answer"
            link.loses = "" if lost else link.loses
            ticket.settle(
                settled[first:last],
                error=LogUnavailableError("the log's writer went away") if lost else error,
            )
            first = last

    def command(self) -> None:
        """Write an entry as a command of the operator's does, beside the writer and by the wall clock."""
        at = logtime.beside(wall_ms=self._wall_ms(), last_ms=self.log.head().log_time_ms)
        admin_entry.append(self.log, EntryKind.CERTIFICATE_ISSUED, {}, now_ms=at)

    def _wall_ms(self) -> int:
        return int(self.clocks.wall * 1000)

    # The workers

    def ask(
        self, asked: Sequence[tuple[Worker, str, Sequence[verification_pb2.VerifyRequest]]]
    ) -> list[list[Reply] | None]:
        """Ask several workers at once; None for one that died over it."""
        replies: list[list[Reply] | None] = [None] * len(asked)

        def heard(place: int) -> Callable[[list[Reply]], object]:
            def answered(given: list[Reply]) -> None:
                replies[place] = given

            return answered

        for place, (worker, agency, messages) in enumerate(asked):
            try:
                worker.core.begin([self._call(agency, message) for message in messages], heard(place))
            except DiedError:
                self.replace(worker)
        self.flush()
        return replies

    def replace(self, worker: Worker) -> Worker:
        """Start a worker in the place of one that is gone; what that had sent is committed all the same."""
        fresh = Worker(self, worker.number)
        self.workers[worker.number] = fresh
        fresh.check()
        return fresh

    def _call(self, agency: str, message: verification_pb2.VerifyRequest) -> Call:
        return Call(
            raw=message.SerializeToString(),
            certificate=agency.encode(),
            peer="ipv4:127.0.0.1:5000",
            remaining=5.0,
            arrived=self.clocks.mono,
        )

    def question(self, nik: str, name: str) -> verification_pb2.VerifyRequest:
        """Ask whether somebody has a name."""
        bits = self.random.getrandbits
        return request(
            nik=nik,
            claims={1: name},
            request_id=f"{bits(32):08x}-0000-4000-8000-{bits(48):012x}",
            blind=self.random.randbytes(32),
        )

    # The registry

    def log_handles(self, numbers: Sequence[str]) -> dict[str, bytes]:
        """Compute under which handles the log names whoever has these numbers."""
        index, attribute = (self.agent.key_id(each) for each in (Purpose.INDEX, Purpose.ATTRIBUTE))
        inner = Inner.of_agent(self.agent, index_id=index, attribute_id=attribute)
        return {nik: inner.handles(Nik(nik)).log for nik in numbers}

    def load(self) -> None:
        """Load the registry as it is now into a new epoch, and activate that."""
        number = max(self.vault.epochs, default=0) + 1
        keys = key_ids(self.agent)
        projection = Projection.of(self.agent, epoch=number, as_of=AS_OF, keys=keys)
        inner, outer = projection.inner, projection.outer
        # What the feed will not bring any more, since the load holds everything before: who was erased is marked.
        for nik in self.registry.erased:
            self.marks.put(names_of(inner, Nik(nik)), Mark.ERASED, 0, Followed(self.registry.position))
        records = [
            inner.project(Person.from_registry(row, codes=_CODES, today=AS_OF), under=Nik(under), revision=0)
            for own, row in self.registry.rows.items()
            if row is not None
            for under in (own, *self.registry.also.get(own, ()))
        ]
        records += [inner.decoy(decoy) for decoy in range(DECOYS)]
        table = {(token := outer.token(record.r)): outer.seal(token, record.pack()) for record in records}
        noon = dt.datetime.combine(AS_OF, dt.time(12), dt.UTC)
        self.vault.add(
            Epoch(
                number=number,
                registry="simulated",
                format=FORMAT,
                as_of_ms=int(noon.timestamp() * 1000),
                key_ids=keys,
                normaliser=VERSION,
                suite=str(SUITE.number),
                decoys=DECOYS,
                box_size=BOX_SIZE,
            ),
            table,
        )
        self.loaded_at = self.registry.position
        self._visible(self.registry.position)

    def sync(self, *, again: int) -> None:
        """Apply the registry's newest changes, and some that were applied before.

        Args:
            again: how many changes are delivered once more, where the epoch has followed the registry already.
        """
        epoch = self.vault.active()
        assert epoch is not None
        followed = self.vault.positions.get((epoch.number, SOURCE), 0)
        after = max(self.loaded_at, followed - again) if followed else self.loaded_at
        feed = self.registry.feed(after, as_of_ms=self._wall_ms())
        changer = VaultChanger(self.vault, self.vault)  # type: ignore[arg-type]  # both simulated
        rights = Rights(self.agent, self.log, self.marks, source=SOURCE)  # type: ignore[arg-type]  # simulated marks
        Sync(self.agent, changer, rights).run(feed, begin=True)

    # Retention

    def sweep(self) -> None:
        """Erase what is over."""
        Sweep(self.log, Schedule(days=DAYS), step=8, rest=lambda _seconds: self._pass()).turn(
            self.log.head().log_time_ms
        )
