"""The settlement: inside the commit, the budgets fix what each request of a group is answered. Pure.

The order is the order of arrival, so that the first of two parallel guesses is charged before the second is judged.
For each request exactly one entry results; an alert entry more where a prefix's budget is spent.
"""

from __future__ import annotations

import binascii
import hmac
import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from padan import canonical
from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2, error_pb2
from padan.value import value
from verifier import answer, budget, tail
from verifier.dispute import contest
from verifier.intent import Intent, Question, Settled
from verifier.log.disputes import REPLAYED
from verifier.log.store import EntryRow, ReplayRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verifier.log.beside import Kept
    from verifier.log.store import ReplayKey, StoredReplay
    from verifier.logtime import LogTime

_REUSED = "REQUEST_ID_REUSED"
_QUOTA = "QUOTA_EXHAUSTED"
_CONTEST_TAG = b"\x32" + bytes((contest.SIZE,))  # field 6 of VerifyResponse, length-delimited
_RECEIPT_TAG = b"\x3a"  # field 7 of VerifyResponse, length-delimited
_VERDICT_NAMES: dict[int, bytes] = {
    int(number): name.removeprefix("VERDICT_").encode() for name, number in attribute_pb2.Verdict.items()
}
_LOST = "LOG_UNAVAILABLE"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class ReceiptSigner(Protocol):
    """Signs receipts; `header` is the encoded JOSE header, fixed for a key."""

    @property
    def header(self) -> bytes:
        """The protected header, base64url, ASCII."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign; 64 bytes."""
        ...


class ReplaySeal(Protocol):
    """Seals stored answers under the key of the day."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Seal."""
        ...

    def open(self, box: bytes, aad: bytes) -> bytes:
        """Open."""
        ...


@value
class Group:
    """What the commit knows of a group of intents.

    Attributes:
        disputes: for each intent that opens one, in their order, what `DisputeRows.open` said.
    """

    intents: Sequence[Intent]
    fresh: frozenset[ReplayKey]
    stored: Mapping[ReplayKey, StoredReplay]
    used: dict[bytes, int]
    time: LogTime
    disputes: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What the commit must write, and what the callers get once it is durable."""

    settled: list[Settled] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    replays: list[ReplayRow] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    receipts: int = 0
    reopened: int = 0
    """Stored answers that were opened to be given again."""


@value
class _Answered:
    """The first answer to a request_id, for the repetitions in the same group or later."""

    digest: bytes
    settled: Settled


class Settlement:
    """Settles groups. It holds the keys of receipts and stored answers, and no other."""

    def __init__(
        self,
        *,
        signer: ReceiptSigner | None,
        replay_seal: Callable[[int], ReplaySeal],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.signer = signer
        self._replay_seal = replay_seal
        self._random = random

    def settle(self, group: Group) -> Outcome:
        """Fix every outcome of a group.

        `group.used` is changed to what the counters must hold afterwards.
        """
        outcome = Outcome()
        answered: dict[ReplayKey, _Answered] = {}
        disputes = iter(group.disputes)
        for intent in group.intents:
            question = intent.question
            if question is None:
                said = next(disputes) if intent.opening is not None else ""
                settled = self._note(outcome, intent, group.time, said)
            elif question.replay in answered:
                settled = self._repeat(outcome, intent, question, group.time, answered[question.replay])
            elif question.replay not in group.fresh:
                settled = self._replay(outcome, intent, question, group)
            else:
                settled = self._answer(outcome, intent, question, group)
                if settled.body is not None:
                    answered[question.replay] = _Answered(digest=question.digest, settled=settled)
            outcome.settled.append(settled)
        return outcome

    def _note(self, outcome: Outcome, intent: Intent, time: LogTime, said: str) -> Settled:
        """Record what is no question; of a dispute what `DisputeRows.open` said."""
        if said and said != REPLAYED:
            return self._refuse(outcome, intent, time, said)
        if not said:
            outcome.kept += intent.kept
        self._record(outcome, intent, time, tail.note(time), kind=EntryKind.REPLAY if said else None)
        return Settled(replayed=bool(said))

    def _answer(self, outcome: Outcome, intent: Intent, question: Question, group: Group) -> Settled:
        counters, used, limits = question.counters, group.used, question.limits
        if limits.quota and used.get(counters.quota, 0) >= limits.quota:
            return self._refuse(outcome, intent, group.time, _QUOTA)
        used[counters.quota] = used.get(counters.quota, 0) + 1
        standing = budget.standing(counters, used, limits, question.cost_bound)
        variant = question.blocked if standing.blocked else question.released
        if question.releases and not standing.blocked:
            budget.release(counters, used)
        # A blocked answer is charged with nothing, so that the work is the same.
        budget.charge(counters, used, 0 if standing.blocked else question.units)
        if not standing.blocked:
            outcome.kept += intent.kept
        if standing.prefix_blocked:
            self._alert(outcome, intent, counters, group)
        end = tail.answer(
            group.time,
            variant.outcome,
            variant.verdicts,
            budget.count_question(counters.agency_questions, used),
            budget.count_question(counters.officer_questions, used),
        )
        leaf = self._record(outcome, intent, group.time, end, outcome_code=variant.outcome)
        reference = _CONTEST_TAG + contest.make(group.time.ms, question.digest)
        receipt = self._receipt(question, leaf, variant.outcome, group.time)
        outcome.receipts += bool(receipt)
        body = variant.body + reference + receipt
        seal = self._replay_seal(group.time.day)
        outcome.replays.append(
            ReplayRow(
                key=question.replay,
                digest=question.digest,
                body=seal.seal(body, replay_context(question)),
                day=group.time.day,
            )
        )
        return Settled(body=body, outcome=variant.outcome)

    def _replay(self, outcome: Outcome, intent: Intent, question: Question, group: Group) -> Settled:
        stored = group.stored.get(question.replay)
        if stored is None or not stored.body:
            # Claimed by a commit of another worker that has not ended well: the caller comes again.
            return self._refuse(outcome, intent, group.time, _LOST)
        if not hmac.compare_digest(stored.digest, question.digest):
            return self._refuse(outcome, intent, group.time, _REUSED)
        body = self._replay_seal(stored.day).open(stored.body, replay_context(question))
        outcome.reopened += 1
        first = _Answered(digest=stored.digest, settled=Settled(body=body))
        return self._repeat(outcome, intent, question, group.time, first)

    def _repeat(
        self,
        outcome: Outcome,
        intent: Intent,
        question: Question,
        time: LogTime,
        first: _Answered,
    ) -> Settled:
        if not hmac.compare_digest(first.digest, question.digest):
            return self._refuse(outcome, intent, time, _REUSED)
        self._record(outcome, intent, time, tail.note(time), kind=EntryKind.REPLAY)
        return Settled(body=first.settled.body, outcome=first.settled.outcome, replayed=True)

    def _refuse(self, outcome: Outcome, intent: Intent, time: LogTime, reason: str) -> Settled:
        number = error_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")
        self._record(outcome, intent, time, tail.refusal(time, number), kind=EntryKind.REFUSED)
        return Settled(reason=reason)

    def _alert(self, outcome: Outcome, intent: Intent, counters: budget.Counters, group: Group) -> None:
        count = group.used[counters.prefix_alert] = group.used.get(counters.prefix_alert, 0) + 1
        if count > 1:
            return
        spent = group.used.get(counters.agency_prefix, 0)
        head = canonical.encode(
            {
                Field.KIND: int(EntryKind.BUDGET_ALERT).to_bytes(2, "big"),
                Field.AGENCY: intent.agency.encode(),
                Field.OFFICER: intent.officer.encode(),
                Field.DETAIL: canonical.encode_list([b"budget=prefix", b"units=%d" % spent]),
            }
        )
        alert = Intent(
            kind=EntryKind.BUDGET_ALERT,
            agency="",  # the agency does not see alerts about itself
            officer="",
            purpose="",
            head=head,
            salt=self._random(log_entry.SALT_SIZE),
            question=None,
        )
        self._record(outcome, alert, group.time, tail.note(group.time))

    def _record(
        self,
        outcome: Outcome,
        intent: Intent,
        time: LogTime,
        end: bytes,
        *,
        kind: int | None = None,
        outcome_code: int = 0,
    ) -> bytes:
        data = log_entry.join(intent.head if kind is None else _with_kind(intent.head, kind), end)
        leaf = log_entry.leaf(intent.salt, data)
        outcome.entries.append(
            EntryRow(  # by place, which costs half as much as by name
                intent.kind if kind is None else kind,
                intent.agency,
                intent.purpose,
                outcome_code,
                time.ms,
                data,
                intent.salt,
                leaf,
            )
        )
        return leaf

    def _receipt(self, question: Question, leaf: bytes, verdict: int, time: LogTime) -> bytes:
        signer = self.signer  # one for header and signature, though another may take its place meanwhile
        if signer is None or not question.receipt:
            return b""
        claims = question.receipt + b',"iat":%d,"leaf":"%s","outcome":"%s"}' % (
            time.ms // 1000,
            leaf.hex().encode(),
            _VERDICT_NAMES[verdict],
        )
        signed = signer.header + b"." + _b64(claims)
        token = signed + b"." + _b64(signer.sign(signed))
        return _RECEIPT_TAG + answer.varint(len(token)) + token


def replay_context(question: Question) -> bytes:
    """Bind a stored answer to its caller, its request and the request's digest."""
    agency, request_id = question.replay
    return _replay_label(agency) + request_id + question.digest


@lru_cache(maxsize=4096)
def _replay_label(agency: str) -> bytes:
    return canonical.prefixed("padan/replay/1", agency)


def _with_kind(head: bytes, kind: int) -> bytes:
    """Change the kind of an encoded head: it is the first field, two bytes after a header of six."""
    return head[:6] + kind.to_bytes(2, "big") + head[8:]


def _b64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")
