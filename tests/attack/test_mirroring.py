"""Attack 15 at the auditor: drop, swap, edit, re-sign, restore yesterday, fork; in the copy, and in what is copied.

Every mutation is flagged against what was trusted last, by an error that says what to do next; and a source that is
refused leaves the copy as it was.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from padan.errors import PadanError
from tests.attack import mirroring
from tests.attack.mirroring import OF_ENTRIES, OF_TREE, Scene
from tests.copies import Auditor, many
from tests.publishing import random_leaf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.attack


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Auditor, Auditor]:
    """An auditor with a trusted copy of 1,000 entries, and the same yesterday, at 700."""
    old = Auditor.begin(tmp_path_factory.mktemp("yesterday"), many(700), witnesses=2)
    old.mirror()
    new = old.twin(tmp_path_factory.mktemp("today"))
    new.add(many(300, seed=2))
    new.mirror()
    assert new.verify().holding is not None
    return old, new


def attack(scenes: tuple[Auditor, Auditor], folder: Path, number: int) -> tuple[str, str]:
    """Apply one mutation that its number decides; give its name, and the error that flags it."""
    source = random.Random(number)
    auditor = scenes[1].twin(folder)
    scene = Scene(auditor=auditor, yesterday=scenes[0], source=source)
    target = number % 3
    mutate: Callable[[Scene, Path], None] = source.choice(OF_ENTRIES if target == 0 else OF_TREE)
    name = f"{('entries', 'copy', 'source')[target]}: {mutate.__name__}"
    before = auditor.copy.checkpoint
    try:
        if target == 2:
            if source.random() < 0.5:
                shutil.rmtree(auditor.copy.folder)  # everything is fetched; the record is all that is left
                before = None
                mutate(scene, auditor.log.folder)
            else:
                auditor.log.publish([random_leaf() for _ in range(300)])
                mirroring.fork_ahead(scene, auditor.log.folder)
                name = "source: grown, then forked"
            auditor.mirror(entries=False)
        else:
            mutate(scene, auditor.copy.folder)
            auditor.verify()
    except PadanError as error:
        flagged = type(error).__name__ if error.next_step else ""
    else:
        return name, ""
    assert target != 2 or auditor.copy.checkpoint == before, name
    return name, flagged


def run(scenes: tuple[Auditor, Auditor], root: Path, numbers: range) -> None:
    """Apply mutations, print what was found, and require that all were."""
    found: Counter[tuple[str, str]] = Counter()
    for number in numbers:
        folder = root / str(number)
        found[attack(scenes, folder, number)] += 1
        shutil.rmtree(folder)
    for (name, error), count in sorted(found.items()):
        print(f"{count:5} {name}: {error or 'NOT FLAGGED'}")
    missed = {name: count for (name, error), count in found.items() if not error}
    print(f"{sum(found.values()) - sum(missed.values())} of {sum(found.values())} mutations flagged")
    assert missed == {}


def test_mutations_are_flagged(scenes: tuple[Auditor, Auditor], tmp_path: Path) -> None:
    """A hundred random mutations of copy, entries and source: all are flagged, and no copy is left half-trusted."""
    run(scenes, tmp_path, range(100))


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_a_thousand_mutations_are_flagged(scenes: tuple[Auditor, Auditor], tmp_path: Path) -> None:
    """A thousand further ones."""
    run(scenes, tmp_path, range(1_000, 2_000))
