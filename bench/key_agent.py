"""Keys handed to workers, or kept in the key agent: what each costs (docs/adr/0022).

Prints, for the hashes of one Verify in product shape: microseconds of processor time, in the worker and in the agent
together, and of waiting, when the worker has the keys; when it sends every batch of hashes to another process and gets
the results back over a Unix socket, in as many rounds as depend on each other (the record id; what is bound to it, and
the handles; the subject's name in the log); and when as many requests as share a commit share a round. Then how long a
worker waits for its keys from a running agent, and how long it takes to unlock the keyring by itself.
"""

from __future__ import annotations

import os
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from keys.agent_client import SocketKeyAgent
from keys.mac import MacKey
from tests.installation import install, serving_keys
from verifier import host_keys

if TYPE_CHECKING:
    from collections.abc import Callable

HASHES = (1, 56, 2)
"""Keyed hashes of a Verify, by round."""
VALUE = 32
_SIZE = struct.Struct(">I")
_REQUESTS = 2_000
_RUNS = 5


def _receive(stream: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += stream.recv(size - len(data))
    return data


def _serve(stream: socket.socket) -> None:
    """Be the agent: hash what comes until the stream ends."""
    mac = MacKey(os.urandom(32)).bind(b"prefix").mac
    while head := stream.recv(_SIZE.size):
        (count,) = _SIZE.unpack(head)
        values = _receive(stream, count * VALUE)
        stream.sendall(b"".join([mac(values[at : at + VALUE]) for at in range(0, len(values), VALUE)]))


def _here() -> Callable[[int], None]:
    mac = MacKey(os.urandom(32)).bind(b"prefix").mac
    value = bytes(VALUE)

    def ask(requests: int) -> None:
        for _ in range(sum(HASHES) * requests):
            mac(value)

    return ask


def _there(stream: socket.socket) -> Callable[[int], None]:
    def ask(requests: int) -> None:
        for hashes in HASHES:
            count = hashes * requests
            stream.sendall(_SIZE.pack(count) + bytes(VALUE * count))
            _receive(stream, VALUE * count)

    return ask


def _measure(ask: Callable[[int], None], *, together: int, agent: int = 0) -> tuple[float, float]:
    """Give processor time, of this process and of the agent's, and time waited for a request, microseconds."""
    processor, waited = [], []
    for _ in range(_RUNS):
        begin, agent_begin, wall = time.process_time(), _seconds(agent), time.perf_counter()
        for _ in range(_REQUESTS // together):
            ask(together)
        processor.append((time.process_time() - begin + _seconds(agent) - agent_begin) / _REQUESTS * 1e6)
        waited.append((time.perf_counter() - wall) / (_REQUESTS / together) * 1e6)
    return statistics.median(processor), statistics.median(waited)


def _seconds(pid: int) -> float:
    """Read the processor time of a process of one thread, seconds to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 if pid else 0.0


def _milliseconds(obtain: Callable[[], object]) -> float:
    figures = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        obtain()
        figures.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(figures)


def main() -> None:
    """Measure and print."""
    own, other = socket.socketpair()
    child = os.fork()
    if not child:
        own.close()
        _serve(other)
        os._exit(0)
    other.close()
    lines = []
    for together in (1, 8):
        for name, ask, agent in (("in the worker", _here(), 0), ("in the agent", _there(own), child)):
            processor, waited = _measure(ask, together=together, agent=agent)
            lines.append(
                f"{sum(HASHES)} hashes a Verify, {together} at once, {name}: "
                f"{processor:.1f} us of processor a Verify, {waited:.1f} us until all are there"
            )
    own.close()
    os.waitpid(child, 0)
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as folder:
        installation = install(Path(folder) / "installation", people=(), extra="workers = 2\n")
        settings = installation.settings
        with serving_keys(settings):
            path = settings.key_agent_socket
            assert path is not None  # noqa: S101 - several workers have one
            fetched = _milliseconds(lambda: SocketKeyAgent.connect(path).close())
        unlocked = _milliseconds(lambda: host_keys.unlock(settings).close())
    lines.append(f"keys from a running agent: {fetched:.1f} ms; by unlocking the keyring: {unlocked:.1f} ms")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
