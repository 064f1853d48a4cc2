"""A writer and its workers in one process, over a real socket and a log in memory."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.simulator.journal import Writer
from tests.simulator.log_store import MemoryLog
from verifier.journal.client import JournalClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the socket is."""
    return tmp_path / "journal.sock"


@pytest.fixture
def log() -> MemoryLog:
    """A log in memory."""
    return MemoryLog()


@pytest.fixture
def writer(path: Path, log: MemoryLog) -> Iterator[Writer]:
    """A running writer."""
    with Writer(path, log) as running:
        yield running


@pytest.fixture
def connect(path: Path) -> Iterator[Callable[..., JournalClient]]:
    """Makes workers' ends, whose callers wait long unless told otherwise, as a busy machine may need it."""
    with contextlib.ExitStack() as opened:

        def make(patience: float = 10.0) -> JournalClient:
            client = JournalClient(path, patience=patience)
            client.start()
            opened.callback(client.stop)
            return client

        yield make
