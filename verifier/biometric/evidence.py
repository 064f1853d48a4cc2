"""Captures as evidence: compared with every reference of their position, and with decoys in the place of those missing.

Guarantees: the work is the same whether the resident, the modality or a reference is held, and whatever matched; a
decoy, and a reference of another extractor or suite or of a key whose time is over, is compared like any other and
never counts. No score leaves `compare`: what comes out of it is whether a threshold was reached by one of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from keys.errors import KeyStateError
from verifier.decision import Finding
from verifier.epoch import RowDamagedError
from verifier.reference.references import ROWS, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.templatekey import TemplateKeys
    from tokenizer.record import Record
    from verifier.biometric.ports import Candidate, EpochReferences, Keys
    from verifier.biometric.reception import Capture, Received
    from verifier.epoch import RowPair
    from verifier.evidence import Evidence


class CapturedEvidence:
    """Claims and captures of one request."""

    __slots__ = (
        "_candidates",
        "_claims",
        "_keys",
        "_modalities",
        "_references",
        "_rows",
        "_wanted",
        "received",
    )

    def __init__(
        self,
        received: Received,
        *,
        claims: Evidence,
        modalities: Sequence[int],
        references: EpochReferences,
        keys: Keys,
    ) -> None:
        """Bring together what is compared.

        Args:
            received: the captures.
            claims: what is claimed besides.
            modalities: their attributes, each once, in the order in which they are answered.
            references: of the epoch that the request is answered from.
            keys: derive the keys of enrolments.
        """
        self.received = received
        self._claims = claims
        self._modalities = tuple(modalities)
        self._references = references
        self._keys = keys
        self._wanted: tuple[Wanted, ...] = ()
        self._rows: Sequence[Sequence[RowPair]] = ()
        self._candidates: list[Sequence[Candidate]] = []

    @property
    def opens(self) -> int:
        """Rows that `open` opens, once they are fetched."""
        return ROWS * sum(len(wanted.slots) for wanted in self._wanted)

    def lookup(self, record_id: bytes, request_id: bytes) -> None:
        """Fetch the rows of every capture's references, in one look-up.

        Args:
            record_id: of the subject, 16 bytes.
            request_id: picks the decoys.

        Raises:
            ServiceError: the vault cannot be read.
        """
        self._wanted = tuple(
            Wanted(
                record_id=record_id,
                request_id=request_id,
                slots=self._references.slots(capture.scheme.suite, capture.position),
            )
            for capture in self.received.captures
        )
        self._rows = self._references.lookup(self._wanted)

    def open(self) -> None:
        """Open the rows that were fetched.

        Raises:
            RowDamagedError: one does not open.
        """
        opened = 0
        for capture, wanted, rows in zip(self.received.captures, self._wanted, self._rows, strict=True):
            try:
                self._candidates.append(self._references.open(wanted, rows, capture.extractor))
            except RowDamagedError as error:
                raise RowDamagedError(str(error), opened=opened + error.opened) from error
            opened += ROWS * len(wanted.slots)

    def compare(self, record_id: bytes, record: Record) -> Sequence[Finding]:
        """Compare every claim with a record, and every capture with every candidate.

        A modality's finding has the number of its captures, which is the request's whatever is held.
        """
        tried = Counter(capture.attribute for capture in self.received.captures)
        matched = dict.fromkeys(self._modalities, False)
        held = dict.fromkeys(self._modalities, False)
        for capture, candidates in zip(self.received.captures, self._candidates, strict=True):
            for candidate in candidates:
                accepted, counts = self._accepts(capture, candidate)
                matched[capture.attribute] |= accepted & counts
                held[capture.attribute] |= counts
        captured = [
            Finding(
                attribute=attribute,
                matched=matched[attribute],
                held=held[attribute],
                captures=tried[attribute],
            )
            for attribute in self._modalities
        ]
        return [*self._claims.compare(record_id, record), *captured]

    def _accepts(self, capture: Capture, candidate: Candidate) -> tuple[bool, bool]:
        """Compare a capture with a candidate: whether the threshold is reached, and whether that counts."""
        reference, scheme = candidate.reference, capture.scheme
        suite = scheme.suite
        keys, lives = self._keys_of(reference.key_id)
        key = keys.derive(
            suite=suite.name,
            modality=capture.modality,
            extractor=capture.extractor,
            draw=reference.draw,
            renewal=reference.renewal,
        )
        # Of another suite the size may be another one; it is compared all the same, and does not count.
        protected = reference.protected.ljust(suite.size, b"\0")[: suite.size]
        score = scheme.score(capture.prepared, key, protected)
        return score >= capture.threshold, candidate.counts & (reference.suite == suite.number) & lives

    def _keys_of(self, key_id: int) -> tuple[TemplateKeys, bool]:
        """Give what derives the keys of enrolments under a key, and whether that one may still be used.

        Where its time is over the primary one takes its place: decoys are under that, so a refusal would tell who is
        enrolled and was not renewed.
        """
        try:
            return self._keys.templates(key_id), True
        except KeyStateError:
            return self._keys.templates(), False

    def __repr__(self) -> str:
        return "CapturedEvidence(<redacted>)"
