"""Processor time of a server: all its processes and threads, from /proc/PID/stat.

This is the measure of every ratio here: it survives noisy neighbours, which rates and latencies do not.
"""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """Read the fields of /proc/PID/stat after the command's name; empty when the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def tree(*roots: int) -> set[int]:
    """Find the processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def seconds(pids: set[int]) -> float:
    """Sum user and system time of the processes, their threads and their children that have ended."""
    ticks = sum(sum(int(value) for value in fields[11:15]) for pid in pids if (fields := _stat(pid)))
    return ticks / _TICK


def resident_bytes(pids: set[int]) -> int:
    """Sum the resident memory of the processes."""
    return sum(int(fields[21]) * _PAGE for pid in pids if (fields := _stat(pid)))
