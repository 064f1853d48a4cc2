"""A feed's changes for the other epoch of an inner rotation, which is under other inner keys, from the same people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys.keyagent import refreshed
from tokenizer.normalise import VERSION
from tokenizer.suite import SUITE
from verifier.projector.projection import Projection
from verifier.vault import pairs
from verifier.vault.pairs import Pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.record import Record
    from verifier.vault.epoch import Epoch


def is_ours(epoch: Epoch) -> bool:
    """Say whether this release projects into an epoch."""
    return (epoch.normaliser, epoch.suite) == (VERSION, str(SUITE.number))


def projection_of(agent: KeyAgent, epoch: Epoch, as_of: date) -> Projection:
    """Take an epoch's keys; those that custodians made since the agent was filled are fetched first.

    Raises:
        KeysError: a key is missing or may not be used.
    """
    return refreshed(agent, lambda: Projection.of(agent, epoch=epoch.number, as_of=as_of, keys=epoch.key_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """The other epoch.

    Attributes:
        projection: its own; None where there is no other epoch.
        takes: whether this release can project changes for it.
    """

    projection: Projection | None = None
    takes: bool = True

    def tokens(self, numbers: Sequence[Nik]) -> list[bytes]:
        """Compute under which tokens numbers stand in it, in their order."""
        if self.projection is None:
            return []
        inner, outer = self.projection.inner, self.projection.outer
        return outer.tokens([inner.record_id(nik) for nik in numbers])

    def beside(self, tokens: Mapping[bytes, bytes], records: Mapping[bytes, Record]) -> pairs.Beside | None:
        """Seal the other epoch's rows.

        Args:
            tokens: of the epoch in use, to those here.
            records: what is to stand under a token here.
        """
        if self.projection is None:
            return None
        if not self.takes:
            return pairs.Beside(epoch=self.projection.epoch, untaken=len(tokens))
        seal = self.projection.outer.seal
        return pairs.Beside(
            epoch=self.projection.epoch,
            pairs=[
                Pair(token=token, other=other, revision=record.revision, box=seal(other, record.pack()))
                for token, other in tokens.items()
                for record in (records[other],)
            ],
        )


NONE = Other()
