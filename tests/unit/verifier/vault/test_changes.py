"""Changes to an epoch in use: visible at once and whole, in step with the position of their source, on both engines."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import conninfo

from tests.rows import rows_of
from tests.unit.verifier.vault.epochs import BOX_SIZE, load, tokens
from verifier import migrations
from verifier.vault.catalogue import PositionError
from verifier.vault.changer import ChangesBusyError
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.open import open_changer, open_vault, open_writer
from verifier.vault.postgres_changes import PostgresEpochChanger
from verifier.vault.store import NoEpochError, VaultUnavailableError
from verifier.vault.writer import LoadOrderError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.vault.changer import VaultChanger
    from verifier.vault.store import Row

LOADED = tokens(400)
NEW = tokens(2_000, seed=2)


def box(token: bytes, version: int) -> bytes:
    """Make a box that says whose it is and which version."""
    return (token + version.to_bytes(4, "big")).ljust(BOX_SIZE, b".")


@pytest.fixture
def changer(vault_database: str) -> Iterator[VaultChanger]:
    """An epoch in use, and its changer."""
    with closing(open_writer(vault_database)) as writer:
        load(writer, 1, LOADED, activate=True)
    with closing(open_changer(vault_database)) as opened:
        yield opened


def apply(changer: VaultChanger, rows: list[Row], *, after: int, before: int | None = None) -> None:
    """Apply rows of the source "feed"."""
    epoch = changer.epoch()
    changer.apply(
        epoch,
        rows,
        added=len(rows) - len(changer.boxes(epoch, [token for token, _ in rows if len(token) == TOKEN_SIZE])),
        source="feed",
        before=changer.position(epoch, "feed") if before is None else before,
        after=after,
        as_of_ms=1_800_000_000_000 + after,
    )


def test_whatever_is_applied_is_what_is_read(changer: VaultChanger, vault_database: str) -> None:
    """After each of many batches of replaced and new rows, everything reads as it was applied last."""
    source = random.Random(5)
    known: dict[bytes, int] = {}
    everyone = [*LOADED[2:], *NEW]
    with closing(open_vault(vault_database)) as vault:
        for batch in range(1, 26):
            chosen = sorted(source.sample(everyone, source.choice((1, 7, 40, 150))))
            apply(changer, [(token, box(token, batch)) for token in chosen], after=batch)
            known |= dict.fromkeys(chosen, batch)
            vault.check()
            asked = [*source.sample(sorted(known), min(60, len(known))), *tokens(5, seed=3)]
            answers = vault.lookup_many([(token, LOADED[0], LOADED[1]) for token in asked])
            for token, (first, second) in zip(asked, answers, strict=True):
                assert first == ((token, box(token, known[token])) if token in known else answers[-1][0])
                assert second[0] == LOADED[1]
        epoch = changer.epoch()
        assert epoch.rows == len(LOADED) + len(known.keys() - set(LOADED))
        assert epoch.as_of_ms == 1_800_000_000_025
        assert len(epoch.layers) <= 6
        assert vault.pin().epoch == epoch
    boxes = changer.boxes(epoch, [*known, *tokens(3, seed=3)])
    assert boxes == {token: box(token, version) for token, version in known.items()}


def test_the_position_moves_with_the_rows(changer: VaultChanger, vault_database: str) -> None:
    """A batch is applied once: who comes late changes nothing, and a batch without rows moves the position too."""
    token = LOADED[5]
    apply(changer, [(token, box(token, 1))], after=10)
    with pytest.raises(PositionError):
        apply(changer, [(token, box(token, 2))], after=11, before=0)
    epoch = changer.epoch()
    assert changer.position(epoch, "feed") == 10
    assert changer.position(epoch, "another") == 0
    assert changer.boxes(epoch, [token]) == {token: box(token, 1)}
    apply(changer, [], after=20)
    assert changer.position(changer.epoch(), "feed") == 20
    with closing(open_vault(vault_database)) as vault:
        assert vault.lookup_many([(token, LOADED[0], LOADED[1])])[0][0] == (token, box(token, 1))


def test_time_does_not_go_back(changer: VaultChanger) -> None:
    """A batch that speaks of an earlier state leaves the epoch's day as it is."""
    epoch = changer.epoch()
    before = epoch.as_of_ms
    after = changer.apply(epoch, [], added=0, source="feed", before=0, after=1, as_of_ms=before - 1)
    assert after.as_of_ms == before


@pytest.mark.parametrize("fault", ["order", "twice", "box", "token"])
def test_rows_that_cannot_be(changer: VaultChanger, fault: str) -> None:
    """Out of order, twice, or of a wrong size: nothing is applied."""
    first, second = LOADED[3], LOADED[4]
    rows = {
        "order": [(second, box(second, 1)), (first, box(first, 1))],
        "twice": [(first, box(first, 1)), (first, box(first, 2))],
        "box": [(first, b"short")],
        "token": [(first[:15], box(first, 1))],
    }[fault]
    with pytest.raises(LoadOrderError):
        apply(changer, rows, after=1)
    assert changer.position(changer.epoch(), "feed") == 0


def test_a_later_load_begins_anew(changer: VaultChanger, vault_database: str) -> None:
    """Another epoch has positions of its own, and the changed one can be put back in use as it was changed."""
    token = LOADED[7]
    apply(changer, [(token, box(token, 1))], after=10)
    with closing(open_writer(vault_database)) as writer:
        load(writer, 2, LOADED, activate=True)
        assert changer.position(changer.epoch(), "feed") == 0
        writer.activate(1)
        assert changer.position(changer.epoch(), "feed") == 10
        with closing(open_vault(vault_database)) as vault:
            assert vault.lookup_many([(token, LOADED[0], LOADED[1])])[0][0] == (token, box(token, 1))
        writer.activate(2)
        writer.drop(1)
    with closing(open_vault(vault_database)) as vault:
        assert vault.pin().epoch.number == 2


def test_without_an_epoch_there_is_nothing_to_change(vault_database: str) -> None:
    """No epoch, and none in use any more, is said."""
    with closing(open_changer(vault_database)) as changer, pytest.raises(NoEpochError):
        changer.epoch()


def test_one_process_at_a_time_changes_a_vault(changer: VaultChanger, vault_database: str) -> None:
    """The second one hears of the first, at once or after its patience, and has its turn when that is done."""
    with pytest.raises(ChangesBusyError, match=r"another process changes the vault$"):
        open_changer(vault_database)
    began = time.monotonic()
    with pytest.raises(ChangesBusyError, match=r"another process changes the vault, for longer than 0\.2 s$"):
        open_changer(vault_database, patience=0.2)
    assert time.monotonic() - began >= 0.2
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(open_changer, vault_database, patience=30)
        time.sleep(0.1)
        assert not waiting.done()
        changer.close()
        with closing(waiting.result()) as second:
            apply(second, [], after=1)


def take_the_lock_away(url: str) -> None:
    """End the session that has it, as a server that is started again does."""
    with psycopg.connect(url, autocommit=True) as connection:
        holders = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert connection.execute(holders).fetchall() == [(True,)]


@pytest.mark.parametrize("rows", [0, 1])
def test_whoever_lost_the_server_has_lost_the_lock(postgres_url: str, rows: int) -> None:
    """It reads and changes nothing more, no position either, however soon the server is there; another one may."""
    migrations.upgrade(postgres_url, migrations.Tree.VAULT)
    with closing(open_writer(postgres_url)) as writer:
        load(writer, 1, LOADED, activate=True)
    token = LOADED[5]
    with closing(open_changer(postgres_url)) as changer:
        take_the_lock_away(postgres_url)
        for _ in range(2):
            with pytest.raises(VaultUnavailableError):
                changer.apply(
                    changer.epoch(),
                    [(token, box(token, 1))][:rows],
                    added=0,
                    source="feed",
                    before=0,
                    after=1,
                    as_of_ms=0,
                )
            with pytest.raises(VaultUnavailableError):
                changer.boxes(changer.epoch(), [token])
        with closing(open_changer(postgres_url)) as second:
            assert second.boxes(second.epoch(), [token]) != {token: box(token, 1)}
            apply(second, [(token, box(token, 2))], after=1)


def test_patience_is_not_a_roles_limit(postgres_url: str) -> None:
    """Whoever waits does so as long as it may, whatever the role's limit of a statement is."""
    migrations.upgrade(postgres_url, migrations.Tree.VAULT)
    options = conninfo.conninfo_to_dict(postgres_url).get("options", "")
    limited = conninfo.make_conninfo(postgres_url, options=f"{options} -c statement_timeout=100")
    with (
        closing(PostgresEpochChanger(postgres_url)) as first,
        closing(PostgresEpochChanger(limited)) as second,
    ):
        assert first.take(0)
        assert not second.take(0.5)


def test_a_reader_follows_changes_that_take_its_files_in(changer: VaultChanger, vault_database: str) -> None:
    """Who pinned an epoch reads on while its files go, and sees the change within a second."""
    clock = [0.0]
    token = LOADED[9]
    with closing(open_vault(vault_database)) as vault:
        vault.clock = lambda: clock[0]
        before = vault.pin()
        for version in range(1, 9):
            apply(changer, [(one, box(one, version)) for one in LOADED[9:200]], after=version)
        assert before.lookup_many([(LOADED[300], LOADED[0], LOADED[1])])[0][0][0] == LOADED[300]
        clock[0] = 1.0
        assert vault.pin().lookup_many([(token, LOADED[0], LOADED[1])])[0][0] == (token, box(token, 8))


def test_what_is_refreshed_beside_them_no_request_waits_for(
    changer: VaultChanger, vault_database: str
) -> None:
    """Refreshed before it is due, a pin sees the change without reading the catalogue itself."""
    clock = [0.0]
    token = LOADED[9]
    with closing(open_vault(vault_database)) as vault:
        vault.clock = lambda: clock[0]
        before = vault.pin()
        apply(changer, [(token, box(token, 1))], after=1)
        vault.refresh()  # just read
        assert vault.pin() is before
        clock[0] = 0.3
        vault.refresh()
        assert vault.pin() is not before
        assert vault.pin().lookup_many([(token, LOADED[0], LOADED[1])])[0][0] == (token, box(token, 1))


def test_a_thread_that_comes_late_reads_what_took_the_files_in(
    changer: VaultChanger, vault_database: str
) -> None:
    """Who pinned an epoch before its files went, and opens them after, reads what stands there now."""
    token = LOADED[9]
    with ThreadPoolExecutor(1) as other, closing(open_vault(vault_database)) as vault:
        pinned, query = vault.pin(), [(token, LOADED[0], LOADED[1])]
        assert pinned.lookup_many(query)[0][0][0] == token
        changer.replace(changer.epoch(), [(token, box(token, 1))])
        assert other.submit(pinned.lookup_many, query).result()[0][0] == (token, box(token, 1))


def test_replaced_rows_leave_nothing_behind(
    changer: VaultChanger, vault_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a retired epoch are replaced too, its other rows and positions stay, and no file holds the old boxes."""
    apply(changer, [(one, box(one, 1)) for one in LOADED[:40]], after=5)
    with closing(open_writer(vault_database)) as writer:
        load(writer, 2, LOADED, activate=True)
    retired, _ = changer.epochs()
    before = dict(rows_of(vault_database, retired.number))
    assert len(before) == retired.rows
    chosen = [LOADED[3], LOADED[390]]
    monkeypatch.setattr(PostgresEpochChanger, "at_once", 1)  # each in a transaction of its own
    changer.replace(retired, [(token, box(token, 7)) for token in sorted(chosen)])
    (retired, _) = changer.epochs()
    after = dict(rows_of(vault_database, retired.number))
    assert {token for token in after if after[token] != before[token]} == set(chosen)
    assert changer.position(retired, "feed") == 5
    for file in Path(vault_database).glob("epoch-000001*"):
        assert not any(before[token] in file.read_bytes() for token in chosen)


def test_an_outage_changes_nothing(changer: VaultChanger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch whose transaction fails is not there, and the same batch can be applied again."""
    token, epoch = LOADED[11], changer.epoch()
    prepare = changer._changer.prepare

    def failing(*args: object) -> object:
        change = prepare(*args)  # type: ignore[arg-type]

        class Failing:
            def write(self, connection: object) -> None:
                change.write(connection)  # type: ignore[arg-type]
                raise VaultUnavailableError.of(OSError())

        return Failing()

    with monkeypatch.context() as patched:
        patched.setattr(changer._changer, "prepare", failing)
        with pytest.raises(VaultUnavailableError):
            apply(changer, [(token, box(token, 1))], after=1)
    assert changer.epoch() == epoch
    assert changer.boxes(epoch, [token]) != {token: box(token, 1)}
    apply(changer, [(token, box(token, 1))], after=1)
    assert changer.boxes(changer.epoch(), [token]) == {token: box(token, 1)}
