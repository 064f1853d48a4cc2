"""What custodians did to the keyring while no service looked: it is logged before anything is answered.

Each line of the keyring's history is an entry. Those of a ceremony have kinds of their own and hold proposal and
signatures, so that who has the log can check them without the keyring.
"""

from __future__ import annotations

import contextlib
import fcntl
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from keys import events, keyceremony, keychange
from padan.entry import EntryKind
from verifier import admin_entry, schema
from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from keys.events import Event
    from keys.keyset import Keyring
    from verifier.directory import Directory
    from verifier.ports import Journal

_KINDS: Final[Mapping[str, EntryKind]] = MappingProxyType(
    {
        "single-custodian": EntryKind.SINGLE_CUSTODIAN,
        "custodians-set": EntryKind.CUSTODIANS_SET,
        keyceremony.PROPOSED: EntryKind.CEREMONY_PROPOSED,
        keyceremony.APPROVED: EntryKind.CEREMONY_APPROVED,
        keyceremony.EXECUTED: EntryKind.CEREMONY_EXECUTED,
        keyceremony.CANCELLED: EntryKind.CEREMONY_ENDED,
        keyceremony.EXPIRED: EntryKind.CEREMONY_ENDED,
        keychange.DOMAIN_ENDED: EntryKind.TOKEN_DOMAIN_ENDED,
    }
)
"""Kinds of the lines that are more than a change of the keyring."""
_LOGGED = "keyring.events.logged"
_COUNTER = "keyring.counter"


class KeyringRolledBackError(OperatorError):
    """The keyring is older than the one that the log knows."""


def log_pending(*, keyring: Path, ring: Keyring, directory: Directory, journal: Journal) -> int:
    """Log the events that are not in the log yet; return how many.

    Processes that begin together take turns, so that an event is logged once. One that was logged, but not noted as
    logged, before a crash is logged twice rather than never.

    Raises:
        KeyringRolledBackError: the keyring's counter is below the last one logged.
        LogUnavailableError: the log cannot be written.
    """
    with _turn(keyring):
        return _log_pending(keyring, ring, directory, journal)


def known_counter(directory: Directory) -> int:
    """Read the highest counter of the keyring that was logged; 0 where none was."""
    with directory.reading() as connection:
        return counter_in(connection)


def counter_in(connection: Connection) -> int:
    """Read the same in a transaction that is under way."""
    table = schema.setting.c
    return int(connection.execute(select(table.value).where(table.name == _COUNTER)).scalar() or 0)


def accept_older(directory: Directory, ring: Keyring) -> None:
    """Let a keyring count that is older than what was logged, because two officers have accepted the loss."""
    if ring.counter < known_counter(directory):
        directory.set_setting(_COUNTER, str(ring.counter))
        directory.set_setting(_LOGGED, str(min(ring.events, int(directory.setting(_LOGGED) or 0))))


@contextlib.contextmanager
def _turn(keyring: Path) -> Iterator[None]:
    """Lock the keyring's own file: its folder may be closed to this process, and its writers lock another."""
    with keyring.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _log_pending(keyring: Path, ring: Keyring, directory: Directory, journal: Journal) -> int:
    known = known_counter(directory)
    if ring.counter < known:
        raise KeyringRolledBackError(
            f"{keyring}: counter {ring.counter}, but the log has seen {known}; restore the newest keyring"
        )
    logged = int(directory.setting(_LOGGED) or 0)
    happened = events.read(events.path_beside(keyring), ring)
    pending = happened[logged:]
    # A ceremony and what it changed have one counter; who agreed stands in the entry of a domain's end too.
    agreed = {
        event.counter: event.details["approved"] for event in happened if event.name == keyceremony.EXECUTED
    }
    for event in pending:
        entry = admin_entry.intend(
            _KINDS.get(event.name, EntryKind.KEYRING_CHANGED),
            {
                "event": event.name,
                "number": str(event.number),
                "counter": str(event.counter),
                "actor": event.actor,
                **event.details,
                **_about_domain(event, agreed),
            },
            agency=event.details["agency"] if event.name == keychange.DOMAIN_ENDED else "",
        )
        journal.commit([entry])
        directory.set_setting(_LOGGED, str(event.number))
    if ring.counter != known:
        directory.set_setting(_COUNTER, str(ring.counter))
    return len(pending)


def _about_domain(event: Event, agreed: Mapping[int, str]) -> Mapping[str, str]:
    """Name the domain that ended, and the custodians who agreed; where one alone decides, the actor is that one."""
    if event.name != keychange.DOMAIN_ENDED:
        return {}
    custodians = agreed.get(event.counter)
    domain = {"domain": event.details["purpose"].partition("/")[2]}
    return domain if custodians is None else {**domain, "custodians": custodians}
