"""References as they are changed: by a resident's number, in every epoch that keeps references, under its own keys.

1 read which epochs keep references, and take their keys  2 change what is to be changed, in one transaction that sees
the same epochs  3 where they are others by now, begin again
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from keys.errors import KeyDestroyedError, KeyNotFoundError
from keys.keyagent import refreshed
from tokenizer.biometrics.reference import Reference, decoy, renamed
from tokenizer.biometrics.slot import all_slots
from verifier.reference.errors import NoBiometricKeyError, StandingMovedError
from verifier.reference.layer import Layer
from verifier.reference.table import ReferenceTable
from verifier.vault.open import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.biometrics.scheme import Suite
    from tokenizer.biometrics.slot import Slot
    from verifier.reference.table import Changing, Standing
    from verifier.vault.epoch import Epoch

_T = TypeVar("_T")
_ATTEMPTS: Final = 20
_DAY_SECONDS: Final = 86_400


def today() -> int:
    """Give the day of now, days since 1 January 1970."""
    return int(time.time()) // _DAY_SECONDS


@contextmanager
def open_writer(agent: KeyAgent, database: str) -> Iterator[ReferenceWriter]:
    """Open the vault's references for changes.

    Args:
        agent: holds the keys.
        database: as `Settings.vault_database` has it.
    """
    with closing(ReferenceTable(place_of(database))) as table:
        yield ReferenceWriter(agent, table)


class ReferenceWriter:
    """Changes references. For one thread.

    Args:
        agent: holds the keys.
        table: the table.
    """

    def __init__(self, agent: KeyAgent, table: ReferenceTable) -> None:
        self._agent = agent
        self.table = table
        self._layers: dict[int, Layer] = {}

    def change(self, work: Callable[[Batch], _T]) -> _T:
        """Change references in one transaction; `work` may be called again, and gets what is there then.

        Raises:
            NoEpochError: no epoch is active.
            StandingMovedError: epochs come and go all the time.
            VaultUnavailableError: the vault failed; nothing was changed.
            KeysError: a key of an epoch that keeps references is missing or may not be used.
        """
        for _ in range(_ATTEMPTS):
            standing = self.table.standing()  # 1
            layers = self.layers(standing)
            try:
                with self.table.changing(standing) as changing:  # 2
                    return work(Batch(standing, layers, changing))
            except StandingMovedError:
                continue  # 3
        raise StandingMovedError("the epochs change faster than references can be changed")

    def joining(self, work: Callable[[Batch], object]) -> Callable[[Connection], None]:
        """Take the keys for a change that becomes part of another transaction of the catalogue.

        Returns:
            What makes the change, in a transaction that holds the lock of the active epoch's row; it raises
            StandingMovedError where the epochs are others by then.

        Raises:
            NoEpochError: no epoch is active.
            VaultUnavailableError: the vault failed.
            KeysError: a key of an epoch that keeps references is missing or may not be used.
        """
        standing = self.table.standing()
        layers = self.layers(standing) if standing.sealed else []

        def join(connection: Connection) -> None:
            changing = self.table.joined(connection, standing)
            if layers:  # no references are kept otherwise, as was seen under the lock
                work(Batch(standing, layers, changing))

        return join

    def layers(self, standing: Standing) -> list[Layer]:
        """Take the keys of the epochs that keep references, of the one in use first.

        An epoch whose keys custodians have destroyed is passed over: nobody can answer from it any more. One whose
        keys are away for another reason is not: it would lack the change for good.

        Raises:
            CustodianError: a key is missing, also after the keyring was looked at again, or may not be used.
        """
        self._layers = {number: each for number, each in self._layers.items() if number in standing.keeping}
        for number, epoch in standing.keeping.items():
            if number in self._layers:
                continue
            sealed = {slot: count for (each, slot), count in standing.sealed.items() if each == number}
            try:
                self._layers[number] = self._layer(epoch, sealed)
            except KeyDestroyedError:
                if number == standing.active.number:
                    raise
        first = self._layers[standing.active.number]
        return [first, *(each for number, each in sorted(self._layers.items()) if each is not first)]

    def _layer(self, epoch: Epoch, sealed: Mapping[Slot, int]) -> Layer:
        """Take an epoch's keys; those that custodians made since the agent was filled are fetched first."""
        return refreshed(
            self._agent,
            partial(Layer.of, self._agent, number=epoch.number, key_ids=epoch.key_ids, sealed=sealed),
        )

    def lay(self, suite: Suite) -> None:
        """Let every epoch keep references of a modality, with decoys under the biometric key of now.

        Raises:
            NoBiometricKeyError: there is none.
        """
        key_id = biometric_key_id(self._agent)
        day = today()
        for slot in all_slots(suite):
            self.change(partial(_lay, slot=slot, suite=suite, key_id=key_id, day=day))


class Batch:
    """Changes of one transaction.

    Attributes:
        standing: which epochs keep references.
        layers: their keys, of the one in use first.
        changing: the transaction.
    """

    def __init__(self, standing: Standing, layers: Sequence[Layer], changing: Changing) -> None:
        self.standing = standing
        self.layers = layers
        self.changing = changing

    def slots(self, layer: Layer) -> list[Slot]:
        """List the slots that a layer's epoch keeps."""
        return self.standing.slots(layer.number)

    def held(self, numbers: Iterable[Nik], slot: Slot) -> dict[Nik, Reference]:
        """Read what residents have in a slot of the epoch in use.

        Raises:
            BoxError, RecordError: a row does not open.
        """
        layer = self.layers[0]
        outer, wanted = layer.outer(slot), list(numbers)
        tokens = outer.tokens([layer.inner.record_id(nik) for nik in wanted]) if wanted else []
        boxes = self.changing.boxes(layer.number, slot, tokens)
        return {
            nik: Reference.decode(outer.open(token, boxes[token]))
            for nik, token in zip(wanted, tokens, strict=True)
            if token in boxes
        }

    def put(self, slot: Slot, references: Mapping[Nik, Reference]) -> None:
        """Put references of residents into a slot of every epoch; whose record id they bear does not matter."""
        if not references:
            return
        for layer in self.layers:
            self.changing.keep(layer.number, [slot])
            outer = layer.outer(slot)
            ids = [layer.inner.record_id(nik) for nik in references]
            tokens = outer.tokens(ids)
            contents = [
                replace(reference, r=r).encode()
                for r, reference in zip(ids, references.values(), strict=True)
            ]
            boxes = outer.seal_many(tokens, contents)
            self.changing.put(layer.number, slot, dict(zip(tokens, boxes, strict=True)))

    def withdraw(self, numbers: Sequence[Nik], slots: Iterable[Slot]) -> int:
        """Delete what residents have in some slots, in every epoch; returns how many rows went in the one in use."""
        gone = 0
        for slot in slots:
            for layer in self.layers:
                ids = [layer.inner.record_id(nik) for nik in numbers]
                count = self.withdraw_ids(layer, slot, ids)
                gone += count if layer is self.layers[0] else 0
        return gone

    def withdraw_ids(self, layer: Layer, slot: Slot, record_ids: Sequence[bytes]) -> int:
        """Delete what stands under record ids in a slot of one epoch; returns how many rows."""
        if not record_ids:
            return 0
        return self.changing.drop(layer.number, slot, layer.outer(slot).tokens(record_ids))

    def move(self, number: Nik, own: Nik) -> None:
        """Let what stands under a number stand under another one of the same resident, in every epoch.

        The other number keeps what it has: only positions move of which it has nothing. The rest goes. What it has
        says the epoch in use, which has everything: while references are brought, the other one may lack what it is
        about to get.
        """
        first = self.layers[0]
        ids = first.inner.record_id(number), first.inner.record_id(own)
        has: set[tuple[str, int]] = set()
        found: dict[Slot, bytes] = {}
        for slot in self.slots(first):
            outer = first.outer(slot)
            there, mine = outer.tokens(ids)
            boxes = self.changing.boxes(first.number, slot, [there, mine])
            if mine in boxes:
                has.add(slot[:2])
            if there in boxes:
                found[slot] = outer.open(there, boxes[there])
        for layer in self.layers:
            new = layer.inner.record_id(own)
            for slot, content in found.items():
                if slot[:2] not in has:
                    outer = layer.outer(slot)
                    token = outer.token(new)
                    self.changing.keep(layer.number, [slot])
                    self.changing.put(layer.number, slot, {token: outer.seal(token, renamed(content, new))})
        self.withdraw([number], found)


def _lay(batch: Batch, *, slot: Slot, suite: Suite, key_id: int, day: int) -> None:
    for layer in batch.layers:
        batch.changing.keep(layer.number, [slot])
        lay_decoys(batch.changing, layer, slot, suite, key_id=key_id, day=day)


def lay_decoys(changing: Changing, layer: Layer, slot: Slot, suite: Suite, *, key_id: int, day: int) -> None:
    """Lay a slot's decoys down in one epoch, where they are not there under this biometric key."""
    outer, tokens = layer.outer(slot), layer.decoys(slot)
    boxes = changing.boxes(layer.number, slot, tokens)
    first = boxes.get(tokens[0])
    if first is not None and len(boxes) == len(tokens):
        there = Reference.decode(outer.open(tokens[0], first))
        if (there.key_id, there.suite) == (key_id, suite.number):
            return
    contents = [decoy(suite, r=r, key_id=key_id, day=day).encode() for r in layer.decoy_ids()]
    changing.put(layer.number, slot, dict(zip(tokens, outer.seal_many(tokens, contents), strict=True)))


def biometric_key_id(agent: KeyAgent) -> int:
    """Name the biometric key under which new references are made.

    Raises:
        NoBiometricKeyError: there is none.
        KeysError: its time to make new references is over.
    """
    try:
        return agent.templates().key_id
    except KeyNotFoundError as error:
        raise NoBiometricKeyError("the keyring has no key of biometric references") from error
