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
    from collections.abc import Iterable, Sequence

    from padan.token import Token
    from tokenizer.record import Handles
    from tokenizer.token import Domain
    from tokenizer.tokenrow import TokenRow, TokenRows
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
        slots: elements of the match domain: that of the number of now, and where they were asked for three before it;
            an enrolment is written under the first.
        is_known: the service has a row of them; who was erased has none.
        is_held: the registry holds them.
        handles: their names in log and budgets.
        marks: what their rights ask.
    """

    label: str
    slots: tuple[bytes, ...]
    is_known: bool
    is_held: bool
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
        self,
        keys: Keys,
        domain: Domain,
        tokens: Sequence[Token],
        *,
        epoch: PinnedEpoch,
        request_id: bytes,
        before: bool = True,
    ) -> list[Resident]:
        """Find the residents of tokens that were checked, in their order.

        Args:
            keys: those that have checked the tokens.
            domain: of the tokens.
            tokens: of residents.
            epoch: the one in use.
            request_id: of the call, 16 bytes.
            before: look for the numbers before that of now as well.

        Raises:
            TokensUnavailableError: a row does not open, or has yet to be brought to the epoch.
            ServiceError: a database is away.
        """
        try:
            elements = [domain.matched(token, keys.match) for token in tokens]  # 1
        except GroupError as error:
            raise TokensUnavailableError("a tagged token is no element of the group") from error
        given = self._read(keys.rows, elements)
        now = [_current(row, element) for row, element in zip(given, elements, strict=True)]
        slots: list[tuple[bytes, ...]] = [(element,) for element in now]
        if before:
            roots = self._read(keys.rows, now)  # 2
            slots = [(element, *_before(root)) for element, root in zip(now, roots, strict=True)]
        names = [keys.rows.names(element)[0] for element in elements]
        records = [
            _record_id(row, name, epoch.inner.index_id) for row, name in zip(given, names, strict=True)
        ]
        held = self._held(epoch, records, names, request_id)  # 3
        try:
            return [
                Resident(
                    label=f"{domain.name}@{token.version}",
                    slots=each,
                    is_known=row is not None,
                    is_held=is_held,
                    handles=handles,
                    marks=self._marks.of(handles.budget_subject),
                )
                for token, each, row, (is_held, handles) in zip(tokens, slots, given, held, strict=True)
            ]
        except BaseException:
            self.settle(len(held), logged=False)
            raise

    def follow(self, rows: TokenRows, elements: Iterable[bytes]) -> dict[bytes, bytes]:
        """Say under which M residents go on whose M was kept for a while; who was forgotten meanwhile is left out.

        Args:
            rows: opens rows.
            elements: M of residents, under the primary match key.

        Raises:
            TokensUnavailableError: a row does not open.
            ServiceError: the log's database is away.
        """
        wanted = list(elements)
        found = zip(wanted, self._read(rows, wanted), strict=True)
        return {element: _current(row, element) for element, row in found if row is not None}

    def settle(self, count: int, *, logged: bool) -> None:
        """Say whether the entries of so many residents are durable."""
        self._opened.settle(ROWS * count, logged=logged)

    def _read(self, rows: TokenRows, elements: Sequence[bytes]) -> list[TokenRow | None]:
        """Read the rows behind elements, all in one statement; None where there is none."""
        named = [rows.names(element) for element in elements]
        boxes = self._rows.beside(Beside.TOKEN, sorted({name for names in named for name in names}))
        found: list[TokenRow | None] = []
        for names in named:
            there = [(name, boxes[name]) for name in names if name in boxes]
            try:
                opened = open_rows(rows, there)
            except TokensUnavailableError:
                _LOGGER.exception("a row beside the log does not open")
                raise
            found.append(functools.reduce(join, opened) if opened else None)
        return found

    def _held(
        self, epoch: PinnedEpoch, records: Sequence[bytes], names: Sequence[bytes], request_id: bytes
    ) -> list[tuple[bool, Handles]]:
        """Fetch record and decoy of each; gives whether the registry holds them, and how the log names them."""
        pairs = epoch.lookup(
            [(record_id, _pick(request_id, place)) for place, record_id in enumerate(records)]
        )
        found: list[tuple[bool, Handles]] = []
        self._opened.expect(ROWS * len(records))
        try:
            for record_id, name, pair in zip(records, names, pairs, strict=True):
                record, held = epoch.open_pair(record_id, pair)
                found.append((held, (epoch.inner.token_handles(name), record.handles)[held]))
        except RowDamagedError as error:
            opened = ROWS * len(found) + error.opened
            self._opened.expect(opened - ROWS * len(records))
            self._opened.settle(opened, logged=False)
            raise
        return found


def _current(row: TokenRow | None, element: bytes) -> bytes:
    """Give the M of the number that a resident has now."""
    return row.survivor if row is not None and row.survivor else element


def _before(root: TokenRow | None) -> tuple[bytes, ...]:
    """Give the M of three numbers that became one; what is absent is random."""
    absent = [group.base(group.random_scalar()) for _ in range(PREDECESSORS)]
    there = root.predecessors if root is not None else ()
    return (*there, *absent[len(there) :])


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
