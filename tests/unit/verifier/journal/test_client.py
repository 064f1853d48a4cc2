"""A worker's end of the journal: what it promises when the writer is slow, silent, gone or back.

What it promises beside, it promises as the committer does: tests/unit/verifier/test_committer.py asks both.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from padan.v1 import attribute_pb2
from tests.simulator.intents import LIMITS, intent
from tests.simulator.journal import Writer
from tests.simulator.log_store import Fault
from verifier.errors import LogUnavailableError, ShuttingDownError
from verifier.journal import address
from verifier.journal.client import JournalClient

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.log_store import MemoryLog

SECONDS = 20.0
"""How long a busy machine may take for what is done at once."""
HASTY = 0.4
NO_MATCH = attribute_pb2.VERDICT_NO_MATCH


def probe_until_well(client: JournalClient) -> None:
    """Probe as health does, until the writer is found."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            client.probe()
        except LogUnavailableError:
            assert time.monotonic() < until
            time.sleep(0.02)
        else:
            return


@pytest.mark.attack
def test_two_workers_share_one_budget(
    writer: Writer, connect: Callable[..., JournalClient], log: MemoryLog
) -> None:
    """Wrong guesses by way of two workers at once release as many answers as the budget has, and no more."""
    del writer
    workers = [connect(), connect()]
    with ThreadPoolExecutor(32) as pool:
        settled = list(pool.map(lambda number: workers[number % 2].commit([intent(number)])[0], range(400)))
    assert [item.outcome for item in settled].count(NO_MATCH) == LIMITS.subject
    assert len(log.rows) == 400


def test_many_calls_share_a_stream(
    writer: Writer, connect: Callable[..., JournalClient], log: MemoryLog
) -> None:
    """Each caller gets the answer to its own question."""
    del writer
    client = connect()
    with ThreadPoolExecutor(32) as pool:
        first = list(pool.map(lambda number: client.commit([intent(number)])[0].body, range(200)))
        again = list(pool.map(lambda number: client.commit([intent(number)])[0], range(200)))
    assert [item.body for item in again] == first
    assert all(item.replayed for item in again)
    assert len(log.rows) == 400


def test_nothing_to_commit_is_nothing(connect: Callable[..., JournalClient]) -> None:
    """No intents need no writer."""
    assert connect().commit([]) == []


def test_without_a_writer_callers_hear_so(connect: Callable[..., JournalClient]) -> None:
    """The first ones wait within their patience for a writer to come, later ones not at all."""
    client = connect(HASTY)
    began = time.monotonic()
    with pytest.raises(LogUnavailableError):
        client.commit([intent(1)])
    assert 0.2 < time.monotonic() - began < 1.5
    began = time.monotonic()
    with pytest.raises(LogUnavailableError):
        client.commit([intent(2)])
    with pytest.raises(LogUnavailableError):
        client.probe()
    assert time.monotonic() - began < 0.3


def test_a_writer_that_comes_in_time_is_waited_for(
    path: Path, log: MemoryLog, connect: Callable[..., JournalClient]
) -> None:
    """A call that finds no writer goes through where one comes within its patience."""
    client = connect()
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(client.commit, [intent(1)])
        time.sleep(0.1)
        with Writer(path, log):
            assert early.result()[0].body is not None
            client.stop()


def test_a_new_writer_is_found(path: Path, log: MemoryLog, connect: Callable[..., JournalClient]) -> None:
    """After the writer has gone and another has come, commits and probes work again, and stored answers are there."""
    client = connect()
    with Writer(path, log):
        (first,) = client.commit([intent(1)])
    # That the first one has gone may be noticed a moment later, and until then a probe trusts its last commit.
    with pytest.raises(LogUnavailableError):
        client.commit([intent(2)])
    with Writer(path, log):
        probe_until_well(client)
        (again,) = client.commit([intent(1)])
        assert again.replayed
        assert again.body == first.body
        client.stop()


def test_whoever_waits_hears_at_once_that_the_writer_died(
    path: Path, connect: Callable[..., JournalClient]
) -> None:
    """A broken stream ends all waiting, long before the patience does."""
    with address.listen(path) as listener:
        client = connect()
        stream, _ = listener.accept()
        with ThreadPoolExecutor(4) as pool:
            began = time.monotonic()
            waiting = [
                pool.submit(client.commit, [intent(number, ready_at=began + 30)]) for number in range(4)
            ]
            time.sleep(0.1)
            stream.close()
            assert all(isinstance(item.exception(), LogUnavailableError) for item in waiting)
        assert time.monotonic() - began < 5


def test_a_silent_writer_is_an_outage_within_the_patience(
    path: Path, connect: Callable[..., JournalClient]
) -> None:
    """Whoever hears nothing gives up in time, and the next ones at once."""
    with address.listen(path) as listener:
        client = connect(HASTY)
        stream, _ = listener.accept()
        began = time.monotonic()
        with pytest.raises(LogUnavailableError):
            client.commit([intent(1)])
        assert 0.3 < time.monotonic() - began < 1.5
        began = time.monotonic()
        with pytest.raises(LogUnavailableError):
            client.commit([intent(2)])
        assert time.monotonic() - began < 0.3
        stream.close()


def test_a_writer_that_does_not_read_is_an_outage(path: Path, connect: Callable[..., JournalClient]) -> None:
    """A full stream is given up, so that no caller waits longer than it would for an answer."""
    with address.listen(path) as listener:
        client = connect()
        stream, _ = listener.accept()
        big = [intent(number, receipt=bytes(4_000_000)) for number in range(2)]
        began = time.monotonic()
        with pytest.raises(LogUnavailableError):
            client.commit(big)
        assert time.monotonic() - began < 3
        stream.close()


def test_a_writer_that_talks_nonsense_is_left(
    path: Path, log: MemoryLog, connect: Callable[..., JournalClient]
) -> None:
    """The client hangs up on it and takes the next one."""
    client = connect()
    with address.listen(path) as listener:
        stream, _ = listener.accept()
        with stream, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.commit, [intent(1)])
            stream.recv(1)
            stream.sendall(b"\xff" * 40)
            assert isinstance(waiting.exception(), LogUnavailableError)
    with Writer(path, log):
        probe_until_well(client)
        client.stop()


def test_a_probe_sees_a_hanging_disk(
    writer: Writer, connect: Callable[..., JournalClient], log: MemoryLog
) -> None:
    """A probe fails within its patience while the disk hangs, and works when it obeys again."""
    del writer
    client = connect(HASTY)
    log.faults = [Fault.HANGS]
    began = time.monotonic()
    with pytest.raises(LogUnavailableError):
        client.probe()
    assert time.monotonic() - began < 1.5
    log.released.set()
    probe_until_well(client)


def test_stopping_waits_for_what_is_due(writer: Writer, connect: Callable[..., JournalClient]) -> None:
    """A call under way is answered; one that comes later hears SHUTTING_DOWN."""
    del writer
    client = connect()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(client.commit, [intent(1, ready_at=time.monotonic() + 0.2)])
        time.sleep(0.05)
        stopping = threading.Thread(target=client.stop)
        stopping.start()
        time.sleep(0.05)
        with pytest.raises(ShuttingDownError):
            client.commit([intent(2)])
        assert under_way.result()[0].body is not None
        stopping.join()


def test_stopping_while_connecting_leaves_no_line_behind(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that comes about while the worker stops is hung up on, so that the writer need not wait for it."""
    stopped, connects = threading.Event(), address.connect

    def connect_late(path: Path) -> socket.socket:
        connected = connects(path)
        assert stopped.wait(30)
        return connected

    monkeypatch.setattr(address, "connect", connect_late)
    client = JournalClient(path)
    client.start()
    stopping = threading.Thread(target=client.stop, args=(30.0,))
    stopping.start()
    while not client._stopping.is_set():
        time.sleep(0.001)
    stopped.set()
    stopping.join(20)
    assert not stopping.is_alive()
    del writer
