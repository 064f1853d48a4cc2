"""An epoch's file is dense, immutable and checked."""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.verifier.vault.epochs import BOX_SIZE, box, epoch, load, tokens
from verifier import migrations
from verifier.failure import Failure
from verifier.vault import rowfile, sqlite
from verifier.vault.epoch import Layer
from verifier.vault.layers import (
    LOADED,
    MOST,
    SqliteChange,
    files_of,
    layer_path,
    layers_of,
    taken_in,
)
from verifier.vault.open import open_changer, open_vault, open_writer
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make an empty vault."""
    migrations.upgrade(str(tmp_path), migrations.Tree.VAULT)
    return tmp_path


def test_a_person_takes_little_disk(folder: Path) -> None:
    """A box of nearly the largest size takes less than 1.2 kB with everything around it."""
    size = 990
    with closing(open_writer(str(folder))) as writer:
        writer.begin(epoch(1, box_size=size))
        held = tokens(5_000)
        writer.load_sorted((token, bytes(size)) for token in held)
        writer.finish()
    assert layer_path(folder, 1, LOADED).stat().st_size / 5_000 < 1_200


def test_tokens_that_share_their_first_half_are_told_apart(folder: Path) -> None:
    """Eight equal first bytes are no collision: each token has its own box, and a third such is not held."""
    source = random.Random(4)
    shared = [b"\x80" * 8 + source.randbytes(8) for _ in range(3)]
    held = sorted([bytes(15) + b"\1", b"\xff" * 16, *shared[:2], *tokens(40)])
    with closing(open_writer(str(folder))) as writer:
        writer.begin(epoch(1))
        for token in held:
            writer.load_sorted([(token, box(token))])
        writer.finish()
        writer.activate(1)
    with closing(open_vault(str(folder))) as vault:
        answers = vault.lookup_many([(token, held[0], held[-1]) for token in (*held, shared[2])])
    assert [first for first, _ in answers] == [(token, box(token)) for token in (*held, held[0])]


def test_the_finished_file_appears_at_once(folder: Path) -> None:
    """Until it is finished an epoch's file has another name."""
    path = layer_path(folder, 1, LOADED)
    with closing(open_writer(str(folder))) as writer:
        writer.begin(epoch(1))
        writer.load_sorted([(token, box(token)) for token in tokens(3)])
        assert not path.exists()
        writer.finish()
    assert path.exists()
    assert not path.with_suffix(".loading").exists()


@pytest.mark.parametrize("fault", ["missing", "foreign", "format"])
def test_a_file_that_is_not_the_epochs_is_refused(folder: Path, fault: str) -> None:
    """A missing file, another file and one of a later format are an outage; put back, the same vault goes on."""
    with closing(open_writer(str(folder))) as writer:
        load(writer, 1, tokens(10), activate=True)
    path = layer_path(folder, 1, LOADED)
    good = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "foreign":
        path.write_bytes(b"\0" * 65_536)
    else:
        path.write_bytes(good[:60] + (9).to_bytes(4, "big") + good[64:])
    clock = [0.0]
    with closing(open_vault(str(folder))) as vault:
        vault.clock = lambda: clock[0]
        with pytest.raises(VaultUnavailableError) as caught:
            vault.pin()
        expected = {"missing": Failure.CANNOT_OPEN, "foreign": Failure.DAMAGED, "format": Failure.DAMAGED}
        assert caught.value.failure is expected[fault]
        path.write_bytes(good)
        with pytest.raises(VaultUnavailableError):
            vault.pin()
        clock[0] = 1.0
        assert vault.pin().epoch.number == 1


def test_a_damaged_page_is_an_outage(folder: Path) -> None:
    """Pages that were overwritten make lookups fail as damaged, and never as not held."""
    held = tokens(2_000)
    with closing(open_writer(str(folder))) as writer:
        load(writer, 1, held, activate=True)
    path = layer_path(folder, 1, LOADED)
    with path.open("r+b") as file:
        file.seek(8_192)
        file.write(b"\xee" * (path.stat().st_size - 8_192))
    with closing(open_vault(str(folder))) as vault, pytest.raises(VaultUnavailableError) as caught:
        vault.lookup_many([(held[5], held[6], held[7])])
    assert caught.value.failure is Failure.DAMAGED


def test_a_folder_without_a_vault_says_so(tmp_path: Path) -> None:
    """Where no catalogue is, the vault is unavailable."""
    with (
        closing(open_vault(str(tmp_path / "nothing"))) as vault,
        pytest.raises(VaultUnavailableError) as caught,
    ):
        vault.check()
    assert caught.value.failure is Failure.CANNOT_OPEN


def test_a_disk_without_room_ends_the_load(folder: Path) -> None:
    """A load that finds no room says so and can be begun again."""
    with closing(open_writer(str(folder))) as writer:
        writer.begin(epoch(1))
        assert isinstance(writer._loader, sqlite.SqliteEpochLoader)
        assert writer._loader._file is not None
        writer._loader._file.connection.execute("PRAGMA max_page_count=3")
        with pytest.raises(VaultUnavailableError) as caught:
            writer.load_sorted((token, box(token)) for token in tokens(200))
        assert caught.value.failure is Failure.DISK_FULL
        load(writer, 1, tokens(200), activate=True)


@given(st.lists(st.binary(min_size=1, max_size=1), min_size=1, max_size=30, unique=True))
def test_packing_keeps_every_row(tails: list[bytes]) -> None:
    """Whatever shares a key: each row is in exactly one value, in order."""
    rows = sorted(
        (bytes(7) + (tail[0] % 3).to_bytes(1, "big") + bytes(7) + tail, bytes(BOX_SIZE)) for tail in tails
    )
    packing = rowfile.Packing()
    packed = [*packing.pack(rows[:2]), *packing.pack(rows[2:]), *packing.rest()]
    assert packing.rows == len(rows)
    assert [key for key, _ in packed] == sorted(
        {int.from_bytes(token[:8], "big") - 2**63 for token, _ in rows}
    )
    assert b"".join(value for _, value in packed) == b"".join(token[8:] + value for token, value in rows)


def test_a_dropped_file_is_gone(folder: Path) -> None:
    """Dropping an epoch deletes its file, and one in the middle of its load."""
    with closing(open_writer(str(folder))) as writer:
        load(writer, 1, tokens(3), activate=False)
        writer.drop(1)
        writer.begin(epoch(2))
        writer.drop(2)
    assert [path.name for path in folder.iterdir()] == ["catalogue.sqlite"]


def test_what_a_killed_change_left_is_removed(folder: Path) -> None:
    """A layer that no catalogue names, whole or half written, is nobody's: the next change throws it away."""
    held = tokens(50)
    with closing(open_writer(str(folder))) as writer:
        load(writer, 1, held, activate=True)
    with closing(open_changer(str(folder))) as changer:
        left = changer._changer.prepare(changer.epoch(), [(held[3], bytes(BOX_SIZE))])
        assert isinstance(left, SqliteChange)
        (folder / "epoch-000001-000009.loading").write_bytes(b"half")
    with closing(open_changer(str(folder))) as changer, closing(open_vault(str(folder))) as vault:
        epoch = changer.epoch()
        assert vault.lookup_many([(held[3], held[0], held[1])])[0][0] == (held[3], box(held[3]))
        changed = changer.apply(
            epoch, [(held[4], bytes(BOX_SIZE))], added=0, source="feed", before=0, after=1, as_of_ms=0
        )
        vault.check()
        answers = vault.lookup_many([(held[3], held[0], held[1]), (held[4], held[0], held[1])])
        assert [first for first, _ in answers] == [(held[3], box(held[3])), (held[4], bytes(BOX_SIZE))]
        named = {layer_path(folder, 1, layer.number) for layer in layers_of(changed)}
        assert {*files_of(folder, 1)} == named


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=200), st.integers(0, 100_000))
def test_few_layers_and_few_rewrites(sizes: list[int], loaded: int) -> None:
    """However changes come, an epoch has few layers, and a row is rewritten about as often as the logarithm says."""
    layers: tuple[Layer, ...] = (Layer(LOADED, loaded),)
    rewritten = 0
    for number, size in enumerate(sizes, 1):
        merged = taken_in(layers, size)
        assert merged == layers[: len(merged)]
        rows = size + sum(layer.rows for layer in merged)
        rewritten += rows
        layers = (Layer(number, rows), *layers[len(merged) :])
        assert len(layers) <= MOST
    total = loaded + sum(sizes)
    assert sum(layer.rows for layer in layers) == total
    assert rewritten <= 5 * sum(sizes) * (total.bit_length() + 1)
