"""What happens to a keyring on a disk: a flipped bit, a cut, an older file; each is told as what it is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from keys import ringformat
from keys.errors import EventsError, KeyringCutError, KeyringIntegrityError, KeyringOlderError
from keys.keychange import Action, Change
from keys.purpose import Purpose
from tests.unit.keys.council import agree, seat

if TYPE_CHECKING:
    from pathlib import Path

    from keys.custody import Custody
    from tests.simulator.kek_provider import MemoryKekProvider


def test_a_flipped_bit_is_not_taken_for_a_cut(
    custody: Custody, provider: MemoryKekProvider, tmp_path: Path
) -> None:
    """Wherever it lies, in the file's last bytes too, it is told as a change."""
    del custody
    data = (tmp_path / "keyring.json").read_bytes()
    places = [*random.Random(7).sample(range(len(data) * 8), 200), *range(len(data) * 8 - 48, len(data) * 8)]
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(KeyringIntegrityError) as told:
            ringformat.decode(bytes(changed), provider.unlock())
        assert told.type is KeyringIntegrityError, place


def test_a_cut_is_not_taken_for_a_change(
    custody: Custody, provider: MemoryKekProvider, tmp_path: Path
) -> None:
    """A file that lacks its end, at any length, is told as cut off, by whoever reads it."""
    path = tmp_path / "keyring.json"
    data = path.read_bytes()
    lengths = {0, 1, 2, 3, *random.Random(7).sample(range(len(data)), 200), *range(len(data) - 40, len(data))}
    for length in lengths:
        with pytest.raises(KeyringCutError):
            ringformat.decode(data[:length], provider.unlock())
    path.write_bytes(data[:-1])
    with pytest.raises(KeyringCutError):
        custody.add(Purpose.BIOMETRIC)
    assert path.read_bytes() == data[:-1]


def test_an_older_keyring_beside_its_newer_history_is_refused(custody: Custody, tmp_path: Path) -> None:
    """What was decided since is neither forgotten nor overwritten."""
    seat(custody)
    path = tmp_path / "keyring.json"
    old = path.read_bytes()
    for _ in range(2):
        custody.execute(agree(custody, Change(action=Action.ROTATE, purpose=Purpose.REPLAY), 0, 1))
    newest, history = path.read_bytes(), custody.events_path.read_bytes()
    path.write_bytes(old)
    for attempt in (
        custody.read,
        custody.history,
        custody.check,
        custody.sitting,
        lambda: custody.add(Purpose.BIOMETRIC),
    ):
        with pytest.raises(KeyringOlderError, match="older"):
            attempt()
    assert (path.read_bytes(), custody.events_path.read_bytes()) == (old, history)
    path.write_bytes(newest)
    custody.check()


def test_a_keyring_before_its_roster_is_refused(custody: Custody, tmp_path: Path) -> None:
    """Putting back the keyring of one custodian does not bring one custodian's word back, once anything was decided."""
    path = tmp_path / "keyring.json"
    alone = path.read_bytes()
    seat(custody)
    custody.execute(agree(custody, Change(action=Action.ROTATE, purpose=Purpose.REPLAY), 0, 1))
    path.write_bytes(alone)
    with pytest.raises(KeyringOlderError):
        custody.add(Purpose.BIOMETRIC)


def test_a_change_that_was_cut_off_is_no_older_keyring(custody: Custody, tmp_path: Path) -> None:
    """Lines of one change that did not happen, whole or torn, are overwritten by the next."""
    path = tmp_path / "keyring.json"
    before, happened = path.read_bytes(), custody.events_path.read_bytes()
    custody.add(Purpose.BIOMETRIC)
    cut_off = custody.events_path.read_bytes()
    for torn in (cut_off, cut_off[:-5], happened + b'{"torn'):
        path.write_bytes(before)
        custody.events_path.write_bytes(torn)
        custody.add(Purpose.BIOMETRIC)
        custody.check()
        assert len(custody.history()) == custody.read().events


def test_a_flipped_bit_of_the_history_is_told(custody: Custody) -> None:
    """The keyring vouches for every line, so none is read changed, a custodian's signature neither."""
    seat(custody)
    data = custody.events_path.read_bytes()
    for place in random.Random(7).sample(range(len(data)), 60):
        changed = bytearray(data)
        changed[place] ^= 1
        custody.events_path.write_bytes(bytes(changed))
        with pytest.raises(EventsError):
            custody.history()
