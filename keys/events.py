"""The history of a keyring: one JSON line a change in `keyring.events.jsonl`, each holding the hash of the line before.

The keyring, under its own MAC, holds how many lines happened and the hash of the last. A line is durable
before the keyring that it describes; after a crash in between the file holds one line more than happened,
which the next change overwrites. So a line that is missing, changed or invented shows, and none is lost. The
service logs the lines as entries of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys.errors import EventsError, KeyringOlderError
from keys.keyset import NO_EVENTS, Keyring
from keys.ringfile import OWNER_ONLY, sync_folder
from keys.ringformat import compact, moment, parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of a keyring.

    Args:
        number: 1, 2, 3, ... in the file.
        counter: the keyring's counter after the change.
        at: when, UTC, whole seconds.
        name: what: keyring-created, single-custodian, key-created, key-activated, key-deactivated, key-compromised,
            key-destroyed, key-primary, key-domain-ended, kek-renewed, custodians-set, key-exported, roster-set,
            roster-noted, ceremony-proposed, ceremony-approved, ceremony-executed, ceremony-cancelled or
            ceremony-expired.
        actor: the account that ran the command.
        details: purpose, key id and the like; never a key.
    """

    number: int
    counter: int
    at: datetime
    name: str
    actor: str
    details: Mapping[str, str]


def path_beside(keyring: Path) -> Path:
    """Give the path of a keyring's events: `keyring.json` has `keyring.events.jsonl`."""
    return keyring.with_name(keyring.stem + ".events.jsonl")


def encode(event: Event, previous: bytes) -> bytes:
    """Write one line.

    Args:
        event: what happened.
        previous: SHA-256 of the line before, 32 zero bytes for the first.
    """
    line = {
        "actor": event.actor,
        "at": moment(event.at),
        "counter": event.counter,
        "details": dict(event.details),
        "event": event.name,
        "format": FORMAT,
        "number": event.number,
        "previous": previous.hex(),
    }
    return compact(line) + b"\n"


def chain(events: Sequence[Event], head: bytes) -> tuple[bytes, bytes]:
    """Write several lines after a head; return them and the new head."""
    lines: list[bytes] = []
    for event in events:
        line = encode(event, head)
        head = hashlib.sha256(line).digest()
        lines.append(line)
    return b"".join(lines), head


def read(path: Path, ring: Keyring) -> tuple[Event, ...]:
    """Read and check the lines that happened according to the keyring.

    Raises:
        EventsError: the file is missing, or does not end where the keyring says.
        KeyringOlderError: more happened than the keyring knows of.
    """
    return tuple(event for event, _ in _happened(path, ring))


def parse(data: bytes, ring: Keyring) -> tuple[Event, ...]:
    """Read and check the lines of a history that is at hand; raises as `read` does."""
    return tuple(event for event, _ in _checked(data, ring, "the history"))


def append(path: Path, ring: Keyring, events: Sequence[Event]) -> bytes:
    """Write events after those that happened, durably; return the new head.

    Raises:
        EventsError: the file does not continue what the keyring vouches for.
        OSError: the disk refuses.
    """
    size = sum(length for _, length in _happened(path, ring))
    lines, head = chain(events, ring.events_head)
    created = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
    if created:
        sync_folder(path.parent)
    return head


def _happened(path: Path, ring: Keyring) -> list[tuple[Event, int]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    return _checked(data, ring, path)


def _checked(data: bytes, ring: Keyring, path: Path | str) -> list[tuple[Event, int]]:
    lines = data.splitlines(keepends=True)
    if len(lines) < ring.events:
        raise EventsError(f"{path} holds {len(lines)} of the {ring.events} lines that happened")
    head = NO_EVENTS
    found: list[tuple[Event, int]] = []
    for number, line in enumerate(lines[: ring.events], start=1):
        event = _decode(line, number, head, path)
        head = hashlib.sha256(line).digest()
        found.append((event, len(line)))
    if head != ring.events_head:
        raise EventsError(f"{path} ends in another line than the keyring vouches for")
    _require_newest(path, ring, lines[ring.events :], head)
    return found


def _require_newest(path: Path | str, ring: Keyring, lines: Sequence[bytes], head: bytes) -> None:
    """Tell the lines of one change that was cut off, which the next overwrites, from changes that did happen."""
    for number, line in enumerate(lines, start=ring.events + 1):
        try:
            event = _decode(line, number, head, path)
        except EventsError:
            return  # a line that was being written
        if event.counter > ring.counter + 1:
            raise KeyringOlderError(
                f"the keyring's counter is {ring.counter}, and {path} tells of {event.counter}: the keyring is older"
            )
        head = hashlib.sha256(line).digest()


def _decode(line: bytes, number: int, previous: bytes, path: Path | str) -> Event:
    try:
        data: dict[str, Any] = json.loads(line.decode("ascii"))
        event = Event(
            number=data["number"],
            counter=data["counter"],
            at=parse_moment(data["at"]),
            name=data["event"],
            actor=data["actor"],
            details=data["details"],
        )
        same = encode(event, previous) == line and event.number == number
    except (KeyError, TypeError, ValueError) as error:
        raise EventsError(f"line {number} of {path} is not an event of format {FORMAT}") from error
    if not same:
        raise EventsError(f"line {number} of {path} does not follow the line before")
    return event
