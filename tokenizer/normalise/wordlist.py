"""Word lists as the normaliser's modules write them down."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Read words with spaces between them."""
    return frozenset(text.split())


def spellings(text: str) -> dict[str, str]:
    """Read lines "FORM: SPELLING SPELLING ..." as spelling to form."""
    lines = (line.split(":") for line in text.strip().splitlines())
    return {spelling: form.strip() for form, written in lines for spelling in written.split()}
