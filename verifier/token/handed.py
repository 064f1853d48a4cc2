"""The residents whose tokens are handed in: their M of now, their name in the log, and whether they go on.

Whoever is not held, was erased, or is withheld takes the same work and has the same entry.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from padan.group import GroupError
from padan.value import value
from tokenizer.tokenrow import NOBODY, join
from verifier.epoch import ROWS
from verifier.log.beside import Beside
from verifier.resident.mark import ERASED, is_withheld
from verifier.token.errors import TokensUnavailableError
from verifier.token.keptrows import open_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from padan.token import Token
    from tokenizer.token import Domain
    from tokenizer.tokenrow import TokenRow, TokenRows
    from verifier.accounts import Account
    from verifier.epoch import PinnedEpoch
    from verifier.ports import Epochs, Marks
    from verifier.token.domains import Keys
    from verifier.token.subjects import Rows


@value
class Resident:
    """Whom a token names.

    Attributes:
        element: M of the number that the resident has now, 32 bytes.
        handle: names the resident in the log, 16 bytes.
        there: whether the registry holds the resident and nothing keeps others from being told.
    """

    element: bytes
    handle: bytes
    there: bool

    def __repr__(self) -> str:
        return "Resident(<redacted>)"


class Residents:
    """Finds residents. Safe to call from many threads.

    Args:
        epochs: the epoch in use.
        marks: what residents' rights ask.
        rows: the log's store.
        opened: the account of the vault's rows that are opened.
    """

    def __init__(self, epochs: Epochs, marks: Marks, rows: Rows, opened: Account) -> None:
        self._epochs = epochs
        self._marks = marks
        self._rows = rows
        self.opened = opened

    def find(
        self, keys: Keys, domain: Domain, tokens: Sequence[Token], *, request_id: bytes, exempt: bool
    ) -> tuple[PinnedEpoch, list[Resident]]:
        """Find the residents of tokens of a domain, in their order; the vault's rows are opened on `opened`'s account.

        The caller settles `ROWS` for each token once the entries are durable or have failed.

        Args:
            keys: of now.
            domain: of the tokens, from these keys.
            tokens: that were checked.
            request_id: 16 bytes, which picks decoys.
            exempt: residents' restrictions and locks do not bind the purpose.

        Raises:
            ServiceError: a row does not open, or a database is away; nothing is left to settle.
        """
        epoch = self._epochs.pin()
        try:
            elements = [domain.matched(token, keys.match) for token in tokens]
        except GroupError as error:
            raise TokensUnavailableError("a tagged token is no element of the group") from error
        names = [keys.rows.names(element) for element in elements]
        found = self._behind(keys.rows, names)
        wanted = [_record_id(row, epoch.inner.index_id) for row in found]
        records = [record or each[0] for record, each in zip(wanted, names, strict=True)]
        pairs = epoch.lookup(
            [(record, request_id[:12] + place.to_bytes(4, "big")) for place, record in enumerate(records)]
        )
        count = ROWS * len(tokens)
        self.opened.expect(count)
        residents: list[Resident] = []
        try:
            for element, each, row, record_id, pair in zip(
                elements, names, found, records, pairs, strict=True
            ):
                record, held = epoch.open_pair(record_id, pair)
                handles = (epoch.inner.token_handles(each[0]), record.handles)[held]
                marks = self._marks.of(handles.budget_subject)
                told = held and not marks & ERASED and (exempt or not is_withheld(marks))
                residents.append(
                    Resident(
                        element=current(element, row), handle=handles.log, there=told and row is not None
                    )
                )
        except BaseException:
            self.opened.settle(count, logged=False)
            raise
        return epoch, residents

    def follow(self, rows: TokenRows, elements: Iterable[bytes]) -> dict[bytes, bytes]:
        """Say under which M residents go on whose M was kept for a while; who was forgotten meanwhile is left out.

        Raises:
            ServiceError: a row does not open, or the log's database is away.
        """
        wanted = list(elements)
        found = self._behind(rows, [rows.names(element) for element in wanted])
        return {
            element: current(element, row)
            for element, row in zip(wanted, found, strict=True)
            if row is not None
        }

    def _behind(self, rows: TokenRows, names: Sequence[tuple[bytes, ...]]) -> list[TokenRow | None]:
        """Read the rows behind tokens, all in one statement; None where there is none."""
        boxes = self._rows.beside(Beside.TOKEN, sorted({name for each in names for name in each}))
        return [_row(rows, boxes, each) for each in names]


def current(element: bytes, row: TokenRow | None) -> bytes:
    """Give the M of the number that a resident has now."""
    return element if row is None else row.survivor or element


def _row(rows: TokenRows, boxes: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> TokenRow | None:
    there = open_rows(rows, [(name, boxes[name]) for name in names if name in boxes])
    return functools.reduce(join, there) if there else None


def _record_id(row: TokenRow | None, index_id: int) -> bytes:
    """Give the name of the resident's record; empty where nobody is held."""
    if row is None:
        return b""
    found = row.record_id(index_id)
    if found is None:
        # Issued a moment ago, by a process that had not followed a flip yet; the rotation completes it.
        raise TokensUnavailableError("a token's row has yet to be brought to the epoch")
    return b"" if found == NOBODY else found
