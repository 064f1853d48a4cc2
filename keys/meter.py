"""How often each key was used in this process: counted by the objects that compute, whoever holds them.

Guarantees: a count misses nothing and counts nothing twice, under any number of threads. Assumes that keys are used by
way of the objects of this package: who takes the bytes of a key out of the process's memory is not counted.
"""

from __future__ import annotations

import enum
import itertools
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keys.purpose import Purpose

    Tick = Callable[[], object]


class Act(enum.StrEnum):
    """What was done with a key, or with one that is derived from it."""

    MAC = "mac"
    """A keyed hash was computed."""
    TOKEN = "token"  # noqa: S105 - the name of an act
    """A record id was turned into a stored token, or the other way."""
    SEAL = "seal"
    OPEN = "open"
    """A box was opened; one that does not open is not counted."""
    SIGN = "sign"
    EVALUATE = "evaluate"
    """An element of an agency's token, or of the match domain, was made."""
    KEEP = "keep"
    """A box of a table that stands beside the vault was sealed."""
    FETCH = "fetch"
    """Such a box was opened; one that does not open is not counted."""
    TEMPLATE = "template"
    """The key of an enrolment was derived, for a template to be protected."""


class Used(NamedTuple):
    """Which key, and what was done with it."""

    purpose: Purpose
    key_id: int
    act: Act


class Meter:
    """Counts one act of one key.

    Attributes:
        tick: counts one more; costs some 30 ns.
    """

    __slots__ = ("_count", "_lock", "_reads", "tick")

    def __init__(self) -> None:
        self._count = itertools.count()
        # One step under threads, where "+= 1" is not.
        self.tick: Tick = self._count.__next__
        self._reads = 0
        self._lock = threading.Lock()

    def read(self) -> int:
        """Give the count."""
        with self._lock:  # the iterator's number can be had by taking one alone, which is taken off again
            found = next(self._count) - self._reads
            self._reads += 1
        return found


class Meters:
    """Counts all acts of all keys of one process."""

    def __init__(self) -> None:
        self._meters: dict[Used, Meter] = {}
        self._alike: dict[tuple[Purpose, Act], list[Meter]] = {}
        self._lock = threading.Lock()

    def tick(self, purpose: Purpose, key_id: int, act: Act) -> Tick:
        """Give what counts an act of a key; the same for all objects of that key."""
        used = Used(purpose, key_id, act)
        with self._lock:
            meter = self._meters.get(used)
            if meter is None:
                meter = self._meters[used] = Meter()
                self._alike.setdefault((purpose, act), []).append(meter)
        return meter.tick

    def read(self) -> Mapping[Used, int]:
        """Give all counts."""
        with self._lock:
            meters = list(self._meters.items())
        return {used: meter.read() for used, meter in meters}

    def total(self, purpose: Purpose, act: Act) -> int:
        """Give the count of an act of all keys of a purpose together."""
        return sum([meter.read() for meter in self._alike.get((purpose, act), ())])


class Uncounted:
    """In the place of `Meters` where nobody counts."""

    def tick(self, purpose: Purpose, key_id: int, act: Act) -> None:
        """Give nothing that counts."""
