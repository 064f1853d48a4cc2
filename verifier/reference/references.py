"""References as a question is answered from them: looked up for all slots together, opened, and said whose they are.

1 name the slots of each probe: every sample of its position  2 compute the tokens, and which decoys are read beside
them, by the MAC of the request id  3 look all of them up together  4 open both rows of each slot  5 say, without a
branch, whether the first is the subject's own
"""

from __future__ import annotations

import hmac
import logging
import threading
from typing import TYPE_CHECKING, Final

from keys.errors import KeysError
from keys.purpose import Purpose
from padan.value import value
from tokenizer.biometrics.reference import Reference, extractor_digest
from tokenizer.biometrics.slot import slots_of
from tokenizer.errors import TokenizerError
from verifier.epoch import RowDamagedError
from verifier.reference.layer import DECOYS, Layer
from verifier.reference.reader import SlotQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.keyagent import KeyAgent
    from keys.mac import BoundMac
    from tokenizer.biometrics.scheme import Suite
    from tokenizer.biometrics.slot import Slot
    from verifier.epoch import PinnedEpoch, RowPair
    from verifier.reference.reader import ReferenceReader

_LOGGER = logging.getLogger("padan.reference")
ROWS: Final = 2
"""Rows that each slot opens: the reference's and a decoy's, or two decoys'."""


@value
class Wanted:
    """One probe's references.

    Attributes:
        record_id: of the subject, 16 bytes.
        request_id: picks the decoys.
        slots: of the probe's position, by `References.slots`.
    """

    record_id: bytes
    request_id: bytes
    slots: tuple[Slot, ...]

    def __repr__(self) -> str:
        return "Wanted(<redacted>)"


@value
class Candidate:
    """What a probe is compared with: a reference of the subject, or a decoy that takes as long.

    Attributes:
        reference: its content; the key of the enrolment is derived from it.
        held: whether it is the subject's own.
        comparable: whether the probe's extractor made it.
    """

    reference: Reference
    held: bool
    comparable: bool

    @property
    def counts(self) -> bool:
        """Whether a comparison with it may be accepted: computed, not branched on."""
        return self.held & self.comparable


class PinnedReferences:
    """The references of one epoch. Thread-safe.

    Args:
        layer: the epoch's keys.
        reader: reads the database.
        pick: the MAC that picks decoys.
        on_damage: is told when a row does not open.
    """

    def __init__(
        self, layer: Layer, reader: ReferenceReader, pick: BoundMac, *, on_damage: Callable[[], None]
    ) -> None:
        self.layer = layer
        self._reader = reader
        self._pick = pick
        self._on_damage = on_damage

    @property
    def epoch(self) -> int:
        """Number of the epoch."""
        return self.layer.number

    @staticmethod
    def slots(suite: Suite, position: int) -> tuple[Slot, ...]:
        """Name the slots that a probe of a position is compared with.

        Raises:
            TemplateError: the modality has no such position.
        """
        return slots_of(suite, position)

    def lookup(self, wanted: Sequence[Wanted]) -> list[list[RowPair]]:
        """Fetch two rows for each slot of each probe, in one look-up.

        Raises:
            NoReferencesError: no references of a modality are kept at all.
            RegistryUnavailableError: the vault cannot be read.
        """
        layer, queries = self.layer, list[SlotQuery]()
        for each in wanted:
            pick = self._pick.mac(each.request_id)
            first = int.from_bytes(pick[:8], "big") % DECOYS
            second = (first + 1 + int.from_bytes(pick[8:16], "big") % (DECOYS - 1)) % DECOYS
            for slot in each.slots:
                decoys = layer.decoys(slot)
                token = layer.outer(slot).token(each.record_id)
                queries.append(SlotQuery(slot.number, token, decoys[first], decoys[second]))
        answers = iter(self._reader.lookup_many(layer.number, queries))
        return [[next(answers) for _ in each.slots] for each in wanted]

    def open(self, wanted: Wanted, rows: Sequence[RowPair], extractor: str) -> list[Candidate]:
        """Open both rows of every slot of a probe.

        Args:
            wanted: the probe's references.
            rows: what `lookup` gave for it.
            extractor: of the probe, "NAME/VERSION".

        Returns:
            A candidate a slot, in the order of the slots; of a slot that the subject does not hold, a decoy.

        Raises:
            TemplateError: the extractor is none.
            RowDamagedError: a row does not open, or is not what its place says: an outage, never a no.
        """
        digest, opened = extractor_digest(extractor), 0
        candidates: list[Candidate] = []
        try:
            for slot, pair in zip(wanted.slots, rows, strict=True):
                outer, contents = self.layer.outer(slot), list[Reference]()
                for token, box in pair:
                    contents.append(Reference.decode(outer.open(token, box)))
                    opened += 1
                found = contents[0]
                candidates.append(
                    Candidate(
                        reference=found,
                        held=hmac.compare_digest(found.r, wanted.record_id),
                        comparable=hmac.compare_digest(found.extractor, digest),
                    )
                )
        except (KeysError, TokenizerError) as error:
            self._on_damage()
            _LOGGER.exception("a reference in the vault does not open")
            raise RowDamagedError("the registry's data cannot be read", opened=opened) from error
        return candidates


class References:
    """Gives the references of the epoch that a request is answered from. Thread-safe.

    Args:
        agent: holds the keys.
        reader: reads the database.
    """

    def __init__(self, agent: KeyAgent, reader: ReferenceReader) -> None:
        self._agent = agent
        self._reader = reader
        self._making = threading.Lock()
        self._pinned: tuple[PinnedReferences, ...] = ()

    def of(self, epoch: PinnedEpoch) -> PinnedReferences:
        """Pin the references of an epoch that is pinned; those of the last two are kept.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        found = next((each for each in self._pinned if each.epoch == epoch.number), None)
        if found is not None:
            return found
        with self._making:
            key_ids = epoch.rows.epoch.key_ids
            index = self._agent.mac(Purpose.INDEX, key_ids[Purpose.INDEX])
            made = PinnedReferences(
                Layer(self._agent, number=epoch.number, key_ids=key_ids, inner=epoch.inner),
                self._reader,
                index.bind(self._agent.realm.prefix("decoy-pick")),
                on_damage=epoch.on_damage,
            )
            self._pinned = (made, *self._pinned[:1])
        return made

    def close(self) -> None:
        """Let go of every connection."""
        self._reader.close()
