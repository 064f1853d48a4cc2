"""A TCP proxy before a PostgreSQL server, that is told to misbehave: refuse, say nothing, dawdle, cut in mid-frame."""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 65_536
_TICK = 0.05
_CUT_AFTER = 7
"""Bytes of an answer that still come: a message's type, its length, and two bytes of it."""
_RESET = struct.pack("ii", 1, 0)


class Mode(enum.Enum):
    """How the way to the server is."""

    PASS = "passes everything"
    REFUSE = "refuses connections and resets those that are open"
    SILENT = "takes connections and bytes, and answers nothing"
    DAWDLE = "holds every answer back for longer than anybody waits"
    CUT = "cuts the next answer in its middle, and every one after it"


class Proxy:
    """Stands between a client and a Unix socket."""

    def __init__(self, upstream: Path) -> None:
        self._upstream = str(upstream)
        self.mode = Mode.PASS
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and hang up on everybody."""
        self._stopping.set()
        self._hang_up()
        self._thread.join(5)
        self._listener.close()

    def set(self, mode: Mode) -> None:
        """Behave otherwise from now on; connections of a way that was broken stay broken."""
        before, self.mode = self.mode, mode
        if mode is Mode.REFUSE or before is Mode.SILENT:
            self._hang_up()

    def url(self, direct: str) -> str:
        """Spell the URL of a database of the server by way of this proxy."""
        _, _, options = direct.partition("&options=")
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable&options={options}"

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        listener.settimeout(_TICK)
        return listener

    def _accept(self) -> None:
        while not self._stopping.is_set():
            if self._is(Mode.REFUSE):
                self._listener.close()
                while self._is(Mode.REFUSE) and not self._stopping.wait(_TICK):
                    pass
                self._listener = self._listen(self.port)
                continue
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._upstream)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.add((client, server))
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._carry, args=(source, sink, answers), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:  # noqa: FBT001 - its thread's
        with contextlib.suppress(OSError):
            while (data := source.recv(_CHUNK)) and not self._is(Mode.REFUSE):
                while self.mode is Mode.SILENT and not self._stopping.is_set():
                    time.sleep(_TICK)
                if answers and self.mode is Mode.DAWDLE:
                    self._dawdle()
                if answers and self.mode is Mode.CUT:
                    sink.sendall(data[:_CUT_AFTER])
                    sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        sink.close()

    def _is(self, mode: Mode) -> bool:
        return self.mode is mode

    def _dawdle(self) -> None:
        until = time.monotonic() + 3
        while self.mode is Mode.DAWDLE and time.monotonic() < until and not self._stopping.is_set():
            time.sleep(_TICK)

    def _hang_up(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
