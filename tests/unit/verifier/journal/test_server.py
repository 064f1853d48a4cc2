"""The writer's end of the journal, spoken to by hand."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.simulator.intents import intent
from tests.simulator.log_store import Fault
from verifier.errors import ShuttingDownError
from verifier.intent import Variant
from verifier.journal import address, frame, wire
from verifier.journal.frame import Cutter, Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.journal import Writer
    from tests.simulator.log_store import MemoryLog
    from verifier.journal.client import JournalClient
    from verifier.journal.frame import Frame


class Hand:
    """A worker's end, by hand."""

    def __init__(self, path: Path) -> None:
        self.stream = address.connect(path)
        self.stream.settimeout(5)
        self._cutter = Cutter()

    def send(self, number: int, *numbers: int, ready_at: float = 0.0, deadline: float | None = None) -> None:
        """Ask for a commit."""
        body = wire.encode_intents([intent(item, ready_at=ready_at) for item in numbers])
        until = time.monotonic() + 5 if deadline is None else deadline
        self.stream.sendall(frame.encode(Kind.COMMIT, number, body, deadline=until))

    def receive(self, count: int) -> list[Frame]:
        """Wait for so many answers."""
        found: list[Frame] = []
        while len(found) < count:
            data = self.stream.recv(1 << 16)
            assert data, "the writer hung up"
            found += self._cutter.feed(data)
        return found


def test_answers_come_in_any_order(writer: Writer, path: Path, log: MemoryLog) -> None:
    """A later question whose slot has ended is answered before an earlier one that waits for its own."""
    del writer
    hand = Hand(path)
    with hand.stream:
        hand.send(1, 11, ready_at=time.monotonic() + 0.2)
        time.sleep(0.05)
        hand.send(2, 12)
        assert sorted(answer.number for answer in hand.receive(2)) == [1, 2]
    assert len(log.rows) == 2


def test_a_call_of_several_intents_is_answered_once(writer: Writer, path: Path) -> None:
    """Outcomes come in the order of the intents, in one answer."""
    del writer
    hand = Hand(path)
    with hand.stream:
        hand.send(5, 1, 2, 1)
        (answer,) = hand.receive(1)
    first, second, again = wire.decode_settled(answer.body)
    assert (answer.kind, answer.number) == (Kind.SETTLED, 5)
    assert not second.replayed
    assert again.replayed
    assert again.body == first.body


def test_what_nobody_waits_for_is_not_committed(writer: Writer, path: Path, log: MemoryLog) -> None:
    """A question that arrives after its deadline, or passes it in the queue, leaves no entry."""
    del writer
    hand = Hand(path)
    now = time.monotonic()
    with hand.stream:
        hand.send(1, 11, deadline=now - 0.01)
        hand.send(2, 12, ready_at=now + 0.3, deadline=now + 0.1)
        hand.send(3, 13, ready_at=now + 0.3)
        (answer,) = hand.receive(1)
    assert answer.number == 3
    assert len(log.rows) == 1


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 40, frame.encode(Kind.SETTLED, 1, b""), frame.encode(Kind.COMMIT, 1, b"\0\0\0\1x")],
    ids=["no frame", "an answer", "no intents"],
)
def test_who_speaks_otherwise_is_hung_up_on(
    writer: Writer, path: Path, data: bytes, connect: Callable[..., JournalClient]
) -> None:
    """A stream that makes no sense ends, and the others go on."""
    del writer
    other = connect()
    hand = Hand(path)
    with hand.stream:
        hand.stream.sendall(data)
        assert hand.stream.recv(1) == b""
    assert other.commit([intent(1)])[0].body is not None


def test_a_stranger_is_hung_up_on(writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another user is turned away, and the next one of ours is served."""
    del writer
    me = os.geteuid()
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(5)
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
        stream.connect(str(path))
        assert stream.recv(1) == b""
    monkeypatch.undo()
    hand = Hand(path)
    with hand.stream:
        hand.send(1, 1)
        assert hand.receive(1)[0].kind is Kind.SETTLED


def test_a_worker_that_does_not_read_delays_nobody(
    writer: Writer, path: Path, log: MemoryLog, connect: Callable[..., JournalClient]
) -> None:
    """Answers that nobody takes, more than the stream holds, pile up beside the others' way."""
    del writer
    other, hand = connect(), Hand(path)
    big = Variant(outcome=1, verdicts=b"", body=bytes(50_000))
    intents = [intent(number) for number in range(60)]
    for item in intents:
        assert item.question is not None
        question = dataclasses.replace(item.question, released=big, blocked=big)
        body = wire.encode_intents([dataclasses.replace(item, question=question)])
        until = time.monotonic() + 5
        hand.stream.sendall(frame.encode(Kind.COMMIT, 1, body, deadline=until))
    with hand.stream:
        for number in range(100, 110):
            assert other.commit([intent(number)])[0].body is not None
        while len(log.rows) < 70:
            time.sleep(0.01)


def test_draining_waits_for_the_workers(
    writer: Writer, log: MemoryLog, connect: Callable[..., JournalClient]
) -> None:
    """The writer takes no new worker and stays until those that are here have left."""
    client = connect()
    client.probe()
    draining = threading.Thread(target=writer.server.drain, args=(10,))
    draining.start()
    time.sleep(0.1)
    assert client.commit([intent(1)])[0].body is not None
    assert draining.is_alive()
    client.stop()
    draining.join(5)
    assert not draining.is_alive()
    assert len(log.rows) == 1


def test_what_is_queued_is_answered_before_the_end(writer: Writer, path: Path, log: MemoryLog) -> None:
    """A writer that stops commits and answers what it has taken, and refuses the rest."""
    hand = Hand(path)
    with hand.stream:
        hand.send(1, 1, ready_at=time.monotonic() + 0.2)
        time.sleep(0.05)
        writer.server.drain(0.01)
        stopping = threading.Thread(target=writer.committer.stop)
        stopping.start()
        time.sleep(0.05)
        hand.send(2, 2)
        answers = {answer.number: answer for answer in hand.receive(2)}
        stopping.join()
    assert answers[1].kind is Kind.SETTLED
    assert isinstance(wire.decode_failure(answers[2].body), ShuttingDownError)
    assert len(log.rows) == 1


def test_a_failing_log_is_told(writer: Writer, path: Path, log: MemoryLog) -> None:
    """The worker hears what is wrong, in the operator's words."""
    del writer
    log.faults = [Fault.NOT_STORED]
    hand = Hand(path)
    with hand.stream:
        hand.send(1, 1)
        (answer,) = hand.receive(1)
    assert answer.kind is Kind.FAILED
    assert str(wire.decode_failure(answer.body)).startswith("log: ")
