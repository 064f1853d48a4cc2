"""Running services tell the key to which probes are sealed, signed, and the same by every worker."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from keys.agent_client import SocketKeyAgent
from keys.purpose import Purpose
from padan.servicekey import require_probe_key, signers_of
from tests.installation import install
from tests.service import running, wait_until_ready

if TYPE_CHECKING:
    from pathlib import Path

    from padan.info import ServiceInfo, ServiceKey
    from tests.service import RunningService

SECONDS = 60.0


def ask(service: RunningService) -> tuple[ServiceInfo, ServiceKey]:
    """Ask on a connection of its own, and check the key as a client does."""
    with service.client(timeout=30) as client:
        info = client.service_info()
    key = require_probe_key(
        info.key("probe"),
        registry_id=info.registry_id,
        environment=info.environment,
        signers=signers_of(info),
        now=info.time,
    )
    return info, key


def test_a_service_of_one_process_has_a_key_of_its_own(tmp_path: Path) -> None:
    """It is signed, ends in 23 hours, and a restart brings another one."""
    made, found = install(tmp_path / "installation"), []
    for _ in range(2):
        with running(made) as service:
            info, key = ask(service)
            assert info.time is not None
            assert key.not_after is not None
            assert 22.9 * 3_600 < (key.not_after - info.time).total_seconds() <= 23 * 3_600
            assert ask(service)[1] == key
        found.append(key.key_id)
    assert found[0] != found[1]


def test_workers_tell_the_agents_key_and_follow_its_signer(tmp_path: Path) -> None:
    """Every worker tells one key, which the host's agent has; once another key signs receipts, another is told."""
    made = install(tmp_path / "installation", extra="workers = 2\n")
    with running(made, ready=False) as service:
        wait_until_ready(made, service.process, SECONDS)
        first = ask(service)[1]
        assert {ask(service)[1].key_id for _ in range(8)} == {first.key_id}
        socket = made.settings.key_agent_socket
        assert socket is not None
        with closing(SocketKeyAgent.connect(socket)) as worker:
            keys = worker.next_probes(None)
            assert (keys.current.told.key_id, keys.current.told.signature) == (first.key_id, first.signature)
        made.custody().rotate(Purpose.RECEIPT_SIGNING)
        until = time.monotonic() + SECONDS
        while len(told := {ask(service)[1].key_id for _ in range(8)}) > 1 or first.key_id in told:
            assert time.monotonic() < until, service.messages()[
                -2_000:
            ]  # each worker sees the keyring in its own time
            time.sleep(0.2)
        assert ask(service)[1].signature != first.signature
