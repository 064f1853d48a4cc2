"""Finds the entries about one resident, by period keys and handles: subject == HMAC(HMAC(K_period, h), nonce)[:16].

In a canonical entry SUBJECT, NONCE and PERIOD stand side by side, 66 bytes that begin alike, so that an entry is looked
through and not decoded: half a microsecond of it is hashing, under two SHA-256 states that are fed before. Every
place that begins so is tried, since a text of the entry could hold the same bytes; what is found is decoded and
computed again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from padan import canonical, envelope
from padan.entry import EntryError, EntryKind, Field, decode
from padan.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from padan.audit.entries import Item
    from padan.auditors import AuditorsKey
    from padan.envelope import Envelope
    from padan.group import Buffer

    HASH = hashlib._Hash  # noqa: SLF001 - typeshed has no other name

SIZE: Final = 16
"""Bytes of a subject, a nonce, a period's id."""
_SUBJECT: Final = canonical.header(Field.SUBJECT, SIZE)
_NONCE: Final = canonical.header(Field.NONCE, SIZE)
_PERIOD: Final = canonical.header(Field.PERIOD, SIZE)
_HEADER: Final = len(_SUBJECT)
_STEP: Final = _HEADER + SIZE
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_ENVELOPE: Final = "envelope="
_ENTRY: Final = 2
"""Place of the entry in an `Item`: its name costs a twentieth of the whole."""

States = tuple["Callable[[], HASH]", "Callable[[], HASH]"]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a search went through.

    Attributes:
        entries: looked at.
        erased: whose time was over, so that nothing can be told about them.
        unopened: entries about somebody under periods that were not opened, by the period's id.
    """

    entries: int = 0
    erased: int = 0
    unopened: dict[bytes, int] = field(default_factory=dict)


class Search:
    """Looks for one resident.

    Args:
        keys: period ids to period keys; not kept.
        handles: the resident's, 16 bytes each.
    """

    def __init__(self, keys: Mapping[bytes, Buffer], handles: Sequence[bytes]) -> None:
        self._states: dict[bytes, list[States]] = {
            period: [_states(hmac.digest(bytes(key), handle, "sha256")) for handle in dict.fromkeys(handles)]
            for period, key in keys.items()
        }
        self.tally = Tally()

    def __repr__(self) -> str:
        return f"<Search of {len(self._states)} periods>"

    def find(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the entries about the resident, in order; counts the others.

        Raises:
            AuditError: an entry is not canonically encoded.
        """
        tally, states = self.tally, self._states
        count = 0
        try:
            for item in items:
                count += 1
                entry = item[_ENTRY]
                at = entry.find(_SUBJECT)
                if at < 0:
                    tally.erased += not entry
                while at >= 0:
                    second, third = at + _STEP, at + 2 * _STEP
                    if entry.startswith(_NONCE, second) and entry.startswith(_PERIOD, third):
                        known = states.get(entry[third + _HEADER : third + _STEP])
                        if known is None:
                            self._note_unopened(entry)
                        else:
                            nonce = entry[second + _HEADER : third]
                            for inner_copy, outer_copy in known:
                                inner = inner_copy()
                                inner.update(nonce)
                                outer = outer_copy()
                                outer.update(inner.digest())
                                if entry.startswith(outer.digest()[:SIZE], at + _HEADER) and self._confirm(
                                    item
                                ):
                                    yield item
                                    at = len(entry)
                                    break
                    at = entry.find(_SUBJECT, at + 1)
        finally:
            tally.entries += count

    def _confirm(self, item: Item) -> bool:
        """Decode an entry and look again at what its fields say."""
        fields = _fields(item.entry)
        if not fields.keys() >= {Field.SUBJECT, Field.NONCE, Field.PERIOD}:
            return False
        about = canonical.encode(
            {number: fields[number] for number in (Field.SUBJECT, Field.NONCE, Field.PERIOD)}
        )
        known = self._states.get(fields[Field.PERIOD], [])
        return len(about) == 3 * _STEP and _matches(known, about, 0)

    def _note_unopened(self, entry: bytes) -> None:
        period = _fields(entry).get(Field.PERIOD, b"")
        if period not in self._states:
            self.tally.unopened[period] = self.tally.unopened.get(period, 0) + 1


def envelopes(items: Iterable[Item], key: AuditorsKey) -> tuple[list[Envelope], int]:
    """Find the envelopes that are sealed to the auditors' key, each once.

    Returns:
        The envelopes, and how many are sealed to another key.

    Raises:
        AuditError: one is malformed, or an entry is not canonically encoded.
    """
    found: dict[bytes, Envelope] = {}
    foreign = 0
    for item in items:
        if item.kind != EntryKind.PERIOD_OPENED or not item.entry:
            continue
        for text in decode(item.entry).texts(Field.DETAIL):
            if not text.startswith(_ENVELOPE):
                continue
            data = _bytes(text.removeprefix(_ENVELOPE), item)
            if data[:1] != bytes((envelope.FORMAT,)):
                foreign += 1
                continue
            each = envelope.parse(data)
            if each.key_id == key.key_id:
                found[each.element] = each
            else:
                foreign += 1
    return list(found.values()), foreign


def _bytes(text: str, item: Item) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise AuditError(f"entry {item.sequence}: its envelope is malformed", reason="envelope") from None


def _fields(entry: bytes) -> Mapping[int, bytes]:
    try:
        return decode(entry).fields
    except EntryError as error:
        raise AuditError(f"an entry is malformed: {error}", reason="entry") from None


def _states(key: bytes) -> States:
    """Feed HMAC's two SHA-256 states with a key of 32 bytes, and give what copies them."""
    block = key.ljust(64, b"\0")
    return hashlib.sha256(block.translate(_INNER)).copy, hashlib.sha256(block.translate(_OUTER)).copy


def _matches(states: Sequence[States], entry: bytes, at: int) -> bool:
    """Compute the subject for the nonce that stands there, and compare it with the one that does."""
    nonce = entry[at + _STEP + _HEADER : at + 2 * _STEP]
    for inner_copy, outer_copy in states:
        inner = inner_copy()
        inner.update(nonce)
        outer = outer_copy()
        outer.update(inner.digest())
        if entry.startswith(outer.digest()[:SIZE], at + _HEADER):
            return True
    return False
