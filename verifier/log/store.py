"""What the service asks of the database that holds log, budgets and stored answers.

A transaction has one order: `fence` where the leader acts, `claim_replays`, `replays`, `counters`, `disputes`, `marks`,
`keep`, then `write` once. Stores may rely on it, and PostgreSQL's locks are free of deadlock because of it. Leaving the
`with` block commits, and only then may an answer leave; an exception rolls everything back. Every failure of the
database is a `LogStoreError`, and the same store works again once the cause is gone. Nothing that one request can carry
makes a statement fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from padan.value import value
from verifier.errors import LogUnavailableError, ServiceError
from verifier.failure import ADVICE, Failure, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType

    from verifier.log.beside import Beside, Kept
    from verifier.log.disputes import DisputeRows
    from verifier.log.marks import MarkRows
    from verifier.log.scope import Scope

COUNTER_KEY_SIZE = 16
REQUEST_ID_SIZE = 16

ReplayKey = tuple[str, bytes]
"""Agency and request_id (16 bytes)."""

BlindRow = tuple[int, int, bytes, bytes, bytes]
"""What of an entry shows that it is the one that its leaf commits to: place, log time (ms), leaf, salt, entry.

Salt and entry are empty once erased. A plain tuple, as the driver gives it: each entry is read so once.
"""


class LogStoreError(LogUnavailableError):
    """The database of the log failed.

    Attributes:
        failure: what is wrong with it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"log: {ADVICE[failure]}")
        self.failure = failure

    @classmethod
    def of(cls, error: BaseException) -> LogStoreError:
        """Translate a driver's error."""
        return cls(classify(error))


class LeaderLostError(ServiceError):
    """What only the leader may do was refused, because another process leads now."""

    def __init__(self, term: int) -> None:
        super().__init__(f"another process leads: the term {term} is over")


class LogOrderError(RuntimeError):
    """A transaction was used out of order; a fault of ours."""


class EntryRow(NamedTuple):
    """One entry to be written; a tuple in the order of the table's columns, so that a driver takes it as it is.

    Attributes:
        kind: padan.entry.EntryKind.
        agency: id of the agency whose entry it is; empty for none.
        purpose: code of the purpose; empty for none.
        outcome: the released verdict; 0 for none.
        log_time_ms: log time.
        entry: the encoded private entry.
        salt: 32 bytes.
        leaf: the public leaf, 33 bytes.
    """

    kind: int
    agency: str
    purpose: str
    outcome: int
    log_time_ms: int
    entry: bytes
    salt: bytes
    leaf: bytes


@value
class ReplayRow:
    """One answer to be kept: its key, the request's digest (32 bytes), the sealed answer, the day of its key."""

    key: ReplayKey
    digest: bytes
    body: bytes
    day: int


@value
class StoredReplay:
    """One kept answer."""

    digest: bytes
    body: bytes
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One entry of the log.

    Attributes:
        sequence: its place, from 1, without gaps, in the order of commits.
        entry: the private entry; empty where it was erased, as are salt and purpose then, and the outcome is 0.
    """

    sequence: int
    kind: int
    agency: str
    purpose: str
    outcome: int
    log_time_ms: int
    entry: bytes
    salt: bytes
    leaf: bytes


class Head(NamedTuple):
    """The last entry's place and log time; zeros for an empty log."""

    sequence: int
    log_time_ms: int


class LogTransaction(Protocol):
    """One group on its way into the log."""

    def fence(self, term: int) -> None:
        """See that a leader's term is not over; no other leader begins before the transaction's end.

        Raises:
            LeaderLostError: another process leads.
        """
        ...

    def claim_replays(self, keys: Sequence[ReplayKey]) -> set[ReplayKey]:
        """Claim request ids; returns those that nobody claimed before.

        A claimed key that `write` gets no row for is free again after the commit.
        """
        ...

    def replays(self, keys: Sequence[ReplayKey]) -> dict[ReplayKey, StoredReplay]:
        """Read kept answers; absent keys are left out."""
        ...

    def counters(self, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Read counters of a day and keep others from changing them until the commit; an absent one may be left out."""
        ...

    def disputes(self) -> DisputeRows:
        """Keep others from the disputes until the commit, and give them."""
        ...

    def marks(self) -> MarkRows:
        """Give the marks of residents, which are written with their entry."""
        ...

    def keep(self, rows: Sequence[Kept]) -> None:
        """Write rows of the tables beside the log, once."""
        ...

    def clock(self) -> float | None:
        """Read the database's clock, seconds of the Unix epoch; None where the process's own clock counts."""
        ...

    def last_ms(self) -> int:
        """Read log time of the last entry; 0 for an empty log. Costs nothing more after `clock`."""
        ...

    def write(
        self,
        counters: Mapping[bytes, int],
        day: int,
        entries: Sequence[EntryRow],
        replays: Sequence[ReplayRow],
    ) -> None:
        """Write the group, once.

        Args:
            counters: new values of counters; each key must have been read by `counters` for the same day.
            day: the counters' day.
            entries: in the order in which they get their places.
            replays: answers to keep; each key must have been claimed.

        Raises:
            LogOrderError: a counter was not read or a key not claimed.
        """
        ...

    def setting(self, name: str) -> str:
        """Read a setting and keep others from changing it until the commit; empty where it was never set."""
        ...

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting that `setting` read."""
        ...

    def erase(self, places: Sequence[int]) -> int:
        """Erase entries: of each its leaf stays, its kind, agency and log time; returns how many were still there."""
        ...

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or roll back on an exception."""
        ...


class LogStore(Protocol):
    """The database of log, budgets and stored answers. One thread writes; any thread reads."""

    def transaction(self) -> LogTransaction:
        """Make a transaction to be used in a `with` block."""
        ...

    def require_term(self, term: int) -> None:
        """See that a leader's term is not over, before what is done outside the log; inside there is `fence`.

        Raises:
            LeaderLostError: another process leads.
        """
        ...

    def head(self) -> Head:
        """Read the log's last place and time."""
        ...

    def entries(
        self,
        after_sequence: int,
        limit: int,
        *,
        agency: str | None = None,
        purpose: str | None = None,
        outcome: int | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
        scope: Scope | None = None,
        through: int | None = None,
    ) -> list[StoredEntry]:
        """List entries by ascending place.

        Args:
            after_sequence: places above this one only; 0 from the start.
            limit: most entries to return.
            agency: entries of this agency only.
            purpose: entries of this purpose only.
            outcome: entries with this outcome only.
            from_ms: log time at or after this.
            until_ms: log time before this.
            scope: entries within these bounds only.
            through: up to and with this place only.
        """
        ...

    def leaves(self, after_sequence: int, limit: int) -> list[bytes]:
        """List the leaves that follow a place, without gaps: the list ends before the first one that is missing."""
        ...

    def blind_rows(self, after_sequence: int, limit: int) -> Sequence[BlindRow]:
        """List what the tree is made of, as `leaves` does, without gaps."""
        ...

    def beside(self, where: Beside, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read rows of a table beside the log by their names; absent ones are left out."""
        ...

    def expire(self, before_day: int, *, enough: Callable[[], bool] = lambda: False) -> int:
        """Delete counters and kept answers of earlier days, in small steps; returns how many went.

        Args:
            before_day: the first day that stays; never an earlier one than in the call before.
            enough: is asked after each step that was some work; what is left is for the next call.
        """
        ...

    def check(self) -> None:
        """Try the database.

        Raises:
            LogStoreError: it does not work.
        """
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


def encode_replay_key(key: ReplayKey) -> bytes:
    """Spell a key as the database keeps it: the request_id, then the agency."""
    agency, request_id = key
    if len(request_id) != REQUEST_ID_SIZE:
        raise LogOrderError("a request_id has 16 bytes")
    return request_id + agency.encode()


def decode_replay_key(key: bytes) -> ReplayKey:
    """Read a key as the database keeps it."""
    return key[REQUEST_ID_SIZE:].decode(), key[:REQUEST_ID_SIZE]
