"""The stored answers of the SQLite log: their bytes in the order of commits, their places in a ledger.

An index by the random request ids would rewrite a page for each answer, which costs more than all the rest. Two
request ids are told apart by their whole key: the ledger's hash only says where to look.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from verifier.log.inserting import Insert
from verifier.log.ledger import Ledger, parts
from verifier.log.store import LogOrderError, StoredReplay, encode_replay_key

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from verifier.log.store import ReplayKey, ReplayRow

_NEWEST = "SELECT coalesce(max(id), 0) FROM kept_answer"
_insert = Insert("kept_answer", ("id", "key", "day", "digest", "body"))
_SELECT = "SELECT key, digest, body, day FROM kept_answer WHERE id IN"
# Answers are kept in the order of their days, so the oldest stand first.
_EXPIRE = "DELETE FROM kept_answer WHERE id < (SELECT min(id) FROM kept_answer) + ? AND day < ?"


class Answers:
    """All stored answers of one file, for the one connection that writes. Every call is under the write lock."""

    def __init__(self) -> None:
        self.places = Ledger("replay_place")

    def claim(self, connection: sqlite3.Connection, keys: Sequence[ReplayKey]) -> dict[ReplayKey, bytes]:
        """Say which requests have no answer yet, each with its key as it is kept."""
        taken = self._find(connection, keys)
        return {key: encode_replay_key(key) for key in keys if key not in taken}

    def read(
        self, connection: sqlite3.Connection, keys: Sequence[ReplayKey]
    ) -> dict[ReplayKey, StoredReplay]:
        """Read the answers to these requests, where there are any."""
        places = self._find(connection, keys)
        encoded = {encode_replay_key(key): key for key in places}
        return {
            encoded[key]: StoredReplay(digest=digest, body=body, day=day)
            for part in parts(list(places.values()))
            for key, digest, body, day in connection.execute(f"{_SELECT} ({','.join('?' * len(part))})", part)
            if key in encoded
        }

    def write(
        self,
        connection: sqlite3.Connection,
        rows: Sequence[ReplayRow],
        claimed: dict[ReplayKey, bytes],
        day: int,
    ) -> None:
        """Keep answers to claimed requests.

        Raises:
            LogOrderError: a request was not claimed.
        """
        place = connection.execute(_NEWEST).fetchone()[0] if rows else 0
        values: list[tuple[int, bytes, int, bytes, bytes]] = []
        places: dict[bytes, int] = {}
        try:
            for place, row in enumerate(rows, place + 1):  # noqa: B020 - counts on from the newest
                key = claimed[row.key]
                values.append((place, key, row.day, row.digest, row.body))
                places[_hash(key)] = place
        except KeyError as error:
            raise LogOrderError("an answer is kept only for a claimed request") from error
        _insert(connection, values)
        self.places.write(connection, places, day)

    def expire(self, connection: sqlite3.Connection, before_day: int, count: int) -> int:
        """Delete answers of earlier days, the places first; returns how many rows went, 0 at the end."""
        deleted = self.places.expire(connection, before_day, count)
        return deleted or connection.execute(_EXPIRE, (count, before_day)).rowcount

    def _find(self, connection: sqlite3.Connection, keys: Iterable[ReplayKey]) -> dict[ReplayKey, int]:
        hashes = {_hash(encode_replay_key(key)): key for key in keys}
        return {
            hashes[name]: place
            for day in self.places.days(connection)
            for name, place in self.places.read(connection, hashes, day).items()
            if place
        }


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:16]
