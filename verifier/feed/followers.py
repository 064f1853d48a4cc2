"""All that follows numbers that change hands: rows behind tokens, and biometric references, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenizer.inner import Inner
    from verifier.feed.sync import Follows
    from verifier.token.transfer import Transfer


class Followers:
    """Several that follow.

    Args:
        followers: each is told of every number.
    """

    def __init__(self, *followers: Follows) -> None:
        self._followers = followers

    def take(self, transfers: Sequence[Transfer], inners: Iterable[Inner]) -> None:
        """Let what stands under numbers follow."""
        layers = list(inners)
        for each in self._followers:
            each.take(transfers, layers)
