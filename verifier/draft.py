"""Drafts intents: what is to be committed for a request that is decided, or refused.

Both answers that a commit can release are written here, before it is known which of them will leave.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from padan import commitment
from padan.entry import SALT_SIZE, EntryKind
from padan.v1 import error_pb2
from padan.value import value
from verifier import answer, head
from verifier.budget import UNBOUNDED, Limits
from verifier.decision import MATCH, cost_bound, is_present
from verifier.intent import Intent, Question
from verifier.period import NONCE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenizer.record import Handles
    from verifier.agreement.grant import Grant
    from verifier.agreement.model import Budgets
    from verifier.decision import Decision
    from verifier.epoch import PinnedEpoch
    from verifier.identity import Peer
    from verifier.ports import Periods
    from verifier.subject import Subject
    from verifier.token.subjects import Issued
    from verifier.validate import ValidRequest


@value
class Captured:
    """What a question brought besides claims.

    Attributes:
        templates: of each capture the modality and the serialised template, for the request digest.
        told: what the entry tells of them, each "name=value".
        compared: how many are good enough to be compared, each of which is a guess.
    """

    templates: commitment.Captured
    told: tuple[str, ...]
    compared: int = 0

    @property
    def kind(self) -> EntryKind:
        """The entry's kind."""
        return EntryKind.VERIFY_BIOMETRIC if self.told else EntryKind.VERIFY

    @property
    def detail(self) -> bytes:
        """The entry's encoded field DETAIL; empty where nothing was captured."""
        return head.detail(self.told) if self.told else b""

    def __repr__(self) -> str:
        return "Captured(<redacted>)"


NOTHING: Final = Captured(templates=(), told=())
"""What a question of claims alone brings besides."""


class Drafter:
    """Drafts intents. Safe to call from many threads."""

    def __init__(
        self,
        *,
        periods: Periods,
        random: Callable[[int], bytes],
        joint_subject: int,
        joint_prefix: int,
        receipts: bool,
    ) -> None:
        """Bring together what a draft needs.

        Args:
            periods: names subjects in the log.
            random: gives random bytes.
            joint_subject: failed guesses a day about one subject over all agencies.
            joint_prefix: failed guesses a day about one prefix over all agencies.
            receipts: sign a receipt for each answer.
        """
        self._periods = periods
        self._random = random
        self._joint_subject = joint_subject
        self._joint_prefix = joint_prefix
        self._receipts = receipts
        self._limits = lru_cache(maxsize=1024)(self._compute_limits)

    def decided(
        self,
        *,
        peer: Peer,
        request: ValidRequest,
        grant: Grant,
        epoch: PinnedEpoch,
        handles: Handles,
        decided: Decision,
        ready_at: float,
        issued: Issued | None = None,
        by_token: str = "",
        captured: Captured = NOTHING,
    ) -> Intent:
        """Draft the intent of a question about a resident, who is named in log and budgets by the handles.

        `issued` is the token that leaves with a match; `by_token` says which one named the resident; a match of what is
        `captured` releases the budget about them.
        """
        message, attributes, per_claim = request.message, request.attributes, grant.per_claim
        digest = commitment.request_digest(message, peer.id, captured.templates)
        nonce_and_salt = self._random(NONCE_SIZE + SALT_SIZE)
        nonce = nonce_and_salt[:NONCE_SIZE]
        reference, period = self._periods.reference(handles.log, nonce)
        released, blocked = answer.both(
            request_id=message.request_id,
            attributes=attributes,
            outcome=decided.outcome,
            verdicts=decided.verdicts,
            per_claim=per_claim,
            as_of=epoch.as_of_field,
            token=b"" if issued is None else issued.token,
        )
        return Intent(
            kind=captured.kind,
            agency=peer.id,
            officer=message.officer,
            purpose=grant.purpose,
            head=head.question(
                peer=peer,
                grant=grant,
                officer=message.officer,
                on_behalf_of=message.on_behalf_of,
                legal_basis=message.legal_basis,
                consent_receipt=message.consent_receipt,
                subject=reference,
                nonce=nonce,
                period=period,
                attributes=attributes,
                digest=digest,
                request_id=request.request_id,
                epoch=epoch.number,
                versions=epoch.versions,
                tokens=head.tokens(by_token, "" if issued is None else issued.label),
                kind=captured.kind,
                detail=captured.detail,
            ),
            salt=nonce_and_salt[NONCE_SIZE:],
            question=Question(
                replay=(peer.id, request.request_id),
                digest=digest,
                counters=epoch.counter_keys.of(
                    agency=peer.id,
                    officer=message.officer,
                    subject=handles.budget_subject,
                    prefix=handles.budget_prefix,
                    joint=not by_token,
                ),
                limits=self._limits(grant.budgets, grant.quota.calls_per_day, joint=not by_token),
                cost_bound=_bound(request, grant, decided, captured),
                units=decided.units,
                released=released,
                blocked=blocked,
                receipt=self._receipt(message.request_id, digest, grant, epoch),
                releases=bool(captured.told) and is_present(attributes, decided),
            ),
            ready_at=ready_at,
            kept=issued.kept if issued is not None and decided.outcome == MATCH else (),
        )

    def _receipt(self, request_id: str, digest: bytes, grant: Grant, epoch: PinnedEpoch) -> bytes:
        if not self._receipts:
            return b""
        return answer.receipt_claims(request_id=request_id, digest=digest, grant=grant, epoch=epoch)

    def refused(
        self, *, reason: str, peer: Peer | None, request: ValidRequest | None, subject: Subject | None
    ) -> Intent:
        """Draft the intent of a refused request; what of it was valid is recorded.

        Args:
            reason: name of an ErrorReason without its prefix.
            peer: the caller; None where the certificate names none.
            request: None where it was not valid.
            subject: whom the request named, where that is known.
        """
        reference = None
        if subject is not None:
            nonce = self._random(NONCE_SIZE)
            name, period = self._periods.reference(subject.handles.log, nonce)
            reference = (name, nonce, period)
        officer = request.message.officer if request else ""
        purpose = request.message.purpose if request else ""
        return Intent(
            kind=EntryKind.REFUSED,
            agency=peer.id if peer else "",
            officer=officer,
            purpose=purpose,
            head=head.refusal(
                reason=error_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}"),
                peer=peer,
                officer=officer,
                purpose=purpose,
                subject=reference,
                request_id=request.request_id if request else b"",
            ),
            salt=self._random(SALT_SIZE),
            question=None,
        )

    def _compute_limits(self, budgets: Budgets, calls_per_day: int, *, joint: bool) -> Limits:
        return Limits(
            subject=budgets.subject_per_day,
            prefix=budgets.prefix_per_day,
            agency=budgets.agency_per_day,
            officer=budgets.officer_per_day,
            joint_subject=self._joint_subject if joint else UNBOUNDED,
            joint_prefix=self._joint_prefix if joint else UNBOUNDED,
            quota=calls_per_day,
        )


def _bound(request: ValidRequest, grant: Grant, decided: Decision, captured: Captured) -> int:
    """Compute what must have room in the budgets, from what was asked and brought alone."""
    return cost_bound(
        request.attributes,
        per_claim=grant.per_claim,
        outcome=decided.outcome,
        captures=captured.compared,
    )
