"""What the operator asks a check for."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from verifier.consistency.errors import SampleError
from verifier.consistency.tally import MOST_ROWS
from verifier.projector.fieldmap import FieldMap
from verifier.projector.order import CHUNK_ROWS

if TYPE_CHECKING:
    from datetime import date

_PERCENT: Final = "%"


class RegionLevel(enum.StrEnum):
    """How finely regions of residence are told apart."""

    PROVINCE = "province"
    REGENCY = "regency"
    DISTRICT = "district"

    @property
    def digits(self) -> int:
        """Digits of such a region's code."""
        return _DIGITS[self]


_DIGITS: Final = {RegionLevel.PROVINCE: 2, RegionLevel.REGENCY: 4, RegionLevel.DISTRICT: 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How much of the source is taken: a share, or about so many people.

    Attributes:
        share: of the people, up to 1 for all; 0 where `people` says it.
        people: about how many; 0 where `share` says it.
    """

    share: float = 1.0
    people: int = 0

    @classmethod
    def parse(cls, text: str) -> Sample:
        """Read "10000" as people, "2.5%" or "0.025" as a share, and nothing as all.

        Raises:
            SampleError: neither.
        """
        if not text:
            return cls()
        try:
            if text.endswith(_PERCENT):
                share = float(text.removesuffix(_PERCENT)) / 100
            elif text.isascii() and text.isdigit() and int(text):
                return cls(share=0, people=int(text))
            else:
                share = float(text)
        except ValueError:
            share = 0.0
        if not 0 < share <= 1:
            raise SampleError(f"{text}: a sample is a number of people, or a share such as 2.5% or 0.025")
        return cls(share=share)

    def of(self, people: int) -> float:
        """Say which share it is of so many people."""
        return self.share or min(1.0, self.people / max(people, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the operator asks for.

    Attributes:
        source: a path or a URL.
        table: the table behind a URL.
        field_map: which column is which field.
        epoch: number of the epoch; None for the active one.
        sample: how much of the source is taken.
        position: the highest position of the registry's changes that the source holds; None for what the epoch has
            followed when the check begins.
        as_of: the day that the source speaks of; None is today.
        region_level: how finely regions are told apart.
        workers: worker processes.
        rate: people a second at most; 0 for no limit.
        niceness: how far the processes stand back behind others, 0 to 19.
        fresh: whether to throw away what a killed check of the same terms left.
        chunk_rows: rows of a chunk.
        most_rows: rows that are listed by number.
    """

    source: str
    table: str = ""
    field_map: FieldMap = field(default_factory=FieldMap)
    epoch: int | None = None
    sample: Sample = field(default_factory=Sample)
    position: int | None = None
    as_of: date | None = None
    region_level: RegionLevel = RegionLevel.PROVINCE
    workers: int = 1
    rate: int = 0
    niceness: int = 0
    fresh: bool = False
    chunk_rows: int = CHUNK_ROWS
    most_rows: int = MOST_ROWS
