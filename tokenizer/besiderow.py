"""Rows of the tables beside the vault that are found by an element of the match domain: their names, boxes and keys.

    name = HMAC(index key, prefix(construction) | u32 length | front | M)[:16]
    row  = u32 id of the match key | u32 id of the index key | box of the table's row-seal keys
    associated data of the box = label(construction + "-row") | the two ids | name

What is new stands under the primary key of each kind, what is there under any living one. So a table is moved to new
keys row by row, in place, while it is used; whoever looks for a row tries every name that it may have.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from keys.errors import KeysError
from keys.secret import Secret
from tokenizer.errors import BoxError, IssuingOverError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.mac import MacKey
    from keys.realm import Realm
    from keys.seal import RingSeal
    from keys.tokenkey import TokenKey
    from tokenizer.token import Quotients

NAME_SIZE: Final = 16
CONTENT_SIZE: Final = 208
HEAD_SIZE: Final = 13
"""Bytes at the start of a row that name its keys in the clear."""
_IDS: Final = struct.Struct(">II")
_HEAD: Final = struct.Struct(">IIxI")


class KeyIds(NamedTuple):
    """Under which keys a row stands, by their ids."""

    match_id: int
    index_id: int
    seal_id: int


def key_ids(row: bytes) -> KeyIds:
    """Read under which keys a row stands, from its first 13 bytes; one that is cut off stands under none."""
    return KeyIds(*_HEAD.unpack(row[:HEAD_SIZE].ljust(HEAD_SIZE, b"\0")))


class BesideRows(Secret):
    """Names, seals and opens the rows of one table.

    Args:
        realm: registry and environment.
        construction: names the table's MACs and boxes.
        match: keys of the match domain, the primary one first.
        index: keys of the names, the primary one first.
        seal: keys of the boxes.
        quotients: of all domains.
        makes: whether new rows are made; not so once the time of one of the primary keys to make them is over.
    """

    __slots__ = ("_head", "_label", "_macs", "_makes", "_match", "_quotients", "_seal")

    def __init__(
        self,
        realm: Realm,
        construction: str,
        *,
        match: Sequence[TokenKey],
        index: Sequence[MacKey],
        seal: RingSeal,
        quotients: Quotients,
        makes: bool = True,
    ) -> None:
        self._makes = makes
        self._match = tuple(match)
        self._macs = tuple(key.bind(realm.prefix(construction)).mac for key in index)
        self._seal = seal
        self._quotients = quotients
        self._label = realm.label(f"{construction}-row")
        self._head = _IDS.pack(match[0].key_id, index[0].key_id)

    def names(self, element: bytes, front: bytes = b"") -> tuple[bytes, ...]:
        """Compute under which names a row may stand, the one for new rows first.

        Args:
            element: M under the primary match key, 32 bytes.
            front: what else names the row.
        """
        primary, *others = self._match
        elements = [element, *(self._quotients.between(primary, key).turn(element) for key in others)]
        return tuple(mac(front + each)[:NAME_SIZE] for each in elements for mac in self._macs)

    def seal(self, content: bytes, element: bytes, front: bytes = b"") -> tuple[bytes, bytes]:
        """Seal a row; gives its name and the box. Arguments as for `names`.

        Raises:
            IssuingOverError: the time of a key to make new rows is over.
        """
        name = self._macs[0](front + element)[:NAME_SIZE]
        return name, self.seal_as(name, content)

    def tags(self, value: bytes) -> tuple[bytes, ...]:
        """Name what has no element, under each key that names; the primary one's first, 32 bytes each."""
        return tuple(mac(value) for mac in self._macs)

    def seal_as(self, name: bytes, content: bytes) -> bytes:
        """Seal a row that has a name already; gives the box.

        Raises:
            IssuingOverError: the time of a key to make new rows is over.
        """
        if not self._makes:
            raise IssuingOverError(
                "the time of a key to make new rows is over; custodians put a new one in its place"
            )
        return self._head + self._seal.seal(content, self._label + self._head + name)

    def open(self, name: bytes, box: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
        """Open a row; gives its content, and what turns elements in it into those of the primary match key.

        Raises:
            BoxError: it does not open, or names a key that is no more.
        """
        head = box[: _IDS.size]
        try:
            content = self._seal.open(box[_IDS.size :], self._label + head + name)
        except KeysError as error:
            raise BoxError("a row beside the vault does not open") from error
        key_id, _ = _IDS.unpack(head)
        primary = self._match[0]
        if key_id == primary.key_id:
            return content, bytes
        for key in self._match:
            if key.key_id == key_id:
                return content, self._quotients.between(key, primary).turn
        raise BoxError("a row beside the vault stands under a match key that is no more")

    def is_current(self, box: bytes) -> bool:
        """Say whether a row stands under the keys that make new ones."""
        return key_ids(box) == (*_IDS.unpack(self._head), self._seal.key_id)
