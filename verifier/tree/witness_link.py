"""One witness as the log reaches it: a connection that stays open, and what the witness knows of the log.

An exchange is `add-checkpoint` of C2SP tlog-witness. Where the witness goes on from another size (409) the proof is
made from there, once or twice. Whatever comes back is checked against the witness's key before it counts. The whole
exchange ends within its time, also where the other side sends a byte now and then.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from padan.errors import LogError
from padan.tlog import note
from padan.tlog.note import Note
from padan.witness import submission
from verifier.errors import OperatorError

if TYPE_CHECKING:
    from padan.tlog.note import Line, VerifierKey
    from verifier.tree.cosigner import Asked

MAX_ANSWER: Final = 16_384
"""Bytes of the longest answer that is read."""
SIZE: Final = "text/x.tlog.size"
_ATTEMPTS: Final = 3
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class WitnessUrlError(OperatorError):
    """A witness's address in the policy cannot be used."""


class WitnessError(Exception):
    """A witness has not cosigned; the message says why, and nothing that it has sent."""


class WitnessLink:
    """A witness of the policy. One exchange at a time; `cut` may come from any thread."""

    def __init__(self, name: str, key: VerifierKey, url: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            name: as the policy calls it.
            key: the witness's.
            url: where it takes submissions, before `/add-checkpoint`.

        Raises:
            WitnessUrlError: it is no http or https address.
        """
        self.name = name
        self.key = key
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1 or parts.query:
            raise WitnessUrlError(f"witness {name}: its address is not https://HOST[:PORT][/PATH]")
        self._address = parts.hostname, port
        self._path = f"{parts.path.rstrip('/')}/add-checkpoint"
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None  # kept apart: a response that is the last one takes it over
        self._known = 0
        self._busy = threading.Lock()

    def cosign(self, asked: Asked, *, seconds: float) -> Line:
        """Have a checkpoint cosigned.

        Args:
            asked: the checkpoint.
            seconds: for the whole exchange.

        Raises:
            WitnessError: it was not.
        """
        if not self._busy.acquire(blocking=False):
            raise WitnessError("an earlier request still waits for it")
        # Before the watch begins, so that what it cuts is known to be late.
        deadline = time.monotonic() + seconds
        watch = threading.Timer(seconds, self.cut)
        watch.daemon = True
        watch.start()
        try:
            return self._exchange(asked, deadline)
        except (OSError, http.client.HTTPException, LogError) as error:
            self.close()
            if time.monotonic() >= deadline:
                raise WitnessError(f"it takes longer than {seconds:g} s") from error
            if isinstance(error, LogError):
                raise WitnessError(f"its answer is not a cosignature: {error}") from error
            raise WitnessError(f"it cannot be reached ({type(error).__name__})") from error
        finally:
            watch.cancel()
            self._busy.release()

    def cut(self) -> None:
        """End the connection; an exchange under way fails."""
        held = self._socket
        if held is not None:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self.cut()
        connection, self._connection, self._socket = self._connection, None, None
        if connection is not None:
            connection.close()

    def _exchange(self, asked: Asked, deadline: float) -> Line:
        old = min(self._known, asked.size)
        for _ in range(_ATTEMPTS):
            body = submission.join(old, asked.consistency(old), asked.signed)
            status, kind, answer = self._post(body, deadline)
            if status == http.HTTPStatus.OK:
                line = self._own(answer, asked.text)
                self._known = asked.size
                return line
            found = _SIZE.fullmatch(answer)
            if status != http.HTTPStatus.CONFLICT or kind != SIZE or found is None:
                raise WitnessError(f"it refuses the checkpoint ({status})")
            self._known = int(found[1])
            if self._known > asked.size:
                raise WitnessError(
                    f"it has cosigned {self._known} leaves, and the checkpoint has {asked.size}"
                )
            if self._known == old:
                raise WitnessError(f"it has cosigned another root for {old} leaves")
            old = self._known
        raise WitnessError("it goes on from another size each time")

    def _own(self, answer: bytes, text: str) -> Line:
        """Give the witness's own line out of its answer, checked."""
        lines = note.parse_lines(answer.decode("utf-8", "replace"))
        own = [line for line in lines if (line.name, line.key_id) == (self.key.name, self.key.id)]
        if not own:
            raise WitnessError("its answer holds no signature of its key")
        note.verify(Note(text, (own[0],)), [self.key])
        return own[0]

    def _post(self, body: bytes, deadline: float) -> tuple[int, str, bytes]:
        fresh = self._connection is None
        try:
            return self._send(body, deadline)
        except (ConnectionError, http.client.RemoteDisconnected):
            if fresh or time.monotonic() >= deadline:
                raise
        self.close()  # the witness has ended a connection that stood idle
        return self._send(body, deadline)

    def _send(self, body: bytes, deadline: float) -> tuple[int, str, bytes]:
        left = max(0.05, deadline - time.monotonic())
        if self._connection is None:
            self._connection = self._connect(left)
        connection = self._connection
        if connection.sock is None:
            connection.connect()
            self._socket = connection.sock
        if self._socket is not None:
            self._socket.settimeout(left)
        connection.request("POST", self._path, body, {"Content-Type": "text/plain; charset=utf-8"})
        with connection.getresponse() as response:
            answer = response.read(MAX_ANSWER + 1)
        if len(answer) > MAX_ANSWER:
            raise http.client.HTTPException
        if response.will_close:
            self.close()
        return response.status, response.headers.get_content_type(), answer

    def _connect(self, left: float) -> http.client.HTTPConnection:
        host, port = self._address
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=left)
        return http.client.HTTPSConnection(host, port, timeout=left, context=self._tls)
