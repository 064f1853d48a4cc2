"""Which processes began before a rotation was finished: they may hold a destroyed key, or what was made of it.

Keys leave memory with their process. The service tells it of its workers by its metrics; the rest is looked for here.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keys import host_socket
from keys.errors import SocketPathError
from verifier import scrape, supervisor
from verifier.errors import OperatorError, ServiceError
from verifier.vault.rotation import RotationState

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.vault.rotation import Rotation

METRIC: Final = "padan_rotation_restart_due"


def began_ms(pid: int | str = "self") -> int:
    """Say when a process began, milliseconds of the Unix epoch.

    Raises:
        OSError: there is none.
    """
    fields = (
        Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    )
    ticks = int(fields[19])  # starttime, the 22nd of all
    up = time.clock_gettime(time.CLOCK_BOOTTIME)
    return int((time.time() - up + ticks / os.sysconf("SC_CLK_TCK")) * 1000)


def is_due(there: Rotation | None, began: int) -> bool:
    """Say whether a process that began at a time may hold keys that a rotation has destroyed."""
    return (
        there is not None
        and there.state is RotationState.FINISHED
        and there.ended_ms is not None
        and began < there.ended_ms
    )


def due(settings: Settings, there: Rotation) -> list[str]:
    """Name the processes of this host that are to be restarted; empty where none runs, or all are new."""
    pids = dict.fromkeys(_children_of(supervisor.running(settings.data_dir)), "a process of the service")
    agent = _agent_of(settings)
    if agent is not None:
        pids[agent] = "the key agent"
    found = []
    for pid, what in sorted(pids.items()):
        with contextlib.suppress(OSError):
            if is_due(there, began_ms(pid)):
                found.append(f"{what} (process {pid})")
    return found or _told(settings)


def _told(settings: Settings) -> list[str]:
    """Ask the service, which may be a single process or run elsewhere."""
    try:
        count = scrape.read(settings.metrics_listen).total(METRIC) or 0
    except (OperatorError, ServiceError):
        count = 0
    return ["the service, as its metrics say"] if count else []


def _children_of(pid: int | None) -> list[int]:
    if pid is None:
        return []
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def _agent_of(settings: Settings) -> int | None:
    if settings.key_agent_socket is None:
        return None
    try:
        stream = host_socket.connect(settings.key_agent_socket)
    except (OSError, SocketPathError, host_socket.OtherUserError):
        return None
    with stream:
        return host_socket.peer_of(stream)
