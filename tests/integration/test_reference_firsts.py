"""The first references of an installation, at any moment of a rotation or an activation: they stand where they must."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.keychange import Action, Change
from keys.purpose import Purpose
from tests.integration.feeding import people
from tests.integration.projecting import COUNT, NEW, OLD, made_for_references, order_of, write
from tests.integration.test_reference_rotation import enrol, found, rows
from verifier.log.open import open_log
from verifier.projector import activation
from verifier.projector.load import Load
from verifier.projector.progress import Silence
from verifier.reference.bringing import Bringing
from verifier.reference.errors import ReferencesLeftError
from verifier.rotation.inner_rotator import InnerRotator
from verifier.rotation.rotator import Rotator
from verifier.rotation.step import Step
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from tests.installation import Installation
    from tests.integration.test_reference_rotation import Marks
    from verifier.vault.epoch import Epoch


@pytest.fixture
def made(fresh_url: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation on each engine with a biometric key, and without references."""
    return made_for_references(tmp_path_factory.mktemp("references"), fresh_url)


@pytest.mark.parametrize("when", [Step.BEGUN, Step.EPOCH_READY, Step.MOVED])
def test_the_first_references_come_through_an_outer_rotation(made: Installation, when: Step) -> None:
    """Stored at whichever step after its begin, they stand in both epochs, agree, and are there after the flip."""
    numbers = list(people(COUNT))
    stored: Marks = {}

    def reached(step: Step) -> None:
        if step is when:
            stored.update(enrol(made, numbers[:5]))

    Rotator(made.settings, reached=reached).begin(make_keys=True)
    assert rows(made, OLD) == rows(made, NEW) == len(stored) > 0
    sampled = Rotator(made.settings).sample().sampled
    assert sampled is not None
    assert sampled.drawn > 0
    Rotator(made.settings).flip()
    assert found(made, numbers) == stored
    Rotator(made.settings).finish(now=True)
    assert found(made, numbers) == stored


@pytest.mark.parametrize("kind", ["outer", "inner"])
def test_the_first_references_after_a_flip_come_back_with_a_revert(made: Installation, kind: str) -> None:
    """Stored while the new epoch answers, they are answered from the old one too, and from the new one again."""
    held = people(COUNT)
    numbers = list(held)
    if kind == "outer":
        Rotator(made.settings).begin(make_keys=True)
    else:
        source = write(made.root / "people.csv", held.values())
        InnerRotator(made.settings).project(order_of(source), holds={}, make_keys=True)
    rotator = Rotator if kind == "outer" else InnerRotator
    rotator(made.settings).flip()
    stored = enrol(made, numbers[:5])
    rotator(made.settings).revert()
    assert found(made, numbers) == stored
    rotator(made.settings).flip()
    assert found(made, numbers) == stored


class _Watched(Bringing):
    """Something happens once references were brought, and before the activation."""

    def __init__(self, made: Installation) -> None:
        super().__init__(made.settings.vault_database, lambda: closing(made.agent()))
        self._made = made
        self.stored: Marks = {}

    def before(self, active: Epoch, target: Epoch) -> None:
        super().before(active, target)
        if not self.stored:
            self.stored = enrol(self._made, list(people(COUNT))[:4])


def loaded(made: Installation) -> _Watched:
    """Load everybody into another epoch."""
    source = write(made.root / "people.csv", people(COUNT).values())
    Load(made.settings, order_of(source), Silence()).run()
    return _Watched(made)


def test_the_first_references_before_an_activation_are_brought_along(made: Installation) -> None:
    """Stored after references were brought, of which there were none, they are there once the load is in use."""
    bringing = loaded(made)
    with (
        closing(open_writer(made.settings.vault_database)) as writer,
        closing(open_log(made.settings.log_database)) as log,
    ):
        assert activation.activate(writer, log, NEW, bringing) == OLD
    assert found(made, people(COUNT)) == bringing.stored
    assert (rows(made, OLD), rows(made, NEW)) == (0, len(bringing.stored))


def test_the_first_references_before_an_activation_are_not_left_behind(made: Installation) -> None:
    """Where they cannot follow, the load is not activated, and they are answered from where they are."""
    made.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.INDEX))
    bringing = loaded(made)
    with (
        closing(open_writer(made.settings.vault_database)) as writer,
        closing(open_log(made.settings.log_database)) as log,
        pytest.raises(ReferencesLeftError, match="cannot follow"),
    ):
        activation.activate(writer, log, NEW, bringing)
    assert found(made, people(COUNT)) == bringing.stored
