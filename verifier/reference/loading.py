"""The load of a file of references, which a killed process goes on with.

1 read how far the file was loaded, and see that there is a biometric key; log that it is loaded  2 lay decoys down
3 read rows, those of one position together  4 read each capture, and see whose it is  5 make the references of each
position  6 see once more whose they are, and store them in every epoch that keeps references, in one transaction with
how far the file was read, and the rejects before that  7 take back those of whoever was erased meanwhile  8 log what
became of the file
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

from padan import nik as nik_grammar
from padan.biometric.template import POSITIONS
from padan.entry import EntryKind
from padan.errors import NikError
from tokenizer.biometrics import suites
from tokenizer.biometrics.reference import Reference, extractor_digest
from tokenizer.biometrics.scheme import QualityError, TemplateError
from tokenizer.biometrics.slot import NUMBERS
from tokenizer.biometrics.template import has_elements
from verifier import admin_entry, thresholds
from verifier.directory import Directory
from verifier.epoch import REGISTRY_ZONE
from verifier.projector.rejects import Reject
from verifier.reference.enrolment import Capture, enrol, most, read_capture
from verifier.reference.errors import ReferencesBusyError
from verifier.reference.rejects import RejectsFile
from verifier.reference.residents import Residents
from verifier.reference.writer import biometric_key_id, open_writer
from verifier.resident.table import MarkTable
from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.biometrics.slot import Slot
    from verifier.config import Settings
    from verifier.log.store import LogStore
    from verifier.projector.progress import Meter
    from verifier.reference.source import ReferenceFile, SourceRow
    from verifier.reference.table import Progress
    from verifier.reference.writer import Batch, ReferenceWriter

ROWS: Final = 256
"""Rows that are stored together; a killed load loses so many."""
_DIGITS: Final = 20
"""Digits of a position at most: of some thousands Python makes no number."""
_MOST: Final = 64
"""Rows of one position that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a file.

    Attributes:
        rows: rows of the file.
        stored: references that were stored, of several samples each.
        rejected: rows that were not taken.
        resumed: rows that an earlier process had read.
        seconds: that this process took.
        rejects: where the rejects stand.
    """

    rows: int
    stored: int
    rejected: int
    resumed: int
    seconds: float
    rejects: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Position:
    """Rows of one position: whose, and what."""

    rows: tuple[int, ...]
    nik: Nik
    modality: str
    position: int
    extractor: str
    templates: tuple[bytes, ...]

    @property
    def place(self) -> tuple[Nik, str, int]:
        """Whose, and where."""
        return self.nik, self.modality, self.position


@dataclass(slots=True, kw_only=True, repr=False)
class _Taken:
    """What is stored together: positions with their references, and rows that are not taken."""

    found: list[tuple[_Position, dict[Slot, Reference]]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class Load:
    """Loads one file.

    Args:
        settings: the installation's.
        agent: holds the keys.
        log: takes the entries.
        meter: where progress is told.
        reached: is called after each transaction.

    Raises:
        ThresholdsError: the file of thresholds is not of its format.
        OSError: it cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        agent: KeyAgent,
        log: LogStore,
        *,
        meter: Meter,
        reached: Callable[[], object] = lambda: None,
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._log = log
        self._meter = meter
        self._reached = reached
        self._thresholds = thresholds.of(settings)
        self._laid: set[str] = set()
        self._today = datetime.now(REGISTRY_ZONE).date()

    def run(self, file: ReferenceFile, rejects: Path) -> Loaded:
        """Load a file, or go on with it.

        Raises:
            ReferenceSourceError: it can no longer be read.
            NoBiometricKeyError: there is no biometric key.
            ReferencesBusyError: another process loads it too.
            ServiceError: a database is away; the same file goes on later.
            KeysError: a key may not be used.
        """
        began = time.monotonic()
        with ExitStack() as opened:
            writer = opened.enter_context(open_writer(self._agent, self._settings.vault_database))
            vault = opened.enter_context(closing(open_rows(self._settings.vault_database)))
            directory = opened.enter_context(closing(Directory(self._settings.log_database)))
            residents = Residents(self._agent, vault, MarkTable(directory))
            key_id = biometric_key_id(self._agent)  # 1
            progress = begun = writer.table.progress(file.digest)
            detail = {"digest": file.digest.hex(), "rows": str(file.rows), "biometric": str(key_id)}
            if not progress.ended:
                admin_entry.append(
                    self._log,
                    EntryKind.REFERENCES_LOADED,
                    {"step": "begun", "from": str(begun.rows), **detail},
                )
                target = RejectsFile(rejects, after=progress.rows)
                self._meter.stage("rows", file.rows)
                for rows in _batches(file.read(progress.rows)):
                    progress = self._store(writer, residents, target, file, progress, rows)
                    self._reached()
                    self._meter.advance(done=progress.rows, people=progress.rows - begun.rows)
                if not progress.ended:  # a file without rows after those that were read
                    progress = self._store(writer, residents, target, file, progress, [])
                outcome = {"stored": str(progress.stored), "rejected": str(progress.rejected)}
                admin_entry.append(
                    self._log, EntryKind.REFERENCES_LOADED, {"step": "ended", **outcome, **detail}
                )  # 8
        return Loaded(
            rows=file.rows,
            stored=progress.stored,
            rejected=progress.rejected,
            resumed=begun.rows,
            seconds=round(time.monotonic() - began, 3),
            rejects=str(rejects),
        )

    def _store(  # noqa: PLR0917 - one batch, and where it goes
        self,
        writer: ReferenceWriter,
        residents: Residents,
        target: RejectsFile,
        file: ReferenceFile,
        before: Progress,
        rows: Sequence[SourceRow],
    ) -> Progress:
        taken = _Taken()
        positions = list(self._positions(rows, taken.rejects))  # 3
        standing = writer.table.standing()
        inner = writer.layers(standing)[0].inner
        refused = residents.refused(standing.active, inner, {each.nik for each in positions})  # 4
        for each in positions:
            self._take(each, refused.get(each.nik, ""), taken)
        self._lay(writer, {each.modality for each, _ in taken.found})  # 2
        at: list[int | None] = [None]
        after = replace(before, rows=rows[-1].number if rows else before.rows)
        after = replace(after, ended=after.rows >= file.rows)

        def work(batch: Batch) -> Progress:  # 6
            # Under the lock of the active epoch's row, without which nobody changes rows of the epoch in use or takes
            # references along: whoever changes hands before it is refused here by the row, and whoever does later
            # finds what is stored here. Before anything is written, so that SQLite lets the rows be read.
            now = batch.standing.active, batch.layers[0].inner
            refused = residents.refused(*now, {each.nik for each, _ in taken.found})
            stored, turned_away = _put(batch, taken.found, refused)
            rejected = [*taken.rejects, *turned_away]
            done = replace(after, stored=before.stored + stored, rejected=before.rejected + len(rejected))
            if not batch.changing.advance(file.digest, before, done, now_ms=int(time.time() * 1000)):
                raise ReferencesBusyError("another process loads the same file")
            at[0] = target.append(rejected, at=at[0])
            return done

        done = writer.change(work)
        late = residents.erased(inner, {each.nik for each, _ in taken.found})
        if late:  # 7
            writer.change(partial(_withdraw, numbers=late))
        return done

    def _lay(self, writer: ReferenceWriter, modalities: Iterable[str]) -> None:
        for modality in sorted(set(modalities) - self._laid):
            writer.lay(suites.enrolling(modality).suite)
            self._laid.add(modality)

    def _positions(self, rows: Sequence[SourceRow], rejects: list[Reject]) -> Iterator[_Position]:
        """Read rows, those of one position together."""
        for key, group in groupby(rows, key=lambda row: row[1:5]):
            several = list(group)
            try:
                nik, modality, position, extractor = self._key(*key)
            except _RowError as error:
                rejects += [Reject(row.number, error.field, error.rule) for row in several]
                continue
            yield _Position(
                rows=tuple(row.number for row in several),
                nik=nik,
                modality=modality,
                position=position,
                extractor=extractor,
                templates=tuple(row.template for row in several),
            )

    def _key(self, nik: str, modality: str, position: str, extractor: str) -> tuple[Nik, str, int, str]:
        if not nik:
            raise _RowError("nik", "nik.missing")
        try:
            number = nik_grammar.parse(nik, self._today)
        except NikError as error:
            raise _RowError("nik", f"nik.{error.reason}") from None
        if modality not in NUMBERS:
            raise _RowError("modality", "modality.unknown")
        is_number = position.isdecimal() and len(position) <= _DIGITS
        if not is_number or int(position) not in POSITIONS[modality]:
            raise _RowError("position", "position.range")
        try:
            extractor_digest(extractor)
        except TemplateError:
            raise _RowError("extractor", "extractor.format") from None
        return number, modality, int(position), extractor

    def _take(self, each: _Position, refused: str, taken: _Taken) -> None:
        """Make the references of a position, or say why its rows are not taken."""
        if refused:
            taken.rejects += [Reject(row, "nik", refused) for row in each.rows]
            return
        captures: list[Capture] = []
        used: list[int] = []
        calibrated = thresholds.elements(self._thresholds, each.modality, each.extractor)
        for row, template in zip(each.rows, each.templates, strict=True):
            try:
                capture = _read(template, each, calibrated)
            except _RowError as error:
                taken.rejects.append(Reject(row, error.field, error.rule))
                continue
            if len(captures) == most(each.modality):
                taken.rejects.append(Reject(row, "template", "sample.extra"))
                continue
            captures.append(capture)
            used.append(row)
        if not captures:
            return
        try:
            made = enrol(
                self._agent.templates(), captures, modality=each.modality, extractor=each.extractor
            )  # 5
        except TemplateError:
            taken.rejects += [Reject(row, "template", "sample.contradicts") for row in used]
            return
        taken.found.append((replace(each, rows=tuple(used), templates=()), made))


class _RowError(Exception):
    """A row breaks a rule; never reaches a person."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(rule)
        self.field = field
        self.rule = rule


def _read(template: bytes, each: _Position, calibrated: int | None) -> Capture:
    try:
        capture = read_capture(template, each.modality)
    except QualityError:
        raise _RowError("template", "template.quality") from None
    except TemplateError:
        raise _RowError("template", "template.malformed") from None
    if not has_elements(capture.template, calibrated):
        raise _RowError("template", "template.elements")
    if capture.position != each.position:
        raise _RowError("template", "position.differs")
    return capture


def _put(
    batch: Batch, found: Sequence[tuple[_Position, dict[Slot, Reference]]], refused: Mapping[Nik, str]
) -> tuple[int, list[Reject]]:
    """Store what is not held yet, of whoever is not refused; returns how many references, and the rows of the rest."""
    held: set[tuple[Nik, str, int]] = set()
    firsts: dict[Slot, set[Nik]] = {}
    for each, made in found:
        firsts.setdefault(min(made), set()).add(each.nik)
    for slot, numbers in firsts.items():
        held |= {(nik, slot.modality, slot.position) for nik in batch.held(numbers, slot)}
    rejects: list[Reject] = []
    rows: dict[Slot, dict[Nik, Reference]] = {}
    for each, made in found:
        rule = refused.get(each.nik) or ("reference.held" if each.place in held else "")
        if rule:
            rejects += [Reject(row, "nik", rule) for row in each.rows]
            continue
        held.add(each.place)
        batch.changing.name(extractor_digest(each.extractor), each.extractor)
        for slot, reference in made.items():
            rows.setdefault(slot, {})[each.nik] = reference
    for slot, references in rows.items():
        batch.put(slot, references)
    return sum(map(len, rows.values())), rejects


def _withdraw(batch: Batch, *, numbers: Sequence[Nik]) -> int:
    slots = {slot for layer in batch.layers for slot in batch.slots(layer)}
    return batch.withdraw(numbers, sorted(slots))


def _batches(rows: Iterable[SourceRow]) -> Iterator[list[SourceRow]]:
    """Gather rows, never cutting those of one position apart unless there are very many."""
    gathered: list[SourceRow] = []
    for _, group in groupby(rows, key=lambda row: row[1:5]):
        several: list[SourceRow] = []
        for row in group:
            several.append(row)
            if len(several) == _MOST:
                gathered += several
                several = []
                if len(gathered) >= ROWS:
                    yield gathered
                    gathered = []
        gathered += several
        if len(gathered) >= ROWS:
            yield gathered
            gathered = []
    if gathered:
        yield gathered
