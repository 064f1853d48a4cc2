"""Changes on PostgreSQL: rows of the epoch's table, replaced in place in the catalogue's own transaction.

The lock is an advisory one of the connection that reads rows. The server frees it when that ends, also within half a
minute after the host of its holder has lost power.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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


# The lock's number is "chng" and the catalogue's own, so that installations in one server do not meet.
_TAKE: Final = (
    "SELECT pg_backend_pid(), pg_advisory_lock((1667788391::bigint << 32) | 'epoch'::regclass::oid::bigint)"
)
_HELD: Final = (
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = %s"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = 1667788391 AND objid = 'epoch'::regclass::oid AND objsubid = 1"
)
_PATIENCE: Final = "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true)"
# Of the server's end of the connection; the other end has the same, so that whichever is left notices.
_LIVENESS: Final = (
    "SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '25000', false)"
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
            cursor = self._connected().execute(
                statement.format(epoch_table(epoch.number)), values, binary=True
            )
            return [(token.bytes, bytes(box)) for token, box in cursor]
        except psycopg.Error as error:
            self.close()
            raise VaultUnavailableError.of(error) from error

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=5, tcp_user_timeout=25_000,
                keepalives_idle=10, keepalives_interval=5, keepalives_count=3,
            )  # fmt: skip
        return self._connection


class PostgresEpochChanger(PostgresEpochRows):
    """Changes epochs' tables, under a lock of the server's."""

    at_once = 1_000  # far from the limit of time, though each row lies on another page

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._holder = 0

    def take(self, seconds: float) -> bool:
        """Ask the server for the lock, which gives it to those who wait in their order."""
        try:
            connection = self._connected()
            connection.execute(_LIVENESS)
            with connection.transaction():
                connection.execute(_PATIENCE, [str(max(1, round(seconds * 1_000)))])
                [(holder, _)] = connection.execute(_TAKE)
        except psycopg.errors.LockNotAvailable:
            return False
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error
        self._holder = holder
        return True

    def require(self, connection: Connection) -> None:
        """Ask the server whether the connection that took the lock has it still."""
        if connection.exec_driver_sql(_HELD, (self._holder,)).first() is None:
            self.close()
            raise VaultUnavailableError(Failure.DISCONNECTED)

    def prepare(self, epoch: Epoch, rows: Sequence[Row], *, whole: bool = False) -> PostgresChange:
        """Keep the rows for the transaction; what is left of replaced rows goes with VACUUM, whole or not."""
        del whole
        return PostgresChange(epoch=epoch, rows=tuple(rows))

    def _connected(self) -> psycopg.Connection:
        if self._holder and self._connection is None:
            raise psycopg.OperationalError("the connection is lost, and the lock with it")
        return super()._connected()


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
