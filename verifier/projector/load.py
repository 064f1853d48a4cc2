"""A load, from a source to a ready epoch. Every load makes an epoch of its own.

1 open the source and bind the field map: a missing column ends it here  2 unlock the keys  3 keep other loads out,
find the killed load to go on with, or reserve an epoch  4 project chunk by chunk in worker processes, keeping runs
that are there and rejecting who was erased  5 add the decoys  6 merge the runs into the vault, rejecting what comes
twice  7 check that the numbers add up, write the rejects  8 make the epoch ready  9 log it, purge it of who was erased
meanwhile, activate it if asked  10 remove the runs
"""

from __future__ import annotations

import hmac
import json
import time
from array import array
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final

from keys.provider import ask
from padan.entry import EntryKind, Field
from verifier import admin_entry, host_keys
from verifier.directory import Directory
from verifier.log.open import open_log
from verifier.projector import activation, merge, rejects, reservation, runs
from verifier.projector import plan as plans
from verifier.projector.chunk import Layout
from verifier.projector.errors import LoadMismatchError, RunError
from verifier.projector.order import Order, Summary
from verifier.projector.pool import Pool
from verifier.projector.projection import Projection, chunk_mac, key_ids
from verifier.projector.reservation import LOADS_FOLDER
from verifier.projector.source import open_source
from verifier.projector.worker import Task, WorkerSpec, peak_memory, work
from verifier.reference.bringing import Bringing
from verifier.resident.purge import Purge
from verifier.resident.table import MarkTable
from verifier.vault.epoch import Epoch, EpochState
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from keys.mac import BoundMac
    from keys.provider import Prompt
    from verifier.config import Settings
    from verifier.projector.chunk import Chunk
    from verifier.projector.fieldmap import Binding
    from verifier.projector.pairing import Pairing
    from verifier.projector.plan import Plan
    from verifier.projector.progress import Meter
    from verifier.projector.runs import RunHeader
    from verifier.projector.source import Source

PEOPLE_PER_DECOY: Final = 64
FEWEST_DECOYS: Final = 256
_SUMMARY_FILE: Final = "summary.json"
_MEGABYTE: Final = 1 << 20
_REPORT_EVERY: Final = 2048


@dataclass(slots=True, kw_only=True)
class _Tally:
    chunks: int = 0
    read: int = 0
    projected: int = 0
    broken: int = 0
    kept_runs: int = 0

    def add(self, header: RunHeader) -> None:
        self.read += header.rows
        self.projected += header.kept
        self.broken += len(header.rejects)


class Load:
    """One load.

    Args:
        settings: databases, keyring and folders.
        order: what is asked for.
        meter: where progress is told.
        prompt: asks for a passphrase where the keyring's provider needs one.
        begun: is told of the epoch, before the first row is projected; names the one whose place it is to take, if any.
    """

    def __init__(
        self,
        settings: Settings,
        order: Order,
        meter: Meter,
        *,
        prompt: Prompt = ask,
        begun: Callable[[Plan, Epoch], Pairing | None] = lambda _plan, _epoch: None,
    ) -> None:
        self._settings = settings
        self._order = order
        self._meter = meter
        self._prompt = prompt
        self._begun = begun
        self._pairing: Pairing | None = None
        self._passphrase: str | None = None
        self._tally = _Tally()
        self._began = time.monotonic()

    def run(self) -> Summary:
        """Carry the load out.

        Raises:
            ProjectorError: the source, the field map or a started load stands in the way.
            KeysError: the keyring cannot be used.
            LogUnavailableError, VaultUnavailableError: a database cannot be used.
        """
        order, loads = self._order, self._settings.data_dir / LOADS_FOLDER
        source = open_source(order.source, table=order.table, delimiter=order.field_map.delimiter)
        binding = order.field_map.bind(source.columns)
        agent = host_keys.unlock_for_projection(self._settings, self._ask)
        try:
            keys = key_ids(agent)
            with plans.alone(loads):
                plan = reservation.reserve(self._settings, order, source, binding, keys)
                epoch = reservation.epoch_of(plan, self._settings.registry_id, keys, decoys=0)
                self._pairing = self._begun(plan, epoch)
                summary = self._finished(plan)
                if summary is None:
                    projection = Projection.of(
                        agent,
                        epoch=plan.epoch,
                        as_of=date.fromisoformat(plan.as_of),
                        keys=keys,
                        erased=self._erased(),
                    )
                    summary = self._project(
                        plan, source, binding, projection=projection, mac=chunk_mac(agent), keys=keys
                    )
                return self._conclude(plan, summary, agent)
        finally:
            agent.close()

    def _ask(self, question: str) -> str:
        self._passphrase = self._prompt(question)
        return self._passphrase

    def _finished(self, plan: Plan) -> Summary | None:
        """Read the summary of a load that was killed after its epoch was ready."""
        file = plan.folder / _SUMMARY_FILE
        if not plan.resumed or not file.exists():
            return None
        writer = open_writer(self._settings.vault_database)
        try:
            if activation.find(writer, plan.epoch).state is EpochState.LOADING:
                return None
        finally:
            writer.close()
        return Summary(**json.loads(file.read_text(encoding="utf-8")))

    def _project(
        self,
        plan: Plan,
        source: Source,
        binding: Binding,
        *,
        projection: Projection,
        mac: BoundMac,
        keys: dict[str, int],
    ) -> Summary:
        spec = WorkerSpec(
            keyring=self._settings.keyring,
            kek=self._settings.kek,
            passphrase=self._passphrase,
            socket=host_keys.agent_socket(self._settings),
            epoch=plan.epoch,
            as_of=projection.as_of,
            keys=keys,
            layout=Layout(binding=binding, delimiter=source.delimiter, width=len(source.columns)),
            erased=projection.erased,
            pairing=self._pairing,
        )
        with Pool[WorkerSpec, Task](work, spec, workers=self._order.workers) as pool:
            self._meter.stage("projecting", source.size)
            for done in pool.results(self._tasks(plan, source, binding, mac)):
                self._tally.add(done.header)
            decoys = self._order.decoys or max(FEWEST_DECOYS, self._tally.projected // PEOPLE_PER_DECOY)
            projection.decoys(decoys, plan.decoys)
            epoch = reservation.epoch_of(plan, self._settings.registry_id, keys, decoys=decoys)
            return self._merge(plan, binding, epoch, pool)

    def _tasks(self, plan: Plan, source: Source, binding: Binding, mac: BoundMac) -> Iterator[Task]:
        """Read the source; yield what no run of a killed load covers."""
        tally = self._tally
        for chunk in source.chunks(binding.wanted, self._order.chunk_rows):
            code, path = mac.mac(chunk.payload), plan.run(chunk.index)
            tally.chunks += 1
            header = _kept(path, chunk, code) if plan.resumed else None
            if header is None:
                yield Task(chunk=chunk, mac=code, path=path)
            else:
                tally.kept_runs += 1
                tally.add(header)
            self._meter.advance(done=chunk.done, people=tally.read)

    def _merge(self, plan: Plan, binding: Binding, epoch: Epoch, pool: Pool[WorkerSpec, Task]) -> Summary:
        tally, doubled = self._tally, array("Q")
        paths = [plan.run(index) for index in range(tally.chunks)]
        narrow = merge.narrow([*paths, plan.decoys], plan.folder)
        self._meter.stage("writing", tally.projected + epoch.decoys)
        writer = open_writer(self._settings.vault_database)
        try:
            writer.begin(epoch)
            rows = writer.load_sorted(self._counted(merge.unique(narrow, doubled)))
            loaded, rejected = rows - epoch.decoys, tally.broken + len(doubled)
            if tally.read != loaded + rejected:
                raise LoadMismatchError(
                    f"{tally.read} rows were read, but {loaded} loaded and {rejected} rejected; load again with --fresh"
                )
            file = self._write_rejects(plan, paths, doubled)
            seconds = time.monotonic() - self._began
            cpu = pool.cpu_seconds + time.process_time()
            summary = Summary(
                epoch=plan.epoch,
                as_of=plan.as_of,
                read=tally.read,
                loaded=loaded,
                rejected=rejected,
                duplicates=len(doubled),
                decoys=epoch.decoys,
                rejects_file=str(file),
                ignored_columns=list(binding.ignored),
                kept_runs=tally.kept_runs,
                seconds=round(seconds, 3),
                rate=round(tally.read / seconds, 1),
                cpu_seconds=round(cpu, 3),
                rate_per_core=round(tally.read / cpu, 1),
                peak_memory_mb=round((pool.peak_memory + peak_memory()) / _MEGABYTE, 1),
            )
            (plan.folder / _SUMMARY_FILE).write_text(json.dumps(asdict(summary)), encoding="utf-8")
            writer.finish()
        finally:
            writer.close()
        return summary

    def _counted(self, rows: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for count, row in enumerate(rows):
            if count % _REPORT_EVERY == 0:
                self._meter.advance(done=count, people=count)
            yield row

    def _write_rejects(self, plan: Plan, paths: list[Path], doubled: array[int]) -> Path:
        file = self._order.rejects or self._settings.data_dir / f"rejects-epoch-{plan.epoch:06}.csv"
        broken = (reject for path in paths for reject in runs.read_header(path).rejects)
        rejects.write(file, rejects.in_order(broken, sorted(doubled)))
        return file

    def _erased(self) -> frozenset[bytes]:
        with closing(Directory(self._settings.log_database)) as directory:
            return MarkTable(directory).erased()

    def _conclude(self, plan: Plan, summary: Summary, agent: KeyAgent) -> Summary:
        """Log the epoch, activate it if asked, and remove what the load kept."""
        log = open_log(self._settings.log_database)
        try:
            names = ("epoch", "as_of", "read", "loaded", "rejected", "decoys")
            values = asdict(summary)
            admin_entry.append(
                log,
                EntryKind.EPOCH_LOADED,
                {name: str(values[name]) for name in names},
                fields={Field.EPOCH: plan.epoch.to_bytes(4, "big")},
            )
            # The runs of a killed load, and those from before an officer's decision, may hold whom none may hold now.
            Purge(self._settings, agent, log, everyone=True, epoch=plan.epoch, meter=self._meter).run()
            if self._order.activate:
                writer = open_writer(self._settings.vault_database)
                try:
                    bringing = Bringing(self._settings.vault_database, lambda: nullcontext(agent))
                    activation.activate(writer, log, plan.epoch, bringing)
                finally:
                    writer.close()
        finally:
            log.close()
        plan.remove()
        return replace(summary, activated=self._order.activate)


def _kept(path: Path, chunk: Chunk, mac: bytes) -> RunHeader | None:
    """Read the header of a run that a killed load left, if it is the chunk's."""
    if not path.exists():
        return None
    try:
        header = runs.read_header(path)
    except RunError:
        return None
    same = header.first_row == chunk.first_row and header.rows == chunk.rows
    same = same and hmac.compare_digest(header.mac, mac.hex())
    return header if same else None
