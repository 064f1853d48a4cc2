"""What the parts of a backup have in common, whatever the engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.tlog.frontier import Frontier
from verifier.chain import extend

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verifier.backup.manifest import BackedUpTable
    from verifier.chain import Chain
    from verifier.headfile import Head

WITH_ROWS: Final = frozenset({"ready", "active", "retired"})
"""States of epochs that have rows; one that is still loading is loaded anew after a restore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPart:
    """An epoch with rows: its number and state, purpose to key id, and on SQLite its layers."""

    number: int
    state: str
    key_ids: Mapping[str, int]
    layers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPart:
    """The vault as it was backed up."""

    engine: str
    version: str
    epochs: tuple[EpochPart, ...]
    tables: tuple[BackedUpTable, ...] = ()

    @property
    def active(self) -> int:
        """The active epoch; 0 for none."""
        return next((each.number for each in self.epochs if each.state == "active"), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a log's first entries come to."""

    chain: Chain
    tree: Frontier

    def is_of(self, head: Head) -> bool:
        """Say whether the head has seen just these."""
        return self.tree == head.tree if head.before is None else self.chain == head.before.chain


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """The log as it was backed up; `seen` is what as many entries as were asked for come to, or None."""

    engine: str
    version: str
    chain: Chain
    seen: Seen | None = None
    mirror: int = 0
    tables: tuple[BackedUpTable, ...] = ()


class GapError(Exception):
    """An entry is missing in the middle; never reaches a person."""


def key_ids(text: str) -> dict[str, int]:
    """Read an epoch's column key_ids."""
    return {str(purpose): int(number) for purpose, number in json.loads(text).items()}


def chained(chain: Chain, rows: Iterable[tuple[int, bytes]], until: int = 0) -> tuple[Chain, Seen | None]:
    """Extend a chain by rows of place and leaf.

    Args:
        chain: before the rows.
        rows: by ascending place, from the first.
        until: a number of entries.

    Returns:
        The chain over all, and what the first so many come to; None where there are fewer.

    Raises:
        GapError: a place is missing.
    """
    tree = Frontier()
    seen = Seen(chain=chain, tree=tree) if chain.entries == until else None
    for place, leaf in rows:
        if place != chain.entries + 1:
            raise GapError
        chain = extend(chain, (bytes(leaf),))
        if place <= until:
            tree = tree.extend((bytes(leaf),))
        if place == until:
            seen = Seen(chain=chain, tree=tree)
    return chain, seen
