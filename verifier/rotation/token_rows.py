"""The rows behind agencies' tokens, as an inner rotation renames them: each gets the record's name in both epochs.

A row has room for two names, each with the id of its epoch's index key, and the service takes that of the epoch that it
answers from. While a rotation is under way, whoever issues a token writes both, and a feed completes the rows of those
whom it brings; the rotation gives the second name to what was there before, when the projection is done. So both epochs
answer alike before the flip, after it, and after a revert, and nothing is renamed at the moment of a flip. A row whose
number is in no pair is nobody's in the other epoch, which is written down too. A row that says nothing was written by a
process that knew nothing of the rotation: an outage for its token until the next sample, and never a no.

1 open every row, and remember those that lack a name, some hundred thousand at a time  2 go through all pairs
3 write what was found, page by page, in transactions that read each row again
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose
from tokenizer.token import Quotients
from tokenizer.tokenrow import NOBODY, TokenRows
from verifier.directory import Directory
from verifier.log.beside import Beside
from verifier.rotation.rotatable import Sampled
from verifier.token import keptrows
from verifier.token.rowtable import PAGE, RowTable
from verifier.vault.store import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokenizer.tokenrow import Named, TokenRow
    from verifier.rotation.means import Means

AT_ONCE: Final = 500_000
"""Rows that are looked for in one passage through all pairs; each takes some 300 bytes of memory."""
_Lacking = dict["Named", list[bytes]]
"""Names that rows have, to the M of those that lack the other epoch's."""


class TokenRowsHeld:
    """The rows behind tokens, in a rotation.

    Args:
        means: what is worked with.
    """

    name = "rows behind tokens"

    def __init__(self, means: Means) -> None:
        self._means = means
        there = means.there
        self._source, self._target = (
            means.epoch(number).key_ids[Purpose.INDEX] for number in (there.source, there.target)
        )

    def move(self) -> None:
        """Do nothing: no row stands under a key of an epoch's outer layer."""

    def carry(self) -> int:
        """Do nothing: an outer rotation leaves names as they are, and an inner one renames."""
        return 0

    def sample(self, people: int) -> Sampled:
        """Draw nothing."""
        del people
        return Sampled(drawn=0, differing=0)

    def rename(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Give every row that lacks it the record's name in the other epoch; returns how many rows.

        Args:
            pairs: the record's names in the old epoch and in the new one; gone through as often as it takes.
        """
        renamed = 0
        with self._opened() as (table, rows):
            if rows is None:
                return 0
            lacking = self._lacking(table, rows)
            while found := list(islice(lacking, AT_ONCE)):  # 1
                by_name: _Lacking = {}
                for name, element in found:
                    by_name.setdefault(name, []).append(element)
                changes: list[tuple[bytes, Named]] = []
                for old, new in pairs:  # 2
                    one, other = (self._source, old), (self._target, new)
                    changes += [(element, other) for element in by_name.pop(one, ())]
                    changes += [(element, one) for element in by_name.pop(other, ())]
                for (key_id, _), elements in by_name.items():
                    other_id = self._target if key_id == self._source else self._source
                    changes += [(element, (other_id, NOBODY)) for element in elements]
                renamed += self._write(table, rows, changes)  # 3
        return renamed

    def before_flip(self, pairs: Iterable[tuple[bytes, bytes]] | None = None) -> int:
        """Do nothing: a feed completes the rows of those whom it brings, and there are too many to look at."""
        del pairs
        return 0

    def settle(self) -> None:
        """Wait until every process knows which epochs there are."""
        with self._opened() as (_, rows):
            if rows is not None:
                time.sleep(2 * POLL_SECONDS)

    def drop(self) -> int:
        """Delete the rows that are nobody's in the new epoch: nothing leads from them once the old one is gone."""
        dropped = 0
        with self._opened() as (table, rows):
            if rows is None:
                return 0
            for page in table.pages():
                found = [
                    row.element for row in keptrows.open_rows(rows, page) if not self._name(row, self._target)
                ]
                if found:
                    with keptrows.changing(table, rows) as kept:
                        for element in found:
                            kept.drop(element)
                    dropped += len(found)
        return dropped

    @contextmanager
    def _opened(self) -> Iterator[tuple[RowTable, TokenRows | None]]:
        """Open the table, with the keys of its rows; without, where there is nothing to rename."""
        with closing(Directory(self._means.settings.log_database)) as directory:
            table, agent = RowTable(directory, Beside.TOKEN), self._means.agent
            if self._source == self._target or table.is_empty():
                yield table, None
            else:
                yield table, TokenRows.of(agent.realm, agent.tokens(), Quotients())

    @staticmethod
    def _name(row: TokenRow, key_id: int) -> bytes:
        found = row.record_id(key_id) or b""
        return b"" if found == NOBODY else found

    def _lacking(self, table: RowTable, rows: TokenRows) -> Iterator[tuple[Named, bytes]]:
        """Give the rows that have one of the two names, each with that name and its M."""
        for page in table.pages():
            for row in keptrows.open_rows(rows, page):
                old, new = self._name(row, self._source), self._name(row, self._target)
                if bool(old) != bool(new):
                    yield (self._source, old) if old else (self._target, new), row.element

    def _write(self, table: RowTable, rows: TokenRows, changes: list[tuple[bytes, Named]]) -> int:
        written = 0
        for start in range(0, len(changes), PAGE):
            with keptrows.changing(table, rows) as kept:
                for element, (key_id, name) in changes[start : start + PAGE]:
                    row = kept.get(element)
                    if row is None or self._name(row, key_id) or row.record_id(key_id) == name:
                        continue  # it went, a feed was faster, or it says so already
                    other_id = self._target if key_id == self._source else self._source
                    others = [(other_id, had) for had in [self._name(row, other_id)] if had]
                    kept.put(replace(row, records=((key_id, name), *others)))
                    written += 1
        return written
