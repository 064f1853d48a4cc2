"""The residents behind checked tokens: under which numbers they may be enrolled, and how the log names them.

 1 turn tokens into the match domain, and read the rows of residents  2 read the rows of the numbers that they have now,
 which name the numbers before  3 fetch record and decoy of each from the vault

A resident has four slots: M of the number of now, and of up to three that became it, the newest; what is absent is
random. The work is the same whether a row is there, and whether its resident is held.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from typing import TYPE_CHECKING, Final

from padan import group
from padan.group import GroupError
from padan.value import value
from tokenizer.tokenrow import NOBODY, PREDECESSORS, join
from verifier.epoch import ROWS, RowDamagedError
from verifier.log.beside import Beside
from verifier.token.errors import TokensUnavailableError
from verifier.token.keptrows import open_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.token import Token
    from tokenizer.record import Handles
    from tokenizer.token import Domain
    from tokenizer.tokenrow import TokenRow
    from verifier.accounts import Account
    from verifier.epoch import PinnedEpoch
    from verifier.ports import Epochs, Marks
    from verifier.token.domains import Keys
    from verifier.token.subjects import Rows

SLOTS: Final = 1 + PREDECESSORS
"""Numbers of a resident under which enrolments are looked for."""
_LOGGER = logging.getLogger("padan.tokens")


@value
class Resident:
    """The resident of one token.

    Attributes:
        label: domain and version of the token, for the log.
        slots: four elements of the match domain; an enrolment is written under the first.
        is_known: the service has a row of them; who was erased has none.
        handles: their names in log and budgets.
        marks: what their rights ask.
    """

    label: str
    slots: tuple[bytes, ...]
    is_known: bool
    handles: Handles
    marks: int

    def __repr__(self) -> str:
        return "Resident(<redacted>)"


class Residents:
    """Finds residents. Safe to call from many threads.

    Args:
        rows: the log's store.
        epochs: gives the one in use.
        marks: what residents' rights ask.
        opened: the account of rows of the vault that are opened; whoever asks settles what `find` expects.
    """

    def __init__(self, *, rows: Rows, epochs: Epochs, marks: Marks, opened: Account) -> None:
        self._rows = rows
        self._epochs = epochs
        self._marks = marks
        self._opened = opened

    def pin(self) -> PinnedEpoch:
        """Pin the epoch in use, for one call."""
        return self._epochs.pin()

    def find(
        self, keys: Keys, domain: Domain, tokens: Sequence[Token], *, epoch: PinnedEpoch, request_id: bytes
    ) -> list[Resident]:
        """Find the residents of tokens that were checked, in their order.

        Args:
            keys: those that have checked the tokens.
            domain: of the tokens.
            tokens: at least one.
            epoch: the one in use.
            request_id: of the call, 16 bytes.

        Raises:
            TokensUnavailableError: a row does not open, or has yet to be brought to the epoch.
            ServiceError: a database is away.
        """
        try:
            elements = [domain.matched(token, keys.match) for token in tokens]  # 1
        except GroupError as error:
            raise TokensUnavailableError("a tagged token is no element of the group") from error
        given = self._read(keys, elements)
        roots = self._read(  # 2
            keys,
            [
                row.survivor if row is not None and row.survivor else element
                for row, element in zip(given, elements, strict=True)
            ],
        )
        residents = [
            _slots(row, root, element) for row, root, element in zip(given, roots, elements, strict=True)
        ]
        names = [keys.rows.names(element)[0] for element in elements]
        records = [
            _record_id(row, name, epoch.inner.index_id) for row, name in zip(given, names, strict=True)
        ]
        handles = self._handles(epoch, records, names, request_id)  # 3
        try:
            return [
                Resident(
                    label=f"{domain.name}@{token.version}",
                    slots=slots,
                    is_known=row is not None,
                    handles=handle,
                    marks=self._marks.of(handle.budget_subject),
                )
                for token, slots, row, handle in zip(tokens, residents, given, handles, strict=True)
            ]
        except BaseException:
            self.settle(len(handles), logged=False)
            raise

    def settle(self, count: int, *, logged: bool) -> None:
        """Say whether the entries of so many residents are durable."""
        self._opened.settle(ROWS * count, logged=logged)

    def _read(self, keys: Keys, elements: Sequence[bytes]) -> list[TokenRow | None]:
        named = [keys.rows.names(element) for element in elements]
        boxes = self._rows.beside(Beside.TOKEN, sorted({name for names in named for name in names}))
        found: list[TokenRow | None] = []
        for names in named:
            there = [(name, boxes[name]) for name in names if name in boxes]
            try:
                opened = open_rows(keys.rows, there)
            except TokensUnavailableError:
                _LOGGER.exception("a row beside the log does not open")
                raise
            found.append(functools.reduce(join, opened) if opened else None)
        return found

    def _handles(
        self, epoch: PinnedEpoch, records: Sequence[bytes], names: Sequence[bytes], request_id: bytes
    ) -> list[Handles]:
        pairs = epoch.lookup(
            [(record_id, _pick(request_id, place)) for place, record_id in enumerate(records)]
        )
        found: list[Handles] = []
        self._opened.expect(ROWS * len(records))
        try:
            for record_id, name, pair in zip(records, names, pairs, strict=True):
                record, held = epoch.open_pair(record_id, pair)
                found.append((epoch.inner.token_handles(name), record.handles)[held])
        except RowDamagedError as error:
            opened = ROWS * len(found) + error.opened
            self._opened.expect(opened - ROWS * len(records))
            self._opened.settle(opened, logged=False)
            raise
        return found


def _slots(row: TokenRow | None, root: TokenRow | None, element: bytes) -> tuple[bytes, ...]:
    absent = [group.base(group.random_scalar()) for _ in range(PREDECESSORS)]
    first = row.survivor if row is not None and row.survivor else element
    before = root.predecessors if root is not None else ()
    return (first, *before, *absent[len(before) :])


def _record_id(row: TokenRow | None, name: bytes, index_id: int) -> bytes:
    """Read under which name the record is looked for; one that no record has, where nobody is held."""
    if row is None:
        return name
    found = row.record_id(index_id)
    if found is None:
        raise TokensUnavailableError("a token's row has yet to be brought to the epoch")
    return name if found == NOBODY else found


def _pick(request_id: bytes, place: int) -> bytes:
    """Let each resident of a call have decoys of their own."""
    return hashlib.sha256(request_id + place.to_bytes(4, "big")).digest()[:16]
