"""The outer layer: what the database sees. Rotates in place, without the registry.

    stored token  one AES-256 block of the record id under the epoch's outer-token key, 16 bytes
    row           0x01 | nonce 12 | AES-256-GCM(record | tag 16) under the epoch's row-seal key
                  associated data = label "row" | source | table | u32 epoch | u8 format | stored token

Both keys are derived per epoch, source, table and modality (`keys.outer.EpochKeys`), so one person's rows in two tables
or epochs share nothing. A row that does not open is an outage and an alarm, never a "no".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NoReturn, Self

from keys.block import BLOCK_SIZE
from keys.errors import OpenError
from keys.outer import EpochKeys
from keys.seal import OVERHEAD
from padan.canonical import prefixed
from tokenizer.errors import BoxError
from tokenizer.record import SIZE as RECORD_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.block import BlockKey
    from keys.keyagent import KeyAgent
    from keys.realm import Realm
    from keys.seal import SealKey

FORMAT: Final = 1
TOKEN_SIZE: Final = BLOCK_SIZE
BOX_SIZE: Final = 1 + OVERHEAD + RECORD_SIZE
"""Size of a person's row, 994 bytes."""
SOURCE: Final = "registry"
TABLE: Final = "person"

_FORMAT_BYTE = bytes([FORMAT])
_EPOCH = struct.Struct(">I")


class Outer:
    """Turns record ids into stored tokens and records into rows, for one table of one epoch.

    Args:
        realm: the registry and environment.
        epoch: number of the epoch.
        block: the epoch's outer-token key.
        seal: the epoch's row-seal key.
        source: whose table it is.
        table: name of the table.
    """

    __slots__ = ("_aad", "_block", "_seal")

    def __init__(
        self,
        *,
        realm: Realm,
        epoch: int,
        block: BlockKey,
        seal: SealKey,
        source: str = SOURCE,
        table: str = TABLE,
    ) -> None:
        self._block = block
        self._seal = seal
        self._aad = realm.label("row") + prefixed(source, table) + _EPOCH.pack(epoch) + _FORMAT_BYTE

    @classmethod
    def of_agent(
        cls,
        agent: KeyAgent,
        *,
        epoch: int,
        token_id: int,
        seal_id: int,
        source: str = SOURCE,
        table: str = TABLE,
        modality: str = "",
        sealed: int = 0,
    ) -> Self:
        """Derive an epoch's keys from a key agent.

        Args:
            agent: holds the keyring.
            epoch: number of the epoch.
            token_id: id of the outer-token key.
            seal_id: id of the row-seal key.
            source: whose table it is.
            table: name of the table.
            modality: of a biometric table.
            sealed: boxes that the row-seal key has sealed before.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        names = EpochKeys(
            epoch=epoch, outer_token=token_id, row_seal=seal_id, source=source, table=table, modality=modality
        )
        keys = agent.outer(names, sealed=sealed)
        return cls(
            realm=agent.realm, epoch=epoch, block=keys.token, seal=keys.row, source=source, table=table
        )

    @property
    def sealed(self) -> int:
        """Boxes sealed under the row-seal key, as far as this object knows."""
        return self._seal.sealed

    def token(self, record_id: bytes) -> bytes:
        """Compute the stored token of a record id, 16 bytes."""
        return self._block.encrypt(record_id)

    def tokens(self, record_ids: Sequence[bytes]) -> list[bytes]:
        """Compute the stored tokens of many record ids, in their order."""
        joined = self._block.encrypt_many(b"".join(record_ids))
        return [joined[at : at + TOKEN_SIZE] for at in range(0, len(joined), TOKEN_SIZE)]

    def record_ids(self, tokens: Sequence[bytes]) -> list[bytes]:
        """Give back the record ids under which rows stand, for a rotation alone, in the order of their tokens."""
        joined = self._block.decrypt_many(b"".join(tokens))
        return [joined[at : at + TOKEN_SIZE] for at in range(0, len(joined), TOKEN_SIZE)]

    def seal(self, token: bytes, plain: bytes) -> bytes:
        """Seal a record's plaintext into the row that stands under a token."""
        return _FORMAT_BYTE + self._seal.seal(plain, self._aad + token)

    def seal_many(self, tokens: Sequence[bytes], plains: Sequence[bytes]) -> list[bytes]:
        """Seal plaintexts into the rows that stand under tokens, in their order."""
        aad = self._aad
        boxes = self._seal.seal_many(plains, [aad + token for token in tokens])
        return [_FORMAT_BYTE + box for box in boxes]

    def open(self, token: bytes, box: bytes) -> bytes:
        """Open the row that stands under a token.

        Raises:
            BoxError: another format, a changed row, or a row of another place.
        """
        if box[:1] != _FORMAT_BYTE:
            raise BoxError("a stored row has an unknown format")
        try:
            return self._seal.open(box[1:], self._aad + token)
        except OpenError as error:
            raise BoxError("a stored row does not open") from error

    def __repr__(self) -> str:
        return "Outer(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("outer keys are not pickled")
