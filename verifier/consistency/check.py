"""A check, from a source and an epoch to a report. It changes nothing, and keeps nobody out of the vault.

1 open the source and bind the field map  2 unlock the keys and read the epoch  3 keep other checks out, find the killed
check to go on with, or begin one  4 hold the source against the vault, chunk by chunk in worker processes  5 where all
of the source is taken, read all of the vault too, part by part  6 merge what was found, person by person, and add it up
7 list the rows that differ  8 log it  9 remove what the check kept
"""

from __future__ import annotations

import bisect
import heapq
import hmac
import itertools
import json
import math
import os
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from keys.provider import ask
from keys.purpose import Purpose
from padan.entry import EntryKind, Field
from tokenizer import normalise
from tokenizer import outer as outer_layer
from tokenizer.suite import SUITE
from verifier import admin_entry, host_keys
from verifier.consistency import examiner, plan, report
from verifier.consistency.errors import CheckEpochError, CheckStateError
from verifier.consistency.examiner import Terms
from verifier.consistency.tally import Tally
from verifier.consistency.worker import CheckSpec, PartTask, work
from verifier.directory import Directory
from verifier.epoch import REGISTRY_ZONE
from verifier.log.open import open_log
from verifier.projector import merge, rejects, runs
from verifier.projector import plan as plans
from verifier.projector.chunk import Layout
from verifier.projector.errors import RunError
from verifier.projector.pool import Pool
from verifier.projector.projection import Projection, chunk_mac, key_ids
from verifier.projector.source import open_source
from verifier.projector.worker import Task, peak_memory
from verifier.resident.table import MarkTable
from verifier.vault.open import open_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from keys.mac import BoundMac
    from keys.provider import Prompt
    from verifier.config import Settings
    from verifier.consistency.order import Order
    from verifier.consistency.plan import Plan, Start
    from verifier.consistency.report import Report
    from verifier.projector.chunk import Chunk
    from verifier.projector.fieldmap import Binding
    from verifier.projector.progress import Meter
    from verifier.projector.runs import RunHeader
    from verifier.projector.source import Source
    from verifier.vault.epoch import Epoch

PART_ROWS: Final = 4096
"""Rows of a part of the vault: some 4 MB while a worker has them."""
_HEAD: Final = 8
_HEADS: Final = 1 << (8 * _HEAD)
_REPORT_EVERY: Final = 4096


@dataclass(slots=True, kw_only=True)
class _Progress:
    """How far it is: rows of the source read, rows to be looked up so far, runs of a killed check that were kept."""

    rows: int = 0
    chunks: int = 0
    kept_runs: int = 0


class Check:
    """One check.

    Args:
        settings: databases, keyring and folders.
        order: what is asked for.
        meter: where progress is told.
        prompt: asks for a passphrase where the keyring's provider needs one.
    """

    def __init__(self, settings: Settings, order: Order, meter: Meter, *, prompt: Prompt = ask) -> None:
        self._settings = settings
        self._order = order
        self._meter = meter
        self._prompt = prompt
        self._passphrase: str | None = None
        self._progress = _Progress()
        self._began = time.monotonic()

    def run(self, rows_file: Path | None = None) -> Report:
        """Carry the check out.

        Args:
            rows_file: where the rows that differ are listed, as CSV where it ends in .csv, else as JSON lines; None is
                a file in the data folder.

        Raises:
            ProjectorError: the source, the field map or a started check stands in the way.
            NoEpochError: there is no such epoch.
            KeysError: the keyring cannot be used.
            LogUnavailableError, VaultUnavailableError: a database cannot be used.
        """
        order, checks = self._order, self._settings.data_dir / plan.FOLDER
        source = open_source(order.source, table=order.table, delimiter=order.field_map.delimiter)  # 1
        binding = self._bind(source)
        os.nice(order.niceness)
        agent = host_keys.unlock_for_projection(self._settings, self._ask)  # 2
        try:
            epoch, followed = self._epoch()
            with plans.alone(checks, what="check"):  # 3
                keys = key_ids(agent)
                fingerprint = self._fingerprint(source, binding, epoch, keys)
                begun = plan.begin(
                    checks, fingerprint, lambda: self._start(fingerprint, epoch, followed), fresh=order.fresh
                )
                terms = self._terms(begun.start, epoch, keys)
                headers = self._examine(begun, terms, source, binding, agent)  # 4, 5
                tally = self._add_up(begun, terms, headers, agent)  # 6
                listed = rows_file or self._settings.data_dir / f"check-{begun.start.id}.rows.csv"
                made = self._report(begun.start, terms, tally, source=source.name, rows_file=listed)  # 7
                self._log(made)  # 8
                begun.remove()  # 9
                return made
        finally:
            agent.close()

    def _ask(self, question: str) -> str:
        self._passphrase = self._prompt(question)
        return self._passphrase

    def _bind(self, source: Source) -> Binding:
        """Bind the field map, with the column of the last change behind the others where one is named."""
        bound = self._order.field_map.bind(source.columns)
        place = self._order.field_map.place_of_change(source.columns)
        if place is None:
            return bound
        return replace(bound, picks=(*bound.picks, place), defaults=(*bound.defaults, ""))

    def _epoch(self) -> tuple[Epoch, int]:
        vault = open_rows(self._settings.vault_database)
        try:
            epoch = vault.epoch(self._order.epoch)
            followed = vault.followed(epoch.number)
        finally:
            vault.close()
        ours = (normalise.VERSION, str(SUITE.number), outer_layer.FORMAT)
        if (epoch.normaliser, epoch.suite, epoch.format) != ours:
            raise CheckEpochError(f"epoch {epoch.number} was made by a release that projects otherwise")
        return epoch, followed

    def _fingerprint(self, source: Source, binding: Binding, epoch: Epoch, keys: dict[str, int]) -> str:
        order = self._order
        return plans.Fingerprint(
            source=source.name,
            binding=json.dumps([source.columns, binding.picks, binding.defaults]),
            keys=keys,
            versions={
                "epoch": str(epoch.number),
                "normaliser": normalise.VERSION,
                "sample": str(order.sample),
                "position": str(order.position),
                "as_of": str(order.as_of),
                "region": order.region_level,
            },
            chunk_rows=order.chunk_rows,
        ).digest()

    def _start(self, fingerprint: str, epoch: Epoch, followed: int) -> Start:
        order = self._order
        share = order.sample.of(epoch.rows - epoch.decoys)
        return plan.Start(
            id=plan.new_id(),
            fingerprint=fingerprint,
            began_ms=int(time.time() * 1000),
            as_of=(order.as_of or datetime.now(REGISTRY_ZONE).date()).isoformat(),
            position=followed if order.position is None else order.position,
            share=share,
            seed=plan.new_seed(),
            parts=math.ceil(max(epoch.rows, 1) / PART_ROWS) if share >= 1 else 0,
        )

    def _terms(self, start: Start, epoch: Epoch, keys: dict[str, int]) -> Terms:
        return Terms(
            id=start.id,
            epoch=epoch.number,
            epoch_keys=dict(epoch.key_ids),
            own_keys={name: keys[name] for name in (Purpose.OUTER_TOKEN, Purpose.ROW_SEAL)},
            epoch_day=datetime.fromtimestamp(epoch.as_of_ms / 1000, REGISTRY_ZONE).date(),
            as_of=date.fromisoformat(start.as_of),
            position=start.position,
            seed=bytes.fromhex(start.seed),
            share=start.share,
            region_digits=self._order.region_level.digits,
            dated=bool(self._order.field_map.changed),
        )

    def _examine(
        self, begun: Plan, terms: Terms, source: Source, binding: Binding, agent: LocalKeyAgent
    ) -> list[RunHeader]:
        """Let the workers examine everything; returns the headers of the source's runs, by chunk."""
        spec = CheckSpec(
            keyring=self._settings.keyring,
            kek=self._settings.kek,
            passphrase=self._passphrase,
            socket=host_keys.agent_socket(self._settings),
            vault=self._settings.vault_database,
            terms=terms,
            layout=Layout(binding=binding, delimiter=source.delimiter, width=len(source.columns)),
            erased=self._erased(),
        )
        tasks = itertools.chain(
            self._chunks(begun, source, binding, chunk_mac(agent)), self._parts(begun, terms, agent)
        )
        with Pool[CheckSpec, Task | PartTask](work, spec, workers=self._order.workers) as pool:
            for _ in pool.results(tasks):
                pass
            self._cpu, self._memory = pool.cpu_seconds, pool.peak_memory
        return [runs.read_header(begun.chunk(index)) for index in range(self._progress.chunks)]

    def _erased(self) -> frozenset[bytes]:
        with closing(Directory(self._settings.log_database)) as directory:
            return MarkTable(directory).erased()

    def _chunks(
        self, begun: Plan, source: Source, binding: Binding, mac: BoundMac
    ) -> Iterator[Task | PartTask]:
        """Read the source; yield what no run of a killed check covers, and no faster than is asked."""
        progress, order = self._progress, self._order
        self._meter.stage("comparing", source.size)
        start, looked_up = time.monotonic(), 0.0
        for chunk in source.chunks(binding.wanted, order.chunk_rows):
            code, path = mac.mac(chunk.payload), begun.chunk(chunk.index)
            progress.chunks += 1
            progress.rows += chunk.rows
            if begun.resumed and _is_kept(path, chunk, code):
                progress.kept_runs += 1
            else:
                yield Task(chunk=chunk, mac=code, path=path)
                looked_up += chunk.rows * begun.start.share
                if order.rate:
                    time.sleep(max(0.0, looked_up / order.rate - (time.monotonic() - start)))
            self._meter.advance(done=chunk.done, people=progress.rows)

    def _parts(self, begun: Plan, terms: Terms, agent: LocalKeyAgent) -> Iterator[Task | PartTask]:
        """Cut the vault into parts by the beginning of its tokens; yield those that no run covers."""
        parts = begun.start.parts
        if not parts:
            return
        self._meter.stage("reading the vault", parts)
        decoys = self._decoys(terms, agent)
        start = time.monotonic()
        for index in range(parts):
            first, last = index * _HEADS // parts, (index + 1) * _HEADS // parts - 1
            path = begun.part(index)
            if begun.resumed and _header(path) is not None:
                self._progress.kept_runs += 1
            else:
                low = bisect.bisect_left(decoys, first.to_bytes(_HEAD, "big"))
                high = bisect.bisect_right(decoys, last.to_bytes(_HEAD, "big") + b"\xff" * _HEAD)
                yield PartTask(
                    index=index, first=first, last=last, decoys=frozenset(decoys[low:high]), path=path
                )
                if self._order.rate:
                    due = (index + 1) * PART_ROWS / self._order.rate
                    time.sleep(max(0.0, due - (time.monotonic() - start)))
            self._meter.advance(done=index + 1, people=(index + 1) * PART_ROWS)

    def _decoys(self, terms: Terms, agent: LocalKeyAgent) -> list[bytes]:
        """List the tokens of the epoch's decoys, sorted."""
        vault = open_rows(self._settings.vault_database)
        try:
            count = vault.epoch(terms.epoch).decoys
        finally:
            vault.close()
        projection = Projection.of(agent, epoch=terms.epoch, as_of=terms.as_of, keys=terms.epoch_keys)
        return sorted(projection.outer.tokens([projection.inner.decoy_id(number) for number in range(count)]))

    def _add_up(self, begun: Plan, terms: Terms, headers: list[RunHeader], agent: LocalKeyAgent) -> Tally:
        tally, own = Tally(most_rows=self._order.most_rows), examiner.places(agent, terms)
        for header in headers:
            tally.reject(header.rejects)
        paths = [begun.chunk(index) for index in range(len(headers))]
        paths += [begun.part(index) for index in range(begun.start.parts)]
        self._meter.stage("adding up", sum(runs.read_header(path).kept for path in paths))
        try:
            narrow = merge.narrow(paths, begun.folder)
            found = (examiner.read(own, record) for record in heapq.merge(*map(runs.read, narrow)))
            done = 0
            for _, group in itertools.groupby(found, key=itemgetter(0)):
                members = [(number, each) for _, number, each in group]
                tally.take(members)
                if done // _REPORT_EVERY != (done + len(members)) // _REPORT_EVERY:
                    self._meter.advance(done=done, people=done)
                done += len(members)
        except RunError as error:
            raise CheckStateError("a file of the check is damaged") from error
        return tally

    def _report(self, start: Start, terms: Terms, tally: Tally, *, source: str, rows_file: Path) -> Report:
        rejects.write(rows_file, tally.rows())
        seconds = time.monotonic() - self._began
        return report.build(
            start=start,
            terms=terms,
            source=source,
            tally=tally,
            rows_read=self._progress.rows,
            rows_file=rows_file,
            run=report.Run(
                seconds=round(seconds, 3),
                rate=round(self._progress.rows / seconds, 1),
                cpu_seconds=round(self._cpu + time.process_time(), 3),
                peak_memory_mb=round((self._memory + peak_memory()) / (1 << 20), 1),
                workers=self._order.workers,
                kept_runs=self._progress.kept_runs,
            ),
        )

    def _log(self, made: Report) -> None:
        log = open_log(self._settings.log_database)
        try:
            fields = {int(Field.EPOCH): made.epoch.to_bytes(4, "big")}
            admin_entry.append(log, EntryKind.CHECKED, made.counts(), fields=fields)
        finally:
            log.close()


def _header(path: Path) -> RunHeader | None:
    try:
        return runs.read_header(path) if path.exists() else None
    except RunError:
        return None


def _is_kept(path: Path, chunk: Chunk, mac: bytes) -> bool:
    """Say whether a killed check left the run of this very chunk."""
    header = _header(path)
    return (
        header is not None
        and (header.first_row, header.rows) == (chunk.first_row, chunk.rows)
        and hmac.compare_digest(header.mac, mac.hex())
    )
