"""What the main path stands on, step by step: each has a real implementation and a simulator in the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from padan.nik import Nik
    from tokenizer.inner import Inner
    from tokenizer.tokenrow import Named
    from verifier.agreement.grant import Terms
    from verifier.auditor.model import Grant
    from verifier.epoch import PinnedEpoch
    from verifier.identity import Peer
    from verifier.intent import Intent, Settled
    from verifier.ticket import Ticket
    from verifier.token.subjects import Issued, TokenSubject


class Gate(Protocol):
    """Step 1."""

    def admit(self, pem: bytes, now: float) -> Peer:
        """Say who calls, or refuse."""
        ...


class Agreements(Protocol):
    """Step 3."""

    def in_force(self, agency: str, now: float) -> Terms:
        """Find the terms in force, or refuse."""
        ...

    def all_in_force(self, now: float) -> Sequence[Terms]:
        """List the terms in force of every agency that has some."""
        ...


class Witnesses(Protocol):
    """Step 3: what the log's witnesses vouch for."""

    def require(self, sensitivity: int, now: float) -> None:
        """Refuse a class of data while they are away for too long."""
        ...


class Grants(Protocol):
    """What auditors may read."""

    def in_force(self, auditor: str, now: float) -> Grant:
        """Find the grant in force, or refuse."""
        ...


class Epochs(Protocol):
    """Step 4."""

    def pin(self) -> PinnedEpoch:
        """Pin the active epoch for one request."""
        ...


class Marks(Protocol):
    """Step 6: what residents' rights ask."""

    def of(self, handle: bytes) -> int:
        """Say what is marked under a budget handle, or refuse."""
        ...


class Tokens(Protocol):
    """Steps 4 and 5: residents whom a token names, and tokens to be given."""

    def read(self, token: bytes, *, domain: str, inner: Inner, now: float) -> TokenSubject:
        """Check a token and name its resident, or refuse."""
        ...

    def find(self, subjects: Sequence[TokenSubject]) -> None:
        """Find the records of subjects, in one look-up for all; a subject's own failure is left with it."""
        ...

    def issue(self, nik: Nik, *, domain: str, records: tuple[Named, ...]) -> Issued:
        """Make a number's token, and what is kept with it."""
        ...

    def issue_again(self, subject: TokenSubject, *, domain: str) -> Issued:
        """Make the newest token of a resident who was named by one."""
        ...


class Journal(Protocol):
    """Step 7."""

    def commit(self, intents: Sequence[Intent]) -> Sequence[Settled]:
        """Commit, and return only what is durable."""
        ...

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Commit without waiting; `done` is called once, with the ticket settled."""
        ...


class Periods(Protocol):
    """Names subjects in the log."""

    def reference(self, handle: bytes, nonce: bytes) -> tuple[bytes, bytes]:
        """Name a subject: reference and period id."""
        ...


class Rates(Protocol):
    """Admits calls at the agreement's rate."""

    def admit(self, agency: str, per_second: int, now: float) -> bool:
        """Take one call."""
        ...
