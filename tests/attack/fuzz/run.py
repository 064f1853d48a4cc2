"""Fuzzes one target guided by coverage (atheris, libFuzzer): `python -m tests.attack.fuzz.run TARGET FOLDER SECONDS`.

FOLDER takes what reaches something new. Ends with an error at the first finding: an exception that the target does not
promise, an input that takes longer than it may, or too much memory. At the end one JSON line says what was done.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_MS = 50.0
MOST_MIB = 512
PACKAGES = ("padan", "keys", "tokenizer", "verifier")
_MAX_BYTES = 16_384
_WARM_UP = 200
_REPEATS = 3


class Stopwatch:
    """Runs a target and remembers the longest time; a slow input is tried again, since machines hesitate."""

    def __init__(self, target: Callable[[bytes], None], *, warm_up: int = _WARM_UP) -> None:
        self._target = target
        self._warm_up = warm_up
        self.inputs = 0
        self.longest_ms = 0.0

    def __call__(self, data: bytes) -> None:
        """Run one input.

        Raises:
            AssertionError: it takes too much of the processor's time, again and again.
        """
        taken = self._take(data)
        self.inputs += 1
        if self.inputs <= self._warm_up:
            return
        if taken > LONGEST_MS:
            taken = min(taken, *(self._take(data) for _ in range(_REPEATS)))
        self.longest_ms = max(self.longest_ms, taken)
        if taken > LONGEST_MS:
            raise AssertionError(f"{taken:.1f} ms for {len(data)} bytes")

    def _take(self, data: bytes) -> float:
        begun = time.thread_time()
        self._target(data)
        return (time.thread_time() - begun) * 1_000


def rss_mib() -> float:
    """Say the most memory that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def main() -> None:
    """Fuzz."""
    name, folder, seconds = sys.argv[1:]
    atheris: Any = importlib.import_module("atheris")  # only `make attack` has it
    with atheris.instrument_imports(include=list(PACKAGES)):
        targets = importlib.import_module("tests.attack.fuzz.targets")
    corpus = importlib.import_module("tests.attack.fuzz.corpus")
    corpus.unpack(name, Path(folder))
    watch = Stopwatch(targets.TARGETS[name])
    end = time.monotonic() + float(seconds)

    def one(data: bytes) -> None:
        watch(data)
        if time.monotonic() > end:
            done = {"target": name, "inputs": watch.inputs, "ms": watch.longest_ms, "mib": rss_mib()}
            sys.stdout.write(json.dumps(done) + "\n")
            sys.stdout.flush()
            os._exit(0)  # libFuzzer ends by a signal only

    options = (
        f"-rss_limit_mb={MOST_MIB}",
        f"-max_len={_MAX_BYTES}",
        "-verbosity=0",
        f"-artifact_prefix={folder}-",
    )
    atheris.Setup([sys.argv[0], *options, folder], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
