"""An epoch: one projection of the registry under one set of keys, and where it stands."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_SIZE = 16
MAX_BOX_SIZE = 1_000
"""Sets disk, cache and the speed of rotation."""


class EpochState(enum.StrEnum):
    """Where an epoch stands."""

    LOADING = "loading"
    READY = "ready"
    ACTIVE = "active"
    RETIRED = "retired"
    """Was active; its rows are there, so that it can be activated again until it is dropped."""
    DROPPED = "dropped"
    """Its rows are gone; its number is never used again."""


class Layer(NamedTuple):
    """One file of an epoch that was changed, on SQLite.

    Attributes:
        number: 0 for the file that was loaded; of two layers that hold a row, the one with the higher number counts.
        rows: rows in it.
    """

    number: int
    rows: int


class Followed(NamedTuple):
    """How far an epoch has followed a source of changes.

    Attributes:
        position: of the last change that is in; 0 at the beginning.
        as_of_ms: the registry's state that the source had come to, milliseconds of the Unix epoch; 0 where not known.
    """

    position: int = 0
    as_of_ms: int = 0

    def holds(self, change: Followed) -> bool:
        """Say whether a change was in already.

        Args:
            change: its position, and how old the block is that it stands in. In a newer block none was in, whatever its
                position: the registry may have begun to count anew.
        """
        return change.position <= self.position and change.as_of_ms <= self.as_of_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch is.

    Attributes:
        number: from 1; part of every key of its outer layer, so never used twice.
        registry: id of the registry.
        format: format of its rows.
        as_of_ms: the registry's state that it shows, milliseconds of the Unix epoch.
        key_ids: purpose to key id.
        normaliser: version of the normaliser.
        suite: id of the suite of filters.
        decoys: how many rows are nobody's.
        box_size: bytes of every box.
        rows: rows with decoys; 0 until it is finished.
        state: where it stands.
        layers: its files, newest first; empty for one that was never changed, and on PostgreSQL.
    """

    number: int
    registry: str
    format: int
    as_of_ms: int
    key_ids: Mapping[str, int]
    normaliser: str
    suite: str
    decoys: int
    box_size: int
    rows: int = 0
    state: EpochState = EpochState.LOADING
    layers: tuple[Layer, ...] = ()

    @property
    def sealed_rows(self) -> int:
        """Rows that were sealed under the epoch's keys, as far as the catalogue knows: those of all its files."""
        return sum(layer.rows for layer in self.layers) or self.rows


class InUse(NamedTuple):
    """What the catalogue says about now, as it was at one moment.

    Attributes:
        active: the epoch that answers; None where there is none.
        other: the one that takes its changes besides, in which people have other names: of an inner rotation that is
            under way; None where there is none.
    """

    active: Epoch | None
    other: Epoch | None = None
