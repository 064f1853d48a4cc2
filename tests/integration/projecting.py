"""How the tests of inner rotations write the registry's source, and what they hold two epochs against."""

from __future__ import annotations

import csv
import random
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from keys.keychange import Action, Change
from keys.purpose import Purpose
from padan import nik as nik_grammar
from tests.installation import install
from tests.integration.feeding import SIGNER, feed, history, people
from tests.marks import named, put
from tests.people import AS_OF
from tests.terms import Terms
from tokenizer.record import Record
from verifier.agreement import signkey
from verifier.feed.following import follow
from verifier.log.open import open_log
from verifier.projector.columns import COLUMNS
from verifier.projector.order import Order
from verifier.projector.projection import Projection
from verifier.resident.purge import Purge
from verifier.vault.open import open_changer, open_writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.installation import Installation
    from verifier.resident.mark import Mark
    from verifier.vault.epoch import Epoch

FEED = "registry-1"
SIGNED = f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n'
"""A line of the settings: whose feed is trusted."""
COUNT = 40
"""People of an installation."""
OLD, NEW = 1, 2
"""Epochs of its first rotation."""


def made_with(folder: Path, url: str = "", *, extra: str = "") -> Installation:
    """Make an installation that follows a registry, with further lines of settings."""
    return install(
        folder / "padan",
        agencies={"tax": Terms()},
        people=people(COUNT).values(),
        log_url=url,
        vault_url=url,
        extra=SIGNED + extra,
    )


def made_for_references(folder: Path, url: str = "") -> Installation:
    """Make such an installation with a biometric key."""
    made = made_with(folder, url)
    made.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.BIOMETRIC))
    return made


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write people as the registry's file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def order_of(source: Path, *, chunk_rows: int = 16, **more: Any) -> Order:
    """Order a projection in small chunks."""
    return Order(source=str(source), as_of=AS_OF, chunk_rows=chunk_rows, decoys=64, **more)


def epochs(made: Installation) -> dict[int, Epoch]:
    """Read the catalogue."""
    with closing(open_writer(made.settings.vault_database)) as writer:
        return {epoch.number: epoch for epoch in writer.epochs()}


def same(made: Installation, numbers: Iterable[str]) -> bool:
    """Say whether every number stands the same in both epochs."""
    wanted = list(numbers)
    return standing(made, OLD, wanted) == standing(made, NEW, wanted)


def mark(made: Installation, marks: dict[str, Mark]) -> None:
    """Mark residents, as two officers do, and purge whom that erases."""
    set_marks(made, marks)
    with closing(made.agent()) as agent, closing(open_log(made.settings.log_database)) as log:
        Purge(made.settings, agent, log).run()


def set_marks(made: Installation, marks: dict[str, Mark]) -> None:
    """Mark residents, and purge nobody."""
    for nik, each in marks.items():
        put(made.settings.log_database, named(made, nik), each)


def standing(made: Installation, number: int, niks: Iterable[str]) -> dict[str, object]:
    """Read how numbers stand in an epoch, without what is under its keys."""
    wanted = list(niks)
    with closing(made.agent()) as agent, closing(open_changer(made.settings.vault_database)) as vault:
        epoch = next(each for each in vault.epochs() if each.number == number)
        there = Projection.of(agent, epoch=number, as_of=AS_OF, keys=epoch.key_ids)
        ids = [there.inner.record_id(nik_grammar.parse(nik, AS_OF)) for nik in wanted]
        tokens = there.outer.tokens(ids)
        boxes = vault.boxes(epoch, tokens)
        found: dict[str, object] = {}
        for nik, r, token in zip(wanted, ids, tokens, strict=True):
            record = Record.unpack(there.outer.open(token, boxes[token])) if token in boxes else None
            is_held = record is not None and record.r == r
            found[nik] = (record.handles, record.flags, record.presence) if record and is_held else None
        return found


class Registry:
    """A registry that goes on changing: who is held now, and the files of its feed."""

    def __init__(self, made: Installation, seed: int) -> None:
        self._made = made
        self._random = random.Random(seed)
        self.held = people(COUNT)
        self.numbers = list(people(2 * COUNT))
        self._spare = [nik for nik in self.numbers if nik not in self.held]
        self.position = 0
        self.files: list[bytes] = []

    def come_in(self, count: int = 15) -> None:
        """Take a file of changes in, as `registry sync` does."""
        drawn: Sequence[dict[str, Any]] = history(self._random, self.held, self._spare, count)
        self.take(*drawn)

    def take(self, *changes: dict[str, Any]) -> None:
        """Take changes in, that are given."""
        data = feed(self._made, self.position, *changes, source=FEED)
        follow(self._made.settings, "changes", data)
        self.files.append(data)
        self.position += len(changes)


@pytest.fixture
def made(database_url: str, tmp_path: Path) -> Installation:
    """An installation on each engine that follows a registry."""
    return made_with(tmp_path, database_url)


@pytest.fixture
def files(tmp_path: Path) -> Installation:
    """An installation in files."""
    return made_with(tmp_path)


@pytest.fixture
def source(files: Installation) -> Path:
    """The registry's file of whom the installation holds."""
    return write(files.root / "people.csv", people(COUNT).values())
