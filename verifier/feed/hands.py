"""Which numbers of a batch change hands: told from what a number's row held before, and what a change writes. Pure.

A change of a number, and a merger, say so themselves; and a number whose row held another person, or nobody, and now
holds its own has come back. All others are told as well: while an inner rotation is under way, what no feed holds
learns from them that the other epoch holds somebody under the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verifier.feed.document import ERASED, MERGED, NIK_CHANGED
from verifier.token.transfer import Hand, Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.nik import Nik
    from verifier.feed.reading import Write
    from verifier.resident.mark import Marked

NOBODY: Final = b""
"""In the place of a handle: the row is nobody's."""
_SAYING: Final = frozenset({MERGED, NIK_CHANGED})


class Hands:
    """Follows a batch, write by write.

    Args:
        standing: stored tokens to the budget handle of whom the row held before, or `NOBODY`; of those that are there.
        names: the numbers' handles.
    """

    def __init__(self, standing: Mapping[bytes, bytes], names: Mapping[Nik, Marked]) -> None:
        self._standing = dict(standing)
        self._names = names
        self._back = 0  # the change by which somebody came back, whose other numbers come along
        self.transfers: list[Transfer] = []
        """Numbers that change hands or stay in theirs, in the order of the changes."""

    def take(self, token: bytes, write: Write) -> None:
        """Follow a row that is written, or taken back."""
        name = write.change.name
        before, after = self._standing.get(token), NOBODY
        hand, own = Hand.KEPT, write.own
        if write.is_refused or name == ERASED:
            hand = Hand.ERASED
        elif write.person is None:
            hand = Hand.CHANGED if name == NIK_CHANGED else Hand.LEFT
        else:
            after = self._names[write.own].handle
            is_other = before is not None and before != after
            if write.is_own:
                hand = Hand.OWN if is_other else Hand.KEPT
                self._back = write.change.position if is_other else self._back
            elif is_other or name in _SAYING or write.change.position == self._back:
                hand = Hand.MERGED
            if hand is Hand.KEPT:
                own = write.under  # a row of its own, if it has one, has the number's own name
        self._standing[token] = after
        self.transfers.append(Transfer(hand=hand, number=write.under, own=own))
