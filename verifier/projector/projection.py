"""Projection of a chunk: rows in, a run of sealed rows out. Pure apart from the run that it writes.

1 read the chunk's rows  2 parse each; what breaks a rule is a reject  3 project each into a record under the inner keys
4 compute the stored tokens, all at once, and leave those of the epoch whose place is taken beside the run  5 seal each
record for its place  6 sort by token  7 write the run
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose
from tokenizer import outer as outer_layer
from tokenizer import textform
from tokenizer.codes import CodeLists
from tokenizer.errors import RowError
from tokenizer.inner import Inner
from tokenizer.outer import Outer
from tokenizer.person import FIELDS, Person
from verifier.projector import chunk as chunks
from verifier.projector import runs
from verifier.projector.chunk import Unreadable
from verifier.projector.columns import COLUMNS
from verifier.projector.pairing import PairWriter
from verifier.projector.rejects import ERASED, Reject
from verifier.projector.runs import RunHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from keys.mac import BoundMac
    from padan.nik import Nik
    from tokenizer.attribute import Kind
    from tokenizer.record import Record
    from tokenizer.textform import TextForm
    from verifier.projector.chunk import Chunk, Layout
    from verifier.projector.pairing import Pairing

PURPOSES: Final = (
    Purpose.INDEX,
    Purpose.ATTRIBUTE,
    Purpose.OUTER_TOKEN,
    Purpose.ROW_SEAL,
    Purpose.HANDLE,
    Purpose.BUDGET,
    Purpose.TOMBSTONE,
)
"""Purposes of the keys that a row depends on."""
_REMEMBERED: Final = 8192
"""Texts whose forms a worker remembers, some 5 MB."""
_in_order: Final = operator.itemgetter(*[COLUMNS.index(field) for field in FIELDS])
"""Puts the columns of a row into the order in which a person is read."""
DECOYS: Final = -1
"""Index of the run of decoys."""


def key_ids(agent: KeyAgent) -> dict[str, int]:
    """Name the keys under which a load that begins now projects.

    Raises:
        CustodianError: a purpose has no active key.
    """
    return {purpose.value: agent.key_id(purpose) for purpose in PURPOSES}


def chunk_mac(agent: KeyAgent) -> BoundMac:
    """Make the MAC by which a resumed load knows a chunk again."""
    return agent.mac(Purpose.PROJECTOR_FEED).bind(agent.realm.prefix("load-chunk"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """The keys of one epoch, and how rows are read.

    Attributes:
        epoch: number of the epoch.
        as_of: the day that the source speaks of; a birth after it is a mistake.
        inner: makes the keyed values.
        outer: makes stored tokens and seals.
        codes: the code lists.
        form: normalises texts, and remembers some: a family shares its address, children their mother, a town its name.
        erased: tombstones; their rows are rejects.
        pairs: leaves both tokens of each number, where an epoch's place is taken.
    """

    epoch: int
    as_of: date
    inner: Inner
    outer: Outer
    codes: CodeLists
    form: Callable[[Kind, str], TextForm]
    erased: frozenset[bytes] = frozenset()
    pairs: PairWriter | None = None

    @classmethod
    def of(
        cls,
        agent: KeyAgent,
        *,
        epoch: int,
        as_of: date,
        keys: Mapping[str, int],
        erased: frozenset[bytes] = frozenset(),
        pairing: Pairing | None = None,
    ) -> Projection:
        """Build it from a key agent, the ids that the load began with, and the tombstones of who was erased.

        Where a rotation gives the epoch another one's place, `pairing` names that.

        Raises:
            CustodianError: a key may no longer be used.
        """
        return cls(
            epoch=epoch,
            as_of=as_of,
            inner=Inner.of_agent(agent, index_id=keys[Purpose.INDEX], attribute_id=keys[Purpose.ATTRIBUTE]),
            outer=Outer.of_agent(
                agent, epoch=epoch, token_id=keys[Purpose.OUTER_TOKEN], seal_id=keys[Purpose.ROW_SEAL]
            ),
            codes=CodeLists.load(),
            form=functools.lru_cache(_REMEMBERED)(textform.form),
            erased=erased,
            pairs=None if pairing is None else PairWriter.of(agent, pairing),
        )

    def run(self, chunk: Chunk, layout: Layout, mac: bytes, path: Path) -> RunHeader:
        """Project a chunk and write its run.

        Args:
            chunk: the rows.
            layout: how they are read.
            mac: the chunk's MAC, for the header.
            path: where the run shall stand.
        """
        rejects: list[Reject] = []
        numbers: list[int] = []
        records: list[Record] = []
        niks: list[Nik] = []
        number = chunk.first_row - 1
        for number, values in enumerate(chunks.read(chunk, layout), chunk.first_row):
            if isinstance(values, Unreadable):
                rejects.append(Reject(number, "", values.rule))
                continue
            try:
                person = self.person(values)
                records.append(self.inner.project(person))
            except RowError as error:
                rejects.append(Reject(number, error.field, error.rule))
            else:
                numbers.append(number)
                niks.append(person.nik)
        if number != chunk.first_row + chunk.rows - 1:
            raise RuntimeError("a chunk was cut into another number of rows than it was read as")
        header = RunHeader(
            epoch=self.epoch,
            index=chunk.index,
            first_row=chunk.first_row,
            rows=chunk.rows,
            mac=mac.hex(),
            kept=len(records),
            box_size=outer_layer.BOX_SIZE,
            rejects=tuple(rejects),
        )
        tokens = self.outer.tokens([record.r for record in records])
        if self.pairs is not None:
            self.pairs.write(header, niks, tokens)
        runs.write(path, header, sorted(self._sealed(tokens, records, numbers)))
        return header

    def decoys(self, count: int, path: Path) -> RunHeader:
        """Write the run of the decoys: rows that are nobody's, of the same size and make as all others."""
        records = [self.inner.decoy(number) for number in range(count)]
        header = RunHeader(
            epoch=self.epoch, index=DECOYS, first_row=0, rows=0, mac="", kept=count, box_size=outer_layer.BOX_SIZE
        )  # fmt: skip
        tokens = self.outer.tokens([record.r for record in records])
        runs.write(path, header, sorted(self._sealed(tokens, records, [0] * count)))
        return header

    def person(self, values: Sequence[str]) -> Person:
        """Read a row as a load does.

        Args:
            values: in the order of `columns.COLUMNS`; what stands behind them is passed over.

        Raises:
            RowError: names the first field that breaks a rule.
        """
        person = Person.from_texts(_in_order(values), today=self.as_of, codes=self.codes, form=self.form)
        if self.erased and self.inner.tombstone(person.nik) in self.erased:
            raise RowError("NIK", ERASED)
        return person

    def _sealed(
        self, tokens: Sequence[bytes], records: Sequence[Record], numbers: Sequence[int]
    ) -> Iterator[bytes]:
        seal = self.outer.seal
        for token, number, record in zip(tokens, numbers, records, strict=True):
            yield token + number.to_bytes(runs.ROW_SIZE, "big") + seal(token, record.pack())
