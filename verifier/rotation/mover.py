"""A worker process of a rotation: reads a part of the old epoch, moves its rows, and writes them as a run.

A run holds sealed rows of the new epoch in the order of their tokens, as one of a load does (verifier.projector.runs):
whole or not there. The worker ends with its pipe, so none outlives a killed command.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from verifier.projector import runs
from verifier.projector.runs import ROW_SIZE, RunHeader
from verifier.projector.worker import attend, unlock
from verifier.rotation.pace import STRIDE, Pace
from verifier.rotation.translation import Translation
from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from verifier.rotation.parts import Part
    from verifier.vault.epoch import Epoch
    from verifier.vault.rows import VaultRows

_NO_ROW = bytes(ROW_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MoverSpec:
    """What a worker needs to begin. Holds a passphrase where one was typed; goes through a pipe, never to a disk.

    Attributes:
        keyring: the keyring file.
        kek: URI of the KEK's provider.
        passphrase: what the operator typed; None where the URI names a source.
        socket: of the key agent that has the keys, where custodians alone open the keyring.
        database: the vault's.
        before: the old epoch.
        after: the new one.
        rate: rows a second at most of this worker; 0 for no limit.
    """

    keyring: Path
    kek: str
    passphrase: str | None
    socket: Path | None
    database: str
    before: Epoch
    after: Epoch
    rate: float


def work(pipe: Connection, spec: MoverSpec) -> None:
    """Run a worker until its pipe ends."""

    def begin() -> Callable[[Part], RunHeader]:
        with closing(unlock(spec.keyring, spec.kek, spec.passphrase, spec.socket)) as agent:
            translation = Translation.of(agent, spec.before, spec.after)
        return Mover.of(spec, translation, open_rows(spec.database)).move

    attend(pipe, begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Moves parts.

    Attributes:
        vault: reads the old epoch.
        translation: from it to the new one.
        before: the old epoch.
        after: the new one.
        pace: is kept.
    """

    vault: VaultRows
    translation: Translation
    before: Epoch
    after: Epoch
    pace: Pace

    @classmethod
    def of(cls, spec: MoverSpec, translation: Translation, vault: VaultRows) -> Self:
        """Move at a worker's pace."""
        return cls(
            vault=vault,
            translation=translation,
            before=spec.before,
            after=spec.after,
            pace=Pace(spec.rate),
        )

    def move(self, part: Part) -> RunHeader:
        """Move a part.

        Raises:
            BoxError: a row does not open: the epoch is damaged, and stays as it is.
            VaultUnavailableError: it cannot be read.
        """
        found = self.vault.between(self.before.number, part.first, part.last)
        records: list[bytes] = []
        for start in range(0, len(found), STRIDE):
            stride = found[start : start + STRIDE]
            records += [token + _NO_ROW + box for token, box in self.translation.rows(stride)]
            self.pace.spend(len(stride))
        records.sort()
        header = RunHeader(
            epoch=self.after.number,
            index=part.number,
            first_row=0,
            rows=len(found),
            mac="",
            kept=len(found),
            box_size=self.after.box_size,
        )
        runs.write(part.path, header, records)
        return header
