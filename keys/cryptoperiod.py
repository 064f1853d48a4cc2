"""When a key's time is up: the ends of its cryptoperiod, and the alarms 30 days ahead. Pure.

Periods count from activation. Past the first end a key makes nothing new; past the second it reads nothing
old.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys.errors import KeyExpiredError
from keys.purpose import ALARM_AHEAD, is_known, parse, rules
from keys.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from keys.keyset import Keyring, RingKey
    from keys.purpose import KeysetName


class Use(enum.StrEnum):
    """The two uses that a cryptoperiod bounds apart."""

    PROTECT = "protect"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A key whose time is up, or will be within 30 days."""

    purpose: str
    key_id: int
    use: Use
    ends: datetime
    over: bool


def end(purpose: KeysetName, key: RingKey, use: Use) -> datetime | None:
    """Compute when a use of a key ends; None is never, or not before its activation."""
    bounds = rules(purpose)
    period = bounds.protects if use is Use.PROTECT else bounds.processes
    return None if period is None or key.activated is None else key.activated + period


def check(purpose: KeysetName, key: RingKey, use: Use, *, now: datetime) -> None:
    """Refuse a use whose time is up.

    Raises:
        KeyExpiredError: with the date of the end.
    """
    ends = end(purpose, key, use)
    if ends is not None and now >= ends:
        raise KeyExpiredError(
            f"the cryptoperiod of the {purpose} key {key.key_id} to {use} ended on {ends.date().isoformat()}"
        )


def may_protect(purpose: KeysetName, key: RingKey, *, now: datetime) -> bool:
    """Whether a key may make new things now, by its state and its cryptoperiod."""
    ends = end(purpose, key, Use.PROTECT)
    return key.state.may_protect and (ends is None or now < ends)


def may_process(purpose: KeysetName, key: RingKey, *, now: datetime) -> bool:
    """Whether a key may read what it made, by its state and its cryptoperiod."""
    ends = end(purpose, key, Use.PROCESS)
    return key.state.may_process and (ends is None or now < ends)


def next_end(purpose: KeysetName, key: RingKey, *, now: datetime) -> datetime | None:
    """Say when the next of what a key does ends by its cryptoperiod; None where nothing does."""
    uses = [Use.PROTECT, Use.PROCESS] if key.state.may_protect else [Use.PROCESS]
    ahead = [at for at in (end(purpose, key, use) for use in uses) if at is not None and at > now]
    return min(ahead, default=None)


def outgoing(ring: Keyring) -> Iterator[tuple[KeysetName, RingKey]]:
    """List the keys that were replaced and stay active beside the new one, until somebody deactivates them.

    They make things until then, and no longer than their own time (`may_protect`).
    """
    for text, keyset in ring.keysets.items():
        if is_known(text) and rules(parse(text)).beside and keyset.primary is not None:
            for key in keyset.keys:  # in the order in which they were made
                if key.key_id == keyset.primary:
                    break
                if key.state is KeyState.ACTIVE:
                    yield parse(text), key


def alarms(ring: Keyring, *, now: datetime) -> tuple[Alarm, ...]:
    """List what ends within 30 days or has ended, for keys that still do what ends."""
    found: list[Alarm] = []
    beside = {(purpose, key.key_id) for purpose, key in outgoing(ring)}
    for text, key in ring:
        if not is_known(text):
            continue
        purpose = parse(text)
        makes = ring.keyset(purpose).primary == key.key_id or (purpose, key.key_id) in beside
        uses = [Use.PROTECT] if makes else []
        if key.state in {KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED}:
            uses.append(Use.PROCESS)
        for use in uses:
            ends = end(purpose, key, use)
            if ends is not None and now >= ends - ALARM_AHEAD:
                found.append(Alarm(purpose=purpose, key_id=key.key_id, use=use, ends=ends, over=now >= ends))
    return tuple(found)
