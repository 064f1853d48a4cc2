"""The main path for questions with captures: the core's eight steps, with captures beside the claims in each.

 2 validate the request, and each probe  3 find the agreement, which grants modalities as it grants attributes
 4 make the captures ready: what is not good enough is decided here, before any look-up  5 fetch the references beside
   the record: two rows a slot, held or not  6 compare every capture with every reference or decoy
 8 answer in a VerifyBiometricResponse around the bytes that the commit released

A request has the same cost and size whether resident, modality or match are there. The captures of a request that is
refused are gone with it; a template is kept nowhere, and no score leaves the comparison.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keys.errors import KeysError
from padan.vocabulary import MODALITIES
from verifier import answer
from verifier.biometric import request as biometric
from verifier.biometric.errors import BiometricsClosedError
from verifier.biometric.evidence import CapturedEvidence
from verifier.biometric.reception import receive
from verifier.core import Verifier, present
from verifier.decision import poor
from verifier.draft import NOTHING
from verifier.epoch import RowDamagedError
from verifier.errors import RegistryUnavailableError, ServiceError
from verifier.resident.mark import ERASED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizer.record import Handles
    from verifier.biometric.ports import Means
    from verifier.call import Now, Reply
    from verifier.core import Work
    from verifier.decision import Decision
    from verifier.draft import Captured
    from verifier.intent import Intent, Settled
    from verifier.validate import ValidRequest


class BiometricVerifier(Verifier):
    """Answers questions with captures. Safe to call from many threads."""

    def __init__(self, means: Means | None, **core: Any) -> None:
        """Bring together what the path needs.

        Args:
            means: what captures stand on; None where this service has no references, so that every question is
                refused, and logged.
            core: the arguments of `Verifier`; `slot` is the time in which every comparison ends.
        """
        super().__init__(**core)
        self._means = means

    def _read(self, raw: bytes, now: Now) -> ValidRequest:
        return biometric.check(biometric.parse(raw), today=now.today, now=now.wall)

    def _tokenise(self, work: Work, now: Now) -> None:
        if self._means is None:
            raise BiometricsClosedError("this service has no biometric references")
        super()._tokenise(work, now)
        request, means = present(work.request), self._means
        received = receive(
            means, request, present(work.grant).biometrics, agency=present(work.peer).id, now=now.wall
        )
        try:
            references = means.references.of(present(work.epoch))
        except KeysError as error:
            raise RegistryUnavailableError("a key of the references is missing") from error
        work.evidence = CapturedEvidence(
            received,
            claims=present(work.evidence),
            modalities=request.attributes[len(request.values) :],
            references=references,
            keys=means.keys,
        )

    def _fetch(self, batch: list[Work]) -> None:
        comparing = [work for work in batch if work.error is None and not _evidence(work).received.is_poor]
        super()._fetch(comparing)
        for work in comparing:
            if work.error is None:
                try:
                    _evidence(work).lookup(present(work.subject).record_id, present(work.request).request_id)
                except ServiceError as error:
                    work.error = error
                except KeysError:
                    work.error = RegistryUnavailableError("a key of the references is missing")

    def _decide(self, work: Work, now: Now) -> None:
        evidence = _evidence(work)
        if evidence.received.is_poor:
            said = poor(len(present(work.request).attributes))
            work.intent = self._draft(work, present(work.subject).handles, said)
            return
        rows = evidence.opens
        self._opened.expect(rows)
        try:
            evidence.open()
        except RowDamagedError as error:
            self._opened.expect(error.opened - rows)
            work.opened = error.opened
            raise
        try:
            super()._decide(work, now)
        except KeysError as error:
            raise RegistryUnavailableError("the key of a reference is missing") from error
        finally:
            work.opened += rows

    def _is_withheld(self, work: Work, marks: int) -> bool:
        asked = [attribute for attribute in present(work.request).attributes if attribute in MODALITIES]
        locked = present(self._means).locked(marks, asked) and not marks & ERASED
        return super()._is_withheld(work, marks) | locked

    def _draft(self, work: Work, handles: Handles, decided: Decision, captured: Captured = NOTHING) -> Intent:
        del captured
        return super()._draft(work, handles, decided, _evidence(work).received.captured)

    def _answer(
        self, batch: list[Work], settled: Sequence[Settled], error: ServiceError | None
    ) -> list[Reply]:
        return [_enclosed(reply) for reply in super()._answer(batch, settled, error)]


def _evidence(work: Work) -> CapturedEvidence:
    evidence = work.evidence
    if not isinstance(evidence, CapturedEvidence):
        raise TypeError("step 4 was left out")
    return evidence


def _enclosed(reply: Reply) -> Reply:
    return reply if reply.body is None else replace(reply, body=answer.enclosed(reply.body))
