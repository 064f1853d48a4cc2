"""Marks on residents, lifted without officers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from verifier.log.open import open_log

if TYPE_CHECKING:
    from verifier.resident.mark import Mark


def lift(database: str, tombstone: bytes, mark: Mark) -> bool:
    """Take a mark off a number; says whether it was there."""
    with closing(open_log(database)) as log, log.transaction() as transaction:
        return transaction.marks().lift(tombstone, mark)
