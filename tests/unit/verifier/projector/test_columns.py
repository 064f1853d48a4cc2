"""Column names."""

from __future__ import annotations

from tokenizer.person import FIELDS
from verifier.projector.columns import COLUMNS


def test_columns_are_the_fields_that_are_read() -> None:
    """What a person is read from and what a row holds are the same names, each once."""
    assert set(COLUMNS) == set(FIELDS)
    assert len(COLUMNS) == len(FIELDS)
