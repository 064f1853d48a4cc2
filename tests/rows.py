"""All rows of an epoch, for tests that compare whole vaults."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from verifier.vault.store import Row


def rows_of(database: str, number: int) -> list[Row]:
    """Read every row of an epoch, by token."""
    with closing(open_rows(database)) as vault:
        return [row for part in vault.parts(number) for row in part]
