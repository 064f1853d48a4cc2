"""A grant as it stands in a document: for whom, on what mandate, from when until when, and over what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from verifier.auditor.reach import Reach

AuditorId = NewType("AuditorId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One version of an auditor's grant.

    Attributes:
        auditor: the id in the auditor's certificate.
        version: from 1; a higher one replaces a lower one.
        mandate: what it rests on, such as a letter with its number.
        valid_from: first second of its validity, Unix epoch.
        valid_until: first second without it.
        reach: what may be read.
        trails: whether the auditor may, with another one, open the trail of a resident.
    """

    auditor: AuditorId
    version: int
    mandate: str
    valid_from: int
    valid_until: int
    reach: Reach
    trails: bool = False

    def is_in_force(self, now: float) -> bool:
        """Say whether a moment, seconds of the Unix epoch, is within its validity."""
        return self.valid_from <= now < self.valid_until
