"""A question about a resident who is present: with captures, sealed for it to the service's key of now.

Guarantees: captures leave only sealed, and only to a key that the service's receipt keys signed; those that the agency
keeps, where it does. Where that key is no more they are sealed once again, to the one that the refusal brings:
request_id, blind and everything else stay, and the service binds a capture by what it holds, so that it is the same
question. Assumes the extra `sealing`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from padan import answer
from padan.errors import InternalError, InvalidRequestError, Violation
from padan.extras import sealing_missing
from padan.v1 import verification_pb2
from padan.vocabulary import Modality

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from padan.answer import Verification
    from padan.capture import Capture
    from padan.errors import PadanError
    from padan.info import ServiceInfo
    from padan.question import Question
    from padan.v1 import biometric_pb2

VERIFY_BIOMETRIC: Final = "/padan.v1.VerificationService/VerifyBiometric"
MAX_CAPTURES: Final = 4
KEY: Final = "probe"
"""The purpose of the key that captures are sealed to."""


def method(link: Any) -> Any:
    """Make the call, of a channel of grpc or of grpc.aio: bytes in, so that a repeated attempt sends the same."""
    return link.unary_unary(
        VERIFY_BIOMETRIC,
        request_serializer=None,
        response_deserializer=verification_pb2.VerifyBiometricResponse.FromString,
    )


def is_current(service: ServiceInfo | None) -> bool:
    """Say whether what the service said of itself has a key that captures may still be sealed to."""
    key = None if service is None else service.key(KEY)
    return key is not None and key.not_after is not None and datetime.now(tz=UTC) < key.not_after


class Presence:
    """One question with its captures.

    Attributes:
        body: the bytes to send.
    """

    __slots__ = ("_attributes", "_message", "_question", "_sealer", "body")

    def __init__(
        self,
        question: Question,
        captures: Sequence[Capture],
        service: ServiceInfo,
        signers: Sequence[bytes] | None = None,
    ) -> None:
        """Seal the captures.

        Args:
            question: from `Question.build`; with `beside_captures` it may claim nothing.
            captures: 1 to 4, in the order in which the service shall read them.
            service: what the service says of itself.
            signers: the public keys that sign its receipts, where the agency keeps them; default what the service says.

        Raises:
            InvalidRequestError: there are none, or too many, or one cannot be sealed.
            ConfigError: the extra `sealing` is not installed.
            PadanError: the service tells no key for captures, or none that these keys signed.
        """
        if not 1 <= len(captures) <= MAX_CAPTURES:
            raise InvalidRequestError(
                "the request is malformed",
                reason="INVALID_FIELD",
                fields=(Violation(field="probes", rule=f"1 to {MAX_CAPTURES} probes"),),
            )
        if not service.agency_id:
            raise InternalError("the service does not say who the caller is", reason="WRONG_ANSWER")
        try:
            from padan.capture import Sealer  # noqa: PLC0415 - needs an extra
            from padan.probe import Binding  # noqa: PLC0415 - likewise
            from padan.servicekey import signers_of  # noqa: PLC0415 - likewise
        except ModuleNotFoundError:
            raise sealing_missing() from None
        self._question = question
        self._message = verification_pb2.VerifyRequest.FromString(question.body)
        self._attributes = attributes(each.modality for each in captures)
        binding = Binding.of(
            self._message,
            registry_id=service.registry_id,
            environment=service.environment,
            agency=service.agency_id,
        )
        believed = signers_of(service) if signers is None else signers
        self._sealer = Sealer(binding, captures, key=service.key(KEY), signers=believed)
        self.body = self._with(self._sealer.probes())

    def again(self, error: PadanError) -> bytes:
        """Seal once again where the key that was sealed to is no more, and give the bytes to send.

        Raises:
            PadanError: the same error, where it is for another reason or this was done before.
        """
        self.body = self._with(self._sealer.again(error))
        return self.body

    def read(self, response: verification_pb2.VerifyBiometricResponse) -> Verification:
        """Read the answer.

        Raises:
            InternalError: it does not belong to the question.
        """
        return answer.read(response.answer, self._question, captured=self._attributes)

    def _with(self, probes: Iterable[biometric_pb2.Probe]) -> bytes:
        message = verification_pb2.VerifyBiometricRequest(question=self._message, probes=probes)
        return message.SerializeToString(deterministic=True)

    def __repr__(self) -> str:
        return "Presence(<redacted>)"


def attributes(modalities: Iterable[int]) -> tuple[int, ...]:
    """List what captures are of, as answers name it: each modality once, in the order in which it comes first."""
    return tuple(dict.fromkeys(int(Modality.of(each).attribute) for each in modalities))
