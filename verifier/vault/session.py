"""Transactions on the vault's catalogue; whatever fails in one is that the vault is away."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read in one transaction.

    Raises:
        VaultUnavailableError: the database failed.
    """
    try:
        with engine.connect().execution_options(reads_only=True) as connection:
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
