"""Under which keys the rows beside the log stand, and whether a key may go."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys import ringformat
from keys.ringfile import RingFile
from keys.state import KeyState
from verifier.database import parse_address
from verifier.directory import Directory
from verifier.token.errors import RowsStandError
from verifier.token.rowtable import RowTable
from verifier.token.tables import TABLES, TOKEN_PURPOSES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keys.keyset import Keyring
    from keys.purpose import KeysetName, Purpose
    from tokenizer.besiderow import KeyIds
    from verifier.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the tables stand.

    Attributes:
        tables: of each table, by its name, how many rows stand under which keys.
        primary: of each table, the keys that make new rows; 0 for one that is missing.
        unused: keys that make nothing new and under which no row stands, and that are not destroyed.
    """

    tables: dict[str, dict[KeyIds, int]]
    primary: dict[str, tuple[int, ...]]
    unused: tuple[tuple[Purpose, int], ...]

    @property
    def old(self) -> int:
        """How many rows stand under another key than a primary one."""
        return sum(
            count
            for name, rows in self.tables.items()
            for ids, count in rows.items()
            if tuple(ids) != self.primary[name]
        )


def read(settings: Settings) -> Standing:
    """Read how the tables stand; needs no KEK.

    Raises:
        LogStoreError: the log's database cannot be read.
        KeysError: the keyring cannot be read.
    """
    ring = ringformat.peek(RingFile(settings.keyring).read())
    with closing(Directory(settings.log_database)) as directory:
        tables = {
            str(kept.beside.name.lower()): RowTable(directory, kept.beside).by_keys() for kept in TABLES
        }
    primary = {
        kept.beside.name.lower(): tuple(ring.keyset(purpose).primary or 0 for purpose in kept.purposes)
        for kept in TABLES
    }
    return Standing(tables=tables, primary=primary, unused=_unused(ring, tables))


def _unused(ring: Keyring, tables: dict[str, dict[KeyIds, int]]) -> tuple[tuple[Purpose, int], ...]:
    used = set(_used(tables))
    return tuple(
        (purpose, key.key_id)
        for purpose in TOKEN_PURPOSES
        for key in ring.keyset(purpose).keys
        if key.key_id != ring.keyset(purpose).primary
        and key.state is not KeyState.DESTROYED
        and (purpose, key.key_id) not in used
    )


def _used(tables: dict[str, dict[KeyIds, int]]) -> Iterable[tuple[Purpose, int]]:
    for kept in TABLES:
        for ids in tables[kept.beside.name.lower()]:
            yield from zip(kept.purposes, ids, strict=True)


def require_unused(settings: Settings, keys: Iterable[tuple[KeysetName, int]]) -> None:
    """See that no row stands under keys that are to be destroyed.

    Raises:
        RowsStandError: rows do; says how many, and names one of the keys.
        LogStoreError: the log's database cannot be read.
    """
    asked = set(keys)
    concerned = {purpose for kept in TABLES for purpose in kept.purposes}
    path = parse_address(settings.log_database).path
    if not any(purpose in concerned for purpose, _ in asked) or (path is not None and not path.exists()):
        return
    with closing(Directory(settings.log_database)) as directory:
        for kept in TABLES:
            counts: dict[tuple[Purpose, int], int] = {}
            for ids, count in RowTable(directory, kept.beside).by_keys().items():
                for key in zip(kept.purposes, ids, strict=True):
                    counts[key] = counts.get(key, 0) + count
            for key in counts.keys() & asked:
                raise RowsStandError(
                    f"{counts[key]:,} rows of {kept.beside.table} stand under the {key[0]} key {key[1]}"
                )
