"""A whole world for the core: people, agencies, agreements, clocks and a disk, all in memory and all obedient.

Everything between the bytes of a request and the bytes of its answer is the service's own code; only what it stands
on is simulated, and can be told to fail.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf import timestamp_pb2

from keys.block import BlockKey
from keys.mac import MacKey
from keys.realm import Realm
from keys.seal import SealKey
from padan.nik import Nik
from padan.v1 import attribute_pb2, verification_pb2
from tests.people import AS_OF, BUDI, UNKNOWN_NIK
from tests.service import request
from tests.simulator.log_store import MemoryLog, MemoryTable
from tests.simulator.tokens import SimulatedTokenAgent
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.outer import Outer
from tokenizer.person import Person
from verifier import answer, head
from verifier.accounts import Account
from verifier.agreement import grant
from verifier.agreement.errors import AgreementSuspendedError, NoAgreementError
from verifier.agreement.parse import parse
from verifier.budget import CounterKeys
from verifier.call import Call, Now
from verifier.core import Verifier
from verifier.draft import Drafter
from verifier.epoch import PinnedEpoch
from verifier.errors import LogUnavailableError
from verifier.failure import Failure
from verifier.group_writer import GroupWriter
from verifier.identity import Peer, UnknownCallerError
from verifier.limiter import RateLimiter
from verifier.log.beside import Beside
from verifier.logtime import LogClock, LogTime
from verifier.settlement import Settlement
from verifier.ticket import Ticket
from verifier.token.desk import TokenDesk
from verifier.token.domains import TokenDomains
from verifier.token.jobs import Jobs
from verifier.token.residents import Residents
from verifier.token.subjects import Subjects
from verifier.tree.witnessed import Witnessed
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

    from tests.terms import Terms
    from tokenizer.record import Record
    from verifier.call import Reply
    from verifier.intent import Intent, Settled

REALM = Realm(registry_id="simulated", environment="development")
START = 1_790_000_000.0
WIB = dt.timezone(dt.timedelta(hours=7))


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


@dataclass(slots=True)
class Clocks:
    """A wall clock and a monotonic one."""

    wall: float = START
    mono: float = 1_000.0

    def __call__(self) -> Now:
        """Read both."""
        return Now(wall=self.wall, mono=self.mono, today=dt.datetime.fromtimestamp(self.wall, WIB).date())

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.mono += seconds


@dataclass(slots=True)
class Rows:
    """The vault's rows; can be away, and can have a row that does not open."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    away: bool = False

    def lookup_many(
        self, queries: Sequence[tuple[bytes, bytes, bytes]]
    ) -> list[tuple[tuple[bytes, bytes], tuple[bytes, bytes]]]:
        """Look up."""
        if self.away:
            raise VaultUnavailableError(Failure.DISCONNECTED)
        found = []
        for token, first, second in queries:
            chosen = token if token in self.rows else first
            found.append(((chosen, self.rows[chosen]), (second, self.rows[second])))
        return found


class Gate:
    """Knows agencies by the text of a pretended certificate."""

    def __init__(self, agencies: Sequence[str]) -> None:
        self.agencies = set(agencies)

    def admit(self, pem: bytes, now: float) -> Peer:
        """Say who calls."""
        del now
        name = pem.decode()
        if name not in self.agencies:
            raise UnknownCallerError("unknown")
        return Peer(kind="agency", id=name, serial="1", fingerprint=_key(name), not_before=0, not_after=2**40)


class Agreements:
    """Terms that can be suspended and can end."""

    def __init__(self, terms: dict[str, Terms]) -> None:
        self.terms = {
            agency: grant.Terms.of(parse(item.document(agency)).agreement) for agency, item in terms.items()
        }
        self.suspended: set[str] = set()

    def in_force(self, agency: str, now: float) -> grant.Terms:
        """Find the terms."""
        if agency in self.suspended:
            raise AgreementSuspendedError("suspended")
        if agency not in self.terms:
            raise NoAgreementError("none")
        self.terms[agency].require_in_force(now)
        return self.terms[agency]

    def all_in_force(self, now: float) -> list[grant.Terms]:
        """List the terms in force."""
        found = []
        for agency in self.terms:
            with contextlib.suppress(AgreementSuspendedError, NoAgreementError):
                found.append(self.in_force(agency, now))
        return found


class Periods:
    """Names subjects in the log."""

    def reference(self, handle: bytes, nonce: bytes) -> tuple[bytes, bytes]:
        """Name a subject."""
        return hashlib.sha256(handle + nonce).digest()[:16], bytes(16)


class Epochs:
    """One epoch."""

    def __init__(self, epoch: PinnedEpoch) -> None:
        self.epoch = epoch

    def pin(self) -> PinnedEpoch:
        """Pin it."""
        return self.epoch


class Marks:
    """Marks on handles."""

    def __init__(self) -> None:
        self.on: dict[bytes, int] = {}

    def of(self, handle: bytes) -> int:
        """Say what is marked."""
        return self.on.get(handle, 0)


class Journal:
    """Commits at once, in the calling thread; an error of the disk reaches the caller as it would from a thread."""

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer

    def commit(self, intents: Sequence[Intent]) -> list[Settled]:
        """Commit."""
        try:
            return self._writer.write(list(intents))
        except LogUnavailableError:
            raise
        except Exception as error:
            raise AssertionError("a commit fell over") from error

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Commit, and say so."""
        ticket = Ticket(intents, deadline=0, done=done)
        try:
            ticket.settle(self.commit(intents))
        except LogUnavailableError as error:
            ticket.settle(error=error)
        return ticket


class World:
    """The core on simulated ground."""

    def __init__(
        self,
        *,
        seed: int,
        agencies: dict[str, Terms],
        people: Sequence[dict[str, str]],
        start: float = START,
    ) -> None:
        self.random = random.Random(seed)
        self.clocks = Clocks(wall=start)
        self.log = MemoryLog()
        self.rows = Rows()
        self.gate = Gate([*agencies, "nobody"])
        self.agreements = Agreements(agencies)
        self.marks = Marks()
        self.token_agent = SimulatedTokenAgent(REALM)
        self.domains = TokenDomains(self.token_agent, grace_days=90, wall=lambda: self.clocks.wall)
        self.epoch = self._project(people)
        self._log_clock = LogClock(last_ms=0, wall_ms=int(start * 1000), mono=self.clocks.mono)
        seals: dict[int, SealKey] = {}
        writer = GroupWriter(
            store=self.log,
            settlement=Settlement(
                signer=None,
                replay_seal=lambda day: seals.setdefault(day, SealKey(_key(f"replay {day}"))),
                random=self.random.randbytes,
            ),
            clock=self._log_time,
        )
        self.quorum: str | None = None
        journal, periods = Journal(writer), Periods()
        self.witnesses = Witnessed(lambda: self.quorum, seconds=900, now=lambda: self.clocks.wall)
        self.opened = Account()
        self.epochs = Epochs(self.epoch)
        self.ground: dict[str, Any] = {
            "gate": self.gate,
            "agreements": self.agreements,
            "epochs": self.epochs,
            "marks": self.marks,
            "tokens": Subjects(self.domains, self.log),
            "journal": journal,
            "drafts": Drafter(
                periods=periods,
                random=self.random.randbytes,
                joint_subject=40,
                joint_prefix=400,
                receipts=True,
            ),
            "rates": RateLimiter(),
            "witnesses": self.witnesses,
            "now": self.clocks,
            "slot": 0.005,
            "opened": self.opened,
        }
        self.core = Verifier(**self.ground)
        self.tokens = TokenDesk(
            gate=self.gate,
            agreements=self.agreements,
            rates=RateLimiter(),
            domains=self.domains,
            journal=journal,
            witnesses=self.witnesses,
            residents=Residents(rows=self.log, epochs=self.epochs, marks=self.marks, opened=self.opened),
            periods=periods,
            jobs=Jobs(MemoryTable(self.log, Beside.CONVERSION), days=30),
            now=self.clocks,
        )

    def restart_clock(self, *, confirmed_ahead: bool = False) -> None:
        """Begin log time anew, as a process does that starts: from the log's last entry and the wall clock."""
        self._log_clock = LogClock(
            last_ms=self.log.head().log_time_ms,
            wall_ms=int(self.clocks.wall * 1000),
            mono=self.clocks.mono,
            confirmed_ahead=confirmed_ahead,
        )

    def _log_time(self, _database: float | None, last_ms: int) -> LogTime:
        return self._log_clock.now(
            wall_ms=int(self.clocks.wall * 1000), mono=self.clocks.mono, last_ms=last_ms
        )

    def _project(self, people: Sequence[dict[str, str]]) -> PinnedEpoch:
        index, budget = MacKey(_key("index")), MacKey(_key("budget"))
        inner = Inner(
            realm=REALM,
            index=index,
            attribute=MacKey(_key("attribute")),
            handle=MacKey(_key("handle")),
            budget=budget,
            tombstone=MacKey(_key("tombstone")),
        )
        outer = Outer(realm=REALM, epoch=1, block=BlockKey(_key("token")), seal=SealKey(_key("row")))
        for row in people:
            record = inner.project(
                Person.from_registry(row, codes=CodeLists.load(), today=AS_OF), random=self.random.randbytes
            )
            token = outer.token(record.r)
            self.rows.rows[token] = outer.seal(token, record.pack())
        decoys = []
        for number in range(8):
            decoy = inner.decoy(number, random=self.random.randbytes)
            token = outer.token(decoy.r)
            decoys.append(token)
            self.rows.rows[token] = outer.seal(token, decoy.pack())
        as_of = timestamp_pb2.Timestamp(seconds=int(START))
        return PinnedEpoch(
            number=1,
            as_of=as_of,
            as_of_field=answer.as_of_field(as_of),
            as_of_date=AS_OF,
            registry_id=REALM.registry_id,
            origin="simulated/log",
            key_versions=("index:1",),
            versions=head.versions(("index:1",), ("normaliser:1",)),
            inner=inner,
            outer=outer,
            codes=CodeLists.load(),
            counter_keys=CounterKeys(budget, REALM),
            rows=self.rows,  # type: ignore[arg-type]  # a simulator of the vault's pinned epoch
            decoys=tuple(decoys),
            decoy_pick=index.bind(REALM.prefix("decoy-pick")),
            on_damage=lambda: None,
            other=None,
        )

    def put(self, nik: str, record: Record) -> None:
        """Put a record where a number is looked up, as a change of the registry does."""
        token = self.epoch.outer.token(self.epoch.inner.record_id(Nik(nik)))
        self.rows.rows[token] = self.epoch.outer.seal(token, record.pack())

    def call(self, agency: str, message: Message | bytes) -> Call:
        """Describe a call of an agency, with a message or with any bytes."""
        return Call(
            raw=message if isinstance(message, bytes) else message.SerializeToString(),
            certificate=agency.encode(),
            peer="ipv4:127.0.0.1:5000",
            remaining=5.0,
            arrived=self.clocks.mono,
        )

    def ask(self, agency: str, *messages: verification_pb2.VerifyRequest) -> list[Reply]:
        """Ask, several at once."""
        return self.core.verify_many([self.call(agency, message) for message in messages])

    def question(
        self, *, right: bool, nik: str = BUDI["NIK"], officer: str = "o1"
    ) -> verification_pb2.VerifyRequest:
        """Make a question with a right or a wrong name."""
        name = BUDI["NAMA_LGKP"] if right else "SITI RAHAYU"
        message = request(
            nik=nik,
            claims={attribute_pb2.ATTRIBUTE_NAME: name},
            request_id=f"{self.random.getrandbits(128):032x}"[:8]
            + "-0000-4000-8000-"
            + f"{self.random.getrandbits(48):012x}",
            blind=self.random.randbytes(32),
        )
        message.officer = officer
        return message


NOT_HELD_NIK = UNKNOWN_NIK
