"""Transactions on the vault's catalogue, and the lock in them; whatever fails in one is that the vault is away."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from verifier.database import one_state
from verifier.schema import epoch
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read one state of the database, in one transaction.

    Raises:
        VaultUnavailableError: the database failed.
    """
    try:
        with one_state(engine) as connection:
            yield connection
    except SQLAlchemyError as error:
        raise VaultUnavailableError.of(error) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write in one transaction, which is committed at the end.

    Raises:
        VaultUnavailableError: the database failed.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise VaultUnavailableError.of(error) from error


def hold_references(connection: Connection) -> None:
    """Let nobody else change references, or what an epoch in use holds, until the transaction's end.

    The lock is that of the active epoch's row, which the changes of a feed and every step of a rotation take. Whoever
    waited until another epoch came into use has no row, and takes that one's.
    """
    active = epoch.c.state == "active"
    while not connection.execute(update(epoch).where(active).values(rows=epoch.c.rows)).rowcount:
        if connection.execute(select(epoch.c.number).where(active)).first() is None:
            return
