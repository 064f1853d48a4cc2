"""A KEK that custodians who are apart have combined for one proposal: it opens the keyring once, and renews nothing.

To renew a KEK means to deal new shares, of which each custodian takes one home: that is done at one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.errors import ProviderError
from keys.quorum_provider import roster_of

if TYPE_CHECKING:
    from keys.kek import Kek
    from keys.quorum import Generation
    from keys.roster import Roster
    from keys.signing import Signing

_AT_ONE_TABLE: Final = "new shares are dealt to custodians at one table: padan-keys execute FILE"


class LentKekProvider:
    """A KEK that is here for one execution; its owner wipes it.

    Args:
        kek: the KEK.
        generation: the dealing that it comes of.
    """

    single_custodian = False
    uri = "quorum:"

    def __init__(self, kek: Kek, generation: Generation) -> None:
        self._kek: Kek | None = kek
        self._generation = generation

    def create(self) -> Kek:
        """Refuse.

        Raises:
            ProviderError: always.
        """
        raise ProviderError(_AT_ONE_TABLE)

    def unlock(self) -> tuple[Kek, ...]:
        """Give the KEK, once.

        Raises:
            ProviderError: it was given already.
        """
        if self._kek is None:
            raise ProviderError("the KEK was lent for one execution")
        kek, self._kek = self._kek, None
        return (kek,)

    def renew(self) -> Kek:
        """Refuse.

        Raises:
            ProviderError: always.
        """
        raise ProviderError(_AT_ONE_TABLE)

    def retire(self, kek_id: str) -> None:
        """Refuse: what a renewal left behind is cleared where its shares are.

        Raises:
            ProviderError: always.
        """
        raise ProviderError(f"the renewal to the KEK {kek_id} was cut off; {_AT_ONE_TABLE}")

    def roster(self, kek_id: str) -> Roster:
        """Say who holds the KEK.

        Raises:
            ProviderError: it is another one.
        """
        if kek_id != self._generation.kek_id:
            raise ProviderError("the keyring is under another KEK than the one that was lent")
        return roster_of(self._generation.threshold, self._generation.cards)

    def hand_on(self, roster: Roster) -> None:
        """Refuse.

        Raises:
            ProviderError: always.
        """
        del roster
        raise ProviderError(_AT_ONE_TABLE)

    def signers(self) -> tuple[Signing, ...]:
        """Give nobody: who hands in a share from afar has signed before."""
        return ()
