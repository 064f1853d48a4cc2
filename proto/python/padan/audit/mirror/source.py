"""Where a log's files come from: a folder, or a web server. Nothing that is read is proven by itself.

A web server is asked at most `ATTEMPTS` times for a file, with growing pauses; a file has at most `MAX_FILE` bytes.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from padan.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS: Final = 5
PAUSE: Final = 0.2
"""Seconds before the second attempt; twice as long before each further one."""
TIMEOUT: Final = 20.0
MAX_FILE: Final = 256 * (2 + 65_535)
"""Bytes of the largest file of a log: a bundle of the longest leaves."""
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_NOT_THERE: Final = frozenset({404, 410})


class Source(Protocol):
    """A log's files."""

    def read(self, path: str) -> bytes:
        """Give the bytes at a path below the log's prefix.

        Raises:
            FileNotFoundError: there is none.
            SourceError: it cannot be read.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...

    def __str__(self) -> str:
        """Name it, for people."""
        ...


def open_source(place: str) -> Source:
    """Open a source by its address or folder.

    Raises:
        SourceError: there is no such folder, or the address is of another kind.
    """
    scheme = urllib.parse.urlsplit(place).scheme
    if scheme in {"http", "https"}:
        return WebSource(place)
    if scheme and not Path(place).exists():
        raise SourceError(f"{place} is neither a folder nor an http or https address", next_step=_NEXT)
    return FolderSource(Path(place))


_NEXT: Final = "give the folder or the address under which the log's file `checkpoint` lies"


class FolderSource:
    """A folder: the log's own, another auditor's copy, or one that came on a disk."""

    def __init__(self, folder: Path) -> None:
        """Read below a folder.

        Raises:
            SourceError: there is none.
        """
        if not folder.is_dir():
            raise SourceError(f"there is no folder {folder}", next_step=_NEXT)
        self._folder = folder

    def read(self, path: str) -> bytes:
        """Give a file; see `Source`."""
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(path) from None
        except OSError as error:
            raise SourceError(
                f"{path} cannot be read: {error.strerror}",
                next_step="see to the disk or folder, and run again",
            ) from None

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def __str__(self) -> str:
        return str(self._folder)


class WebSource:
    """A web server; several threads may read at once, each over a connection of its own."""

    def __init__(
        self, url: str, *, timeout: float = TIMEOUT, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Read below an address.

        Args:
            url: http or https; what is behind https is checked against the system's authorities.
            timeout: seconds for one answer.
            sleep: waits between attempts.

        Raises:
            SourceError: the address names no host.
        """
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname:
            raise SourceError(f"{url} names no host", next_step=_NEXT)
        self._url = url
        self._parts = parts
        self._timeout = timeout
        self._sleep = sleep
        self._own = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def read(self, path: str) -> bytes:
        """Fetch a file; see `Source`."""
        cause = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(PAUSE * 2 ** (attempt - 1))
            try:
                status, body = self._get(path)
            except (OSError, http.client.HTTPException) as error:
                self._close()
                cause = type(error).__name__ if not str(error) else str(error)
                continue
            if status == http.client.OK:
                return body
            if status in _NOT_THERE:
                raise FileNotFoundError(path)
            cause = f"the server answers {status}"
            if status not in _AGAIN:
                break
        raise SourceError(
            f"{path} cannot be fetched from {self._url}: {cause}",
            next_step="look whether the address is right and the server up; what is fetched already is kept",
        )

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = self._connection()
        connection.request(
            "GET", f"{self._parts.path.rstrip('/')}/{path}", headers={"User-Agent": "padan-audit"}
        )
        answer = connection.getresponse()
        body = answer.read(MAX_FILE + 1)
        if len(body) > MAX_FILE or answer.will_close:
            self._close()
        if len(body) > MAX_FILE:
            raise http.client.HTTPException(f"the file has more than {MAX_FILE:,} bytes")
        if answer.length:  # what was promised and did not come
            self._close()
            raise http.client.IncompleteRead(body)
        return answer.status, body

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if found is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                context = ssl.create_default_context()
                found = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
            else:
                found = http.client.HTTPConnection(host, port, timeout=self._timeout)
            self._own.connection = found
            self._all.append(found)
        return found

    def _close(self) -> None:
        found: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        self._own.connection = None
        if found is not None:
            self._all.remove(found)
            with contextlib.suppress(OSError):
                found.close()

    def close(self) -> None:
        """Close the connections of all threads, which must have ended."""
        for each in self._all:
            each.close()

    def __str__(self) -> str:
        return self._url
