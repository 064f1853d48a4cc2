"""What questions with captures stand on, beside what every question does; each has a simulator in the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.templatekey import TemplateKeys
    from padan.v1 import biometric_pb2, verification_pb2
    from tokenizer.biometrics.scheme import Scheme, Suite
    from tokenizer.biometrics.template import Template
    from verifier.epoch import PinnedEpoch, RowPair
    from verifier.reference.references import Wanted


class Probes(Protocol):
    """Opens what is sealed."""

    def binding(self, request: verification_pb2.VerifyRequest, agency: str) -> Any:
        """Compute what the probes of an agency's request are bound to."""
        ...

    def open(self, probe: biometric_pb2.Probe, binding: Any, *, field: str) -> bytes:
        """Open a probe; gives the serialised Template.

        Args:
            probe: as it came.
            binding: of the request that it came with.
            field: path of the probe in the request.

        Raises:
            CallerError: it is sealed to a key that is no more, damaged, or of another request.
        """
        ...


class Believed(Protocol):
    """What is believed of what a device says."""

    @property
    def device(self) -> str:
        """Id of the device."""
        ...

    @property
    def presentation_attack(self) -> int:
        """Number of the padan.v1.PresentationAttack that counts."""
        ...


class Devices(Protocol):
    """Knows capture devices."""

    def check(
        self, probe: biometric_pb2.Probe, binding: Any, template: bytes, *, now: float, field: str
    ) -> Believed:
        """See that what a probe says of its capture is signed by a registered device, over this request and template.

        Args:
            probe: with what the device says.
            binding: of the request that it came with.
            template: as it was sealed, serialised.
            now: seconds of the Unix epoch.
            field: path of the probe in the request.

        Raises:
            CallerError: it is not; the message names the rule.
            ServiceError: the list of devices cannot be read.
        """
        ...


class Reading(Protocol):
    """A template that was read."""

    @property
    def template(self) -> Template:
        """The arrays."""
        ...

    @property
    def position(self) -> int:
        """Which finger, 1 to 10; which eye, 1 or 2; 0 for a face."""
        ...


class Thresholds(Protocol):
    """The installation's calibration."""

    def threshold(self, extractor: str, suite: str, level: str) -> float:
        """Find the lowest score that is accepted.

        Args:
            extractor: "NAME/VERSION".
            suite: name of the suite.
            level: "substantial" or "high".

        Raises:
            TokenizerError: there is none.
        """
        ...

    def elements(self, extractor: str, suite: str) -> int | None:
        """Say of how many elements an extractor's embeddings are; None where it is not known, or they are none."""
        ...


class Keys(Protocol):
    """Gives what derives the keys of enrolments."""

    def templates(self, key_id: int | None = None) -> TemplateKeys:
        """Give it, of one key.

        Raises:
            KeysError: there is none.
        """
        ...


class Reference(Protocol):
    """What lies in the box of a reference, or of a decoy."""

    @property
    def suite(self) -> int:
        """Number of the suite that protects it."""
        ...

    @property
    def key_id(self) -> int:
        """Id of the biometric key."""
        ...

    @property
    def draw(self) -> bytes:
        """Give b, 16 bytes."""
        ...

    @property
    def renewal(self) -> int:
        """How often it was renewed."""
        ...

    @property
    def protected(self) -> bytes:
        """The protected template."""
        ...


class Candidate(Protocol):
    """What a probe is compared with."""

    @property
    def reference(self) -> Reference:
        """The subject's reference, or a decoy that takes as long."""
        ...

    @property
    def counts(self) -> bool:
        """Whether it is the subject's own, of the probe's extractor."""
        ...


class EpochReferences(Protocol):
    """The references of one epoch."""

    def slots(self, suite: Suite, position: int) -> tuple[Any, ...]:
        """Name the slots of a position, one a sample; each opens two rows.

        Raises:
            TokenizerError: the modality has no such position.
        """
        ...

    def lookup(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[RowPair]]:
        """Fetch two rows for each slot of each probe, in one look-up: reference and decoy, or two decoys.

        Raises:
            ServiceError: the vault cannot be read.
        """
        ...

    def open(self, wanted: Wanted, rows: Sequence[RowPair], extractor: str) -> Sequence[Candidate]:
        """Open both rows of each slot of a probe; gives a candidate a slot.

        Raises:
            RowDamagedError: a row does not open.
        """
        ...


class References(Protocol):
    """Protected references of residents."""

    def of(self, epoch: PinnedEpoch) -> EpochReferences:
        """Pin those of an epoch that is pinned.

        Raises:
            KeysError: a key is missing.
        """
        ...


@value
class Means:
    """All of it.

    Attributes:
        read: reads a serialised Template of a modality ("face", "finger" or "iris"); raises TokenizerError.
        scheme: gives the construction by which a modality is enrolled.
        locked: says whether marks of a resident lock one of these modalities (numbers of their attributes).
    """

    probes: Probes
    devices: Devices
    read: Callable[[bytes, str], Reading]
    scheme: Callable[[str], Scheme]
    thresholds: Thresholds
    references: References
    keys: Keys
    locked: Callable[[int, Sequence[int]], bool]
