"""Uses of keys reconciled with the log, by the engine that answers: on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from keys.purpose import Purpose
from padan.cli.console import ExitCode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.installation import install, serving_keys
from tests.service import request
from verifier import metrics_listener
from verifier.call import Call
from verifier.cli.server import build
from verifier.engine import Engine
from verifier.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client.samples import Sample

    from tests.installation import Installation


class House:
    """An engine in this process, and its metrics."""

    def __init__(self, installation: Installation, engine: Engine, metrics: Metrics) -> None:
        self.installation = installation
        self.engine = engine
        self.metrics = metrics

    def ask(self, *ids: str) -> None:
        """Ask about somebody once for each request id, each a question of its own or a repetition."""
        certificate = self.installation.identities["tax"].certificate.read_bytes()
        for request_id in ids:
            message = request(request_id=request_id, blind=uuid.UUID(request_id).bytes * 2)
            now = time.monotonic()
            raw = message.SerializeToString()
            call = Call(raw=raw, certificate=certificate, peer="ipv4:127.0.0.1:1", remaining=5.0, arrived=now)
            (reply,) = self.engine.core.verify_many([call])
            assert reply.body is not None, reply.error
            answer = verification_pb2.VerifyResponse.FromString(reply.body)
            assert answer.outcome == vocabulary.VERDICT_MATCH

    def look(self) -> None:
        """Let as many looks go by as decide."""
        for _ in range(5):
            self.engine._accounts.look()

    def uses(self, purpose: str, act: str) -> float:
        """Add up what was done with the keys of a purpose."""
        return sum(
            sample.value
            for sample in self._samples("padan_key_uses_total")
            if sample.labels["key"].startswith(f"{purpose}:") and sample.labels["act"] == act
        )

    def unlogged(self) -> dict[str, float]:
        """Give the kinds of uses beside the log that there were, and how many."""
        found = self._samples("padan_key_uses_unlogged_total")
        return {sample.labels["use"]: sample.value for sample in found if sample.value}

    def _samples(self, name: str) -> list[Sample]:
        found = (sample for family in self.metrics.registry.collect() for sample in family.samples)
        return [sample for sample in found if sample.name == name]

    def status(self, code: ExitCode) -> dict[str, Any]:
        """Run `padan-server status` beside it, as words and as JSON; gives the document and the words under "words"."""
        words = ["--config", str(self.installation.config_path), "status"]
        self.metrics.ready.set(1)
        with metrics_listener.listening(self.installation.settings.metrics_listen, self.metrics.registry):
            told = CliRunner().invoke(build(("status",)), words)
            done = CliRunner().invoke(build(("status",)), [*words, "--json"])
        assert (told.exit_code, done.exit_code) == (code, code), told.output
        return {**json.loads(done.stdout), "words": told.stdout}


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An installation on each engine, whose keys come from a key agent."""
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    installation = install(
        tmp_path / "i", log_url=url, vault_url=url, extra='key_agent = "agent.sock"\nslot_ms = 0\n'
    )
    metrics = Metrics()
    with serving_keys(installation.settings):
        engine = Engine(installation.settings, metrics=metrics)
        with contextlib.closing(engine):
            yield House(installation, engine, metrics)


def test_what_is_asked_and_what_is_done_beside(house: House) -> None:
    """Questions and repetitions leave nothing over; rows opened and a receipt signed beside them are told apart."""
    ids = [str(uuid.uuid4()) for _ in range(6)]
    house.ask(*ids, *ids[:2])
    house.look()
    assert house.uses("row-seal", "open") == 2 * 8
    assert house.uses("receipt-signing", "sign") == 6
    assert (house.uses("replay", "seal"), house.uses("replay", "open")) == (6, 2)
    assert house.uses("index", "mac") >= 2 * 8
    assert house.unlogged() == {}
    document = house.status(ExitCode.DONE)
    assert document["uses"]["acts"]["sign"] >= 6
    assert document["agent"] == {"handed": 1, "living": 1}
    assert "processes that got keys: 1 since it began, 1 of them run" in document["words"]

    epoch = house.engine._epochs.pin()
    for _ in range(3):
        (rows,) = epoch.lookup([(bytes(16), bytes(16))])
        epoch.open_pair(bytes(16), rows)
    house.engine._agent.signer(Purpose.RECEIPT_SIGNING).sign(b"a receipt of nobody's")
    house.ask(str(uuid.uuid4()))
    house.look()
    assert house.unlogged() == {"row": 6, "receipt": 1}
    document = house.status(ExitCode.NO)
    assert {kind: count for kind, count in document["uses"]["beside"].items() if count} == {
        "row": 6,
        "receipt": 1,
    }
    assert "BESIDE THE LOG: receipts signed 1, rows opened 6" in document["words"]
    house.look()
    assert house.unlogged() == {"row": 6, "receipt": 1}
