"""Captures of a question, sealed to the verifier's current key; and sealed once more where it has another one by now.

    sealer = Sealer(binding, captures, key=..., signers=...)
    try:
        answer = send(sealer.probes())
    except PadanError as error:
        answer = send(sealer.again(error))

Guarantees: nothing is sealed to a key that the service's receipt keys did not sign; a question is sealed twice at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from padan import probe
from padan.errors import PadanError, ProbeKeyEndedError
from padan.servicekey import require_probe_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.info import ServiceKey
    from padan.probe import Binding
    from padan.v1 import biometric_pb2


class Capture:
    """What a device made of one capture. Holds a template: its repr shows none and it refuses pickling.

    Attributes:
        modality: number of the padan.v1.Modality.
        extractor: what made the template.
        template: the serialised padan.v1.Template.
        evidence: what the device says of it (`padan.probe.sign`); None where it says nothing.
    """

    __slots__ = ("evidence", "extractor", "modality", "template")

    def __init__(
        self,
        *,
        modality: int,
        extractor: biometric_pb2.Extractor,
        template: bytes,
        evidence: biometric_pb2.CaptureEvidence | None = None,
    ) -> None:
        self.modality = modality
        self.extractor = extractor
        self.template = template
        self.evidence = evidence

    def __repr__(self) -> str:
        return "Capture(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Capture holds a template and is not pickled")


class Sealer:
    """Seals the captures of one question.

    Attributes:
        key: the key that was sealed to last; keep it for the next question.
    """

    __slots__ = ("_binding", "_captures", "_is_second", "_signers", "key")

    def __init__(
        self,
        binding: Binding,
        captures: Sequence[Capture],
        *,
        key: ServiceKey | None,
        signers: Sequence[bytes],
    ) -> None:
        """Take a question's captures.

        Args:
            binding: which question they are for.
            captures: in the order of the request.
            key: the service's key for probes (`ServiceInfo.key("probe")`).
            signers: the public keys that sign the service's receipts (padan/servicekey.py).

        Raises:
            PadanError: as `padan.servicekey.require_probe_key`.
        """
        self._binding = binding
        self._captures = tuple(captures)
        self._signers = tuple(signers)
        self._is_second = False
        self.key = self._checked(key)

    def probes(self) -> tuple[biometric_pb2.Probe, ...]:
        """Seal.

        Raises:
            ProbeError: a capture cannot be sealed.
        """
        return tuple(
            probe.seal(
                self._binding,
                modality=each.modality,
                extractor=each.extractor,
                template=each.template,
                public_key=self.key.public_key,
                evidence=each.evidence,
            )
            for each in self._captures
        )

    def again(self, error: PadanError) -> tuple[biometric_pb2.Probe, ...]:
        """Seal once more, to the key that a refusal brought.

        Args:
            error: why the question was refused.

        Raises:
            PadanError: the same error, where it was for another reason, brought no key, or this was the second time; or
                as `padan.servicekey.require_probe_key`.
        """
        if self._is_second or not isinstance(error, ProbeKeyEndedError) or error.key is None:
            raise error
        self._is_second = True
        self.key = self._checked(error.key)
        return self.probes()

    def _checked(self, key: ServiceKey | None) -> ServiceKey:
        return require_probe_key(
            key,
            registry_id=self._binding.registry_id,
            environment=self._binding.environment,
            signers=self._signers,
        )
