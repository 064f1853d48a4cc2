"""The steps of a rotation by name, in their order: it may be killed after each, and goes on when it is run again."""

from __future__ import annotations

import enum
from typing import Final


class Step(enum.StrEnum):
    """What has just been done."""

    KEYS_MADE = "keys-made"
    BEGIN_LOGGED = "begin-logged"
    BEGUN = "begun"
    CHUNK_PROJECTED = "chunk-projected"
    PROJECTED = "projected"
    PART_MOVED = "part-moved"
    PARTS_MOVED = "parts-moved"
    LOAD_BEGUN = "load-begun"
    ROWS_LOADED = "rows-loaded"
    EPOCH_READY = "epoch-ready"
    MOVED = "moved"
    MISSING_COUNTED = "missing-counted"
    CHANGES_READ = "changes-read"
    CHANGES_CARRIED = "changes-carried"
    SAMPLED = "sampled"
    FLIP_LOGGED = "flip-logged"
    FLIPPED = "flipped"
    REVERT_LOGGED = "revert-logged"
    REVERTED = "reverted"
    FINISH_LOGGED = "finish-logged"
    CUT_OFF = "cut-off"
    ROWS_DROPPED = "rows-dropped"
    KEYS_DESTROYED = "keys-destroyed"
    FINISHED = "finished"
    ABANDONED = "abandoned"


INNER: Final = frozenset({Step.CHUNK_PROJECTED, Step.PROJECTED, Step.MISSING_COUNTED})
"""Steps of an inner rotation alone."""
