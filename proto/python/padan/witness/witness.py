"""The witness: decides over one submission, and cosigns what has only grown (C2SP tlog-witness).

 1 read the submission (400)
 2 know the log (404), and its signature (403)
 3 the old size is not above the checkpoint's (400)
 4 in one transaction: two roots for one size are a fork (409), the old size is the latest cosigned one (409), the proof
   leads from there to here (422); write the checkpoint down
 5 when that is on the disk, cosign (200)
A checkpoint that is refused in 4 although the log has signed it is kept as evidence, in the same transaction.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.errors import LogFormatError, LogProofError, LogSignatureError, UnavailableError
from padan.tlog import checkpoint, merkle, note
from padan.witness import submission
from padan.witness.book import Evidence, Latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from padan.tlog.note import Line, VerifierKey
    from padan.witness.book import Book, Turn
    from padan.witness.submission import Submission

FORK: Final = "fork"
UNPROVEN: Final = "unproven"
TEXT: Final = "text/plain; charset=utf-8"
SIZE: Final = "text/x.tlog.size"
PROBE_SECONDS: Final = 1.0
"""Between two writes of the book for those who ask whether it can be written: everybody may ask."""

_LOGGER = logging.getLogger("padan.witness")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a submission is answered.

    Attributes:
        status: of HTTP.
        body: what comes with it.
        kind: its content type.
    """

    status: int
    body: bytes
    kind: str = TEXT


class Witness:
    """Watches some logs under one key. Safe to call from many threads."""

    def __init__(
        self,
        *,
        logs: Iterable[VerifierKey],
        book: Book,
        cosign: Callable[[str, int], Line],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bring together what it works with.

        Args:
            logs: keys of the logs; a log may have several.
            book: what was cosigned.
            cosign: signs a text at a time, with the witness's key.
            now: seconds of the Unix epoch.
            clock: seconds that are never put back.
        """
        self._logs: dict[str, list[VerifierKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._book = book
        self._cosign = cosign
        self._now = now
        self._clock = clock
        self._written = -math.inf

    @property
    def origins(self) -> list[str]:
        """The logs that it watches."""
        return sorted(self._logs)

    def is_well(self) -> bool:
        """Say whether the book can be written: whether it was within `PROBE_SECONDS`, or else by writing it."""
        if self._clock() - self._written < PROBE_SECONDS:
            return True
        try:
            self._book.probe()
        except UnavailableError:
            return False
        self._written = self._clock()
        return True

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a submission; what is cosigned is on the disk before this returns."""
        try:
            submitted, signed = self._admit(body)  # 1 to 3
            with self._book.turn() as turn:  # 4
                known = turn.latest(submitted.stated.origin)
                now = max(int(self._now()), known.time)  # a clock that is put back does not unsay a time
                refusal = _refusal(known, submitted)
                if refusal.evidence:
                    _keep(turn, refusal.evidence, known, submitted, signed=signed, now=now)
                elif refusal.answer is None:
                    stated = submitted.stated
                    turn.advance(
                        Latest(
                            origin=stated.origin, size=stated.size, root=stated.root, signed=signed, time=now
                        )
                    )
        except _RefusedError as refused:
            return refused.answer
        except UnavailableError as error:
            _LOGGER.error("nothing is cosigned: %s", error)  # noqa: TRY400 - the cause is said
            return _text(503, "the witness cannot write its book now")
        if refusal.answer is not None:
            return refusal.answer
        self._written = self._clock()
        return Answer(200, str(self._cosign(submitted.signed.text, now)).encode())  # 5

    def _admit(self, body: bytes) -> tuple[Submission, bytes]:
        """Read a submission, and give it with the note as the log alone has signed it."""
        try:
            submitted = submission.parse(body)  # 1
        except LogFormatError as error:
            raise _RefusedError(_text(400, str(error))) from None
        keys = self._logs.get(submitted.stated.origin)  # 2
        if keys is None:
            raise _RefusedError(_text(404, "this witness does not know the log"))
        try:
            signed = _signed(submitted, keys)
        except LogSignatureError as error:
            raise _RefusedError(_text(403, str(error))) from None
        if submitted.old > submitted.stated.size:  # 3
            raise _RefusedError(_text(400, "the old size is above the checkpoint's"))
        return submitted, signed


class _RefusedError(Exception):
    """A submission that is refused before anything about its log is looked up."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a checkpoint is not cosigned: an answer, and of which kind of evidence it is; neither where it is."""

    answer: Answer | None = None
    evidence: str = ""


def _refusal(known: Latest, submitted: Submission) -> _Refusal:
    """Compare a checkpoint with the latest one that was cosigned."""
    stated, proof = submitted.stated, submitted.proof
    conflict = Answer(409, b"%d\n" % known.size, SIZE)
    if stated.size == known.size and stated.root != known.root:
        return _Refusal(conflict, FORK)
    if submitted.old != known.size:
        return _Refusal(conflict)
    if known.size == 0:  # nothing is to be proven about the empty tree
        return _Refusal(_text(422, "from the old size 0 there is no proof")) if proof else _Refusal()
    try:
        merkle.check_consistency(known.size, known.root, stated.size, stated.root, proof)
    except LogProofError as error:
        return _Refusal(_text(422, str(error)), UNPROVEN)
    return _Refusal()


def _keep(turn: Turn, kind: str, known: Latest, submitted: Submission, *, signed: bytes, now: int) -> None:
    if not known.signed:  # of a log that was never cosigned nothing is held against it
        return
    evidence = Evidence(
        origin=known.origin,
        kind=kind,
        time=now,
        known=known.signed,
        refused=signed,
        proof=submission.join(submitted.old, submitted.proof, b"").decode(),
    )
    if turn.keep(evidence):
        _LOGGER.error(
            "refused as evidence (%s): %s says %d leaves, and %d were cosigned",
            kind,
            known.origin,
            submitted.stated.size,
            known.size,
        )


def _signed(submitted: Submission, keys: list[VerifierKey]) -> bytes:
    """Give the note with the log's own signatures alone.

    Raises:
        LogSignatureError: there is none of a known key, or one does not hold.
    """
    if not note.verify(submitted.signed, keys):
        raise LogSignatureError("no known key of the log has signed the checkpoint")
    known = {(key.name, key.id) for key in keys}
    own = [line for line in submitted.signed.lines if (line.name, line.key_id) in known]
    return note.join(submitted.signed.text, list(dict.fromkeys(own)))


def _text(status: int, cause: str) -> Answer:
    return Answer(status, f"{cause}\n".encode())


def is_fork(evidence: Evidence, keys: Iterable[VerifierKey]) -> bool:
    """Say whether evidence proves by itself that a log has two histories: both signed, one size, two roots.

    Args:
        evidence: as the book has it.
        keys: of the log.

    Raises:
        LogFormatError, LogSignatureError: the evidence is not what it claims to be.
    """
    keys = [key for key in keys if key.name == evidence.origin]
    stated = []
    for data in (evidence.known, evidence.refused):
        signed = note.parse(data)
        if not note.verify(signed, keys):
            raise LogSignatureError("no known key of the log has signed the evidence")
        stated.append(checkpoint.parse_text(signed.text))
    one, other = stated
    return one.origin == other.origin and one.size == other.size and one.root != other.root
