"""Epochs and rows for tests of the vault."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

from verifier.vault.epoch import Epoch, EpochState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.vault.writer import VaultWriter

BOX_SIZE = 950


def epoch(
    number: int, *, rows: int = 0, state: EpochState = EpochState.LOADING, box_size: int = BOX_SIZE
) -> Epoch:
    """Describe an epoch."""
    return Epoch(
        number=number,
        registry="registry-1",
        format=1,
        as_of_ms=1_700_000_000_000 + number,
        key_ids={"index": 7, "row-seal": 2**31},
        normaliser="normaliser-1",
        suite="suite-1",
        decoys=4,
        box_size=box_size,
        rows=rows,
        state=state,
    )


def tokens(count: int, *, seed: int = 1) -> list[bytes]:
    """Make tokens in ascending order."""
    source = random.Random(seed)
    return sorted(source.randbytes(16) for _ in range(count))


def box(token: bytes) -> bytes:
    """Make the box of a token."""
    return hashlib.shake_128(token).digest(BOX_SIZE)


def load(writer: VaultWriter, number: int, held: Sequence[bytes], *, activate: bool) -> None:
    """Load an epoch, and activate it if wished."""
    writer.begin(epoch(number))
    writer.load_sorted((token, box(token)) for token in held)
    writer.finish()
    if activate:
        writer.activate(number)
