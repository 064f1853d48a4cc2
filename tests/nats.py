"""A real NATS server with JetStream for tests: the program of a wheel, on the loopback, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nats.aio.client import Client

from tests.installation import free_ports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PROGRAM = Path(sys.executable).with_name("nats-server")


class NatsServer:
    """A server that lives as long as its `with` block, and can be stopped and started in it."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Prepare a server.

        Args:
            folder: of its streams.
            options: further ones of its command line.
        """
        (self.port,) = free_ports(1)
        place = ("-a", "127.0.0.1", "-p", str(self.port))
        self._command = [str(_PROGRAM), "-js", "-sd", str(folder), *place, *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Its address, without a stream."""
        return f"nats://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise RuntimeError("the NATS server does not listen")

    def stop(self) -> None:
        """Stop the server; streams stay."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(20)

    def act(self, work: Callable[[Client], Awaitable[Any]]) -> Any:
        """Do something as a client that knows nothing of blocks."""

        async def connected() -> Any:
            client = Client()
            await client.connect(self.address, allow_reconnect=False)
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(connected())
