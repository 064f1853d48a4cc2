"""References as a question reads them, and as they are changed, on both engines."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from padan.nik import parse
from tests.people import AS_OF, BUDI, SARI, UNKNOWN_NIK
from tests.unit.verifier.reference.conftest import new_key
from tokenizer.biometrics.reference import HEAD_SIZE, Reference, extractor_digest
from tokenizer.biometrics.scheme import Suite
from tokenizer.biometrics.slot import Slot, all_slots, slots_of
from tokenizer.codes import CodeLists
from verifier.epoch import EpochHolder, RowDamagedError
from verifier.reference.errors import NoReferencesError, ReferencesLeftError, StandingMovedError
from verifier.reference.layer import DECOYS
from verifier.reference.reader import SlotQuery, open_reader
from verifier.reference.references import References, Wanted
from verifier.reference.writer import open_writer
from verifier.vault.open import open_catalogue, open_vault
from verifier.vault.store import VaultDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keys.agent import LocalKeyAgent
    from padan.nik import Nik
    from tests.installation import Installation
    from verifier.reference.references import Candidate, PinnedReferences
    from verifier.reference.writer import Batch, ReferenceWriter

SUITE = Suite(name="iris-test/1", number=3, modality="iris", size=64, samples=3)
EXTRACTOR = "extractor/2.0"
SECONDS, BESIDE_SECONDS = 10.0, 0.3
REQUEST = bytes(range(16))
PERSON, OTHER, NOBODY = (parse(number, today=AS_OF) for number in (BUDI["NIK"], SARI["NIK"], UNKNOWN_NIK))


@pytest.fixture
def writer(made: Installation, agent: LocalKeyAgent) -> Iterator[ReferenceWriter]:
    """Whoever changes references."""
    with open_writer(agent, made.settings.vault_database) as opened:
        yield opened


@pytest.fixture
def pinned(made: Installation, agent: LocalKeyAgent) -> Iterator[PinnedReferences]:
    """The references of the epoch in use, as the service reads them."""
    with (
        closing(open_vault(made.settings.vault_database)) as vault,
        closing(References(agent, open_reader(made.settings.vault_database))) as references,
    ):
        yield references.of(EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin())


def made_up(mark: int = 0) -> Reference:
    """Make a reference up."""
    return Reference(
        suite=SUITE.number,
        extractor=extractor_digest(EXTRACTOR),
        key_id=1,
        draw=secrets.token_bytes(16),
        renewal=0,
        r=bytes(16),
        day=20_000,
        protected=bytes([mark]) * SUITE.size,
    )


def put(writer: ReferenceWriter, nik: Nik, slot: Slot, reference: Reference) -> None:
    """Put one reference."""
    writer.change(lambda batch: batch.put(slot, {nik: reference}))


def ask(
    pinned: PinnedReferences, nik: Nik, position: int, *, request: bytes = REQUEST, extractor: str = EXTRACTOR
) -> list[Candidate]:
    """Ask for a person's references as a question does."""
    record_id = pinned.layer.inner.record_id(nik)
    wanted = Wanted(record_id=record_id, request_id=request, slots=pinned.slots(SUITE, position))
    (rows,) = pinned.lookup([wanted])
    return pinned.open(wanted, rows, extractor)


def test_a_held_slot_gives_the_reference_and_the_others_give_decoys(
    writer: ReferenceWriter, pinned: PinnedReferences
) -> None:
    """Of three samples of an eye the two that are held are the person's, and the third is a decoy of that size."""
    writer.lay(SUITE)
    put(writer, PERSON, Slot("iris", 2, 0), made_up(1))
    put(writer, PERSON, Slot("iris", 2, 1), made_up(2))
    found = ask(pinned, PERSON, 2)
    assert [each.held for each in found] == [True, True, False]
    assert [each.counts for each in found] == [True, True, False]
    assert [each.reference.protected[:1] for each in found[:2]] == [b"\1", b"\2"]
    assert len(found[2].reference.protected) == SUITE.size


@pytest.mark.parametrize("nik", [OTHER, NOBODY], ids=["held", "unknown"])
def test_who_has_no_reference_gets_decoys(
    writer: ReferenceWriter, pinned: PinnedReferences, nik: Nik
) -> None:
    """A person without references, and a number that nobody has, are answered by decoys alone."""
    writer.lay(SUITE)
    put(writer, PERSON, Slot("iris", 2, 0), made_up())
    assert [each.held for each in ask(pinned, nik, 2)] == [False, False, False]


def test_another_extractor_is_not_comparable(writer: ReferenceWriter, pinned: PinnedReferences) -> None:
    """A reference of another extractor is found and does not count."""
    writer.lay(SUITE)
    put(writer, PERSON, Slot("iris", 2, 0), made_up())
    (found, *_) = ask(pinned, PERSON, 2, extractor="extractor/3.0")
    assert found.held
    assert not found.counts


def test_every_slot_of_every_question_has_two_rows_in_one_look_up(
    writer: ReferenceWriter, pinned: PinnedReferences
) -> None:
    """Held or not, each slot asked for brings exactly two rows of one size, of which the second is a decoy."""
    writer.lay(SUITE)
    put(writer, PERSON, Slot("iris", 2, 0), made_up())
    inner = pinned.layer.inner
    wanted = [
        Wanted(
            record_id=inner.record_id(nik),
            request_id=bytes([place]) * 16,
            slots=pinned.slots(SUITE, position),
        )
        for place, (nik, position) in enumerate([(PERSON, 2), (PERSON, 1), (NOBODY, 2)])
    ]
    answers = pinned.lookup(wanted)
    assert [len(rows) for rows in answers] == [3, 3, 3]
    size = HEAD_SIZE + SUITE.size + 29
    for each, rows in zip(wanted, answers, strict=True):
        for slot, pair in zip(each.slots, rows, strict=True):
            decoys = pinned.layer.decoys(slot)
            assert [len(box) for _, box in pair] == [size, size]
            assert pair[1][0] in decoys
            assert pair[0][0] != pair[1][0]


def test_decoys_are_picked_by_the_request(writer: ReferenceWriter, pinned: PinnedReferences) -> None:
    """The same request reads the same decoys, and others read others."""
    writer.lay(SUITE)

    def read(request: bytes) -> tuple[bytes, bytes]:
        wanted = Wanted(record_id=bytes(16), request_id=request, slots=slots_of(SUITE, 1)[:1])
        (((first, _), (second, _)),) = pinned.lookup([wanted])[0]
        return first, second

    assert read(REQUEST) == read(REQUEST)
    assert len({read(bytes([number]) * 16) for number in range(20)}) > 10


def test_a_modality_that_is_not_kept_is_an_outage_of_its_own(pinned: PinnedReferences) -> None:
    """Where no reference of a modality was ever loaded, the look-up says so."""
    with pytest.raises(NoReferencesError):
        ask(pinned, PERSON, 2)


def test_a_missing_decoy_is_damage(
    writer: ReferenceWriter, pinned: PinnedReferences, made: Installation
) -> None:
    """A decoy that is gone is an outage, and not taken for a modality that is not kept."""
    writer.lay(SUITE)
    slot = Slot("iris", 1, 0)
    tokens = pinned.layer.decoys(slot)
    writer.change(lambda batch: batch.changing.drop(pinned.epoch, slot, tokens))
    with closing(open_reader(made.settings.vault_database)) as reader, pytest.raises(VaultDamagedError):
        reader.lookup_many(pinned.epoch, [SlotQuery(slot.number, bytes(16), tokens[0], tokens[1])])


def test_a_row_of_another_place_is_an_outage(writer: ReferenceWriter, pinned: PinnedReferences) -> None:
    """A box that was put under another person's token does not open, which is never taken for a no."""
    writer.lay(SUITE)
    slot = Slot("iris", 2, 0)
    put(writer, PERSON, slot, made_up())
    layer = pinned.layer
    mine, theirs = (layer.outer(slot).token(layer.inner.record_id(nik)) for nik in (PERSON, OTHER))

    def swap(batch: Batch) -> None:
        box = batch.changing.boxes(layer.number, slot, [mine])[mine]
        batch.changing.put(layer.number, slot, {theirs: box})

    writer.change(swap)
    with pytest.raises(RowDamagedError):
        ask(pinned, OTHER, 2)


def test_decoys_are_laid_once(writer: ReferenceWriter, pinned: PinnedReferences) -> None:
    """Each slot of the modality has its decoys, and to lay them again changes nothing."""
    writer.lay(SUITE)
    count = writer.table.count(pinned.epoch)
    assert count == dict.fromkeys(all_slots(SUITE), DECOYS)
    slot = Slot("iris", 1, 0)
    before = writer.table.page(pinned.epoch, slot, b"")
    writer.lay(SUITE)
    assert writer.table.page(pinned.epoch, slot, b"") == before
    sealed = writer.table.standing().sealed
    assert set(sealed.values()) == {DECOYS}


def test_decoys_follow_the_biometric_key(
    writer: ReferenceWriter, pinned: PinnedReferences, made: Installation, agent: LocalKeyAgent
) -> None:
    """Once there is another biometric key, decoys are laid anew under it."""
    writer.lay(SUITE)
    before = ask(pinned, NOBODY, 2)[0].reference.key_id
    new_key(made)
    agent.refresh()
    writer.lay(SUITE)
    assert ask(pinned, NOBODY, 2)[0].reference.key_id == agent.templates().key_id != before


def test_withdrawn_references_are_gone(writer: ReferenceWriter, pinned: PinnedReferences) -> None:
    """What is withdrawn is found no more, and the other person's stays."""
    writer.lay(SUITE)
    slot = Slot("iris", 2, 0)
    put(writer, PERSON, slot, made_up())
    put(writer, OTHER, slot, made_up())
    assert writer.change(lambda batch: batch.withdraw([PERSON], all_slots(SUITE))) == 1
    assert [ask(pinned, nik, 2)[0].held for nik in (PERSON, OTHER)] == [False, True]


def test_a_change_number_takes_its_references_along(
    writer: ReferenceWriter, pinned: PinnedReferences
) -> None:
    """References of a number that was changed are found under the new one, and no more under the old."""
    writer.lay(SUITE)
    put(writer, PERSON, Slot("iris", 2, 1), made_up(7))
    for _ in range(2):  # a process that was killed does it again
        writer.change(lambda batch: batch.move(PERSON, NOBODY))
    assert not any(each.held for each in ask(pinned, PERSON, 2))
    found = ask(pinned, NOBODY, 2)
    assert [each.held for each in found] == [False, True, False]
    assert found[1].reference.protected[0] == 7


def test_of_two_numbers_that_are_merged_the_survivor_keeps_its_own(
    writer: ReferenceWriter, pinned: PinnedReferences
) -> None:
    """A position that the survivor has stays as it is, one that it lacks comes along, and nothing is left behind."""
    writer.lay(SUITE)
    put(writer, PERSON, Slot("iris", 2, 0), made_up(1))
    put(writer, PERSON, Slot("iris", 2, 1), made_up(2))
    put(writer, PERSON, Slot("iris", 1, 0), made_up(3))
    put(writer, OTHER, Slot("iris", 2, 0), made_up(9))
    writer.change(lambda batch: batch.move(PERSON, OTHER))
    kept, come = ask(pinned, OTHER, 2), ask(pinned, OTHER, 1)
    assert [each.held for each in kept] == [True, False, False]
    assert kept[0].reference.protected[0] == 9
    assert come[0].held
    assert come[0].reference.protected[0] == 3
    assert not any(each.held for position in (1, 2) for each in ask(pinned, PERSON, position))


def test_a_change_for_other_epochs_than_there_are_is_made_again(
    writer: ReferenceWriter, made: Installation
) -> None:
    """Whoever read the epochs before another one came into use changes nothing, and begins again."""
    before = writer.table.standing()
    number = made.load([BUDI, SARI])  # activated: the one in use is another now
    with pytest.raises(StandingMovedError), writer.table.changing(before):
        pass
    assert writer.table.standing().active.number == number


def test_a_change_for_other_slots_than_there_are_is_made_again(writer: ReferenceWriter) -> None:
    """Whoever read the slots before others came changes nothing: what stands in those would be passed over."""
    before = writer.table.standing()
    writer.lay(SUITE)
    with pytest.raises(StandingMovedError), writer.table.changing(before):
        pass


def test_an_epoch_that_would_leave_references_behind_is_not_activated(
    writer: ReferenceWriter, made: Installation
) -> None:
    """The catalogue itself refuses it, whoever asks, and the epoch in use stays."""
    writer.lay(SUITE)
    before = writer.table.standing()
    with closing(open_catalogue(made.settings.vault_database)) as catalogue:
        number = catalogue.next_number()
        catalogue.begin(replace(before.active, number=number, layers=()))
        catalogue.finish(number, 0)
        with pytest.raises(ReferencesLeftError, match="lacks references"):
            catalogue.activate(number)
        catalogue.drop(number)
    assert writer.table.standing() == before


def test_a_dropped_epoch_leaves_nothing(writer: ReferenceWriter, pinned: PinnedReferences) -> None:
    """What is forgotten of an epoch is gone, with the slots that it kept."""
    writer.lay(SUITE)
    assert writer.table.forget(pinned.epoch) == DECOYS * 6
    assert not any(writer.table.page(pinned.epoch, slot, b"") for slot in all_slots(SUITE))
    assert not writer.table.keeps(pinned.epoch)


def test_a_change_under_way_leaves_nothing_in_what_is_forgotten(
    writer: ReferenceWriter, pinned: PinnedReferences
) -> None:
    """Whoever deletes an epoch's references waits for a change that has begun, and deletes what that brought too."""
    writer.lay(SUITE)
    slot = Slot("iris", 2, 0)
    with ThreadPoolExecutor(1) as other:
        with writer.table.changing(writer.table.standing()) as changing:
            forgetting = other.submit(writer.table.forget, pinned.epoch)
            assert not wait([forgetting], BESIDE_SECONDS).done
            changing.put(pinned.epoch, slot, {bytes(16): b"box"})
        assert forgetting.result(SECONDS) == DECOYS * 6 + 1
    assert writer.table.page(pinned.epoch, slot, b"") == []


def test_an_epoch_is_dropped_after_a_change_under_way(writer: ReferenceWriter, made: Installation) -> None:
    """Whoever drops an epoch waits for a change that has begun, since that counts with it."""
    before = writer.table.standing()
    with closing(open_catalogue(made.settings.vault_database)) as catalogue, ThreadPoolExecutor(1) as other:
        number = catalogue.next_number()
        catalogue.begin(replace(before.active, number=number, layers=()))
        with writer.table.changing(writer.table.standing()):
            dropping = other.submit(catalogue.drop, number)
            assert not wait([dropping], BESIDE_SECONDS).done
        dropping.result(SECONDS)
