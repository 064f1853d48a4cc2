"""What of the log a reader may see, as far as the database can tell by its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Bounds of a reading; an entry must be within all of them.

    Attributes:
        agencies: values of the column agency, "" for entries under none; None for any.
        purposes: values of the column purpose, likewise.
        kinds: ranges of kinds.
        hidden: kinds that are left out of the ranges.
    """

    agencies: Collection[str] | None
    purposes: Collection[str] | None
    kinds: Collection[range]
    hidden: Collection[int]
