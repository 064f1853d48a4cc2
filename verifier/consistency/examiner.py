"""Looks rows up: of a chunk of the source in the vault, or of a part of the vault by themselves.

What is found goes into a run, as rows do in a load. A run of a check bears nothing raw, and nothing that a row of the
vault could be known by: each finding is sealed, and stands under a token of the person's handle, both under keys that
are derived for the one check.

1 read the chunk's rows; take those of the sample  2 parse each; what breaks a rule is a reject  3 project each under
the epoch's keys  4 read the vault's rows, all at once  5 open and compare  6 write the run
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from keys.purpose import Purpose
from padan import nik as nik_grammar
from padan.errors import NikError
from tokenizer.errors import BoxError, RecordError, RowError
from tokenizer.outer import BOX_SIZE, Outer
from tokenizer.outer import TOKEN_SIZE as KEY_SIZE
from tokenizer.record import SIZE as RECORD_SIZE
from tokenizer.record import Record
from verifier.consistency import age, finding
from verifier.consistency.comparison import HANDLES, SAME, STANDING, compare
from verifier.consistency.finding import Finding, Kind
from verifier.consistency.selection import Selection, threshold
from verifier.projector import chunk as chunks
from verifier.projector import runs
from verifier.projector.chunk import Unreadable
from verifier.projector.columns import COLUMNS
from verifier.projector.projection import Projection
from verifier.projector.rejects import ERASED, Reject
from verifier.projector.runs import RunHeader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from verifier.projector.chunk import Chunk, Layout
    from verifier.vault.rows import VaultRows

TABLE: Final = "check"
SEALED_SIZE: Final = BOX_SIZE - RECORD_SIZE + finding.SIZE
AGE: Final = len(COLUMNS)
"""Place of the day of the last change, behind the registry's columns, where the source has one."""
_NIK: Final = COLUMNS.index("NIK")
_ALWAYS: Final = STANDING | HANDLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a check is, for whoever carries out a part of it.

    Attributes:
        id: of the check, hexadecimal.
        epoch: number of the epoch.
        epoch_keys: purpose to key id, of the epoch.
        own_keys: the same, of what the check seals.
        epoch_day: the day whose state the epoch shows.
        as_of: the day that the source speaks of; a birth after it is a mistake.
        position: the highest position of the registry's changes that the source holds.
        seed: of the sample, 16 bytes.
        share: of the rows that are taken.
        region_digits: digits of a region's code by which people are told apart.
        dated: whether the source says when a row last changed.
    """

    id: str
    epoch: int
    epoch_keys: Mapping[str, int]
    own_keys: Mapping[str, int]
    epoch_day: date
    as_of: date
    position: int
    seed: bytes
    share: float
    region_digits: int
    dated: bool


def places(agent: KeyAgent, terms: Terms) -> Outer:
    """Derive the keys under which a check keeps what it finds.

    Raises:
        KeysError: a key may not be used.
    """
    return Outer.of_agent(
        agent,
        epoch=terms.epoch,
        token_id=terms.own_keys[Purpose.OUTER_TOKEN],
        seal_id=terms.own_keys[Purpose.ROW_SEAL],
        table=TABLE,
        modality=terms.id,
    )


class Examiner:
    """Looks rows up for one check."""

    def __init__(
        self, *, terms: Terms, projection: Projection, own: Outer, selection: Selection, vault: VaultRows
    ) -> None:
        self._terms = terms
        self._projection = projection
        self._own = own
        self._selection = selection
        self._vault = vault

    @classmethod
    def of(
        cls, agent: KeyAgent, terms: Terms, vault: VaultRows, *, erased: frozenset[bytes] = frozenset()
    ) -> Self:
        """Bring together what is needed; a row of somebody who was erased is a reject, as in a load.

        Args:
            agent: holds the keys.
            terms: what the check is.
            vault: is read.
            erased: tombstones of who was erased; their rows are rejects.

        Raises:
            KeysError: a key may not be used.
        """
        selecting = agent.mac(Purpose.PROJECTOR_FEED).bind(agent.realm.prefix("check-sample"))
        return cls(
            terms=terms,
            projection=Projection.of(
                agent, epoch=terms.epoch, as_of=terms.as_of, keys=terms.epoch_keys, erased=erased
            ),
            own=places(agent, terms),
            selection=Selection(selecting, terms.seed, threshold(terms.share)),
            vault=vault,
        )

    def compare(self, chunk: Chunk, layout: Layout, mac: bytes, path: Path) -> RunHeader:
        """Hold a chunk of the source against the vault, and write the run.

        Raises:
            VaultUnavailableError: the vault cannot be read.
        """
        rejects: list[Reject] = []
        members: list[tuple[bytes, int, Finding]] = []
        wanted: list[tuple[int, Record, int, int]] = []
        selection, number = self._selection, chunk.first_row - 1
        for number, values in enumerate(chunks.read(chunk, layout), chunk.first_row):  # 1
            if isinstance(values, Unreadable):
                if selection.takes_row(number):
                    rejects.append(Reject(number, "", values.rule))
            elif selection.takes(values[_NIK]):
                try:
                    wanted.append((number, *self._project(values)))  # 2, 3
                except RowError as error:
                    rejects.append(Reject(number, error.field, error.rule))
                    if (handle := self._handle(values[_NIK])) is not None:
                        kind = Kind.ERASED if error.rule == ERASED else Kind.REJECTED
                        members.append((handle, number, Finding(kind)))
        if number != chunk.first_row + chunk.rows - 1:
            raise RuntimeError("a chunk was cut into another number of rows than it was read as")
        members += self._look_up(wanted)
        header = RunHeader(
            epoch=self._terms.epoch,
            index=chunk.index,
            first_row=chunk.first_row,
            rows=chunk.rows,
            mac=mac.hex(),
            kept=len(members),
            box_size=SEALED_SIZE,
            rejects=tuple(rejects),
        )
        runs.write(path, header, self._sealed(members))  # 6
        return header

    def survey(self, index: int, first: int, last: int, decoys: frozenset[bytes], path: Path) -> RunHeader:
        """Read a part of the vault, and write the run of what its rows are by themselves.

        Args:
            index: number of the part.
            first: the first 8 bytes of its first token, as a number.
            last: those of its last.
            decoys: tokens of the decoys that stand in it.
            path: where the run shall stand.

        Raises:
            VaultUnavailableError: the vault cannot be read.
        """
        rows = self._vault.between(self._terms.epoch, first, last)
        members = [
            (name, 0, found) for name, found in (self._by_itself(token, box, decoys) for token, box in rows)
        ]
        header = RunHeader(
            epoch=self._terms.epoch,
            index=index,
            first_row=0,
            rows=len(rows),
            mac="",
            kept=len(members),
            box_size=SEALED_SIZE,
        )
        runs.write(path, header, self._sealed(members))
        return header

    def _project(self, values: Sequence[str]) -> tuple[Record, int, int]:
        """Project a row; returns its record, its region and its age group."""
        person = self._projection.person(values)
        digits = self._terms.region_digits
        region = int(person.region[:digits]) if len(person.region) >= digits else 0
        old = age.group(values[AGE], self._terms.epoch_day) if self._terms.dated else age.UNDATED
        return self._projection.inner.project(person), region, old

    def _handle(self, text: str) -> bytes | None:
        try:
            nik = nik_grammar.parse(text, self._projection.as_of)
        except NikError:
            return None
        return self._projection.inner.handles(nik).log

    def _look_up(self, wanted: Sequence[tuple[int, Record, int, int]]) -> list[tuple[bytes, int, Finding]]:
        tokens = self._projection.outer.tokens([record.r for _, record, _, _ in wanted])
        boxes = self._vault.boxes(self._terms.epoch, tokens)  # 4
        return [
            (record.handles.log, number, self._held_against(record, token, boxes.get(token), region, old))
            for token, (number, record, region, old) in zip(tokens, wanted, strict=True)
        ]

    def _held_against(
        self, record: Record, token: bytes, box: bytes | None, region: int, old: int
    ) -> Finding:  # 5
        if box is None:
            return Finding(Kind.MISSING, region=region, age=old)
        try:
            held = Record.unpack(self._projection.outer.open(token, box))
        except (BoxError, RecordError):
            return Finding(Kind.UNREADABLE, region=region, age=old)
        later = held.revision > self._terms.position
        if held.r != record.r:
            return Finding(Kind.WITHDRAWN_NEWER if later else Kind.WITHDRAWN, region=region, age=old)
        masks = compare(record, held)
        kind = Kind.AGREES if masks == SAME else Kind.NEWER if later else Kind.DIFFERS
        return Finding(kind, masks, record.presence | held.presence | _ALWAYS, region, old)

    def _by_itself(self, token: bytes, box: bytes, decoys: frozenset[bytes]) -> tuple[bytes, Finding]:
        """Say under what a row of the vault is counted, and what it is."""
        try:
            held = Record.unpack(self._projection.outer.open(token, box))
        except (BoxError, RecordError):
            return token, Finding(Kind.DAMAGED)
        if token in decoys:
            return token, Finding(Kind.DECOY)
        if self._projection.outer.token(held.r) != token:
            return token, Finding(Kind.NOBODY)
        later = held.revision > self._terms.position
        return held.handles.log, Finding(Kind.HELD_NEWER if later else Kind.HELD)

    def _sealed(self, members: Sequence[tuple[bytes, int, Finding]]) -> list[bytes]:
        """Seal findings, each under its key, sorted."""
        keys = self._own.tokens([name for name, _, _ in members])
        seal = self._own.seal
        return sorted(
            key + number.to_bytes(runs.ROW_SIZE, "big") + seal(key, found.pack())
            for key, (_, number, found) in zip(keys, members, strict=True)
        )


def read(own: Outer, record: bytes) -> tuple[bytes, int, Finding]:
    """Read a record of a run back: its key, its row's number and what was found."""
    key, number = record[:KEY_SIZE], record[KEY_SIZE : runs.KEY_SIZE]
    return key, int.from_bytes(number, "big"), Finding.unpack(own.open(key, record[runs.KEY_SIZE :]))
