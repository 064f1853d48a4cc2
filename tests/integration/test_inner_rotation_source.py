"""An inner rotation and its source: older or newer than the feed, of another normaliser, or not of the same people."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from padan import nik as nik_grammar
from padan.entry import EntryKind
from tests.integration.feeding import details, people
from tests.integration.projecting import (
    COUNT,
    FEED,
    NEW,
    OLD,
    Registry,
    epochs,
    files,
    made,
    mark,
    order_of,
    same,
    source,
    standing,
    write,
)
from tests.people import AS_OF
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.normalise import VERSION
from tokenizer.person import Person
from tokenizer.suite import SUITE
from verifier.database import Address, make_engine, parse_address
from verifier.feed import document, following
from verifier.feed.errors import FeedEpochError, FeedGapError
from verifier.migrations import CATALOGUE
from verifier.resident.mark import Mark
from verifier.rotation.errors import (
    AheadError,
    BehindError,
    MissingPeopleError,
    PeopleDifferError,
    SameProjectionError,
    UnsaidPositionError,
    UntakenChangesError,
)
from verifier.rotation.inner_rotator import InnerRotator
from verifier.rotation.translation import outer_of
from verifier.schema import epoch as epoch_table
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation

__all__ = ["files", "made", "source"]  # fixtures


def test_what_the_source_lacks_is_replayed(made: Installation) -> None:
    """Of a source older than the feed: no flip until the feed's files were replayed; then nobody is missing."""
    registry = Registry(made, 5)
    source = write(made.root / "people.csv", registry.held.values())
    registry.come_in(10)
    registry.come_in(10)
    merged = list(people(COUNT + 60))[-1]
    registry.take({"change": "merged", "row": next(iter(registry.held.values())), "also": [merged]})
    rotator = InnerRotator(made.settings)
    with pytest.raises(UnsaidPositionError, match=rf"{FEED} .to 21."):
        rotator.project(order_of(source), holds={}, make_keys=True)
    with pytest.raises(UnsaidPositionError, match="not followed elsewhere"):
        rotator.project(order_of(source), holds={FEED: 0, "elsewhere": 1}, make_keys=True)
    done = rotator.project(order_of(source), holds={FEED: 0}, make_keys=True)
    assert done.there.missing
    with pytest.raises(BehindError, match=f"changes of {FEED} after 0, to 21"):
        rotator.flip()
    registry.come_in(6)
    with pytest.raises(FeedGapError):
        rotator.replay(_parsed(made, registry.files[1]))
    done, summaries = rotator.replay(_parsed(made, *registry.files[:3]))
    assert [each.position for each in summaries] == [10, 20, 21]
    assert done.there.missing == 0
    rotator.flip()
    assert same(made, [*registry.numbers, merged])
    assert standing(made, NEW, [merged])[merged] is not None
    assert len(details(made, EntryKind.ROTATION_REPLAYED)) == 4


def _parsed(made: Installation, *written: bytes) -> list[document.Feed]:
    signers = following.signers_of(made.settings)
    return [document.parse(made.realm, data, signers) for data in written]


def test_a_source_that_is_ahead_of_the_feed(files: Installation, source: Path) -> None:
    """It waits until the feed has come as far as the source, and then both epochs show the same."""
    registry = Registry(files, 3)
    first, second, *rest = list(registry.held.values())
    registry.take({"change": "changed", "row": first})
    dead = {**second, "STATUS_HIDUP": "2"}
    write(source, [dead, *rest])
    done = InnerRotator(files.settings).project(order_of(source), holds={FEED: 3}, make_keys=True)
    assert done.there.missing == 1
    with pytest.raises(AheadError, match=f"holds {FEED} to 3, and epoch 1 has followed it to 1 only"):
        InnerRotator(files.settings).flip()
    registry.take({"change": "withdrawn", "nik": first["NIK"]}, {"change": "deceased", "row": dead})
    again = InnerRotator(files.settings).project(order_of(source), holds={FEED: 3})
    assert (again.resumed, again.there.missing) == (True, 0)
    InnerRotator(files.settings).flip(people=500)
    assert same(files, registry.numbers)


def test_a_source_that_is_newer_where_no_feed_is(files: Installation, source: Path) -> None:
    """Whom the registry dropped is missing, who died differs: each stops the flip, unless the source is newer."""
    first, second, *rest = people(COUNT).values()
    dead = {**second, "STATUS_HIDUP": "2"}
    for rows, error in (
        ([second, *rest], MissingPeopleError),
        ([first, dead, *rest], PeopleDifferError),
    ):
        write(source, rows)
        InnerRotator(files.settings).project(order_of(source), holds={}, make_keys=True)
        with pytest.raises(error, match=r"^1 "):
            InnerRotator(files.settings).flip(people=500)
        assert InnerRotator(files.settings, newer=True).sample(500).sampled is not None
        InnerRotator(files.settings).abandon()
        assert not list(files.root.glob("**/pairs-*"))
    assert epochs(files)[OLD].state is EpochState.ACTIVE
    assert {epoch.state for number, epoch in epochs(files).items() if number != OLD} == {EpochState.DROPPED}


def test_who_is_erased_while_a_change_waits_does_not_come_back(files: Installation, source: Path) -> None:
    """Erased by officers when a feed's change still waits for the new epoch: held in neither."""
    registry, rotator = Registry(files, 8), InnerRotator(files.settings)
    rotator.project(order_of(source), holds={}, make_keys=True)
    one = next(iter(registry.held.values()))
    registry.take({"change": "changed", "row": one})
    mark(files, {one["NIK"]: Mark.ERASED})
    assert rotator.flip(people=500).carried == 1
    assert same(files, registry.numbers)
    assert standing(files, NEW, [one["NIK"]]) == {one["NIK"]: None}


def test_another_persons_row_stops_the_flip(files: Installation, source: Path) -> None:
    """Where a row of the new epoch is another person's, not even a newer source excuses it."""
    InnerRotator(files.settings).project(order_of(source), holds={}, make_keys=True)
    one, other = list(people(COUNT))[:2]
    with closing(files.agent()) as agent, closing(open_changer(files.settings.vault_database)) as vault:
        epoch = next(each for each in vault.epochs() if each.number == NEW)
        inner = Inner.of_agent(
            agent, index_id=epoch.key_ids["index"], attribute_id=epoch.key_ids["attribute"]
        )
        outer = outer_of(agent, epoch)
        person = Person.from_registry(people(COUNT)[other], codes=CodeLists.load(), today=AS_OF)
        record = inner.project(person, under=nik_grammar.parse(one, AS_OF))
        token = outer.token(record.r)
        vault.replace(epoch, [(token, outer.seal(token, record.pack()))])
    with pytest.raises(PeopleDifferError, match=r"^1 of 40"):
        InnerRotator(files.settings, newer=True).flip(people=500)
    assert details(files, EntryKind.ROTATION_FLIPPED) == []


def test_an_epoch_of_another_normaliser_is_replaced(files: Installation, source: Path) -> None:
    """Of an older normaliser: no new keys are needed, changes wait for the flip, and after them is no way back."""
    registry = Registry(files, 9)
    registry.come_in(5)
    write(source, registry.held.values())
    with pytest.raises(SameProjectionError, match="no other normaliser or suite"):
        InnerRotator(files.settings).project(order_of(source), holds={FEED: 5})
    _made_by(files, OLD, normaliser="0", suite="0")
    with pytest.raises(FeedEpochError, match="another normaliser or suite"):
        registry.take({"change": "changed", "row": next(iter(registry.held.values()))})
    rotator = InnerRotator(files.settings)
    rotator.project(order_of(source), holds={FEED: 5})
    assert (epochs(files)[NEW].normaliser, epochs(files)[NEW].suite) == (VERSION, str(SUITE.number))
    assert epochs(files)[NEW].key_ids == epochs(files)[OLD].key_ids
    rotator.flip()
    rotator.revert()
    rotator.flip()
    registry.come_in(5)
    with pytest.raises(UntakenChangesError, match=r"normaliser or suite, lacks [1-9] changes"):
        rotator.revert()
    before = files.agent().keyring
    rotator.finish(now=True)
    assert files.agent().keyring.kek_id == before.kek_id, "no key was replaced"
    held = {nik for nik, there in standing(files, NEW, registry.numbers).items() if there is not None}
    assert held == set(registry.held)


def _made_by(made: Installation, number: int, **other: str) -> None:
    """Let an epoch be one that another release has made."""
    path = parse_address(made.settings.vault_database).path
    assert path is not None
    engine = make_engine(Address(path=path / CATALOGUE), wal=False)
    with engine.begin() as connection:
        connection.execute(update(epoch_table).where(epoch_table.c.number == number).values(**other))
    engine.dispose()
