"""Several workers behind one port, on SQLite with a writer of their own and on PostgreSQL."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import signal
import threading
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc
import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.people import BUDI, SARI
from tests.restarting import connections, roles
from tests.service import request, running, wait_until_ready
from tests.terms import Terms
from verifier import scrape
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.installation import Installation
    from tests.postgres import PostgresServer
    from tests.service import RunningService

SECONDS = 40.0
"""How long a busy machine may take to start a process."""
BUDGET = 5
WRONG = {vocabulary.ATTRIBUTE_NAME: "SITI RAHAYU"}


class House:
    """An installation of two workers, and the service on it, which one test ends and the next one finds again."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._running = contextlib.ExitStack()
        self._service: RunningService | None = None
        self.started = 0

    def service(self) -> RunningService:
        """Give the service, started where it does not run."""
        if self._service is None or self._service.process.poll() is not None:
            self.close()
            self.started += 1
            self._service = self._running.enter_context(running(self._installation, ready=False))
            wait_until_ready(self._installation, self._service.process, SECONDS)
            wait_until_all_answer(self._service)
        return self._service

    def close(self) -> None:
        """Stop the service."""
        self._running.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation on each engine."""
    url, agencies = "", {"tax": Terms(), "guesser": Terms(subject=BUDGET)}
    with contextlib.ExitStack() as opened:
        if request.param == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = server.make_database()
            opened.callback(server.drop_database, url)
        installation = install(
            tmp_path_factory.mktemp("workers"),
            agencies=agencies,
            log_url=url,
            vault_url=url,
            extra="workers = 2\n",
        )
        made = House(installation)
        opened.callback(made.close)
        yield made


@pytest.fixture
def service(house: House) -> RunningService:
    """Two workers at work."""
    return house.service()


def metric(service: RunningService, name: str) -> float:
    """Read one number of the service's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{service.installation.metrics_port}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_until_all_answer(service: RunningService) -> None:
    """Wait until both workers are ready."""
    until = time.monotonic() + SECONDS
    while metric(service, "padan_ready") != 2:
        assert time.monotonic() < until, service.messages()[-2000:]
        time.sleep(0.05)


@contextlib.contextmanager
def one_channel_each(service: RunningService, agency: str = "tax") -> Iterator[list[grpc.Channel]]:
    """Open a channel to each worker; the kernel deals connections by chance, so as many as it takes."""
    port = service.installation.port
    pids = [pid for role, pid in roles(service).items() if role.startswith("worker")]
    found: dict[int, grpc.Channel] = {}
    with contextlib.ExitStack() as opened:
        for _ in range(60):
            before = {pid: connections(pid, port) for pid in pids}
            channel = opened.enter_context(service.channel(agency))
            grpc.channel_ready_future(channel).result(SECONDS)
            for pid in pids:
                if connections(pid, port) > before[pid]:
                    found.setdefault(pid, channel)
            if len(found) == len(pids):
                yield list(found.values())
                return
        raise AssertionError("one worker gets no connection")


def uses(service: RunningService) -> collections.Counter[str]:
    """Read what the keys of all processes were used for, and under "beside" what of it has no entry."""
    readings, found = scrape.read(service.installation.settings.metrics_listen), collections.Counter[str]()
    for (name, pairs), value in readings.values.items():
        labels = dict(pairs)
        if name == "padan_key_uses_total":
            found[f"{labels['key'].partition(':')[0]} {labels['act']}"] += int(value)
        elif name == "padan_key_uses_unlogged_total":
            found["beside"] += int(value)
    return found


def test_every_use_of_a_key_has_its_entry(service: RunningService) -> None:
    """Workers and writer count what their keys do; whatever was asked, answered again or killed, none is beside."""
    time.sleep(1.5)  # each process shows its counts once a second
    before = uses(service)
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        messages = [request() for _ in range(8)]
        for message in [*messages, *messages[:3]]:
            stub.Verify(message, timeout=5)
    wanted = {"row-seal open": 22, "receipt-signing sign": 8, "replay seal": 8, "replay open": 3}
    until = time.monotonic() + SECONDS
    while {name: uses(service)[name] - before[name] for name in wanted} != wanted:
        assert time.monotonic() < until, (before, uses(service))
        time.sleep(0.1)
    assert uses(service)["beside"] == 0


EVERYTHING = 1_000_000
"""More entries than any test here makes, in whichever order they run."""


def logged(service: RunningService) -> collections.Counter[str]:
    """Count the answered questions in the log by their request_id."""
    log = open_log(service.installation.settings.log_database)
    found: collections.Counter[str] = collections.Counter()
    for row in log.entries(0, EVERYTHING):
        if row.kind == EntryKind.VERIFY:
            found[str(uuid.UUID(bytes=log_entry.decode(row.entry).fields[Field.REQUEST_ID]))] += 1
    log.close()
    return found


class Load:
    """Right questions from many callers, each on a connection of its own, until the end of the block."""

    def __init__(self, service: RunningService, callers: int = 6) -> None:
        self._service = service
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]
        self.answered: list[str] = []
        self.failed: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.wait_for(50)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        """Wait for so many more answers."""
        goal, until = len(self.answered) + count, time.monotonic() + SECONDS
        while len(self.answered) < goal:
            assert time.monotonic() < until, "no answers"
            time.sleep(0.01)

    def _ask(self) -> None:
        with self._service.channel() as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            while not self._stopping.is_set():
                message = request()
                try:
                    answer = stub.Verify(message, timeout=5)
                except grpc.RpcError:
                    self.failed.append(message.request_id)
                    time.sleep(0.02)
                else:
                    assert answer.outcome == vocabulary.VERDICT_MATCH
                    self.answered.append(message.request_id)


def test_what_begins_is_logged_once(house: House, service: RunningService) -> None:
    """The keyring's events are logged by the first process that begins, and the workers share one audit period."""
    log = open_log(service.installation.settings.log_database)
    rows = log.entries(0, EVERYTHING)
    log.close()
    kinds = collections.Counter(row.kind for row in rows)
    assert kinds[EntryKind.PERIOD_OPENED] == house.started
    details = [
        tuple(log_entry.decode(row.entry).texts(Field.DETAIL))
        for row in rows
        if row.kind in {EntryKind.KEYRING_CHANGED, EntryKind.SINGLE_CUSTODIAN}
    ]
    assert details
    assert len(set(details)) == len(details)


@pytest.mark.attack
def test_one_budget_over_both_workers(service: RunningService) -> None:
    """Parallel wrong guesses through both workers release as many answers as the budget has, and no more."""
    with one_channel_each(service, "guesser") as channels, ThreadPoolExecutor(32) as pool:
        stubs = [verification_pb2_grpc.VerificationServiceStub(channel) for channel in channels]
        answers = list(
            pool.map(
                lambda number: stubs[number % 2].Verify(request(nik=SARI["NIK"], claims=WRONG), timeout=5),
                range(60),
            )
        )
    released = collections.Counter(answer.outcome for answer in answers)
    assert released == {
        vocabulary.VERDICT_NO_MATCH: BUDGET,
        vocabulary.VERDICT_BLOCKED: len(answers) - BUDGET,
    }


def test_the_other_worker_repeats_the_answer(service: RunningService) -> None:
    """What one worker has answered, another gives again, byte for byte."""
    message = request(nik=BUDI["NIK"])
    with one_channel_each(service) as channels:
        bodies = {
            verification_pb2_grpc.VerificationServiceStub(channel)
            .Verify(message, timeout=5)
            .SerializeToString()
            for channel in channels
        }
    assert len(bodies) == 1
    assert logged(service)[message.request_id] == 1


@pytest.mark.attack
@pytest.mark.parametrize("role", ["worker-1", "writer"])
def test_a_killed_process_loses_no_answer(service: RunningService, role: str) -> None:
    """Under load, kill -9: what was answered is in the log once, and the process is back and at work."""
    before = roles(service)
    victim = before.get(role, before["worker-2"])  # on PostgreSQL there is no writer
    with Load(service) as load:
        os.kill(victim, signal.SIGKILL)
        until = time.monotonic() + SECONDS
        while victim in roles(service).values() or len(roles(service)) < len(before):
            assert time.monotonic() < until, service.messages()[-2000:]
            time.sleep(0.05)
        wait_until_all_answer(service)
        load.wait_for(50)
    counts = logged(service)
    assert {request_id: counts[request_id] for request_id in load.answered} == dict.fromkeys(load.answered, 1)
    assert max(counts.values()) == 1
    assert service.process.poll() is None


def test_sigterm_answers_what_was_accepted(service: RunningService) -> None:
    """Under load, SIGTERM: every question that is in the log was answered, and all processes end well."""
    pids = roles(service).values()
    with Load(service) as load:
        service.process.terminate()
        assert service.process.wait(SECONDS) == 0
    asked = [*load.answered, *load.failed]
    counts = logged(service)
    assert {request_id for request_id in asked if counts[request_id]} == set(load.answered)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
