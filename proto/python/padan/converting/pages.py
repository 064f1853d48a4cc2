"""The part file of a collection: the pages that came, in their order, beside the file that they will make.

One line of JSON that says of what it is; then u32 length and page, again and again, each on the disk before the next
one is asked for. What a kill left half written at its end is cut off. Mode 0600; it holds tokens, and payloads as they
were sealed.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import IO, TYPE_CHECKING, Final, Self

from padan.table.keptfile import KeptFileError
from padan.v1 import token_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LENGTH: Final = 4
_MOST: Final = 8 << 20


class Pages:
    """A file of pages that is open, and locked until it is closed."""

    def __init__(self, path: Path, file: IO[bytes], begin: int) -> None:
        self._path = path
        self._file = file
        self._begin = begin
        self.count = 0
        """Tokens that came so far."""
        self.next: bytes | None = None
        """Where the next page begins; None before the first one, empty after the last one."""

    @classmethod
    def open(cls, path: Path, told: Mapping[str, str]) -> Self:
        """Begin a collection, or go on with the one whose file is there.

        Args:
            path: of the file.
            told: what both must have in common.

        Raises:
            KeptFileError: it cannot be used, is in use, or of another collection.
        """
        head = json.dumps(dict(told), sort_keys=True).encode() + b"\n"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            file = os.fdopen(descriptor, "r+b")
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _begin(path, file, head)
            pages = cls(path, file, len(head))
            pages._take_up()
        except BlockingIOError:
            file.close()
            raise KeptFileError(
                f"another run works with {path}",
                reason="busy",
                next_step="wait until it has ended, or end it",
            ) from None
        except OSError as error:
            file.close()
            raise _unusable(path, error) from None
        except BaseException:
            file.close()
            raise
        return pages

    def append(self, page: token_pb2.CollectConvertedResponse) -> None:
        """Keep a page.

        Raises:
            KeptFileError: the disk does not take it.
        """
        body = page.SerializeToString()
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(len(body).to_bytes(_LENGTH, "big") + body)
            _sync(self._file)
        except OSError as error:
            raise _unusable(self._path, error) from None
        self.count += len(page.items)
        self.next = page.next

    def __iter__(self) -> Iterator[token_pb2.CollectConvertedResponse]:
        """Read all pages."""
        self._file.seek(self._begin)
        while True:
            head = self._file.read(_LENGTH)
            length = int.from_bytes(head, "big")
            body = self._file.read(length) if length <= _MOST else b""
            if len(head) < _LENGTH or len(body) < length:
                return
            yield token_pb2.CollectConvertedResponse.FromString(body)

    def _take_up(self) -> None:
        """Count what is there, and cut off what is not whole."""
        end = self._begin
        for page in self:
            end = self._file.tell()
            self.count += len(page.items)
            self.next = page.next
        self._file.truncate(end)

    def remove(self) -> None:
        """Close the file and take it away."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file and leave it for the next time."""
        self._file.close()


def _begin(path: Path, file: IO[bytes], head: bytes) -> None:
    """Write the first line, or see that it is the one that stands there."""
    known = file.readline()
    if known == head:
        return
    # What has no end of line is a first write that never ended.
    if known.endswith(b"\n") or not head.startswith(known):
        raise KeptFileError(
            f"{path} is of another collection",
            reason="other",
            next_step="name the job file and the output as before, or move the part file away",
        )
    file.seek(0)
    file.truncate()
    file.write(head)
    _sync(file)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _unusable(path: Path, error: OSError) -> KeptFileError:
    return KeptFileError(
        f"{path} cannot be used ({error.strerror})",
        reason="file",
        next_step="see that the disk has room and the folder may be written to, and run the same command",
    )
