"""A process that stops listening loses no connection that was on its way to it, while another one listens beside it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from verifier import listening

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60.0
BESIDE = """
import socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"beside")
    connection.close()
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener of this process that accepts nothing yet, and another process's on the same port."""
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        own.bind(("127.0.0.1", 0))
        own.listen()
        port = str(own.getsockname()[1])
        beside = subprocess.Popen([sys.executable, "-c", BESIDE, port], stdout=subprocess.PIPE)
        try:
            assert beside.stdout is not None
            assert beside.stdout.readline() == b"listening\n"
            yield own
        finally:
            beside.kill()
            beside.communicate()


def connect(listener: socket.socket) -> socket.socket:
    """Connect to the port, to whichever listener the kernel deals it."""
    return socket.create_connection(listener.getsockname(), timeout=SECONDS)


def accept_all(listener: socket.socket, accepted: list[socket.socket], *, pause: float = 0.0) -> None:
    """Accept until the listener listens no more, and answer; a busy process pauses in between."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.sendall(b"own")
            accepted.append(connection)
            time.sleep(pause)


def answers(clients: list[socket.socket]) -> list[bytes]:
    """Read what each was answered; one that was reset raises."""
    found = []
    for client in clients:
        with client:
            found.append(client.recv(16))
    return found


def test_what_waits_is_answered(listener: socket.socket) -> None:
    """Connections that nobody has accepted when the stop begins are accepted before it ends, and none is reset."""
    clients = [connect(listener) for _ in range(40)]
    accepted: list[socket.socket] = []
    accepting = threading.Thread(target=accept_all, args=(listener, accepted))
    begun: list[float] = []

    def pause(seconds: float) -> None:
        """Accept once the stop waits for that, and no earlier."""
        if len(begun) == 1:
            accepting.start()
        begun.append(seconds)
        threading.Event().wait(seconds)

    assert listening.stop({listener.getsockname()[1]}, pause=pause) == 1
    found = answers(clients)
    assert set(found) == {b"own", b"beside"}
    accepting.join(SECONDS)
    assert found.count(b"own") == len(accepted) >= 1
    for connection in accepted:
        connection.close()


def test_who_comes_after_it_has_begun_is_answered_by_the_other(listener: socket.socket) -> None:
    """Once the stop has begun nobody joins the connections that the listener has yet to accept."""
    accepted: list[socket.socket] = []
    accepting = threading.Thread(target=accept_all, args=(listener, accepted))
    found: list[bytes] = []
    late = [threading.Thread(target=lambda: found.extend(answers([connect(listener)]))) for _ in range(40)]

    def pause(seconds: float) -> None:
        for caller in late:
            if not caller.ident:
                caller.start()
        threading.Event().wait(seconds)
        if not accepting.ident:
            accepting.start()

    assert listening.stop({listener.getsockname()[1]}, pause=pause) == 1
    for caller in (*late, accepting):
        caller.join(SECONDS)
    assert found == [b"beside"] * len(late)
    assert not accepted


def test_callers_who_keep_coming_are_answered(listener: socket.socket) -> None:
    """Where more connections come than a busy process accepts, the stop ends all the same, and none is reset."""
    accepted: list[socket.socket] = []
    accepting = threading.Thread(target=accept_all, args=(listener, accepted), kwargs={"pause": 0.005})
    accepting.start()
    stopped, found = threading.Event(), []

    def keep_coming() -> None:
        while not stopped.is_set():
            try:
                found.extend(answers([connect(listener)]))
            except ConnectionError as error:
                found.append(type(error).__name__.encode())

    callers = [threading.Thread(target=keep_coming) for _ in range(20)]
    for caller in callers:
        caller.start()
    assert listening.stop({listener.getsockname()[1]}) == 1
    stopped.set()
    for thread in (*callers, accepting):
        thread.join(SECONDS)
    assert set(found) == {b"own", b"beside"}
    for connection in accepted:
        connection.close()


def test_afterwards_the_other_one_answers(listener: socket.socket) -> None:
    """Nothing comes to a socket that was stopped, and a second stop finds none."""
    port = listener.getsockname()[1]
    assert listening.stop({port}, pause=lambda _: True) == 1
    assert set(answers([connect(listener) for _ in range(20)])) == {b"beside"}
    assert listening.stop({port}) == 0


def test_who_is_in_a_hurry_does_not_wait(listener: socket.socket) -> None:
    """Where it is told to, the stop ends at once, though connections wait."""
    clients = [connect(listener) for _ in range(40)]
    paused: list[float] = []

    def pause(seconds: float) -> bool:
        paused.append(seconds)
        return True

    assert listening.stop({listener.getsockname()[1]}, pause=pause) == 1
    assert len(paused) <= 2
    for client in clients:
        client.close()
