"""The lane's own bounds: how many calls are open, how long one may be silent, how long an answer may take."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from verifier import lane
from verifier.call import Reply
from verifier.errors import RegistryUnavailableError
from verifier.lane import Lane, LaneUnavailableError
from verifier.ticket import Ticket
from verifier.transport import new_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from verifier.call import Call

METHOD = "/padan.test.Echo/Say"


class Echo:
    """Answers each call with its own bytes, or not until its ticket expires."""

    def __init__(self) -> None:
        self.silent = False
        self.fault: Exception | None = None
        self.batches: list[int] = []

    def begin(self, calls: Sequence[Call], answered: Callable[[list[Reply]], object]) -> Ticket | None:
        """Answer at once, or hand out a ticket that nobody settles."""
        self.batches.append(len(calls))
        if self.fault is not None:
            raise self.fault
        if self.silent:

            def expired(ticket: Ticket) -> None:
                answered([Reply(body=None, error=ticket.error) for _ in calls])

            return Ticket((), deadline=time.monotonic() + 0.2, done=expired)
        answered([Reply(body=call.raw, error=None) for call in calls])
        return None


AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
"""What a call hears that a stopping server has not taken; a client makes it once more."""


class Served:
    """An echo behind a lane on a port of its own."""

    def __init__(self, core: Echo) -> None:
        self.core = core
        self.seen: list[Reply] = []
        self._server = new_server([], threads=4, extra_options=(("grpc.max_concurrent_streams", 1_000),))
        self._lane = Lane(self._server, METHOD, core=core, observe=lambda reply, _: self.seen.append(reply))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._lane.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.say: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(METHOD)
        self.pour: grpc.StreamUnaryMultiCallable[bytes, bytes] = self.channel.stream_unary(METHOD)

    def end(self) -> None:
        """Let the server take no call any more."""
        self._server.stop(5)

    def stop(self) -> None:
        """Stop everything."""
        self.channel.close()
        self._server.stop(1).wait(5)
        self._lane.stop(5)
        assert not self._lane.is_alive


@pytest.fixture
def served() -> Iterator[Served]:
    """A running lane."""
    running = Served(Echo())
    yield running
    running.stop()


def code_of(call: Callable[[], object]) -> grpc.StatusCode:
    """Make a call that must be refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


def test_calls_are_answered_in_batches(served: Served) -> None:
    """Each caller gets its own bytes, and calls that wait for the lane are handed to the core together."""
    with ThreadPoolExecutor(32) as pool:
        said = [b"%d" % number for number in range(500)]
        assert list(pool.map(lambda raw: served.say(raw, timeout=10), said)) == said
    assert sum(served.core.batches) == len(served.seen) == 500
    assert len(served.core.batches) < 500


def test_a_silent_caller_is_sent_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens a call and sends nothing hears DEADLINE_EXCEEDED; its place is free again."""
    monkeypatch.setattr(lane, "_MESSAGE_SECONDS", 0.2)
    monkeypatch.setattr(lane, "_OPEN_CALLS", 1)
    release = threading.Event()

    def nothing() -> Iterator[bytes]:
        release.wait(10)
        yield from ()

    silent = served.pour.future(nothing(), timeout=10)
    began = time.monotonic()
    assert code_of(silent.result) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 5
    release.set()
    assert served.say(b"after", timeout=5) == b"after"


def test_more_calls_than_may_be_open_are_refused_at_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound a call hears RESOURCE_EXHAUSTED while the others are still under way."""
    monkeypatch.setattr(lane, "_OPEN_CALLS", 4)
    release = threading.Event()

    def nothing() -> Iterator[bytes]:
        release.wait(10)
        yield b"late"

    open_calls = [served.pour.future(nothing(), timeout=10) for _ in range(4)]
    time.sleep(0.3)
    assert code_of(lambda: served.say(b"fifth", timeout=5)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    release.set()
    assert [call.result(10) for call in open_calls] == [b"late"] * 4


def test_a_commit_that_hangs_is_unavailable(served: Served) -> None:
    """The lane expires the ticket, and the caller hears UNAVAILABLE."""
    served.core.silent = True
    assert code_of(lambda: served.say(b"x", timeout=10)) is grpc.StatusCode.UNAVAILABLE


def test_a_core_that_cannot_answer_is_an_error_of_each_call(served: Served) -> None:
    """A refusal reaches the callers, a fault says no more than INTERNAL, and the lane goes on."""
    served.core.fault = RegistryUnavailableError("not ready")
    assert code_of(lambda: served.say(b"x", timeout=10)) is grpc.StatusCode.UNAVAILABLE
    served.core.fault = RuntimeError("with a secret")
    with pytest.raises(grpc.RpcError) as caught:
        served.say(b"x", timeout=10)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value.details())
    served.core.fault = None
    assert served.say(b"y", timeout=10) == b"y"


def test_a_grpcio_without_the_inner_layer_has_no_lane() -> None:
    """Where grpcio's inner layer is not as expected, that is said when the lane is made."""

    class Other:
        """Some other server."""

    with pytest.raises(LaneUnavailableError):
        Lane(Other(), METHOD, core=Echo(), observe=lambda *_: None)  # type: ignore[arg-type]


def test_what_was_taken_before_the_end_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    """A server that begins to stop answers each call that it has taken; others may be made again elsewhere."""
    for _ in range(8):
        running = Served(Echo())
        assert running.say(b"first", timeout=10) == b"first"
        calls = [running.say.future(b"%d" % number, timeout=10) for number in range(200)]
        running.end()
        codes = [call.code() for call in calls]
        answered = [number for number, code in enumerate(codes) if code is grpc.StatusCode.OK]
        assert [calls[number].result() for number in answered] == [b"%d" % number for number in answered]
        running.stop()
        assert len(answered) + 1 == len(running.seen) == sum(running.core.batches)
        assert set(codes) - {grpc.StatusCode.OK} <= AGAIN
    assert "fell over" not in caplog.text
