"""The rows behind tokens, by the numbers that they are about, within one transaction: opened, changed, sealed again.

Two rows of one number, which may stand under an older and a newer name, are read as one and written as one, under the
name for new rows.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokenizer.errors import BoxError, RecordError
from tokenizer.tokenrow import join
from verifier.token.errors import TokensUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tokenizer.tokenrow import TokenRow, TokenRows
    from verifier.log.beside import Beside
    from verifier.token.rowtable import Change, RowTable


class KeptRows:
    """Rows in a transaction; see `verifier.token.lineage.Rows`.

    Args:
        change: the transaction.
        rows: opens and seals.
    """

    def __init__(self, change: Change, rows: TokenRows) -> None:
        self._change = change
        self._rows = rows
        self._names: dict[bytes, list[bytes]] = {}
        self._now: dict[bytes, TokenRow | None] = {}
        self._touched: set[bytes] = set()

    def get(self, element: bytes) -> TokenRow | None:
        """Read the row of a number; None where there is none.

        Raises:
            TokensUnavailableError: it does not open.
        """
        if element not in self._now:
            self.fetch([element])
        return self._now[element]

    def fetch(self, elements: Iterable[bytes]) -> None:
        """Read the rows of numbers in a few statements, in the place of one for each."""
        named = {element: self._rows.names(element) for element in elements if element not in self._now}
        wanted = [name for names in named.values() for name in names]
        boxes = self._change.read(wanted)
        for element, names in named.items():
            self._take(element, [(name, boxes[name]) for name in names if name in boxes])

    def put(self, row: TokenRow) -> None:
        """Write a row."""
        self.get(row.element)
        self._now[row.element] = row
        self._touched.add(row.element)

    def drop(self, element: bytes) -> None:
        """Delete the row of a number."""
        self.get(element)
        self._now[element] = None
        self._touched.add(element)

    def _take(self, element: bytes, there: Sequence[tuple[bytes, bytes]]) -> None:
        opened = open_rows(self._rows, there)
        self._names[element] = [name for name, _ in there]
        self._now[element] = functools.reduce(join, opened) if opened else None

    def beside(self, where: Beside) -> Change:
        """Give the same transaction for another table."""
        return self._change.of(where)

    def flush(self) -> int:
        """Write what was changed; returns how many numbers' rows."""
        put: dict[bytes, bytes] = {}
        drop: set[bytes] = set()
        for element in self._touched:
            row = self._now[element]
            drop.update(self._names[element])
            if row is not None:
                name, box = self._rows.seal(row)
                put[name] = box
        self._change.write(put=put.items(), drop=drop - put.keys())
        return len(self._touched)


def open_rows(rows: TokenRows, there: Iterable[tuple[bytes, bytes]]) -> list[TokenRow]:
    """Open rows, each given by name and box.

    Raises:
        TokensUnavailableError: one does not open.
    """
    try:
        return [rows.open(name, box) for name, box in there]
    except (BoxError, RecordError) as error:
        raise TokensUnavailableError("a token's row cannot be read") from error


@contextmanager
def changing(table: RowTable, rows: TokenRows) -> Iterator[KeptRows]:
    """Change rows in one transaction, which ends with the block."""
    with table.changing() as change:
        kept = KeptRows(change, rows)
        yield kept
        kept.flush()
