"""What tests need that stop and start what answers: a steady load of right questions, and who runs."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.service import request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from padan.v1 import verification_pb2
    from tests.installation import Installation
    from tests.service import RunningService

DEADLINE = 5.0


def roles(service: RunningService) -> dict[str, int]:
    """Find the processes: role to process id."""
    found: dict[str, int] = {}
    for pid in Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "--child" in words:
                found[words[words.index("--child") + 1].partition(":")[0]] = int(pid)
    return found


def connections(pid: int, port: int) -> int:
    """Count the connections that a process has accepted on a port."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(descriptor.readlink()))
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return sum(
        line[1].endswith(f":{port:04X}") and line[3] == "01" and f"socket:[{line[9]}]" in sockets
        for line in lines
    )


def open_channel(installation: Installation, ports: Sequence[int], agency: str = "tax") -> grpc.Channel:
    """Open a channel to any of several ports, as a client does that knows both replicas."""
    identity = installation.identities[agency]
    credentials = grpc.ssl_channel_credentials(
        installation.ca.read_bytes(), identity.key.read_bytes(), identity.certificate.read_bytes()
    )
    return grpc.secure_channel(
        "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports),
        credentials,
        options=(("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)),
    )


class SteadyLoad:
    """Questions at a rate, whatever becomes of them, each caller on a channel of its own; none is repeated by us."""

    def __init__(self, open_one: Callable[[], grpc.Channel], *, rate: float, callers: int = 20) -> None:
        """Prepare.

        Args:
            open_one: opens a caller's channel.
            rate: questions a second, of all callers together.
            callers: how many ask.
        """
        self._open = open_one
        self._rate, self._callers = rate, callers
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(callers)]
        self.seconds: list[float] = []
        self.answered: list[str] = []
        self.failed: list[tuple[str, verification_pb2.VerifyRequest]] = []

    def __enter__(self) -> Self:
        """Begin, and go on when all are at work."""
        for thread in self._threads:
            thread.start()
        self.wait_for(2 * self._callers)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self) -> dict[str, int]:
        """Count the failures by what the caller read."""
        return dict(collections.Counter(text for text, _ in self.failed))

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Wait for so many more answers."""
        goal, until = len(self.answered) + count, time.monotonic() + seconds
        while len(self.answered) < goal:
            assert time.monotonic() < until, f"no answers: {self.failures}"
            time.sleep(0.02)

    def _ask(self, number: int) -> None:
        due = time.monotonic() + number / self._rate
        with contextlib.closing(self._open()) as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            while not self._stopping.wait(max(0.0, due - time.monotonic())):
                due += self._callers / self._rate
                message, begin = request(), time.monotonic()
                try:
                    answer = stub.Verify(message, timeout=DEADLINE)
                except grpc.RpcError as error:
                    self.failed.append((f"{error.code().name}: {error.details()}", message))
                    continue
                assert answer.outcome == vocabulary.VERDICT_MATCH
                self.answered.append(message.request_id)
                self.seconds.append(time.monotonic() - begin)
