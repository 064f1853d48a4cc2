"""The garbage collector in a process that answers for months."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path


def test_cycles_go_at_once_and_what_was_there_at_the_start_is_left_out() -> None:
    """In a process of its own, since what is taken out of the collector's rounds stays out."""
    program = """
        import gc, weakref
        from verifier import garbage

        class Thing:
            pass

        def cycle():
            thing = Thing()
            thing.itself = thing
            return weakref.ref(thing)

        garbage.spare()
        assert gc.get_freeze_count() > 10_000
        for _ in range(3):  # it has lived through the young generations
            made = cycle()
            assert made() is not None, "the collector came by itself"
            garbage.duty().act()
            assert made() is None
        assert len(gc.get_objects()) < gc.get_freeze_count()
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
