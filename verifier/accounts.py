"""Uses of keys held against the log: what the objects of keys counted, and what of it has an entry.

Each use that a request makes is under way until the request's entry is durable, or has failed: then nobody got an
answer. What remains of a key's count was a use beside the log. A look holds nobody up, so that a single one may be
wrong by what is just beginning or ending; the middle one of five is not.

Assumes that the process's code is ours. Code that lies, or takes the bytes of a key, is not seen here (ADR 0038).
"""

from __future__ import annotations

import contextlib
import enum
import functools
import logging
import statistics
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from keys.meter import Act
from keys.purpose import Purpose
from padan.entry import EntryKind
from verifier.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keys.meter import Meters, Used

_LOOKS: Final = 5
"""How many looks decide; with one a second, a use beside the log is told after some three seconds."""
WRITTEN: Final = (
    EntryKind.VERIFY,
    EntryKind.VERIFY_BIOMETRIC,
    EntryKind.REPLAY,
    EntryKind.ENROLMENT_CHECKED,
    EntryKind.ENROLMENT_COUNTED,
    EntryKind.ENROLMENT_LIST,
)
"""The kinds of entries that an answer, given or repeated, has."""
_LOGGER = logging.getLogger("padan.keys")


class Kind(enum.StrEnum):
    """What keys are used for that must have an entry."""

    ROW = "row"
    """A row of the vault was opened: two a question, the record's and a decoy's."""
    RECEIPT = "receipt"
    ANSWER = "answer"
    """A stored answer was sealed."""
    REPETITION = "repetition"
    """A stored answer was opened, to be given again."""
    ENTRY = "entry"
    """An entry that this process has written and the log does not have."""


class Account:
    """The uses of one kind in one process. Safe to use from many threads.

    Args:
        made: gives how many uses the keys counted.
    """

    def __init__(self, made: Callable[[], int] = int) -> None:
        self._made = made
        self._lock = threading.Lock()
        self._pending = 0
        self._begun: int | None = None
        self.logged = 0
        """Uses whose entry is durable."""
        self.failed = 0
        """Uses whose entry could not be written, so that nobody got an answer."""

    def expect(self, count: int) -> None:
        """Say that so many uses are under way from now on; a negative number takes some back."""
        with self._lock:
            self._pending += count

    def settle(self, count: int, *, logged: bool) -> None:
        """Say what became of uses that were expected."""
        with self._lock:
            self._pending -= count
            if logged:
                self.logged += count
            else:
                self.failed += count

    def begin(self) -> None:
        """Take whatever is used from now on as under way, until `end`; for the one thread that commits."""
        self._begun = self._made()

    def end(self, logged: int | None) -> None:
        """Say how many of the uses since `begin` have an entry; None where the commit failed, and with it all."""
        if logged is not None:
            self.logged += logged
        elif self._begun is not None:
            self.failed += self._made() - self._begun
        self._begun = None

    def beside(self) -> int:
        """Give how many uses have no entry and are not on their way to one, as far as a single look can tell."""
        begun = self._begun
        made = self._made() if begun is None else begun
        return made - self.logged - self.failed - self._pending


class Accounts:
    """The accounts of one process.

    Args:
        meters: the counts of the process's keys; None where nothing is counted.
        written: gives how many entries of questions and repetitions the log got since this process began; None where
            another process writes them.
        show: is told at each look the counts of all keys, and of each kind the uses whose entry could not be written.
        tell: is told of uses beside the log: their kind, and how many were found now.
    """

    def __init__(
        self,
        meters: Meters | None = None,
        *,
        written: Callable[[], int] | None = None,
        show: Callable[[Mapping[Used, int], Mapping[str, int]], object] = lambda _counts, _failed: None,
        tell: Callable[[str, int], object] = lambda _kind, _count: None,
    ) -> None:
        def of(purpose: Purpose, act: Act) -> Account:
            return Account() if meters is None else Account(functools.partial(meters.total, purpose, act))

        self._meters = meters
        self._written = written
        self._show = show
        self._tell = tell
        self.rows = of(Purpose.ROW_SEAL, Act.OPEN)
        self.receipts = of(Purpose.RECEIPT_SIGNING, Act.SIGN)
        self.answers = of(Purpose.REPLAY, Act.SEAL)
        self.repetitions = of(Purpose.REPLAY, Act.OPEN)
        self._committing = (self.receipts, self.answers, self.repetitions)
        self._accounts = {
            Kind.ROW: self.rows,
            Kind.RECEIPT: self.receipts,
            Kind.ANSWER: self.answers,
            Kind.REPETITION: self.repetitions,
        }
        self._looks = {kind: deque[int](maxlen=_LOOKS) for kind in Kind}
        self._told = dict.fromkeys(Kind, 0)

    def begin(self) -> None:
        """Begin a group's commit: what the thread uses until `commit` or `fail` is for it."""
        for account in self._committing:
            account.begin()

    def commit(self, *, receipts: int, answers: int, repetitions: int) -> None:
        """Say how many uses the group that is durable now has entries for."""
        for account, logged in zip(self._committing, (receipts, answers, repetitions), strict=True):
            account.end(logged)

    def fail(self) -> None:
        """Say that the group is not durable."""
        for account in self._committing:
            account.end(None)

    def look(self) -> None:
        """Look once; a duty calls this each second."""
        if self._meters is None:
            return
        self._show(
            self._meters.read(), {kind.value: account.failed for kind, account in self._accounts.items()}
        )
        found = {kind: account.beside() for kind, account in self._accounts.items()}
        if self._written is not None:
            said = self.answers.logged + self.repetitions.logged
            with contextlib.suppress(LogUnavailableError):  # others say so; it is asked again in a second
                found[Kind.ENTRY] = said - self._written()
        for kind, beside in found.items():
            looks = self._looks[kind]
            looks.append(beside)
            if len(looks) == _LOOKS:
                self._find(kind, int(statistics.median(looks)))

    def _find(self, kind: Kind, beside: int) -> None:
        more = beside - self._told[kind]
        if more <= 0:
            return
        self._told[kind] = beside
        self._tell(kind, more)
        _LOGGER.error(
            "a key was used beside the log: padan-server status tells more",
            extra={"reason": kind.value, "count": more},
        )
