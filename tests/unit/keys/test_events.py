"""The history beside a keyring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from keys import events
from keys.errors import EventsError
from keys.events import Event
from keys.keyset import Keyring
from keys.purpose import Purpose
from keys.realm import Realm
from tests.unit.keys.conftest import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from keys.custody import Custody

EMPTY = Keyring(realm=Realm(registry_id="registry-test", environment="development"), counter=1, kek_id="")


def event(number: int, name: str = "key-created") -> Event:
    """Make an event."""
    return Event(number=number, counter=1, at=NOW, name=name, actor="tester", details={"key_id": "1"})


def written(path: Path, count: int) -> Keyring:
    """Write a history of some lines and give the keyring that vouches for it."""
    head = events.append(path, EMPTY, [event(number) for number in range(1, count + 1)])
    return EMPTY.written(events=count, events_head=head)


def test_what_happened_reads_back(custody: Custody) -> None:
    """Making a keyring and a key leaves one line each step, in order, by whom."""
    custody.add(Purpose.INDEX)
    told = custody.history()
    assert told[0].name == "keyring-created"
    assert told[0].details == {
        "registry": "registry-test",
        "environment": "development",
        "provider": "memory",
    }
    assert [line.number for line in told] == list(range(1, len(told) + 1))
    assert (told[-1].name, told[-1].counter, told[-1].actor) == ("key-created", 2, "tester")
    assert told[-1].details["purpose"] == "index"


def test_lines_that_did_not_happen_are_overwritten(tmp_path: Path) -> None:
    """A line of a change that crashed is not read, and gives way to the next change's."""
    path = tmp_path / "e.jsonl"
    ring = written(path, 2)
    events.append(path, ring, [event(3, "crashed"), event(4, "crashed")])
    assert len(events.read(path, ring)) == 2
    head = events.append(path, ring, [event(3, "happened")])
    ring = ring.written(events=3, events_head=head)
    assert [line.name for line in events.read(path, ring)] == ["key-created", "key-created", "happened"]
    assert len(path.read_bytes().splitlines()) == 3


def test_half_a_line_after_a_crash_is_overwritten(tmp_path: Path) -> None:
    """A torn write beyond what happened does no harm."""
    path = tmp_path / "e.jsonl"
    ring = written(path, 2)
    path.write_bytes(path.read_bytes() + b'{"actor":"tes')
    head = events.append(path, ring, [event(3)])
    assert len(events.read(path, ring.written(events=3, events_head=head))) == 3


def test_a_flipped_bit_anywhere_is_told(tmp_path: Path) -> None:
    """Every byte of the lines that happened counts; the bit flipped in it goes round."""
    path = tmp_path / "e.jsonl"
    ring = written(path, 2)
    data = path.read_bytes()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        with pytest.raises(EventsError):
            events.read(path, ring)
    with pytest.raises(EventsError):
        events.append(path, ring, [event(3)])


@pytest.mark.parametrize("kept", [0, 1])
def test_missing_lines_are_told(tmp_path: Path, kept: int) -> None:
    """A history that was cut, or deleted, does not pass."""
    path = tmp_path / "e.jsonl"
    ring = written(path, 2)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    with pytest.raises(EventsError, match=f"holds {kept} of the 2"):
        events.read(path, ring)
    path.unlink()
    with pytest.raises(EventsError, match="holds 0 of the 2"):
        events.read(path, ring)


def test_a_rewritten_history_is_told(tmp_path: Path) -> None:
    """A chain that is consistent in itself but not the one that happened does not pass."""
    path = tmp_path / "e.jsonl"
    ring = written(path, 2)
    forged, _ = events.chain([event(1, "forged"), event(2)], bytes(32))
    path.write_bytes(forged)
    with pytest.raises(EventsError, match="another line"):
        events.read(path, ring)


def test_lines_are_json_for_other_programs(tmp_path: Path) -> None:
    """Each line is one JSON object with the documented members."""
    path = tmp_path / "e.jsonl"
    written(path, 1)
    assert json.loads(path.read_text()) == {
        "actor": "tester",
        "at": "2026-01-31T08:00:00Z",
        "counter": 1,
        "details": {"key_id": "1"},
        "event": "key-created",
        "format": 1,
        "number": 1,
        "previous": "0" * 64,
    }


def test_the_history_stands_beside_its_keyring(tmp_path: Path) -> None:
    """Keyring.json has keyring.events.jsonl, readable by its owner alone."""
    path = events.path_beside(tmp_path / "keyring.json")
    assert path == tmp_path / "keyring.events.jsonl"
    written(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600
