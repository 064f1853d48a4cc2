"""Attack 28: whatever is restarted while 200 questions a second are asked, no call fails and no budget is forgotten.

Two forms: the workers of one service, replaced by `reload`, and two services of one process on one PostgreSQL, of which
one after the other is ended gently and started again. The callers are plain gRPC channels that repeat nothing of their
own; what gRPC itself sends again because no server has seen it stays on, as everybody has it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from padan.entry import EntryKind, Field, decode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import Installation, free_ports, install
from tests.people import SARI
from tests.restarting import SteadyLoad, open_channel
from tests.service import RunningService, request, running, wait_until_ready
from tests.terms import Terms
from verifier.child import HAND_OVER
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer

pytestmark = pytest.mark.attack
SECONDS = 90.0
"""How long a busy machine may take."""
AGE = 5
BUDGET = 3
COLD_SECONDS = 3.0
"""From the start of a replica to its first verdict."""
RATE = 200.0
WRONG = {vocabulary.ATTRIBUTE_NAME: "SITI RAHAYU"}
_EXTRA = f"connection_seconds = {AGE}\njoint_subject_budget = 100000\njoint_prefix_budget = 1000000\n"


def house(
    root: Path, engine: str, workers: int, request_fixture: pytest.FixtureRequest
) -> tuple[Installation, contextlib.ExitStack]:
    """Install on an engine; the stack drops the database."""
    opened, url = contextlib.ExitStack(), ""
    if engine == "postgresql":
        server: PostgresServer = request_fixture.getfixturevalue("postgres_server")
        url = server.make_database()
        opened.callback(server.drop_database, url)
    agencies = {"tax": Terms(subject=1_000_000, prefix=1_000_000), "guesser": Terms(subject=BUDGET)}
    extra = f"workers = {workers}\n{_EXTRA}"
    return install(root, agencies=agencies, log_url=url, vault_url=url, extra=extra), opened


def guess(installation: Installation, ports: list[int]) -> int:
    """Guess wrong once, and give the verdict."""
    with contextlib.closing(open_channel(installation, ports, "guesser")) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        message = request(nik=SARI["NIK"], claims=WRONG)
        return stub.Verify(message, timeout=10, wait_for_ready=True).outcome


def spend(installation: Installation, ports: list[int]) -> None:
    """Spend the guesser's budget."""
    verdicts = [guess(installation, ports) for _ in range(BUDGET + 1)]
    assert verdicts == [vocabulary.VERDICT_NO_MATCH] * BUDGET + [vocabulary.VERDICT_BLOCKED]


def wait_for_message(service: RunningService, text: str, count: int = 1) -> None:
    """Wait until the service has said something so often."""
    until = time.monotonic() + SECONDS
    while service.messages().count(text) < count:
        assert time.monotonic() < until, service.messages()[-3000:]
        assert service.process.poll() is None, service.messages()[-3000:]
        time.sleep(0.05)


def reload(service: RunningService) -> None:
    """Tell the service to replace its processes, and wait until it has."""
    text = "all processes are replaced"
    before = service.messages().count(text)
    command = [sys.executable, "-m", "verifier.cli.server", "--config", str(service.installation.config_path)]
    subprocess.run([*command, "reload"], check=True, capture_output=True, timeout=60)
    wait_for_message(service, text, before + 1)


def pids(service: RunningService) -> set[str]:
    """Name the service's processes."""
    return set(Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split())


def logged(installation: Installation) -> dict[str, int]:
    """Count the entries of questions, by request_id in hexadecimal."""
    counts: dict[str, int] = {}
    with contextlib.closing(open_log(installation.settings.log_database)) as log:
        after = 0
        while rows := log.entries(after, 10_000):
            after = rows[-1].sequence
            for row in rows:
                if row.kind == EntryKind.VERIFY:
                    name = decode(row.entry).fields[Field.REQUEST_ID].hex()
                    counts[name] = counts.get(name, 0) + 1
    return counts


@contextlib.contextmanager
def two_workers(root: Path, engine: str, request_fixture: pytest.FixtureRequest) -> Iterator[RunningService]:
    """Run a service of two workers."""
    installation, opened = house(root, engine, 2, request_fixture)
    with opened, running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, SECONDS)
        wait_for_message(service, '"listening"', 2)
        yield service


def restart_workers(service: RunningService, *, times: int, rate: float) -> SteadyLoad:
    """Replace all processes under load, see that nothing failed, and that no budget was forgotten."""
    installation, port = service.installation, service.installation.port
    spend(installation, [port])
    with SteadyLoad(lambda: open_channel(installation, [port]), rate=rate) as load:
        for _ in range(times):
            before = pids(service)
            reload(service)
            assert not before & pids(service)
            assert len(before) == len(pids(service))
            load.wait_for(int(rate / 2))
    assert load.failures == {}
    counts = logged(installation)
    assert {counts[name.replace("-", "")] for name in load.answered} == {1}
    assert guess(installation, [port]) == vocabulary.VERDICT_BLOCKED
    return load


def test_workers_are_replaced_without_a_failed_call(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every process of a service is another one after a reload under load, and no caller has noticed."""
    with two_workers(tmp_path / "installation", "sqlite", request) as service:
        restart_workers(service, times=1, rate=60)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_rolling_restart_of_workers(tmp_path: Path, request: pytest.FixtureRequest, engine: str) -> None:
    """Five reloads at 200 questions a second: 0 failed calls, each answered question logged once, budgets kept."""
    with two_workers(tmp_path / "installation", engine, request) as service:
        load = restart_workers(service, times=5, rate=RATE)
    worst = sorted(load.seconds)
    print(
        f"{engine}: {len(load.answered):,} calls over 5 reloads, {len(load.failed)} failed, "
        f"p99 {worst[int(len(worst) * 0.99)] * 1000:.0f} ms, longest {worst[-1] * 1000:.0f} ms"
    )


def copy_head(first: Installation, further: Installation) -> None:
    """Give a further host the head of the first, as docs/backup.md asks before its first start."""
    place = further.settings.head_file
    place.parent.mkdir()
    shutil.copy(first.settings.head_file, place)


def replica_of(installation: Installation) -> Installation:
    """Make a second configuration over the same databases and keys, with ports and a folder of its own."""
    old = (installation.port, installation.audit_port, installation.metrics_port)
    ports = [port for port in free_ports(6) if port not in old][:3]
    text = installation.config_path.read_text()
    for before, after in zip(old, ports, strict=True):
        text = text.replace(f":{before}", f":{after}")
    path = installation.root / "replica.toml"
    path.write_text(f'data_dir = "data-of-the-replica"\n{text}')
    return Installation(
        root=installation.root,
        config_path=path,
        port=ports[0],
        audit_port=ports[1],
        metrics_port=ports[2],
        authority=installation.authority,
        signer=installation.signer,
        realm=installation.realm,
        auditors_secret=installation.auditors_secret,
        provider=installation.provider,
        identities=installation.identities,
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_rolling_restart_of_two_replicas(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Two services on one PostgreSQL, each ended gently and started again, twice: 0 failed calls, budgets kept."""
    first, opened = house(tmp_path / "installation", "postgresql", 1, request)
    both = (first, replica_of(first))
    ports = [each.port for each in both]
    with opened:
        stacks = [contextlib.ExitStack() for _ in both]
        services = [stacks[0].enter_context(running(first))]
        copy_head(*both)
        services.append(stacks[1].enter_context(running(both[1])))
        spend(first, [ports[0]])
        assert guess(first, [ports[1]]) == vocabulary.VERDICT_BLOCKED
        cold = []
        with SteadyLoad(lambda: open_channel(first, ports), rate=RATE) as load:
            for number in (0, 1, 0, 1):
                services[number].process.send_signal(HAND_OVER)
                assert services[number].process.wait(SECONDS) == 0
                begin = time.monotonic()
                services[number] = stacks[number].enter_context(running(both[number]))
                assert guess(first, [ports[number]]) == vocabulary.VERDICT_BLOCKED
                cold.append(time.monotonic() - begin)
                load.wait_for(int(RATE / 2))
        assert load.failures == {}
        for stack in stacks:
            stack.close()
    # The quickest of them: how long others share the processors with the load is this machine's.
    assert min(cold) <= COLD_SECONDS
    print(
        f"replicas: {len(load.answered):,} calls over 4 restarts, {len(load.failed)} failed; "
        f"start to first verdict {min(cold):.1f} to {max(cold):.1f} s"
    )


def test_a_killed_worker_is_contained(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Calls that were in a killed worker get UNAVAILABLE and, sent again, the one answer; the other answers on."""
    with two_workers(tmp_path / "installation", "sqlite", request) as service:
        installation, port = service.installation, service.installation.port
        found = re.findall(r'"worker": "worker-(\d)"', service.messages())
        assert set(found) == {"1", "2"}
        victim = next(pid for pid in pids(service) if "worker-1" in _command(pid))
        with SteadyLoad(lambda: open_channel(installation, [port]), rate=100) as load:
            os.kill(int(victim), signal.SIGKILL)
            load.wait_for(100)
        assert {text.partition(":")[0] for text in load.failures} <= {"UNAVAILABLE"}
        with contextlib.closing(open_channel(installation, [port])) as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            for _, message in load.failed:
                answer = stub.Verify(message, timeout=10, wait_for_ready=True)
                assert answer.outcome == vocabulary.VERDICT_MATCH
        counts = logged(installation)
        asked = [*load.answered, *(message.request_id for _, message in load.failed)]
        assert {counts[name.replace("-", "")] for name in asked} == {1}


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
