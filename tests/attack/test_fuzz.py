"""Attack 21: nothing that is decoded, validated or normalised falls over, takes long, or takes much memory.

The quick form feeds the kept corpus, and what hypothesis makes of it, to every target. The long form lets atheris
search, guided by coverage.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attack.fuzz import corpus
from tests.attack.fuzz.run import LONGEST_MS, MOST_MIB, Stopwatch
from tests.attack.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.attack

SECONDS = 60
_ROOT = Path(__file__).parents[2]
_EXAMPLES = 250


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs(name: str) -> None:
    """Every kept input is accepted or refused as its place promises, each within 50 ms of the processor's time."""
    watch = Stopwatch(TARGETS[name], warm_up=0)
    for data in (b"", *corpus.read(name)):
        TARGETS[name](data)
        watch(data)
    assert watch.longest_ms < LONGEST_MS


@st.composite
def _mutants(draw: Callable[[st.SearchStrategy[bytes]], bytes], kept: list[bytes]) -> bytes:
    """Cut two kept inputs, and put something between the parts."""
    pick = st.sampled_from(kept)
    one, other, between = draw(pick), draw(pick), draw(st.binary(max_size=12))
    begin = draw(st.integers(0, len(one)).map(lambda at: one[:at]))
    end = draw(st.integers(0, len(other)).map(lambda at: other[at:]))
    return begin + between + end


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_made_of_kept_inputs(name: str) -> None:
    """Neither cuts and splices of kept inputs nor plain noise make a target fall over."""

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_mutants([b"", *corpus.read(name)]) | st.binary(max_size=200))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.long
@pytest.mark.timeout(SECONDS * 4)
@pytest.mark.parametrize("name", TARGETS)
def test_search_guided_by_coverage(name: str, tmp_path: Path) -> None:
    """A minute of atheris finds no exception that is not promised, no input over 50 ms, and stays below 512 MiB."""
    command = [sys.executable, "-m", "tests.attack.fuzz.run", name, str(tmp_path / name), str(SECONDS)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    sys.stdout.write(
        f"\n{name}: {figures['inputs']} inputs, longest {figures['ms']:.1f} ms (limit {LONGEST_MS:.0f}),"
        f" {figures['mib']:.0f} MiB (limit {MOST_MIB})"
    )
    assert figures["inputs"] > 1_000
    assert figures["ms"] < LONGEST_MS
    assert figures["mib"] < MOST_MIB


def test_the_stopwatch_stops() -> None:
    """An input that always takes long is a finding, one that hesitated once is none."""
    naps = [0.08, 0.0, 0.0, 0.0, 0.08, 0.08, 0.08, 0.08]

    def target(_data: bytes) -> None:
        end = time.thread_time() + naps.pop(0)
        while time.thread_time() < end:
            pass

    watch = Stopwatch(target, warm_up=0)
    watch(b"hesitates")
    assert watch.longest_ms < LONGEST_MS
    with pytest.raises(AssertionError, match="ms for 6 bytes"):
        watch(b"always")
