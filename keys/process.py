"""What a process does before it holds keys: it cannot be dumped, traced by its own user, or leave a core file.

Best effort in CPython, and said so: the keys themselves cannot be kept out of memory that the interpreter
frees. Afterwards `/proc/self` belongs to root: another process of the same user cannot read this one's memory
or descriptors.
"""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

from keys.errors import HardeningError

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4


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
