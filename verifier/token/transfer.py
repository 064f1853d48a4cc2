"""Numbers that change hands, as the rows behind tokens follow them: the projector has the number, and so its M.

Rows are written when the vault's are and just before those are visible, so that a process killed in between does it
again with the batch, and a vault that cannot be written leaves tokens where they led. Killed in between, and until it
goes on, a token of a number that was changed finds nobody. A step costs a
hash to the group and a multiplication for each number, some 50 microseconds; where no token was ever issued, nothing.

While an inner rotation is under way, also a number that stays where it is is looked at: the rotation may have found
nobody under it in the new epoch, and its row says so.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys.tokenkey import hashed
from tokenizer.enrolment import Enrolments
from tokenizer.token import Quotients
from tokenizer.tokenrow import NAMES, TokenRows
from verifier.log.beside import Beside
from verifier.token import keptrows, members
from verifier.token.classes import ever
from verifier.token.lineage import Lineages
from verifier.token.rowtable import RowTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from keys.keyagent import KeyAgent
    from keys.tokenkey import TokenKey
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from tokenizer.tokenrow import Named
    from verifier.directory import Directory


class Hand(enum.Enum):
    """What becomes of a number."""

    MERGED = enum.auto()
    """It leads to a resident who has another one."""
    CHANGED = enum.auto()
    """The same, and it is held no longer. It gets a row also where it has none, so that a question under way, whose
    process has not seen the change, writes none that nobody would follow."""
    OWN = enum.auto()
    """It is its resident's own, and was another's or nobody's."""
    KEPT = enum.auto()
    """It leads to whom it led to before, or to somebody where nobody knew of it."""
    ERASED = enum.auto()
    """Whoever it was is forgotten."""
    LEFT = enum.auto()
    """It is held no longer, and leads to nobody; whoever it was may come back. Rows behind tokens stay for that."""


_PASSED: Final = frozenset({Hand.LEFT, Hand.KEPT})
"""Where nothing of a row changes, but for a name that it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One number that changes hands, or stays where it is.

    Attributes:
        hand: what becomes of it.
        number: the number.
        own: the number that the resident has now; the same one where there is no other.
    """

    hand: Hand
    number: Nik
    own: Nik

    def __repr__(self) -> str:
        return "Transfer(<redacted>)"


class TokenTransfers:
    """Lets rows follow, each batch in one transaction. For one thread.

    Args:
        agent: holds the keys.
        directory: opens the log's database.
    """

    def __init__(self, agent: KeyAgent, directory: Directory) -> None:
        self._agent = agent
        self._table = RowTable(directory, Beside.TOKEN)
        self._directory = directory
        self._keys: tuple[int, TokenKey, TokenRows, Enrolments] | None = None

    def take(self, transfers: Sequence[Transfer], inners: Iterable[Inner]) -> None:
        """Let the rows of a batch's numbers follow, in order; what was done before changes nothing.

        Args:
            transfers: the numbers.
            inners: of the epoch in use, and of the one that takes changes besides.

        Raises:
            TokensUnavailableError: a row does not open.
            LogStoreError: the log's database failed.
            KeysError: a key is missing, may not be used, or was made since and cannot be taken up.
        """
        layers = {inner.index_id: inner for inner in inners}
        passed = _PASSED if len(layers) == 1 else _PASSED - {Hand.KEPT}
        told = [each for each in transfers if each.hand not in passed]
        if not told or self._table.is_empty():
            return
        match, rows, enrolments = self._current()
        numbers = {number.value for each in told for number in (each.number, each.own)}
        elements = {number: match.evaluate(hashed(number.encode())) for number in numbers}
        erased: list[bytes] = []
        with keptrows.changing(self._table, rows) as kept:
            kept.fetch(elements.values())
            lineages = Lineages(kept)
            for transfer in told:
                number, own = elements[transfer.number.value], elements[transfer.own.value]
                if transfer.hand is Hand.ERASED:
                    erased += lineages.erase(number)
                    continue
                records = _records(layers, transfer.own)
                if transfer.hand is Hand.KEPT:
                    lineages.rename(number, records=records)
                elif transfer.hand is Hand.OWN:
                    lineages.separate(number, records=records)
                else:
                    made = {number} if transfer.hand is Hand.CHANGED else ()
                    lineages.merge(own, [number], records=records, made=made)
            if erased:
                members.forget(kept.beside(Beside.ENROLMENT), enrolments, erased, ever(self._directory))

    def _current(self) -> tuple[TokenKey, TokenRows, Enrolments]:
        """Give the keys of now: a row may stand under one that was made since this process began."""
        self._agent.refresh()
        counter = self._agent.keyring_counter
        if self._keys is None or self._keys[0] != counter:
            held = self._agent.tokens()
            realm, quotients = self._agent.realm, Quotients()
            self._keys = (
                counter,
                held.match()[0],
                TokenRows.of(realm, held, quotients),
                Enrolments.of(realm, held, quotients),
            )
        return self._keys[1:]


def _records(layers: Mapping[int, Inner], number: Nik) -> tuple[Named, ...]:
    return tuple((index_id, inner.record_id(number)) for index_id, inner in layers.items())[:NAMES]
