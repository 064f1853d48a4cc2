"""What a process does before it holds keys: it cannot be dumped, traced by its own user, or leave a core file.

The key agent's memory stays out of swap besides, where the system lets it. Best effort in CPython, and said so: the
keys themselves cannot be kept out of memory that the interpreter frees. Afterwards `/proc/self` belongs to root:
another process of the same user cannot read this one's memory or descriptors.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path
from typing import Final

from keys.errors import HardeningError

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4
"""Lock a page when it is first used (mlockall(2)); these numbers are those of x86-64 and ARM."""
_CAP_IPC_LOCK: Final = 14


def harden() -> None:
    """Forbid core files (RLIMIT_CORE 0, soft and hard) and dumping (PR_SET_DUMPABLE 0) for this process, for good.

    Call it before any key is read and again in every child that was started by exec, which resets dumpability.

    Raises:
        HardeningError: the operating system refused.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        raise HardeningError("core files cannot be forbidden (RLIMIT_CORE)") from error
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise HardeningError(
            f"dumping cannot be forbidden (PR_SET_DUMPABLE): {os.strerror(ctypes.get_errno())}"
        )


def is_hardened() -> bool:
    """Whether `harden` holds in this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 and resource.getrlimit(resource.RLIMIT_CORE) == (
        0,
        0,
    )


def lock_memory() -> bool:
    """Keep all memory of this process out of swap, what it has and what it will have; says whether that is so.

    Locks only where no limit holds (RLIMIT_MEMLOCK unlimited, or CAP_IPC_LOCK): under one that was reached later, the
    process would find no memory any more. Holds for the process, not for children.
    """
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if not unlimited and not _may_lock():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def _may_lock() -> bool:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_IPC_LOCK & 1)
    return False
