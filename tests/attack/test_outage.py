"""Attack 27: a store is away, slow, silent, or cut off in the middle of an answer, under load, and comes back.

Real PostgreSQL behind a proxy of ours, for the log and for the vault, and the vault's files on SQLite. Nobody ever
hears a no that is not true; what cannot be answered is UNAVAILABLE; within 5 s of the outage callers are turned away
at once instead of waiting, health says NOT_SERVING, and within 10 s of the end both are over.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.attack.test_fail_closed import answers, ready
from tests.installation import install
from tests.people import BUDI
from tests.service import request, running
from tests.simulator.proxy import Mode, Proxy
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgres import PostgresServer
    from tests.service import RunningService

pytestmark = pytest.mark.attack

CALLERS = 6
OPENS = 5.0
CLOSES = 10.0
AT_ONCE = 0.5
"""How long a caller that is turned away may take on a busy machine; who waits for a store takes 1.8 s."""
GENEROUS = Terms(subject=10**6, prefix=10**6, calls_per_day=10**8)
LIMITS = "joint_subject_budget = 100000000\njoint_prefix_budget = 100000000\n"
NO_ANSWER = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """What one caller heard."""

    began: float
    seconds: float
    code: grpc.StatusCode
    is_true: bool


class Load:
    """Callers that ask without pause, true and untrue."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self._stopping = threading.Event()
        self._heard: list[Heard] = []
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CALLERS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask for as long as the block lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(10)

    def since(self, moment: float) -> list[Heard]:
        """List what those heard who asked after a moment, in the order in which they asked."""
        return sorted(
            (each for each in list(self._heard) if each.began >= moment), key=lambda each: each.began
        )

    def _ask(self, number: int) -> None:
        name = BUDI["NAMA_LGKP"] if number % 2 else "SITI RAHAYU"
        right = vocabulary.VERDICT_MATCH if number % 2 else vocabulary.VERDICT_NO_MATCH
        with self._service.channel() as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            while not self._stopping.wait(0.02):
                message = request(claims={vocabulary.ATTRIBUTE_NAME: name})
                began, code, is_true = time.monotonic(), grpc.StatusCode.OK, True
                try:
                    outcome = stub.Verify(message, timeout=6).outcome
                    is_true = outcome in {right, vocabulary.VERDICT_NOT_AVAILABLE}
                except grpc.RpcError as error:
                    code = error.code()
                self._heard.append(Heard(began, time.monotonic() - began, code, is_true))


@dataclasses.dataclass(frozen=True, slots=True)
class Stores:
    """A running service, and the ways to its stores."""

    service: RunningService
    log: Proxy
    vault: Proxy


@pytest.fixture(scope="module")
def stores(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A service whose log and vault are on PostgreSQL, each behind a proxy."""
    socket = postgres_server.socket
    with Proxy(socket) as log, Proxy(socket) as vault:
        installation = install(
            tmp_path_factory.mktemp("outage"),
            agencies={"tax": GENEROUS},
            log_url=log.url(postgres_server.make_database()),
            vault_url=vault.url(postgres_server.make_database()),
            extra=LIMITS,
        )
        with running(installation) as service:
            yield Stores(service, log, vault)


def suffer(service: RunningService, proxy: Proxy, mode: Mode, seconds: float) -> str:
    """Break the way to a store under load, mend it, and hold what callers heard against the promises."""
    load = Load(service)
    with load.running(), service.channel() as channel:
        time.sleep(1)
        assert all(each.code is grpc.StatusCode.OK for each in load.since(0)), "not well before the outage"
        try:
            proxy.set(mode)
            broken = time.monotonic()
            unready = wait_for(lambda: not ready(channel), OPENS, "still ready in an outage")
            time.sleep(max(0.0, broken + max(seconds, OPENS + 1) - time.monotonic()))
        finally:
            proxy.set(Mode.PASS)
        mended = time.monotonic()
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        back = wait_for(lambda: answers(stub) and ready(channel), CLOSES, "not back after the outage")
        time.sleep(1)
    opened = judge(load, broken=broken, mended=mended, back=mended + back)
    longest = max(each.seconds for each in load.since(broken))
    return (
        f"turned away at once after {opened:.1f} s, not ready after {unready:.1f} s, back after {back:.1f} s;"
        f" longest wait {longest:.2f} s; {len(load.since(0))} calls"
    )


def wait_for(what: Callable[[], bool], seconds: float, otherwise: str) -> float:
    """Wait until something is so; returns how long it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, f"{otherwise} ({seconds:.0f} s)"
        time.sleep(0.05)
    return time.monotonic() - began


def judge(load: Load, *, broken: float, mended: float, back: float) -> float:
    """Hold what callers heard against the promises; returns after how many seconds nobody waited any more."""
    assert all(each.is_true for each in load.since(0)), "an answer that is not true"
    codes = {each.code for each in load.since(broken)} - {grpc.StatusCode.OK}
    assert codes == {grpc.StatusCode.UNAVAILABLE}, f"not UNAVAILABLE but {codes}"
    during = [each for each in load.since(broken) if each.began < mended - 0.1]
    late = [each for each in during if each.began > broken + OPENS]
    slow = [each for each in late if each.seconds > AT_ONCE]
    assert len(late) > 20, "no load while the store was away"
    assert not slow, f"{len(slow)} of {len(late)} callers waited, {max(each.seconds for each in slow):.2f} s"
    assert all(each.code is grpc.StatusCode.OK for each in load.since(back + 0.5)), "not well again"
    return max((each.began - broken for each in during if each.seconds > AT_ONCE), default=0.0)


@pytest.mark.parametrize("store", ["log", "vault"])
def test_a_store_that_is_silent(stores: Stores, store: str) -> None:
    """The hardest outage: the way is open, and nothing comes back."""
    suffer(stores.service, getattr(stores, store), Mode.SILENT, 0)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.PASS], ids=lambda mode: mode.name)
@pytest.mark.parametrize("store", ["log", "vault"])
def test_every_outage(stores: Stores, store: str, mode: Mode) -> None:
    """Refused, silent, slow, cut in mid-frame: each for 20 s under load."""
    print(
        f"\noutage: {store} {mode.name.lower()}: {suffer(stores.service, getattr(stores, store), mode, 20)}"
    )


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", ["catalogue.sqlite", "epoch-000001.sqlite"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_vault_whose_files_are_cut(tmp_path: Path, workers: int, file: str) -> None:
    """Half of the catalogue, half of an epoch's file: UNAVAILABLE or a lost connection, never a no.

    A file is mapped into memory, and where its end is taken away the system ends the process that reads it. Workers
    are started again; a service of one process is for its supervisor to start.
    """
    installation = install(
        tmp_path / "files", agencies={"tax": GENEROUS}, extra=f"workers = {workers}\n{LIMITS}"
    )
    path = installation.root / "data" / "vault" / file
    whole = path.read_bytes()
    with running(installation) as service, service.channel() as channel:
        load = Load(service)
        with load.running():
            time.sleep(1)
            os.truncate(path, len(whole) // 2 // 4_096 * 4_096)
            time.sleep(OPENS)
            assert not is_ready(channel), "ready on half of a file"
            path.write_bytes(whole)
            if workers > 1 or service.process.poll() is None:
                stub = verification_pb2_grpc.VerificationServiceStub(channel)
                wait_for(lambda: answers(stub) and is_ready(channel), CLOSES, "not back")
        heard = load.since(0)
    assert all(each.is_true for each in heard), "an answer that is not true"
    assert {each.code for each in heard} <= {grpc.StatusCode.OK, *NO_ANSWER}


def is_ready(channel: grpc.Channel) -> bool:
    """Ask the service's health; whoever does not answer is not ready."""
    try:
        return ready(channel)
    except grpc.RpcError:
        return False
