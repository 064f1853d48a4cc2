"""What a rotation notes is found, counted and removed however much of it there is, on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import func, insert, select, update

from tests.postgres import rows_read, rows_read_in_the_end
from tests.unit.verifier.vault.epochs import epoch, load, tokens
from verifier import migrations
from verifier.schema import epoch as epochs
from verifier.schema_rotation import rotation as table
from verifier.schema_rotation import rotation_change, rotation_pair
from verifier.vault import session
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_writer, place_of
from verifier.vault.rotation import Rotation, RotationKind, RotationState, RotationStateError
from verifier.vault.rotations import Rotations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOTED = tokens(7_000)
TAKEN = tokens(6_000, seed=2)
WAITING = tokens(3, seed=3)
SECONDS, BESIDE_SECONDS = 10.0, 0.3
BEGUN = Rotation(
    target=2, source=1, state=RotationState.MOVING, operator="op", parts=1, total=1, done=0, rate=0, begun_ms=1,
    kind=RotationKind.INNER,
)  # fmt: skip


@pytest.fixture
def rotations(vault_database: str) -> Iterator[Rotations]:
    """A catalogue whose epoch 1 is in use."""
    with opened(vault_database) as found:
        yield found


def opened(database: str) -> closing[Rotations]:
    """Load an epoch and open its catalogue."""
    with closing(open_writer(database)) as writer:
        load(writer, 1, tokens(1), activate=True)
    return closing(Rotations(place_of(database)))


def fill(rotations: Rotations, *, noted: Sequence[bytes], taken: Sequence[bytes]) -> None:
    """Write notes of changes down, pairs whose row was taken, and a few whose row was not."""
    with session.writing(rotations._engine) as connection:
        if noted:
            notes = [{"epoch": 1, "token": token, "serial": 1} for token in noted]
            connection.execute(insert(rotation_change), notes)
        pairs = [{"target": token, "source": token, "revision": 1, "box": None} for token in taken]
        pairs += [{"target": token, "source": token, "revision": 1, "box": b"row"} for token in WAITING]
        connection.execute(insert(rotation_pair), pairs)


def held(rotations: Rotations) -> tuple[int, int]:
    """Count the notes and the pairs."""
    with session.reading(rotations._engine) as connection:
        tables = rotation_change, rotation_pair
        one, other = (
            connection.execute(select(func.count()).select_from(each)).scalar_one() for each in tables
        )
    return one, other


def test_what_was_noted_is_counted_and_goes_with_the_rotation(rotations: Rotations) -> None:
    """Changes that the other epoch has yet to take are counted while there is one, and nothing stays of them."""
    rotations.begin_rotation(BEGUN, epoch(2))
    assert not rotations.is_behind(1)
    fill(rotations, noted=NOTED, taken=TAKEN)
    assert rotations.newest_rotation() == BEGUN
    assert (rotations.pending(BEGUN), rotations.is_behind(1)) == (len(NOTED) + len(WAITING), True)
    rotations.abandon(2, now_ms=2)
    rotations.forget_notes()
    there = rotations.newest_rotation()
    assert there is not None
    assert (there.state, rotations.pending(there)) == (RotationState.ABANDONED, 0)
    assert not rotations.is_behind(1)
    assert held(rotations) == (0, 0)


def test_what_a_rotation_has_noted_stays_with_it(rotations: Rotations) -> None:
    """Whoever removes notes of one that is over takes none of another one that has begun in the middle."""
    rotations.begin_rotation(BEGUN, epoch(2))
    fill(rotations, noted=NOTED[:10], taken=TAKEN[:10])
    rotations.forget_notes()
    assert held(rotations) == (10, 10 + len(WAITING))


@pytest.mark.parametrize("step", ["cut off", "abandon"])
def test_a_step_sees_what_it_has_waited_for(rotations: Rotations, step: str) -> None:
    """Of two commands at once the second waits, and then refuses what the rotation no longer stands at."""
    rotations.begin_rotation(BEGUN, epoch(2))
    with session.writing(rotations._engine) as connection:
        connection.execute(update(epochs).where(epochs.c.number == 2).values(state="ready"))
    rotations.moved(2, now_ms=2)
    if step == "cut off":
        assert rotations.flip(2, now_ms=3, until_ms=4)
    second = partial(rotations.abandon, now_ms=5) if step == "abandon" else rotations.cut_off
    with ThreadPoolExecutor(1) as other:
        with session.writing(rotations._engine) as connection:
            session.hold_references(connection)
            waiting = other.submit(second, 2)
            assert not wait([waiting], BESIDE_SECONDS).done
            moved = RotationState.READY if step == "cut off" else RotationState.FLIPPED
            connection.execute(update(table).values(state=moved.value))
        with pytest.raises(RotationStateError):
            waiting.result(SECONDS)
    assert EpochState.DROPPED not in {each.state for each in rotations.epochs()}


def test_what_a_killed_one_left_is_not_of_the_next_one(rotations: Rotations) -> None:
    """Notes of a rotation that was killed while it was abandoned are nobody's, and gone before the next begins."""
    rotations.begin_rotation(BEGUN, epoch(2))
    rotations.abandon(2, now_ms=2)
    fill(rotations, noted=NOTED[:10], taken=TAKEN[:10])
    assert rotations.pending(rotations.newest_rotation()) == 0
    rotations.begin_rotation(replace(BEGUN, target=3), epoch(3))
    assert held(rotations) == (0, 0)
    assert not rotations.is_behind(1)


def test_what_is_waiting_is_found_among_what_was_taken(postgres_url: str) -> None:
    """However many rows the other epoch has taken, those that it has yet to take are found without reading them."""
    migrations.upgrade(postgres_url, migrations.Tree.VAULT)
    with opened(postgres_url) as rotations, psycopg.connect(postgres_url, autocommit=True) as server:
        rotations.begin_rotation(BEGUN, epoch(2))
        server.execute(
            "ALTER TABLE rotation_pair SET (autovacuum_enabled = off)"
        )  # so that nothing is known of it
        fill(rotations, noted=(), taken=TAKEN)
        before = rows_read(server, "rotation_pair")
        for _ in range(5):
            assert [pair.other for pair in rotations.waiting(BEGUN, 100)] == WAITING
            assert rotations.is_behind(1)
        rotations.close()  # a session tells what it has read when it ends
        read = rows_read_in_the_end(server, "rotation_pair")
        assert before < read <= before + 5 * (len(WAITING) + 1)
