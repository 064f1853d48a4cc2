"""Moves the SQLite log's write-ahead log into its database beside the commits, so that no commit waits for it.

A passive checkpoint takes no lock that a writer needs. While commits go on without a pause it cannot start the
write-ahead log anew; SQLite's own checkpoint does, past MAX_PAGES, and finds little left to move.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

from verifier import database

if TYPE_CHECKING:
    from pathlib import Path

MAX_PAGES = 8_192
"""Length of the write-ahead log past which a commit moves the rest itself; 32 MiB."""
PAUSE_SECONDS = 0.25


class Checkpointer:
    """A thread that follows the commits of one file. It starts at the first nudge."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._nudged = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Say that something was committed; called by the writing thread."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="log-checkpoint", daemon=True)
            self._thread.start()
        if not self._nudged.is_set():
            self._nudged.set()

    def stop(self) -> None:
        """End the thread; a later nudge starts another."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self._nudged.set()
            thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._stopping.wait(PAUSE_SECONDS):
            self._nudged.wait()
            self._nudged.clear()
            try:
                connection = connection or database.open_sqlite(self._path)
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error:
                # A commit meets the same fault and tells it; here nobody waits for an answer.
                _close(connection)
                connection = None
        _close(connection)


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(sqlite3.Error):
            connection.close()
