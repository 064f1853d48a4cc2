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
from padan.nik import parse
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.installation import install, serving_keys
from tests.people import AS_OF, BUDI
from tests.service import request
from tokenizer.outer import BOX_SIZE
from verifier import metrics_listener
from verifier.call import Call, Reply
from verifier.cli.server import build
from verifier.engine import Engine
from verifier.epoch import RowDamagedError
from verifier.metrics import Metrics
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client.samples import Sample

    from tests.installation import Installation

SECONDS = 60.0


class House:
    """An engine in this process, and its metrics."""

    def __init__(self, installation: Installation, engine: Engine, metrics: Metrics) -> None:
        self.installation = installation
        self.engine = engine
        self.metrics = metrics

    def ask(self, *ids: str) -> None:
        """Ask about somebody once for each request id, each a question of its own or a repetition."""
        for request_id in ids:
            reply = self.reply(request_id)
            assert reply.body is not None, reply.error
            answer = verification_pb2.VerifyResponse.FromString(reply.body)
            assert answer.outcome == vocabulary.VERDICT_MATCH

    def reply(self, request_id: str) -> Reply:
        """Ask once, and give whatever comes."""
        message = request(request_id=request_id, blind=uuid.UUID(request_id).bytes * 2)
        call = Call(
            raw=message.SerializeToString(),
            certificate=self.installation.identities["tax"].certificate.read_bytes(),
            peer="ipv4:127.0.0.1:1",
            remaining=5.0,
            arrived=time.monotonic(),
        )
        (reply,) = self.engine.core.verify_many([call])
        return reply

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
    account = house.engine._accounts.rows
    assert (account.logged, account.failed, account.beside()) == (16, 0, 0)
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


@pytest.mark.parametrize("count", [0, 1])
def test_a_damaged_row_is_accounted_for(house: House, count: int) -> None:
    """A request whose record or decoy does not open has its entry, a refusal, for what was opened."""
    epoch = house.engine._epochs.pin()
    subject = epoch.inner.record_id(parse(BUDI["NIK"], AS_OF))
    damaged = epoch.decoys if count else (epoch.outer.token(subject),)
    with contextlib.closing(open_changer(house.installation.settings.vault_database)) as vault:
        vault.replace(epoch.rows.epoch, sorted((token, bytes(BOX_SIZE)) for token in damaged))
    until = time.monotonic() + SECONDS
    while house.engine._epochs.pin().lookup([(subject, bytes(16))])[0][count][1] != bytes(BOX_SIZE):
        assert time.monotonic() < until, "the changed rows are not seen"
        time.sleep(0.05)
    assert isinstance(house.reply(str(uuid.uuid4())).error, RowDamagedError)
    house.look()
    rows = house.engine._accounts.rows
    assert (rows.logged, rows.failed, rows.beside()) == (count, 0, 0)
    assert house.uses("row-seal", "open") == count
    assert house.unlogged() == {}
