"""Changes on PostgreSQL: rows of the epoch's table, replaced in place in the catalogue's own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from verifier.failure import Failure
from verifier.vault.postgres import encode_rows, epoch_table
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Row

_FIND = sql.SQL("SELECT token, box FROM {} WHERE token = ANY(%s::uuid[])")
_BETWEEN = sql.SQL("SELECT token, box FROM {} WHERE token BETWEEN %s::uuid AND %s::uuid ORDER BY token")
_HEAD = 8
_STAGE = "CREATE TEMPORARY TABLE changed (token uuid NOT NULL, box bytea NOT NULL) ON COMMIT DROP"
_FILL = "COPY changed (token, box) FROM STDIN (FORMAT binary)"
_PUT = sql.SQL(
    "INSERT INTO {} (token, box) SELECT token, box FROM changed ORDER BY token"
    " ON CONFLICT (token) DO UPDATE SET box = excluded.box"
)


class PostgresEpochRows:
    """Reads rows of epochs' tables."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    def boxes(self, epoch: Epoch, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        if not tokens:
            return {}
        return dict(self._read(_FIND, epoch, "{" + ",".join([token.hex() for token in tokens]) + "}"))

    def between(self, epoch: Epoch, first: int, last: int) -> list[Row]:
        """Read the rows whose tokens begin with these numbers or one between them."""
        ends = (first.to_bytes(_HEAD, "big") + bytes(_HEAD), last.to_bytes(_HEAD, "big") + b"\xff" * _HEAD)
        return self._read(_BETWEEN, epoch, *(end.hex() for end in ends))

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _read(self, statement: sql.SQL, epoch: Epoch, *values: str) -> list[Row]:
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, connect_timeout=5, autocommit=True)
            cursor = self._connection.execute(
                statement.format(epoch_table(epoch.number)), values, binary=True
            )
            return [(token.bytes, bytes(box)) for token, box in cursor]
        except psycopg.Error as error:
            self.close()
            raise VaultUnavailableError.of(error) from error


class PostgresEpochChanger(PostgresEpochRows):
    """Changes epochs' tables."""

    at_once = 1_000  # far from the limit of time, though each row lies on another page

    def prepare(self, epoch: Epoch, rows: Sequence[Row], *, whole: bool = False) -> PostgresChange:
        """Keep the rows for the transaction; what is left of replaced rows goes with VACUUM, whole or not."""
        del whole
        return PostgresChange(epoch=epoch, rows=tuple(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresChange:
    """Rows for the catalogue's transaction."""

    epoch: Epoch
    rows: tuple[Row, ...]

    def write(self, connection: Connection) -> None:
        """Replace or add the rows."""
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise VaultUnavailableError(Failure.OTHER, "vault: the catalogue is not on PostgreSQL")
        try:
            with driver.cursor() as cursor:
                cursor.execute(_STAGE)
                with cursor.copy(_FILL) as copy:
                    for chunk in encode_rows(self.rows):
                        copy.write(chunk)
                cursor.execute(_PUT.format(epoch_table(self.epoch.number)))
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error

    def committed(self) -> None:
        """Leave the rows that were replaced to VACUUM."""
