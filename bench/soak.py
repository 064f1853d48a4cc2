"""Attack 31: the service at half load for a long time. Does it grow, does it leak descriptors, is its log whole?

    python -m bench.soak [--minutes N] [--workers N] [--database sqlite|postgresql] [--people N] [--rate N]
                         [--change-seconds N] [--json]

A real service of several workers; callers ask what is true, what is not and about nobody, repeat themselves, and list
their entries; the registry's changes are applied meanwhile. Half load is half of what the callers get out of it in the
first seconds. Memory is that which is the processes' own (RssAnon and RssShmem; pages of mapped files come and go with
the system's cache), and its slope a line through all samples after the first third: by then what is kept of the day's
budgets in memory is full. What the log keeps in memory moves to the disk in rounds of some minutes, so neighbouring
samples are alike; the slope's 95 % interval is that of a line through the means of BLOCKS blocks of them. The registry
has changed a while when it begins, so that the epoch has as many layers as ever. Under an hour the slope is printed and
not judged.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from bench import cpu
from keys.signing import Signer
from padan import entry as log_entry
from padan.entry import EntryKind
from padan.v1 import attribute_pb2, audit_pb2, audit_pb2_grpc, verification_pb2_grpc
from tests.installation import Installation, install
from tests.people import BUDI
from tests.postgres import PostgresServer
from tests.service import RunningService, request, running, wait_until_ready
from tests.terms import Terms
from verifier.agreement import signkey
from verifier.feed import document
from verifier.feed.following import follow
from verifier.log.listing import MAX_BACKSTEP_MS
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from padan.v1 import verification_pb2

CALLERS = 6
CAPACITY_SECONDS = 10.0
SAMPLE_SECONDS = 5.0
GOAL_MIB_AN_HOUR = 1.0
GOAL_DESCRIPTORS = 2
JUDGED_MINUTES = 60.0
BLOCKS = 8
_T_6 = 2.447
"""Student's t for 95 % on both sides and BLOCKS - 2 degrees of freedom."""
_MIB = 1 << 20
_START_SECONDS = 120.0
_VAULT = "/data/vault/"
"""The files of an epoch that follows the registry come and go: some are open for as long as nobody has merged them."""
_CHANGED_BEFORE = 60
_SIGNER = Signer(bytes(range(32)))
_NAMES = ("BUDI SANTOSO", "SITI RAHAYU", "AGUS WIJAYA", "DEWI LESTARI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at the processes: seconds since the begin, own and all resident bytes, open descriptors."""

    at: float
    own: int
    resident: int
    descriptors: int


@dataclass(slots=True, kw_only=True)
class Figures:
    """What came of it."""

    minutes: float
    workers: int
    database: str
    capacity: float
    rate: float
    answered: int
    failed: int
    failures: dict[str, int]
    changes: int
    own_mib: float
    slope_mib_an_hour: float
    slope_error: float
    descriptors: float
    descriptors_change: int
    entries: int
    log: str

    def faults(self) -> list[str]:
        """Name what misses its goal."""
        found = []
        if self.minutes >= JUDGED_MINUTES and self.slope_mib_an_hour >= GOAL_MIB_AN_HOUR:
            found.append(f"memory grows by {self.slope_mib_an_hour:.2f} MiB an hour")
        if abs(self.descriptors_change) > GOAL_DESCRIPTORS:
            found.append(f"open descriptors changed by {self.descriptors_change}")
        if self.log != "whole":
            found.append(self.log)
        if self.failed:
            found.append(f"{self.failed} calls failed: {self.failures}")
        return found


def person(number: int, name: str) -> dict[str, str]:
    """Make a resident; numbers are of serials that nobody has."""
    return {
        **BUDI,
        "NIK": f"327301{1 + number % 28:02d}{1 + number // 28 % 12:02d}90{9000 + number // 336:04d}",
        "NAMA_LGKP": name,
    }


class Callers:
    """Ask, each on a connection of its own, at a rate that can be changed; 0 is as fast as they get answers."""

    def __init__(self, service: RunningService, people: int) -> None:
        self.rate = 0.0
        self.answered: list[int] = [0] * CALLERS
        self.failed: Counter[str] = Counter()
        self.acknowledged: list[int] = [0] * CALLERS
        self._service = service
        self._people = people
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CALLERS)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, with the calls under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, number: int) -> None:
        source = random.Random(number)  # noqa: S311 - nothing here is secret
        agency = ("tax", "health")[number % 2]
        with self._service.channel(agency) as channel, self._service.channel(agency, audit=True) as audit:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            log = audit_pb2_grpc.AuditServiceStub(audit)
            last: verification_pb2.VerifyRequest | None = None
            due = time.monotonic()
            for turn in itertools.count(1):
                if self._stopping.is_set():
                    return
                if self.rate:
                    due = max(due + CALLERS / self.rate, time.monotonic() - 1)
                    if self._stopping.wait(max(0.0, due - time.monotonic())):
                        return
                repeats = last is not None and source.random() < 0.02
                message = last if last is not None and repeats else self._question(source)
                last = message
                try:
                    stub.Verify(message, timeout=10)
                    self.answered[number] += 1
                    self.acknowledged[number] += not repeats
                    if turn % 3_000 == 0:
                        log.ListEntries(audit_pb2.ListEntriesRequest(page_size=20), timeout=10)
                except grpc.RpcError as error:
                    self.failed[error.code().name] += 1

    def _question(self, source: random.Random) -> verification_pb2.VerifyRequest:
        number = source.randrange(self._people + self._people // 10)  # one in eleven is nobody
        name = _NAMES[number % 4] if source.random() < 0.95 else _NAMES[(number + 1) % 4]
        return request(
            nik=person(number, "")["NIK"],
            claims={attribute_pb2.ATTRIBUTE_NAME: name},
            request_id=str(uuid.uuid4()),
        )


def look(pid: int, began: float) -> Sample:
    """Look at a service's processes."""
    own = resident = descriptors = 0
    for process in cpu.tree(pid):
        folder = Path(f"/proc/{process}")
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            open_now = list((folder / "fd").iterdir())
        except OSError:
            continue
        for each in open_now:
            with suppress(OSError):  # closed meanwhile
                descriptors += _VAULT not in str(each.readlink())
        own += sum(int(status[name].split()[0]) << 10 for name in ("RssAnon", "RssShmem"))
        resident += int(status["VmRSS"].split()[0]) << 10
    return Sample(at=time.monotonic() - began, own=own, resident=resident, descriptors=descriptors)


def changes(made: Installation, position: int, people: int) -> bytes:
    """Make a signed file of one change that changes nothing about a name."""
    head = {
        "format": 1, "use": "feed", "registry_id": made.realm.registry_id, "environment": made.realm.environment,
        "source": "soak", "after": position - 1, "as_of": "2026-06-02T05:00:00Z",
    }  # fmt: skip
    number = position % people
    change = {
        "position": position,
        "change": "changed",
        "row": {**person(number, _NAMES[number % 4]), "AGAMA": "2"},
    }
    return document.sign(
        made.realm, b"".join(json.dumps(line).encode() + b"\n" for line in (head, change)), _SIGNER
    )


def read_log(database: str, acknowledged: int) -> tuple[int, str]:
    """Read the whole log: how many entries, and whether it is whole."""
    place = count = verified = last_ms = 0
    with closing(open_log(database)) as log:
        while rows := log.entries(place, 1_000):
            for row in rows:
                place += 1
                if row.sequence != place:
                    return count, f"the log has a gap before place {row.sequence}"
                if log_entry.leaf(row.salt, row.entry) != row.leaf:
                    return count, f"entry {row.sequence} does not fit its leaf"
                if row.log_time_ms < last_ms - MAX_BACKSTEP_MS * ("://" in database):
                    return count, f"log time goes back at place {row.sequence}"
                last_ms, count = row.log_time_ms, count + 1
                verified += row.kind == EntryKind.VERIFY
    return (
        count,
        "whole" if verified >= acknowledged else f"{acknowledged - verified} acknowledged, not logged",
    )


def soak(folder: Path, url: str, chosen: argparse.Namespace) -> Figures:
    """Run the service, and watch it."""
    made = install(
        folder,
        agencies={
            name: Terms(subject=10**6, prefix=10**6, calls_per_day=10**9) for name in ("tax", "health")
        },
        people=[person(number, _NAMES[number % 4]) for number in range(chosen.people)],
        log_url=url,
        vault_url=url,
        extra=f"workers = {chosen.workers}\njoint_subject_budget = 100000000\njoint_prefix_budget = 100000000\n"
        f'feed_signers = ["{signkey.text(_SIGNER.public_key)}"]\n',
    )
    samples: list[Sample] = []
    with running(made, ready=False) as service:
        wait_until_ready(made, service.process, _START_SECONDS)
        callers = Callers(service, chosen.people)
        callers.start()
        try:
            capacity = _capacity(callers)
            callers.rate = chosen.rate or capacity / 2
            position = _watch(made, service, callers, samples, chosen)
        finally:
            callers.stop()
    entries, log = read_log(made.settings.log_database, sum(callers.acknowledged))
    late = [sample for sample in samples if sample.at >= chosen.minutes * 20] or samples
    half = len(late) // 2 or 1
    slope, error = growth(late)
    return Figures(
        minutes=chosen.minutes,
        workers=chosen.workers,
        database="postgresql" if url else "sqlite",
        capacity=capacity,
        rate=callers.rate,
        answered=sum(callers.answered),
        failed=callers.failed.total(),
        failures=dict(callers.failed),
        changes=position,
        own_mib=late[-1].own / _MIB,
        slope_mib_an_hour=slope,
        slope_error=error,
        descriptors=statistics.fmean(each.descriptors for each in late),
        descriptors_change=min(each.descriptors for each in late[half:] or late)
        - min(each.descriptors for each in late[:half]),
        entries=entries,
        log=log,
    )


def growth(samples: Sequence[Sample]) -> tuple[float, float]:
    """Fit a line to the own memory of samples; gives its slope and half its 95 % interval, both in MiB an hour."""
    hours, memory = [each.at / 3_600 for each in samples], [each.own / _MIB for each in samples]
    slope = statistics.linear_regression(hours, memory).slope
    size = len(samples) // BLOCKS
    if not size:
        return slope, math.inf
    means = [
        (statistics.fmean(hours[at : at + size]), statistics.fmean(memory[at : at + size]))
        for at in range(0, size * BLOCKS, size)
    ]
    line = statistics.linear_regression(*zip(*means, strict=True))
    left = sum((value - line.intercept - line.slope * hour) ** 2 for hour, value in means) / (BLOCKS - 2)
    middle = statistics.fmean(hour for hour, _ in means)
    return slope, _T_6 * math.sqrt(left / sum((hour - middle) ** 2 for hour, _ in means))


def _capacity(callers: Callers) -> float:
    time.sleep(CAPACITY_SECONDS / 2)
    before, began = sum(callers.answered), time.monotonic()
    time.sleep(CAPACITY_SECONDS)
    return (sum(callers.answered) - before) / (time.monotonic() - began)


def _watch(
    made: Installation,
    service: RunningService,
    callers: Callers,
    samples: list[Sample],
    chosen: argparse.Namespace,
) -> int:
    """Take samples until the time is over, and apply changes of the registry; returns how many changes."""
    for position in range(1, _CHANGED_BEFORE + 1):
        follow(made.settings, "soak", changes(made, position, chosen.people), begin=True)
    began, position = time.monotonic(), _CHANGED_BEFORE
    for turn in itertools.count(1):
        until = began + turn * SAMPLE_SECONDS
        time.sleep(max(0.0, until - time.monotonic()))
        samples.append(look(service.pid, began))
        if turn * SAMPLE_SECONDS >= (position - _CHANGED_BEFORE + 1) * chosen.change_seconds:
            position += 1
            follow(made.settings, "soak", changes(made, position, chosen.people), begin=True)
        if turn % 24 == 0 and not chosen.json:
            sample = samples[-1]
            sys.stdout.write(
                f"soak: {sample.at / 60:6.1f} min  {sum(callers.answered):>9,} answers"
                f"  own {sample.own / _MIB:7.1f} MiB  resident {sample.resident / _MIB:7.1f} MiB"
                f"  {sample.descriptors} descriptors\n"
            )
            sys.stdout.flush()
        if time.monotonic() - began >= chosen.minutes * 60:
            return position
    raise AssertionError("unreachable")


def _databases(chosen: argparse.Namespace, stack: ExitStack) -> Iterator[str]:
    if chosen.database == "postgresql":
        yield stack.enter_context(PostgresServer(durable=True)).make_database()
    else:
        yield ""


def main() -> int:
    """Soak, print, and say by the exit code whether the goals are reached."""
    parser = argparse.ArgumentParser(description="The service at half load for a long time.")
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="calls a second; default half of what is possible"
    )
    parser.add_argument(
        "--change-seconds", type=float, default=60.0, help="from one change of the registry to the next"
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="padan-soak-") as folder, ExitStack() as stack:
        (url,) = _databases(chosen, stack)
        figures = soak(Path(folder) / "soak", url, chosen)
    faults = figures.faults()
    if chosen.json:
        values: dict[str, Any] = {**asdict(figures), "faults": faults}
        sys.stdout.write(json.dumps(values, indent=1) + "\n")
        return bool(faults)
    judged = "" if figures.minutes >= JUDGED_MINUTES else f" (judged from {JUDGED_MINUTES:.0f} minutes on)"
    sys.stdout.write(
        f"soak: {figures.minutes:g} min on {figures.database}, {figures.workers} workers: {figures.rate:.0f} of"
        f" {figures.capacity:.0f} calls/s, {figures.answered:,} answers, {figures.failed} failed,"
        f" {figures.changes} changes applied\n"
        f"soak: own memory {figures.own_mib:.1f} MiB, slope {figures.slope_mib_an_hour:+.2f} MiB/h"
        f" +-{figures.slope_error:.2f}{judged};"
        f" goal below {GOAL_MIB_AN_HOUR:g}\n"
        f"soak: {figures.descriptors:.1f} descriptors,"
        f" {figures.descriptors_change:+d} at least from first to second half\n"
        f"soak: {figures.entries:,} entries, the log is {figures.log}\n"
    )
    for fault in faults:
        sys.stdout.write(f"soak: MISSED: {fault}\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
