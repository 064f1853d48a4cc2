"""A KEK that is lent for one proposal opens the keyring once, and is never renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys import quorum
from keys.errors import ProviderError
from keys.lent_provider import LentKekProvider
from keys.provider import SharedKekProvider
from keys.realm import Realm
from tests.unit.keys.test_quorum import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Callable

REALM = Realm(registry_id="registry-test", environment="development")


def test_it_is_lent_once_and_renews_nothing() -> None:
    """The second opening, a renewal, another roster, and to clear up what a renewal left are all refused."""
    deal = quorum.deal(REALM, number=1, threshold=2, cards=tuple(each.card for each in PEOPLE[:3]))
    provider = LentKekProvider(deal.kek, deal.generation)
    assert isinstance(provider, SharedKekProvider)
    assert provider.unlock() == (deal.kek,)
    roster = provider.roster(deal.kek.id)
    assert (roster.threshold, roster.holds_shares, provider.signers()) == (2, True, ())
    attempts: list[Callable[[], object]] = [
        provider.unlock,
        provider.create,
        provider.renew,
        lambda: provider.retire(deal.kek.id),
        lambda: provider.hand_on(roster),
        lambda: provider.roster("00" * 8),
    ]
    for attempt in attempts:
        with pytest.raises(ProviderError):
            attempt()
