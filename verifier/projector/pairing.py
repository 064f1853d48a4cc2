"""Pairs: what a projection that takes an epoch's place leaves beside each run, both tokens of every number in it.

A record id of the old epoch and one of the new are known together only here, where the number is. What is left on disk
is what the database shows anyway, stored tokens, 16 bytes each: a run of its own (verifier.projector.runs) by the old
token, whose box is the new one. It is written before the run that it belongs to, so that a run that is kept has one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose
from tokenizer.inner import Inner
from tokenizer.outer import TOKEN_SIZE, Outer
from verifier.projector import runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from verifier.projector.runs import RunHeader

PATTERN: Final = "pairs-*.run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Of which epoch the place is taken.

    Attributes:
        epoch: its number.
        keys: purpose to key id, its own.
        folder: where the pairs are kept.
    """

    epoch: int
    keys: Mapping[str, int]
    folder: Path

    def path(self, index: int) -> Path:
        """Say where the pairs of a chunk stand."""
        return self.folder / f"pairs-{index:08}.run"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairWriter:
    """Writes pairs, with the old epoch's keys.

    Attributes:
        pairing: of which epoch.
        inner: makes its record ids.
        outer: makes its stored tokens.
    """

    pairing: Pairing
    inner: Inner
    outer: Outer

    @classmethod
    def of(cls, agent: KeyAgent, pairing: Pairing) -> PairWriter:
        """Take the old epoch's keys.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        keys = pairing.keys
        return cls(
            pairing=pairing,
            inner=Inner.of_agent(agent, index_id=keys[Purpose.INDEX], attribute_id=keys[Purpose.ATTRIBUTE]),
            outer=Outer.of_agent(
                agent,
                epoch=pairing.epoch,
                token_id=keys[Purpose.OUTER_TOKEN],
                seal_id=keys[Purpose.ROW_SEAL],
            ),
        )

    def write(self, header: RunHeader, numbers: Sequence[Nik], tokens: Sequence[bytes]) -> None:
        """Write the pairs of a chunk.

        Args:
            header: of its run.
            numbers: of the people in it.
            tokens: of the new epoch, in the same order.
        """
        before = self.outer.tokens([self.inner.record_id(number) for number in numbers])
        filler = bytes(runs.ROW_SIZE)
        runs.write(
            self.pairing.path(header.index),
            replace(header, kept=len(tokens), box_size=TOKEN_SIZE, rejects=()),
            sorted(old + filler + new for old, new in zip(before, tokens, strict=True)),
        )
