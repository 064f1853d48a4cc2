"""A worker process of a check: unlocks the keys, opens the vault to read, examines what comes through a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.consistency.examiner import Examiner
from verifier.projector.worker import Task, attend, unlock
from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from verifier.consistency.examiner import Terms
    from verifier.projector.chunk import Layout
    from verifier.projector.runs import RunHeader


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CheckSpec:
    """What a worker needs to begin. Holds a passphrase where one was typed; goes through a pipe, never to a disk.

    Attributes:
        keyring: the keyring file.
        kek: URI of the KEK's provider.
        passphrase: what the operator typed; None where the URI names a source.
        socket: of the key agent that has the keys; None where the worker unlocks them.
        vault: address of the vault's database.
        terms: what the check is.
        layout: how chunks are read.
        erased: tombstones of who was erased.
    """

    keyring: Path
    kek: str
    passphrase: str | None
    socket: Path | None
    vault: str
    terms: Terms
    layout: Layout
    erased: frozenset[bytes]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PartTask:
    """A part of the vault, as `Examiner.survey` takes it."""

    index: int
    first: int
    last: int
    decoys: frozenset[bytes]
    path: Path


def work(pipe: Connection, spec: CheckSpec) -> None:
    """Run a worker until its pipe ends."""

    def begin() -> Callable[[Task | PartTask], RunHeader]:
        agent = unlock(spec.keyring, spec.kek, spec.passphrase, spec.socket)
        examiner = Examiner.of(agent, spec.terms, open_rows(spec.vault), erased=spec.erased)

        def act(task: Task | PartTask) -> RunHeader:
            if isinstance(task, Task):
                return examiner.compare(task.chunk, spec.layout, task.mac, task.path)
            return examiner.survey(task.index, task.first, task.last, task.decoys, task.path)

        return act

    attend(pipe, begin)
