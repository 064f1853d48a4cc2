"""A stolen database: what a thief has of a registry's people, and, beside it, the truth to judge guesses by."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from keys.block import BlockKey
from keys.derive import hkdf
from keys.mac import MacKey
from keys.outer import EpochKeys
from keys.purpose import Purpose
from keys.realm import Realm
from keys.seal import SealKey
from padan.nik import parse
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.outer import Outer
from tokenizer.person import Person
from verifier.projector.columns import COLUMNS
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from padan.nik import Nik


REALM: Final = Realm(registry_id="registry.test", environment="development")
TODAY: Final = date(2026, 1, 1)
WORD: Final = 8
"""Bytes of the shortest keyed value that a row holds."""
_CIPHERTEXT_AT: Final = 13  # after format byte and nonce
_DRAWN: Final = 50_000
_PART_BITS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Who stands behind a row."""

    nik: Nik
    name: str


def population(people: int, *, seed: int = 8) -> Iterator[tuple[Truth, Person]]:
    """Draw people with the published frequencies of names.

    Beyond the first 50,000, people repeat those in everything but their number, which makes a thief's work easier.
    """
    drawn: list[tuple[Truth, Person]] = []
    codes = CodeLists.load()
    name = COLUMNS.index("NAMA_LGKP")
    plan = Population(people=min(people, _DRAWN), seed=seed, as_of=TODAY, faults=False)
    for row in plan.rows(Tally()):
        person = Person.from_registry(dict(zip(COLUMNS, row, strict=True)), codes=codes, today=TODAY)
        drawn.append((Truth(nik=person.nik, name=row[name]), person))
    yield from drawn
    for number in range(people - len(drawn)):
        truth, person = drawn[number % len(drawn)]
        # The registry has no province 99, so these numbers meet none of those drawn.
        nik = parse(f"99{number // 9_999:04d}010190{number % 9_999 + 1:04d}", TODAY)
        yield Truth(nik=nik, name=truth.name), dataclasses.replace(person, nik=nik)


class Keyholder:
    """The registry's side: keys that the thief has not."""

    def __init__(self) -> None:
        index, attribute, handle, budget, tombstone = (MacKey(os.urandom(32)) for _ in range(5))
        self.inner = Inner(
            realm=REALM, index=index, attribute=attribute, handle=handle, budget=budget, tombstone=tombstone
        )
        self._outer = {purpose: os.urandom(32) for purpose in (Purpose.OUTER_TOKEN, Purpose.ROW_SEAL)}

    def block(self, *, epoch: int, table: str = "person") -> BlockKey:
        """Derive the key that makes a table's stored tokens."""
        return BlockKey(self._derive(Purpose.OUTER_TOKEN, epoch, table))

    def outer(self, *, epoch: int, table: str = "person") -> Outer:
        """Make the outer layer of a table in an epoch."""
        seal = SealKey(self._derive(Purpose.ROW_SEAL, epoch, table))
        block = self.block(epoch=epoch, table=table)
        return Outer(realm=REALM, epoch=epoch, block=block, seal=seal, table=table)

    def _derive(self, purpose: Purpose, epoch: int, table: str) -> bytes:
        names = EpochKeys(epoch=epoch, outer_token=1, row_seal=2, table=table)
        return hkdf(self._outer[purpose], names.info(REALM, purpose))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """One table as it lies on disk, sorted by stored token, and who is behind each row."""

    tokens: Sequence[bytes]
    boxes: Sequence[bytes]
    truth: Sequence[Truth]

    def words(self) -> pa.Array:
        """Cut every row's ciphertext into 8-byte words, and add each token's two halves."""
        size = (len(self.boxes[0]) - _CIPHERTEXT_AT) // WORD * WORD
        raw = b"".join(box[_CIPHERTEXT_AT : _CIPHERTEXT_AT + size] for box in self.boxes)
        raw += b"".join(self.tokens)
        return pa.Array.from_buffers(pa.uint64(), len(raw) // WORD, [None, pa.py_buffer(raw)])

    def nonces(self) -> list[bytes]:
        """List every row's nonce."""
        return [box[1:_CIPHERTEXT_AT] for box in self.boxes]


def steal(outer: Outer, rows: Iterable[tuple[Truth, bytes, bytes]]) -> Dump:
    """Store rows under an outer layer, and take the table away.

    Args:
        outer: of the table.
        rows: truth, record id and record of each person.
    """
    stored = []
    for truth, record_id, plain in rows:
        token = outer.token(record_id)
        stored.append((token, outer.seal(token, plain), truth))
    stored.sort(key=lambda row: row[0])
    tokens, boxes, truths = zip(*stored, strict=True)
    return Dump(tokens=tokens, boxes=boxes, truth=truths)


def projected(holder: Keyholder, people: int) -> list[tuple[Truth, bytes, bytes]]:
    """Project people: truth, record id, record."""
    rows = []
    for truth, person in population(people):
        record = holder.inner.project(person)
        rows.append((truth, record.r, record.pack()))
    return rows


def shared_words(first: pa.Array, second: pa.Array) -> int:
    """Count the words of one dump that the other has too."""
    return sum(
        int(pc.sum(pc.is_in(one, value_set=other)).as_py() or 0)
        for one, other in zip(_parts(first), _parts(second), strict=True)
    )


def distinct(words: pa.Array) -> int:
    """Count different words."""
    return sum(int(pc.count_distinct(part).as_py()) for part in _parts(words))


def _parts(words: pa.Array) -> Iterator[pa.Array]:
    """Part words by their highest bits: a million rows have too many to look at at once."""
    highest = pc.cast(pc.shift_right(words, pa.scalar(64 - _PART_BITS, pa.uint64())), pa.uint8())
    for number in range(1 << _PART_BITS):
        yield words.filter(pc.equal(highest, pa.scalar(number, pa.uint8())))
