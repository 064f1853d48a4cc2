"""Opens what the commands about callers and agreements write to: the directory, and the log that comes first."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier import admin_entry
from verifier.directory import Directory
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from padan.entry import EntryKind
    from verifier.config import Settings
    from verifier.log.store import LogStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """An open directory and log."""

    directory: Directory
    log: LogStore

    def record(
        self,
        kind: EntryKind,
        detail: Mapping[str, str],
        *,
        agency: str,
        fields: Mapping[int, bytes] | None = None,
    ) -> None:
        """Commit an entry; what it tells of is done only afterwards."""
        admin_entry.append(self.log, kind, detail, agency=agency, fields=fields)


@contextmanager
def reading(settings: Settings) -> Iterator[Directory]:
    """Open the directory for the time of a command."""
    directory = Directory(settings.log_database)
    try:
        yield directory
    finally:
        directory.close()


@contextmanager
def writing(settings: Settings) -> Iterator[Writing]:
    """Open directory and log for the time of a command."""
    with reading(settings) as directory:
        log = open_log(settings.log_database)
        try:
            yield Writing(directory=directory, log=log)
        finally:
            log.close()
