"""Processes that hold keys cannot be looked into by their own user, and the key agent's memory stays out of swap."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keys import process
from keys.agent_client import holders
from tests.installation import install
from tests.restarting import roles
from tests.service import running, wait_until_ready
from tests.trails import threshold
from verifier.projector.worker import Done, Ready, attend

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60.0
UNLOCKED = "memory is not locked"

LOOK = """
import ctypes, os, signal, time
from keys import process
ATTACH, SET_DUMPABLE, NOBODY = 16, 4, 65534
libc = ctypes.CDLL(None, use_errno=True)
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(SET_DUMPABLE, 1, 0, 0, 0)
for hardens in (False, True):
    hears, says = os.pipe()
    child = os.fork()
    if not child:
        if hardens:
            process.harden()
        os.write(says, b"1")
        time.sleep(600)
    os.read(hears, 1)
    try:
        open(f"/proc/{child}/mem", "rb").close()
        memory = "open"
    except PermissionError:
        memory = "refused"
    traced = libc.ptrace(ATTACH, child, None, None)
    own = os.stat(f"/proc/{child}/environ").st_uid == os.geteuid()
    print(memory, "traced" if traced == 0 else "refused", "own" if own else "root")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
"""As a user without privileges: begins a process as it is, and one that hardens itself, and tries to look into both."""


def limit(pid: int) -> tuple[int, int]:
    """Give how large a core file of a process may be, soft and hard."""
    return resource.prlimit(pid, resource.RLIMIT_CORE)


def locked(pid: int) -> int:
    """Give how much memory of a process is locked, kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmLck:"))


def may_lock() -> bool:
    """Say whether this user's processes may lock what they like."""
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY


def test_its_own_user_can_neither_read_nor_trace_it() -> None:
    """A hardened process is root's in /proc: its memory and a trace are refused to who could have both of another."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.stdout.splitlines() == ["open traced own", "refused refused root"], done.stderr


def test_every_process_of_a_production_service_is_hardened(tmp_path: Path) -> None:
    """Key agent, writer and workers leave no core file, and the agent knows who has keys; the parent has none."""
    installation, _ = threshold(tmp_path / "i", environment="production")
    installation.config_path.write_text("workers = 2\n" + installation.config_path.read_text())
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, SECONDS)
        found = roles(service)
        assert found.keys() == {"agent", "writer", "worker-1", "worker-2"}
        assert limit(service.pid) == limit(os.getpid()) != (0, 0)
        assert {role: limit(pid) for role, pid in found.items()} == dict.fromkeys(found, (0, 0))
        assert installation.settings.key_agent_socket is not None
        assert holders(installation.settings.key_agent_socket) == (3, 3)
        assert (locked(found["agent"]) > 1_000) == may_lock()
        assert (UNLOCKED in service.messages()) != may_lock()


def begin() -> Callable[[Any], Any]:
    """Get ready to say whether this process is hardened."""
    return lambda _task: process.is_hardened()


def test_a_process_that_helps_the_projector_is_hardened() -> None:
    """Helping processes, which hold keys too, harden themselves before they fetch any."""
    context = multiprocessing.get_context("spawn")
    own, other = context.Pipe()
    helper = context.Process(target=attend, args=(other, begin))
    helper.start()
    other.close()
    assert isinstance(own.recv(), Ready)
    own.send(None)
    done: Any = own.recv()
    own.close()
    helper.join(SECONDS)
    assert (type(done), done.header) == (Done, True)


def test_an_agent_that_may_not_lock_memory_says_so(tmp_path: Path) -> None:
    """Under a limit nothing is locked, since a later allocation would fail; the agent serves, with a warning."""
    installation = install(tmp_path / "i", extra='key_agent = "agent.sock"\n')
    drop = ["setpriv", "--bounding-set", "-ipc_lock"] if os.geteuid() == 0 else []
    words = ["--config", str(installation.config_path), "agent"]
    with subprocess.Popen(
        ["prlimit", "--memlock=1048576:1048576", *drop, sys.executable, "-m", "verifier.cli.server", *words],
        stderr=subprocess.PIPE,
        text=True,
    ) as agent:
        assert agent.stderr is not None
        try:
            said = [agent.stderr.readline(), agent.stderr.readline()]
            assert locked(agent.pid) == 0
        finally:
            agent.terminate()
    assert UNLOCKED in said[0]
    assert '"ready"' in said[1]
