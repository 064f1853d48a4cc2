"""Protections of a process that holds keys."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource
from keys import process
assert not process.is_hardened()
process.harden()
process.harden()
assert process.is_hardened()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("CoreDumping")).split()[1])
"""


def test_a_hardened_process_says_so_and_stays_so() -> None:
    """Core files and dumping are forbidden, twice is no harm, and the state can be asked."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]
