"""The part file of a collection: the pages that came, in their order, beside the file that they will make.

It holds tokens, and payloads as they were sealed; each page is on the disk before the next one is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from padan.table.keptfile import KeptFile, Kind
from padan.v1 import token_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KIND: Final = Kind(
    application=0x5061436F,  # "PaCo"
    format=1,
    tables=("CREATE TABLE page (number INTEGER PRIMARY KEY, body BLOB NOT NULL)",),
    anew="name the job file and the output as before, or move the part file away",
)


class Pages:
    """A file of pages that is open, and locked until it is closed."""

    def __init__(self, file: KeptFile) -> None:
        self._file = file
        self.count = 0
        """Tokens that came so far."""
        self.next: bytes | None = None
        """Where the next page begins; None before the first one, empty after the last one."""
        for page in self:
            self._count(page)

    @classmethod
    def open(cls, path: Path, told: Mapping[str, str]) -> Self:
        """Begin a collection, or go on with the one whose file is there.

        Args:
            path: of the file.
            told: what both must have in common.

        Raises:
            KeptFileError: it cannot be used, is damaged, in use, or of another collection.
        """
        return cls(KeptFile.open(path, _KIND, lambda _known: told))

    def append(self, page: token_pb2.CollectConvertedResponse) -> None:
        """Keep a page.

        Raises:
            KeptFileError: the disk does not take it.
        """
        self._file.write("INSERT INTO page (body) VALUES (?)", [(page.SerializeToString(),)])
        self._count(page)

    def __iter__(self) -> Iterator[token_pb2.CollectConvertedResponse]:
        """Read all pages."""
        for (body,) in self._file.read("SELECT body FROM page ORDER BY number"):
            yield token_pb2.CollectConvertedResponse.FromString(body)

    def remove(self) -> None:
        """Close the file and take it away."""
        self._file.remove()

    def close(self) -> None:
        """Close the file and leave it for the next time."""
        self._file.close()

    def _count(self, page: token_pb2.CollectConvertedResponse) -> None:
        self.count += len(page.items)
        self.next = page.next
