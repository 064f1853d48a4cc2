"""The interpreter's garbage collector and the C library's heap, in a process that answers for months.

A request makes a few hundred objects and no cycles, so the collector comes seldom: at the interpreter's own pace a
twentieth of the processor went to looking at them. What follows the registry or reads the head does leave cycles, some
a minute; they would lie for days, with what they hold of the C library's memory. So once a minute all is collected, and
pages that are free go back to the system.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

from verifier.housekeeping import Duty

EVERY: Final = 60.0
"""Seconds between two rounds; one takes about a millisecond, since what was there at the start is left out."""
_YOUNG_OBJECTS: Final = 20_000
_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""malloc_trim(3), where the C library has it."""


def spare() -> None:
    """Take what is there out of the collector's rounds, and let it come less often. At the end of a process's start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def duty() -> Duty:
    """Make the duty that collects."""
    return Duty(name="garbage", every=EVERY, act=collect)


def collect() -> None:
    """Collect all cycles, and give free pages back where the C library is one that can."""
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
