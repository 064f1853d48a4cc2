"""A question as it was asked: with the commitments to the captures that stood beside it, and no capture.

Whoever keeps it can prove a receipt and open a dispute later. Of a capture it holds the modality and the blinded
commitment (docs/formats/commitment.md), from which no template is found; the question itself holds a NIK, claims and
the blind, so keep it as you keep those. To the byte: docs/formats/asked.md; golden vectors: tests/vectors/asked.json.

Guarantees: a question without captures is kept as its own bytes, which every release reads; `decode` reads both, and
nothing else. Assumes that whoever keeps it keeps the commitments of that very question: the service and the receipt
find out others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from padan import canonical, commitment, presence
from padan.errors import InvalidRequestError
from padan.question import Question
from padan.v1 import verification_pb2
from padan.vocabulary import Modality

if TYPE_CHECKING:
    from collections.abc import Iterable

    from padan.capture import Capture

_LABEL: Final = canonical.prefixed("padan/asked-question/1")
"""Begins with a zero byte, with which no message of protobuf begins."""
_BODY, _MODALITIES, _COMMITMENTS = range(1, 4)
_FIELDS: Final = [_BODY, _MODALITIES, _COMMITMENTS]
_MODALITY_SIZE: Final = 2


class AskedQuestion:
    """A question and what was captured beside it; its repr is redacted and it refuses pickling.

    Attributes:
        question: what was asked.
        modalities: numbers of the padan.v1.Modality of the captures, in the order of the request; may be empty.
        commitments: the commitments to them, 32 bytes each.
    """

    __slots__ = ("commitments", "modalities", "question")

    def __init__(
        self, question: Question, *, modalities: tuple[int, ...] = (), commitments: tuple[bytes, ...] = ()
    ) -> None:
        self.question = question
        self.modalities = modalities
        self.commitments = commitments

    @classmethod
    def of(cls, question: Question | AskedQuestion, captures: Iterable[Capture] = ()) -> AskedQuestion:
        """Take a question and the captures that it is asked with; gives back what is one already.

        Args:
            question: as it is asked.
            captures: in the order in which they are handed to `padan.Client.verify_biometric`.
        """
        if isinstance(question, AskedQuestion):
            return question
        captured = [(int(each.modality), each.template) for each in captures]
        blind = verification_pb2.VerifyRequest.FromString(question.body).blind
        return cls(
            question,
            modalities=tuple(modality for modality, _ in captured),
            commitments=commitment.probe_commitments(blind, captured),
        )

    @classmethod
    def decode(cls, data: bytes) -> AskedQuestion:
        """Read what `encode` gave, or the bytes of `Question.body`.

        Raises:
            InvalidRequestError: neither of both, or of a later format.
        """
        if data[:1] != _LABEL[:1]:
            return cls(Question.from_body(data))
        if not data.startswith(_LABEL):
            raise _malformed()
        try:
            fields = canonical.decode(data.removeprefix(_LABEL))
        except canonical.CanonicalError:
            raise _malformed() from None
        if list(fields) != _FIELDS:
            raise _malformed()
        packed, joined = fields[_MODALITIES], fields[_COMMITMENTS]
        modalities = _cut(packed, _MODALITY_SIZE)
        commitments = _cut(joined, commitment.COMMITMENT_SIZE)
        numbers = tuple(int.from_bytes(each, "big") for each in modalities)
        if not 1 <= len(numbers) <= presence.MAX_CAPTURES or len(numbers) != len(commitments):
            raise _malformed()
        if not {*numbers} <= {*map(int, Modality)}:
            raise _malformed()
        return cls(Question.from_body(fields[_BODY]), modalities=numbers, commitments=commitments)

    def encode(self) -> bytes:
        """Write it as it is kept: without captures the question's own bytes."""
        if not self.commitments:
            return self.question.body
        return _LABEL + canonical.encode(
            {
                _BODY: self.question.body,
                _MODALITIES: b"".join(each.to_bytes(_MODALITY_SIZE, "big") for each in self.modalities),
                _COMMITMENTS: b"".join(self.commitments),
            }
        )

    @property
    def request_id(self) -> str:
        """The UUID under which it was asked."""
        return self.question.request_id

    @property
    def attributes(self) -> tuple[int, ...]:
        """What the answer has a verdict for: claims, then each modality once, as the service orders them."""
        return (*self.question.attributes, *presence.attributes(self.modalities))

    def message(self) -> verification_pb2.VerifyRequest:
        """Read the question's message; it holds the NIK, the claims and the blind."""
        return verification_pb2.VerifyRequest.FromString(self.question.body)

    def statement(self, agency: str) -> bytes:
        """Write what the request digest is made over.

        Args:
            agency: id of the agency that asked, from its certificate.
        """
        return commitment.statement(self.message(), agency, self.commitments)

    def digest(self, agency: str) -> bytes:
        """Compute the request digest that log and receipt carry, 32 bytes; argument as for `statement`."""
        return commitment.statement_digest(self.statement(agency))

    def __repr__(self) -> str:
        return f"AskedQuestion(request_id={self.request_id!r}, <redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AskedQuestion is not pickled; keep its encoding on purpose")


def _cut(data: bytes, size: int) -> tuple[bytes, ...]:
    """Cut a run of values of one size.

    Raises:
        InvalidRequestError: the last one is cut off.
    """
    if len(data) % size:
        raise _malformed()
    return tuple(data[at : at + size] for at in range(0, len(data), size))


def _malformed() -> InvalidRequestError:
    return InvalidRequestError(
        "the bytes are no question as padan verify --save-request keeps it", reason="MALFORMED_MESSAGE"
    )
