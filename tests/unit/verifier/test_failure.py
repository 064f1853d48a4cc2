"""Drivers' errors get a name and advice, and lose their text."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy.exc
from psycopg import errors as pg

from verifier.failure import ADVICE, Failure, classify
from verifier.log.store import LogStoreError
from verifier.vault.store import VaultUnavailableError


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (pg.DiskFull("x"), Failure.DISK_FULL),
        (pg.ReadOnlySqlTransaction("x"), Failure.READ_ONLY),
        (pg.InsufficientPrivilege("x"), Failure.NOT_ALLOWED),
        (pg.UndefinedTable("x"), Failure.NOT_MIGRATED),
        (pg.QueryCanceled("x"), Failure.TIMEOUT),
        (pg.LockNotAvailable("x"), Failure.TIMEOUT),
        (pg.DeadlockDetected("x"), Failure.CONFLICT),
        (pg.AdminShutdown("x"), Failure.DISCONNECTED),
        (pg.OperationalError("x"), Failure.DISCONNECTED),
        (pg.OperationalError('connection failed: FATAL:  database "x" does not exist'), Failure.REFUSED),
        (pg.DataError("x"), Failure.OTHER),
        (sqlite3.OperationalError("x"), Failure.OTHER),
        (ValueError("x"), Failure.OTHER),
        (sqlalchemy.exc.OperationalError("s", {}, pg.DiskFull("x")), Failure.DISK_FULL),
    ],
)
def test_an_error_is_named(error: Exception, failure: Failure) -> None:
    """Each driver's error has one name, also inside SQLAlchemy's."""
    assert classify(error) is failure


def test_sqlites_own_codes_are_named() -> None:
    """A missing table is a missing migration; a wrong statement is not."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement, failure in (("SELECT * FROM gone", Failure.NOT_MIGRATED), ("SELEC", Failure.OTHER)):
            with pytest.raises(sqlite3.Error) as caught:
                connection.execute(statement)
            assert classify(caught.value) is failure


def test_a_drivers_text_stays_inside() -> None:
    """Our errors say what to do and nothing of what the driver said."""
    driver = pg.UniqueViolation("Key (nik)=(3171012901990001) already exists.")
    for error in (LogStoreError.of(driver), VaultUnavailableError.of(driver)):
        assert "3171" not in str(error)
        assert ADVICE[error.failure] in str(error)


def test_every_failure_has_advice() -> None:
    """No failure leaves the operator alone."""
    assert set(ADVICE) == set(Failure)
