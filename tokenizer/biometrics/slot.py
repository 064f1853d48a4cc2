"""Where a reference stands in its table: modality, position and sample, as one small number.

    slot  u8 modality (as on the wire: 1 face, 2 finger, 3 iris) | u4 position | u4 sample, 16 bits in all

A slot has keys of its own, so that what one person has in two slots shares nothing (docs/formats/reference.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from padan.biometric.template import POSITIONS
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.biometrics.template import FACE, FINGER, IRIS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizer.biometrics.scheme import Suite

NUMBERS: Final = {FACE: 1, FINGER: 2, IRIS: 3}
"""Modalities, by their numbers on the wire."""
_NAMES: Final = {number: name for name, number in NUMBERS.items()}
_MOST_SAMPLES: Final = 16


class Slot(NamedTuple):
    """One slot.

    Attributes:
        modality: "face", "finger" or "iris".
        position: 0 of a face, 1 to 10 of a finger, 1 or 2 of an iris.
        sample: of several references of one position, from 0.
    """

    modality: str
    position: int
    sample: int = 0

    @property
    def number(self) -> int:
        """As the table has it."""
        return NUMBERS[self.modality] << 8 | self.position << 4 | self.sample

    @property
    def name(self) -> str:
        """As keys are bound to it, "finger/2/0"."""
        return f"{self.modality}/{self.position}/{self.sample}"

    @classmethod
    def numbered(cls, number: int) -> Slot:
        """Read a slot's number.

        Raises:
            TemplateError: there is no such slot.
        """
        modality = _NAMES.get(number >> 8)
        position = number >> 4 & 0xF
        if modality is None or position not in POSITIONS[modality]:
            raise TemplateError("there is no such slot of references")
        return cls(modality, position, number & 0xF)


def require_position(modality: str, position: int) -> None:
    """See that a modality has a position.

    Raises:
        TemplateError: it has not.
    """
    if position not in POSITIONS[modality]:
        places = POSITIONS[modality]
        raise TemplateError(f"a position of this modality is {places[0]} to {places[-1]}")


def slots_of(suite: Suite, position: int) -> tuple[Slot, ...]:
    """Name the slots of one position, a sample each.

    Raises:
        TemplateError: the modality has no such position.
    """
    require_position(suite.modality, position)
    return tuple(
        Slot(suite.modality, position, sample) for sample in range(min(suite.samples, _MOST_SAMPLES))
    )


def all_slots(suite: Suite) -> Iterator[Slot]:
    """Name every slot of a suite's modality."""
    for position in POSITIONS[suite.modality]:
        yield from slots_of(suite, position)
