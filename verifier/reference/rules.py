"""The rules that a row of references can break; a reject names one, and never a value."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tokenizer import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

_NIK: Final = ("nik.missing", "nik.format", "nik.date", "nik.serial", "nik.erased")
"""Those that any row of the registry can break."""
RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{rule: errors.RULES[rule] for rule in _NIK},
        "nik.unknown": "the epoch in use holds nobody under this NIK",
        "nik.merged": "the person has another NIK now",
        "modality.unknown": "a modality is face, finger or iris",
        "position.range": "a position is 0 of a face, 1 to 10 of a finger, 1 or 2 of an iris",
        "position.differs": "the template says another position than the row",
        "extractor.format": "an extractor is NAME/VERSION",
        "template.malformed": "the template is none of this modality, or breaks a rule of its format",
        "template.elements": "an embedding has as many elements as those that its extractor was calibrated on",
        "template.quality": "the template is not good enough; a better capture is needed",
        "sample.extra": "the position has as many samples as are kept",
        "sample.contradicts": "the captures of a face contradict each other, or differ in length",
        "reference.held": "the position is enrolled already: renew it, or upgrade its extractor, one person at a time",
    }
)
"""Rule id to what it asks for."""
