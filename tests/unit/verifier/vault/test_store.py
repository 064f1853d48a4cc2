"""The vault keeps its promises on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.unit.verifier.vault.epochs import BOX_SIZE, box, epoch, load, tokens
from verifier import migrations
from verifier.breaker import FAILURES
from verifier.vault.catalogue import EpochStateError
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_vault, open_writer
from verifier.vault.store import NoEpochError, VaultDamagedError, VaultUnavailableError
from verifier.vault.writer import LoadOrderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verifier.vault.writer import VaultWriter


@pytest.fixture
def writer(vault_database: str) -> Iterator[VaultWriter]:
    """Open the vault for writing."""
    with closing(open_writer(vault_database)) as opened:
        yield opened


def test_held_and_not_held_give_two_rows_each(vault_database: str, writer: VaultWriter) -> None:
    """Who is held comes with the second decoy; who is not is two decoys; a batch keeps its order."""
    held = tokens(500)
    load(writer, 1, held, activate=True)
    source = random.Random(3)
    queries, expected = [], []
    for number in range(200):
        one, two = held[source.randrange(500)], held[source.randrange(500)]
        asked = held[source.randrange(500)] if number % 3 else source.randbytes(16)
        queries.append((asked, one, two))
        first = asked if number % 3 else one
        expected.append(((first, box(first)), (two, box(two))))
    with closing(open_vault(vault_database)) as vault:
        assert vault.lookup_many(queries) == expected
        assert [answer for query in queries for answer in vault.lookup_many([query])] == expected
        assert vault.lookup_many([]) == []


def test_a_neighbour_is_not_held(vault_database: str, writer: VaultWriter) -> None:
    """Before the first, past the last and right beside a person, in either half of the token, nobody stands."""
    held = tokens(50)
    load(writer, 1, held, activate=True)
    numbers = [int.from_bytes(token, "big") for token in held]
    beside = {number + step * scale for number in numbers for step in (-1, 1) for scale in (1, (1 << 64) + 1)}
    asked = [number.to_bytes(16, "big") for number in sorted({0, (1 << 128) - 1, *beside} - {*numbers})]
    with closing(open_vault(vault_database)) as vault:
        answers = vault.lookup_many([(token, held[0], held[1]) for token in asked])
    assert answers == [((held[0], box(held[0])), (held[1], box(held[1])))] * len(asked)


def test_an_epoch_is_described_as_it_was_begun(vault_database: str, writer: VaultWriter) -> None:
    """Numbers, versions, key ids and rows of an epoch come back, and its state follows its life."""
    assert writer.next_number() == 1
    writer.begin(epoch(1))
    assert [known.state for known in writer.epochs()] == [EpochState.LOADING]
    held = tokens(20)
    assert writer.load_sorted((token, box(token)) for token in held[:12]) == 12
    assert writer.load_sorted((token, box(token)) for token in held[12:]) == 8
    ready = writer.finish()
    assert ready == epoch(1, rows=20, state=EpochState.READY)
    assert writer.epochs() == [ready]
    assert writer.activate(1) is None
    with closing(open_vault(vault_database)) as vault:
        assert vault.pin().epoch == epoch(1, rows=20, state=EpochState.ACTIVE)
        assert vault.check() == vault.epochs()[0]
    assert writer.next_number() == 2


def test_an_activation_is_seen_within_a_second_and_pins_stay(
    vault_database: str, writer: VaultWriter
) -> None:
    """Readers follow another process's activation without being told, and what is pinned stays readable."""
    old, new = tokens(50, seed=1), tokens(50, seed=2)
    load(writer, 1, old, activate=True)
    load(writer, 2, new, activate=False)
    with closing(open_vault(vault_database)) as vault:
        pinned = vault.pin()
        assert pinned.epoch.number == 1
        retired = writer.activate(2)
        assert retired is not None
        assert retired.number == 1
        waiting = threading.Event()
        for _ in range(11):
            if vault.pin().epoch.number == 2:
                break
            waiting.wait(0.1)
        assert vault.pin().epoch.number == 2
        assert vault.lookup_many([(new[0], new[1], new[2])])[0][0][0] == new[0]
        assert pinned.lookup_many([(old[0], old[1], old[2])])[0][0][0] == old[0]
    writer.activate(1)
    assert [known.state for known in writer.epochs()] == [EpochState.ACTIVE, EpochState.RETIRED]


def test_without_an_active_epoch_nothing_is_answered(vault_database: str, writer: VaultWriter) -> None:
    """A vault that is empty, or whose epoch is not activated yet, is unavailable and says what to do."""
    with closing(open_vault(vault_database)) as vault:
        with pytest.raises(NoEpochError, match="epoch activate"):
            vault.pin()
        load(writer, 1, tokens(5), activate=False)
        with pytest.raises(NoEpochError):
            vault.lookup_many([])
        writer.activate(1)
        assert vault.pin().epoch.number == 1


def test_a_missing_decoy_is_damage(vault_database: str, writer: VaultWriter) -> None:
    """A row that must be there and is not is an outage, whether it was needed or not, never a no."""
    held = tokens(10)
    load(writer, 1, held, activate=True)
    with closing(open_vault(vault_database)) as vault:
        for query in (
            (held[0], held[1], bytes(16)),
            (held[0], bytes(16), held[1]),
            (bytes(16), bytes(16), held[1]),
        ):
            with pytest.raises(VaultDamagedError):
                vault.lookup_many([query])


@pytest.mark.parametrize("fault", ["order", "twice", "size", "token"])
def test_rows_out_of_order_spoil_the_load(writer: VaultWriter, fault: str) -> None:
    """A token out of order or twice, and a wrong size, end the load; begun anew it succeeds."""
    held = tokens(10)
    rows = [(token, box(token)) for token in held]
    if fault == "order":
        rows[4], rows[5] = rows[5], rows[4]
    elif fault == "twice":
        rows[5] = rows[4]
    elif fault == "size":
        rows[5] = (rows[5][0], bytes(BOX_SIZE - 1))
    else:
        rows[5] = (rows[5][0] + b"x", rows[5][1])
    writer.begin(epoch(1))
    with pytest.raises(LoadOrderError):
        writer.load_sorted(rows)
    load(writer, 1, held, activate=True)
    assert writer.epochs()[0].rows == 10


def test_a_second_call_goes_on_where_the_first_ended(writer: VaultWriter) -> None:
    """Rows of a later call have higher tokens than those of the one before."""
    held = tokens(4)
    writer.begin(epoch(1))
    writer.load_sorted([(held[2], box(held[2]))])
    with pytest.raises(LoadOrderError):
        writer.load_sorted([(held[1], box(held[1]))])


def test_a_killed_load_begins_anew(vault_database: str) -> None:
    """What a writer left that died in the middle of its load is gone when its number begins again."""
    held = tokens(30)
    with closing(open_writer(vault_database)) as dead:
        dead.begin(epoch(1))
        dead.load_sorted((token, box(token)) for token in held[:10])
    with closing(open_writer(vault_database)) as writer:
        assert writer.next_number() == 2
        load(writer, 1, held, activate=True)
        with closing(open_vault(vault_database)) as vault:
            assert vault.pin().epoch.rows == 30


def test_states_allow_only_their_steps(writer: VaultWriter) -> None:
    """Numbers come in order and once; only what is ready is activated; the active one is not dropped."""
    with pytest.raises(EpochStateError):
        writer.begin(epoch(2))
    with pytest.raises(EpochStateError):
        writer.load_sorted([])
    with pytest.raises(EpochStateError):
        writer.finish()
    writer.begin(epoch(1))
    with pytest.raises(EpochStateError):
        writer.activate(1)
    load(writer, 1, tokens(3), activate=True)
    with pytest.raises(EpochStateError):
        writer.begin(epoch(1))
    with pytest.raises(EpochStateError):
        writer.drop(1)
    with pytest.raises(EpochStateError):
        writer.activate(9)
    with pytest.raises(LoadOrderError):
        writer.begin(epoch(2, box_size=1_001))


def test_a_dropped_epoch_is_gone_and_its_number_used(vault_database: str, writer: VaultWriter) -> None:
    """Dropping deletes the rows; the number is never given again."""
    load(writer, 1, tokens(3), activate=True)
    load(writer, 2, tokens(3, seed=2), activate=True)
    writer.drop(1)
    assert [known.state for known in writer.epochs()] == [EpochState.DROPPED, EpochState.ACTIVE]
    assert writer.next_number() == 3
    with pytest.raises(EpochStateError):
        writer.activate(1)
    with closing(open_vault(vault_database)) as vault:
        assert vault.pin().epoch.number == 2


def test_threads_read_at_once(vault_database: str, writer: VaultWriter) -> None:
    """Many threads look up at the same time, each on a connection of its own."""
    held = tokens(300)
    load(writer, 1, held, activate=True)
    with closing(open_vault(vault_database)) as vault:

        def work(number: int) -> bool:
            source = random.Random(number)
            wanted = [source.choice(held) for _ in range(20)]
            answers = vault.lookup_many([(token, held[0], held[1]) for token in wanted])
            return [answer[0] for answer in answers] == [(token, box(token)) for token in wanted]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(64)))


def test_a_closed_vault_reads_nothing(vault_database: str, writer: VaultWriter) -> None:
    """After close, what was pinned is unavailable."""
    load(writer, 1, tokens(3), activate=True)
    vault = open_vault(vault_database)
    pinned = vault.pin()
    vault.close()
    with ThreadPoolExecutor(1) as pool, pytest.raises(VaultUnavailableError):
        pool.submit(pinned.lookup_many, [(bytes(16), bytes(16), bytes(16))]).result()


def test_while_the_vault_is_away_callers_are_turned_away(tmp_path: Path) -> None:
    """After some failures nobody asks it but a probe; a lookup of the probe's that works lets all through again."""
    database = tmp_path / "vault"
    migrations.upgrade(str(database), migrations.Tree.VAULT)
    held = tokens(10)
    with closing(open_writer(str(database))) as writer:
        load(writer, 1, held, activate=True)
    told: list[bool] = []
    with closing(open_vault(str(database), on_change=told.append)) as vault:
        away = database.rename(tmp_path / "away")
        for _ in range(FAILURES):
            with pytest.raises(VaultUnavailableError):
                vault.probe()
        away.rename(database)
        with pytest.raises(VaultUnavailableError):
            vault.pin()
        pinned = vault.probe()
        assert told == [True]
        assert pinned.lookup_many([(held[0], held[1], held[2])])[0][0][0] == held[0]
        assert told == [True, False]
        assert vault.pin().epoch.number == 1
