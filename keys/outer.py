"""The two keys of a vault table's outer layer in one epoch, and what they are derived for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys.derive import outer_info

if TYPE_CHECKING:
    from keys.block import BlockKey
    from keys.purpose import Purpose
    from keys.realm import Realm
    from keys.seal import SealKey


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochKeys:
    """Which keys of the keyring an epoch's table stands under.

    Args:
        epoch: number of the vault epoch.
        outer_token: id of the outer-token key.
        row_seal: id of the row-seal key.
        source: "registry", or the name of another source.
        table: "person", or another table of the source.
        modality: empty but for biometric tables.
    """

    epoch: int
    outer_token: int
    row_seal: int
    source: str = "registry"
    table: str = "person"
    modality: str = ""

    def info(self, realm: Realm, purpose: Purpose) -> bytes:
        """Make the HKDF info of one of the two keys."""
        return outer_info(
            realm, purpose, epoch=self.epoch, source=self.source, table=self.table, modality=self.modality
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OuterKeys:
    """The derived keys: record ids to stored tokens, and rows to boxes."""

    token: BlockKey
    row: SealKey
