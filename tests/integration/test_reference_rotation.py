"""References through rotations, changes of numbers, mergers, erasures and activations: they stay whose they are."""

from __future__ import annotations

import secrets
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from keys.keychange import Action, Change
from keys.purpose import Purpose
from padan import nik as nik_grammar
from tests.integration.feeding import feed, people
from tests.integration.projecting import COUNT, FEED, NEW, OLD, made_for_references, order_of, write
from tests.marks import put
from tests.operating import operate
from tests.people import AS_OF
from tokenizer.biometrics.reference import Reference, extractor_digest
from tokenizer.biometrics.scheme import Suite
from tokenizer.biometrics.slot import Slot
from tokenizer.codes import CodeLists
from verifier.epoch import EpochHolder
from verifier.feed.following import follow
from verifier.log.open import open_log
from verifier.projector.load import Load
from verifier.projector.progress import Silence
from verifier.reference.layer import DECOYS
from verifier.reference.reader import open_reader
from verifier.reference.references import References, Wanted
from verifier.reference.table import ReferenceTable
from verifier.reference.writer import open_writer
from verifier.resident.mark import Mark
from verifier.resident.marking import names_of
from verifier.resident.purge import Purge
from verifier.rotation.errors import SampleDiffersError
from verifier.rotation.inner_rotator import InnerRotator
from verifier.rotation.rotator import Rotator
from verifier.rotation.step import Step
from verifier.vault.open import open_vault, place_of
from verifier.vault.open import open_writer as open_vault_writer
from verifier.vault.rotation import RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from padan.nik import Nik
    from tests.installation import Installation

SUITE = Suite(name="iris-test/1", number=3, modality="iris", size=48, samples=2)
EXTRACTOR = "extractor/1"
PLACES = ((1, 0), (1, 1), (2, 0))
Marks = dict[tuple[str, int, int], int]
"""Number, position and sample to what was stored there."""


class CutOffHereError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def made(fresh_url: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation on each engine that follows a registry, and has a biometric key."""
    return made_for_references(tmp_path_factory.mktemp("references"), fresh_url)


@pytest.fixture
def files(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The same in files."""
    return made_for_references(tmp_path_factory.mktemp("references"))


def number_of(nik: str) -> Nik:
    """Read a number."""
    return nik_grammar.parse(nik, AS_OF)


def enrol(made: Installation, numbers: Iterable[str], *, places: Iterable[tuple[int, int]] = PLACES) -> Marks:
    """Enrol people with references that are told apart."""
    stored: Marks = {}
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        writer.lay(SUITE)
        for position, sample in places:
            marked = {nik: secrets.randbelow(2**32) for nik in numbers}
            references = {
                number_of(nik): Reference(
                    suite=SUITE.number,
                    extractor=extractor_digest(EXTRACTOR),
                    key_id=1,
                    draw=bytes(16),
                    renewal=0,
                    r=bytes(16),
                    day=1,
                    protected=mark.to_bytes(4, "big") * 12,
                )
                for nik, mark in marked.items()
            }
            writer.change(lambda batch: batch.put(Slot("iris", position, sample), references))  # noqa: B023 - at once
            stored |= {(nik, position, sample): mark for nik, mark in marked.items()}
    return stored


def found(made: Installation, numbers: Iterable[str]) -> Marks:
    """Ask for everybody's references in the epoch in use, as questions do."""
    answers: Marks = {}
    with (
        closing(made.agent()) as agent,
        closing(open_vault(made.settings.vault_database)) as vault,
        closing(References(agent, open_reader(made.settings.vault_database))) as references,
    ):
        pinned = references.of(EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin())
        for nik in numbers:
            for position in (1, 2):
                wanted = Wanted(
                    record_id=pinned.layer.inner.record_id(number_of(nik)),
                    request_id=secrets.token_bytes(16),
                    slots=pinned.slots(SUITE, position),
                )
                (rows,) = pinned.lookup([wanted])
                for sample, each in enumerate(pinned.open(wanted, rows, EXTRACTOR)):
                    if each.counts:
                        answers[nik, position, sample] = int.from_bytes(each.reference.protected[:4], "big")
    return answers


def rows(made: Installation, number: int) -> int:
    """Count what an epoch has, without its decoys."""
    with closing(ReferenceTable(place_of(made.settings.vault_database))) as table:
        return sum(count - DECOYS for count in table.count(number).values())


def take(made: Installation, after: int, *changes: dict[str, Any]) -> None:
    """Take changes of the registry in."""
    follow(made.settings, "changes", feed(made, after, *changes, source=FEED))


def renumbered(before: str, row: Mapping[str, str]) -> dict[str, Any]:
    """Change a number."""
    return {"change": "nik_changed", "was": [before], "row": dict(row)}


def test_one_reference_that_differs_keeps_the_old_epoch(made: Installation) -> None:
    """Where one reference of all is another in the new epoch, a sample of all finds it, and nothing is switched."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:5])
    Rotator(made.settings).begin(make_keys=True)
    slot = Slot("iris", *PLACES[0])
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        moved = writer.change(lambda batch: dict(batch.changing.page(NEW, slot, b"")))
    stored.update(enrol(made, numbers[:1]))  # in both epochs
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        writer.change(lambda batch: batch.changing.put(NEW, slot, moved))
    with pytest.raises(SampleDiffersError, match=r"^1 of "):
        Rotator(made.settings).flip(people=1_000)
    assert found(made, numbers) == stored


def test_an_outer_rotation_keeps_everything(made: Installation) -> None:
    """References stand in both epochs after the move, changes after it go to both, and each way answers alike."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:30])
    done: list[Step] = []

    def reached(step: Step) -> None:
        if step is Step.EPOCH_READY:  # people are moved, references are not
            stored.update(enrol(made, numbers[30:33]))
            done.append(step)

    Rotator(made.settings, reached=reached).begin(make_keys=True)
    assert done
    stored.update(enrol(made, numbers[33:35]))  # goes to both
    assert found(made, numbers) == stored
    assert rows(made, OLD) == rows(made, NEW) == len(stored)
    sampled = Rotator(made.settings).flip(people=60).sampled
    assert sampled is not None
    assert sampled.drawn > 60  # references alone are as many, and some people come to them
    assert found(made, numbers) == stored
    stored.update(enrol(made, numbers[:1], places=[(2, 0)]))  # replaced, in the new epoch
    stored.update(enrol(made, numbers[36:37]))
    Rotator(made.settings).revert()
    assert found(made, numbers) == stored
    Rotator(made.settings).flip()
    Rotator(made.settings).finish(now=True)
    assert found(made, numbers) == stored
    assert rows(made, OLD) == 0


def test_an_inner_rotation_gives_everybody_a_new_name(made: Installation) -> None:
    """References follow their people to other record ids, and every change goes to both epochs."""
    held = people(COUNT)
    numbers = list(held)
    stored = enrol(made, numbers[:20])
    source = write(made.root / "people.csv", held.values())

    def reached(step: Step) -> None:
        if step is Step.CHUNK_PROJECTED:
            stored.update(enrol(made, numbers[20:22]))

    InnerRotator(made.settings, reached=reached).project(order_of(source), holds={}, make_keys=True)
    stored.update(enrol(made, numbers[22:23]))
    assert found(made, numbers) == stored
    assert rows(made, OLD) == rows(made, NEW) == len(stored)
    InnerRotator(made.settings).flip()
    assert found(made, numbers) == stored
    stored.update(enrol(made, numbers[23:24]))
    InnerRotator(made.settings).revert()
    assert found(made, numbers) == stored
    InnerRotator(made.settings).flip()
    InnerRotator(made.settings).finish(now=True)
    assert found(made, numbers) == stored
    assert rows(made, OLD) == 0


def test_an_abandoned_rotation_leaves_nothing(made: Installation) -> None:
    """The references of the new epoch go with it, and the old one answers on."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:5])
    Rotator(made.settings).begin(make_keys=True)
    assert rows(made, NEW) == len(stored)
    Rotator(made.settings).abandon()
    assert rows(made, NEW) == 0
    assert found(made, numbers) == stored


def test_abandoning_that_was_cut_off_goes_on(made: Installation) -> None:
    """Cut off when the old epoch answers alone and the new one's rows are there still, the same command ends it."""
    stored = enrol(made, list(people(COUNT))[:5])
    Rotator(made.settings).begin(make_keys=True)

    def killed(step: Step) -> None:
        if step is Step.ABANDONED:
            raise CutOffHereError

    with pytest.raises(CutOffHereError):
        Rotator(made.settings, reached=killed).abandon()
    with closing(open_vault_writer(made.settings.vault_database)) as writer:
        assert writer.left() == [NEW]
        assert rows(made, NEW) == len(stored)
        assert Rotator(made.settings).abandon().there.state is RotationState.ABANDONED
        assert (writer.left(), rows(made, NEW)) == ([], 0)
    with pytest.raises(RotationStateError, match="no rotation is under way"):
        Rotator(made.settings).abandon()


def test_a_move_that_was_cut_off_goes_on(files: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off after a page, the old epoch answers on, changes go to both, and the same command brings the rest."""
    from verifier.reference import moving

    numbers = list(people(COUNT))
    stored = enrol(files, numbers)
    monkeypatch.setattr(moving, "PAGE", 100)
    page, seen = moving.Moving._page, list[bytes]()

    def cut(self: moving.Moving, batch: Any, slot: Slot, after: bytes) -> Any:
        if len(seen) == 4:
            raise CutOffHereError
        seen.append(after)
        return page(self, batch, slot, after)

    with monkeypatch.context() as patched:
        patched.setattr(moving.Moving, "_page", cut)
        with pytest.raises(CutOffHereError):
            Rotator(files.settings).begin(make_keys=True)
    assert 0 < rows(files, NEW) < len(stored)
    assert found(files, numbers) == stored
    stored.update(enrol(files, numbers[:3]))
    assert Rotator(files.settings).begin().resumed
    assert rows(files, NEW) == len(stored)
    Rotator(files.settings).flip()
    assert found(files, numbers) == stored


@pytest.mark.parametrize("state", ["alone", "outer", "inner"])
def test_numbers_that_change_hands_take_their_references_along(files: Installation, state: str) -> None:
    """A changed number, a merger, a withdrawal and an erasure are followed, in both epochs of a rotation too."""
    held = people(COUNT + 1)
    *numbers, spare = held
    stored = enrol(files, numbers[:6])
    if state == "outer":
        Rotator(files.settings).begin(make_keys=True)
    elif state == "inner":
        source = write(files.root / "people.csv", [held[nik] for nik in numbers])
        InnerRotator(files.settings).project(order_of(source), holds={}, make_keys=True)
    changed, merged, survivor, leaves, erased, stays = numbers[:6]
    with closing(files.agent()) as agent, open_writer(agent, files.settings.vault_database) as writer:
        writer.change(lambda batch: batch.withdraw([number_of(survivor)], [Slot("iris", 2, 0)]))
    take(
        files,
        0,
        renumbered(changed, held[spare]),
        {"change": "merged", "row": dict(held[survivor]), "also": [merged]},
        {"change": "withdrawn", "nik": leaves},
        {"change": "erased", "nik": erased},
    )
    expected = {(spare, *place): stored[changed, *place] for place in PLACES}
    expected |= {(survivor, *place): stored[survivor, *place] for place in PLACES[:2]}
    expected[survivor, 2, 0] = stored[merged, 2, 0]
    expected |= {(stays, *place): stored[stays, *place] for place in PLACES}
    assert found(files, [*numbers, spare]) == expected
    if state != "alone":
        assert rows(files, OLD) == rows(files, NEW) == len(expected)
        rotator = Rotator if state == "outer" else InnerRotator
        rotator(files.settings).flip()
        assert found(files, [*numbers, spare]) == expected
    else:
        assert rows(files, OLD) == len(expected)


def test_a_purge_takes_references_out_of_every_epoch(made: Installation) -> None:
    """Who was erased leaves no reference behind in either epoch of a rotation."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:3])
    Rotator(made.settings).begin(make_keys=True)
    gone = number_of(numbers[0])
    with (
        closing(made.agent()) as agent,
        closing(open_log(made.settings.log_database)) as log,
        open_writer(agent, made.settings.vault_database) as writer,
    ):
        inner = writer.layers(writer.table.standing())[0].inner
        put(made.settings.log_database, names_of(inner, gone), Mark.ERASED)
        Purge(made.settings, agent, log, everyone=True).run()
    expected = {place: mark for place, mark in stored.items() if place[0] != numbers[0]}
    assert found(made, numbers) == expected
    assert rows(made, OLD) == rows(made, NEW) == len(expected)


def test_an_activation_brings_references_along(made: Installation) -> None:
    """Another load under the same keys has everybody's references once it is in use, and the epoch before has none."""
    held = people(COUNT)
    numbers = list(held)
    stored = enrol(made, numbers[:4])
    source = write(made.root / "people.csv", [row for nik, row in held.items() if nik != numbers[0]])
    Load(made.settings, order_of(source), Silence()).run()
    operate(made, "epoch", "activate", NEW)
    expected = {place: mark for place, mark in stored.items() if place[0] != numbers[0]}
    assert found(made, numbers) == expected
    assert (rows(made, OLD), rows(made, NEW)) == (0, len(expected))


def test_references_are_not_left_behind_unseen(files: Installation) -> None:
    """An epoch in which people have other record ids is not activated while references are kept."""
    held = people(COUNT)
    stored = enrol(files, list(held)[:2])
    files.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.INDEX))
    source = write(files.root / "people.csv", held.values())
    Load(files.settings, order_of(source), Silence()).run()
    assert "cannot follow" in operate(files, "epoch", "activate", NEW, code=6)
    assert found(files, held) == stored


def test_a_dropped_epoch_takes_its_references_with_it(files: Installation) -> None:
    """Dropping an epoch that still keeps references deletes them."""
    enrol(files, list(people(COUNT))[:2])
    source = write(files.root / "people.csv", people(COUNT).values())
    Load(files.settings, order_of(source), Silence()).run()
    with closing(files.agent()) as agent, open_writer(agent, files.settings.vault_database) as writer:
        from verifier.reference.moving import Moving

        Moving(OLD, NEW).move(writer)
    assert rows(files, NEW) > 0
    operate(files, "epoch", "drop", NEW)
    assert rows(files, NEW) == 0


@pytest.mark.parametrize("made", ["sqlite", "postgresql"], indirect=True)
def test_a_backup_has_the_references(
    made: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was backed up is there again after a restore, and what was withdrawn meanwhile comes back with it."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:3])
    operate(made, "backup", "create", tmp_path / "backup")
    operate(made, "backup", "verify", tmp_path / "backup")
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        writer.change(
            lambda batch: batch.withdraw([number_of(numbers[0])], [Slot("iris", *place) for place in PLACES])
        )
    assert len(found(made, numbers)) == len(stored) - len(PLACES)
    if made.settings.vault_url:
        server = request.getfixturevalue("postgres_server")
        other = server.make_database()
        request.addfinalizer(lambda: server.drop_database(other))
        made.config_path.write_text(made.config_path.read_text().replace(made.settings.vault_url, other))
    else:
        shutil.rmtree(made.settings.data_dir)
    operate(made, "backup", "restore", tmp_path / "backup")
    assert found(made, numbers) == stored
