"""A worker process: unlocks the keys, projects chunks that come through a pipe, answers with what became of each.

It ends when the pipe does, so that no worker outlives a killed load. A fault is told by its class and place alone, for
the message of an unexpected exception may hold a value of a row.
"""

from __future__ import annotations

import gc
import signal
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from keys import process
from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from verifier.errors import ServiceError
from verifier.projector.errors import ProjectorError
from verifier.projector.projection import Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from multiprocessing.connection import Connection

    from verifier.projector.chunk import Chunk, Layout
    from verifier.projector.pairing import Pairing
    from verifier.projector.runs import RunHeader

_KILOBYTE = 1024
_TaskT = TypeVar("_TaskT")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerSpec:
    """What a worker needs to begin. Holds a passphrase where one was typed; goes through a pipe, never to a disk.

    Attributes:
        keyring: the keyring file.
        kek: URI of the KEK's provider.
        passphrase: what the operator typed; None where the URI names a source.
        socket: of the key agent that has the keys; None where the worker unlocks them.
        epoch: number of the epoch.
        as_of: the day that the source speaks of.
        keys: purpose to key id.
        layout: how chunks are read.
        erased: tombstones of who was erased.
        pairing: of which epoch the place is taken; None where of none.
    """

    keyring: Path
    kek: str
    passphrase: str | None
    socket: Path | None
    epoch: int
    as_of: date
    keys: Mapping[str, int]
    layout: Layout
    erased: frozenset[bytes]
    pairing: Pairing | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Task:
    """A chunk, its MAC and the path of its run."""

    chunk: Chunk
    mac: bytes
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The worker holds its keys; figures as in `Done`."""

    cpu_seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A run is on the disk.

    Attributes:
        header: the run's header.
        cpu_seconds: processor time of the worker so far.
        peak_memory: largest resident memory of the worker so far, bytes.
    """

    header: RunHeader
    cpu_seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The worker cannot go on; `where` is a class and a place in our code, or a message of our own."""

    where: str


def work(pipe: Connection, spec: WorkerSpec) -> None:
    """Run a worker that projects, until its pipe ends."""

    def begin() -> Callable[[Task], RunHeader]:
        agent = unlock(spec.keyring, spec.kek, spec.passphrase, spec.socket)
        projection = Projection.of(
            agent,
            epoch=spec.epoch,
            as_of=spec.as_of,
            keys=spec.keys,
            erased=spec.erased,
            pairing=spec.pairing,
        )
        return lambda task: projection.run(task.chunk, spec.layout, task.mac, task.path)

    attend(pipe, begin)


def attend(pipe: Connection, begin: Callable[[], Callable[[_TaskT], RunHeader]]) -> None:
    """Do what comes through a pipe until it ends.

    Args:
        pipe: tasks come in, `Ready`, `Done` and `Failed` go out.
        begin: gets ready, and returns what does a task.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    try:
        process.harden()  # exec has made it one that can be dumped
        act = begin()
        # A chunk makes many objects and no cycles: collecting between chunks is enough, and 6 % faster.
        gc.freeze()
        gc.disable()
        pipe.send(Ready(cpu_seconds=time.process_time(), peak_memory=peak_memory()))
        while True:
            header = act(pipe.recv())
            gc.collect()
            pipe.send(Done(header=header, cpu_seconds=time.process_time(), peak_memory=peak_memory()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold a value
        pipe.send(Failed(where=_place(error)))


def peak_memory() -> int:
    """Measure the largest resident memory of this process so far, bytes.

    From /proc, for getrusage counts what the process that started this one had in memory.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _KILOBYTE
    return 0


def unlock(keyring: Path, kek: str, passphrase: str | None, socket: Path | None = None) -> LocalKeyAgent:
    """Unlock the keys in a worker, which cannot ask anybody.

    Args:
        keyring: the keyring file.
        kek: URI of the KEK's provider.
        passphrase: what the operator typed; None where the URI names a source.
        socket: of the key agent that has the keys, where there is one.

    Raises:
        ProjectorError: the provider asks, and nothing was typed.
        KeysError: the keyring cannot be used.
    """
    if socket is not None:
        return SocketKeyAgent.connect(socket)

    def typed(_: str) -> str:
        if passphrase is None:
            raise ProjectorError("the keyring asks for a passphrase that was not asked for before")
        return passphrase

    return LocalKeyAgent.unlock(keyring, kek, prompt=typed)


def _place(error: Exception) -> str:
    if isinstance(error, ServiceError):
        return str(error)  # says which database is away, and nothing else
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {place}"
