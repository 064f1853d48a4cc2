"""Opens the vault behind an address, for the service to read or for the projector to load and to change."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from verifier.database import Address, parse_address
from verifier.migrations import CATALOGUE
from verifier.vault.catalogue import Catalogue
from verifier.vault.changer import ChangesBusyError, VaultChanger
from verifier.vault.layers import SqliteEpochChanger, SqliteEpochRows
from verifier.vault.postgres import PostgresEpochLoader, PostgresEpochReader
from verifier.vault.postgres_changes import PostgresEpochChanger, PostgresEpochRows
from verifier.vault.rotations import Rotations
from verifier.vault.rows import VaultRows
from verifier.vault.sqlite import SqliteEpochLoader, SqliteEpochReader
from verifier.vault.store import VaultStore
from verifier.vault.writer import VaultWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.vault.changer import EpochChanger
    from verifier.vault.epoch import Epoch
    from verifier.vault.rows import EpochRows
    from verifier.vault.store import EpochReader


def open_vault(database: str, *, on_change: Callable[[bool], object] = lambda _away: None) -> VaultStore:
    """Open the vault for reading; nothing is touched before its first use.

    Args:
        database: a postgresql:// URL or a folder of SQLite files, as `Settings.vault_database` has it.
        on_change: is told when callers are turned away because it is away (True), and when no longer.
    """
    address = parse_address(database)

    def open_reader(epoch: Epoch) -> EpochReader:
        if address.path is None:
            return PostgresEpochReader(address.url, epoch)
        return SqliteEpochReader(address.path, epoch)

    return VaultStore(_catalogue(address), open_reader, on_change=on_change)


def open_writer(database: str) -> VaultWriter:
    """Open the vault for loading and activating epochs."""
    address = parse_address(database)
    loader = PostgresEpochLoader(address.url) if address.path is None else SqliteEpochLoader(address.path)
    return VaultWriter(_catalogue(address), loader)


def open_changer(database: str, *, patience: float = 0.0) -> VaultChanger:
    """Open the vault for changes to the active epoch.

    Args:
        database: as for `open_vault`.
        patience: seconds to wait for another process that changes it, such as one that follows a feed.

    Raises:
        ChangesBusyError: another process changes it, for longer than that.
        VaultUnavailableError: its folder, or the server, cannot be used.
    """
    address = parse_address(database)
    changer: EpochChanger = (
        PostgresEpochChanger(address.url) if address.path is None else SqliteEpochChanger(address.path)
    )
    with ExitStack() as failing:
        failing.callback(changer.close)
        if not changer.take(patience):
            waited = f", for longer than {patience:g} s" if patience else ""
            raise ChangesBusyError(f"{address.path or 'vault'}: another process changes the vault{waited}")
        opened = VaultChanger(_catalogue(address), changer)
        failing.pop_all()
    return opened


def open_rows(database: str) -> VaultRows:
    """Open the vault for a check: nothing is changed, and nobody is kept out."""
    address = parse_address(database)
    rows: EpochRows = (
        PostgresEpochRows(address.url) if address.path is None else SqliteEpochRows(address.path)
    )
    return VaultRows(_catalogue(address), rows)


def open_catalogue(database: str) -> Catalogue:
    """Open the catalogue alone: which epochs there are, and how far they have followed their sources."""
    return _catalogue(parse_address(database))


def open_rotations(database: str) -> Rotations:
    """Open the catalogue for the steps of a rotation."""
    return Rotations(_place(parse_address(database)))


def _catalogue(address: Address) -> Catalogue:
    return Catalogue(_place(address))


def place_of(database: str) -> Address:
    """Say where the catalogue is."""
    return _place(parse_address(database))


def _place(address: Address) -> Address:
    return address if address.path is None else Address(path=address.path / CATALOGUE)
