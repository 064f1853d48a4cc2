"""The watch over proofs against the log's own listener: rates, receipts that are too many, missing witnesses."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from padan import Client, aio, expecting
from padan.errors import LogSignatureError, PadanError, QuorumError
from padan.proofs import ProofClient, Proofs
from padan.tlog import note, policy
from padan.tlog.note import Algorithm, VerifierKey
from tests.proving import ProofListener
from tests.simulator.journal import Writer
from tests.simulator.log_store import MemoryLog
from tests.simulator.service import match
from tests.tree import open_site
from verifier import migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import grpc

    from padan.v1 import verification_pb2
    from tests.simulator.pki import Pki
    from tests.simulator.service import Service, Step
    from tests.tree import Site
    from verifier.ports import Journal

LEAVES = 30
EIGHT_WORKERS = 1 / 8
ONE_CALL = 1 / 100
"""Share of a rate that admits one call a second."""


class Signer:
    """A key with a name."""

    def __init__(self, name: str, algorithm: Algorithm) -> None:
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.sign = private.sign
        self.key = VerifierKey(name, algorithm, private.public_key().public_bytes_raw())


ONE, TWO = (Signer(f"witness.example/{number}", Algorithm.COSIGNATURE) for number in (1, 2))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A published tree."""
    folder = tmp_path_factory.mktemp("site")
    database = str(folder / "log.sqlite")
    migrations.upgrade(database, migrations.Tree.LOG)
    with open_site(database, folder) as opened:
        opened.publish(LEAVES)
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Where the listener logs refusals."""
    with Writer(tmp_path / "journal.sock", MemoryLog()) as writer:
        yield writer.committer


@pytest.fixture
def listening(site: Site, journal: Journal, pki: Pki) -> Callable[..., ProofListener]:
    """Make the log's listener over the published tree."""
    return partial(ProofListener, site.folder, journal, pki)


class Watched:
    """A watch, and what it told."""

    def __init__(self, listener: ProofListener, files: dict[str, Any], believed: str, **more: Any) -> None:
        self.proven: list[str] = []
        self.told: list[PadanError] = []
        self.watch = Proofs(
            ProofClient.from_files(listener.address, **files),
            policy=policy.parse(believed),
            on_alarm=lambda _receipt, error: self.told.append(error),
            on_proof=lambda receipt, _proof: self.proven.append(receipt),
            **more,
        )

    def end(self, *more: str) -> None:
        """Watch over these too, and wait until nothing is waited for."""
        for receipt in more:
            self.watch.watch(receipt)
        assert self.watch.drain(60)
        self.watch.close()


def without_witnesses(site: Site) -> str:
    """Write the policy that believes the log."""
    return "".join(f"log {key}\n" for key in site.signer.keys) + "quorum none\n"


def with_both(*logs: VerifierKey) -> str:
    """Write the policy that wants both witnesses."""
    lines = [f"log {key}" for key in logs]
    lines += [f"witness one {ONE.key}", f"witness two {TWO.key}", "group both all one two", "quorum both"]
    return "\n".join(lines)


def publish(site: Site, *witnesses: Signer) -> None:
    """Publish the same checkpoint with the lines of these witnesses."""
    data = site.folder.checkpoint()
    assert data is not None
    read = note.parse(data)
    own = [line for line in read.lines if line.name == site.signer.keys[0].name]
    lines = [note.cosign(read.text, each.key, each.sign, 1_700_000_000) for each in witnesses]
    assert site.folder.publish(note.join(read.text, [*own, *lines]), may_replace=lambda _: True)


def receipts(site: Site, count: int = LEAVES, *, promise: int = 0) -> list[str]:
    """Write receipts of leaves in the tree; nobody here looks at their signature."""
    written = []
    for leaf in site.log.leaves(0, count):
        body = json.dumps({"leaf": leaf.hex(), "mmd": promise}).encode()
        written.append(f"e30.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.e30")
    return written


def saying(receipt: str) -> Step:
    """Make a step of the simulated service that answers with a receipt."""

    def step(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        response = match(request, context)
        response.receipt = receipt
        return response

    return step


class Office:
    """Asks the simulated service, with either client."""

    def __init__(self, service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
        self._service = service
        self._files = {**files, "timeout": 20}
        self._asked = asked

    def ask(self, kind: str, watch: Proofs, answers: list[str]) -> None:
        """Ask one question for each of these receipts."""
        self._service.steps += [saying(receipt) for receipt in answers]
        if kind == "asyncio":
            asyncio.run(self._ask_on_asyncio(watch, len(answers)))
            return
        with Client.from_files(self._service.address, **self._files, proofs=watch) as client:
            for _ in answers:
                client.verify(**self._asked)

    async def _ask_on_asyncio(self, watch: Proofs, count: int) -> None:
        async with aio.Client.from_files(self._service.address, **self._files, proofs=watch) as client:
            for _ in range(count):
                await client.verify(**self._asked)


@pytest.fixture
def office(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> Office:
    """An office with questions."""
    return Office(service, files, asked)


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_a_rate_is_waited_for(
    site: Site, listening: Callable[..., ProofListener], files: dict[str, Any], office: Office, kind: str
) -> None:
    """Answers that come faster than proofs are admitted are all proven, and none is an alarm, from both clients."""
    made = receipts(site)
    with listening(share=EIGHT_WORKERS) as listener:
        listener.stands = True  # so that the burst is used up however slow this machine is
        watched = Watched(listener, files, without_witnesses(site))
        office.ask(kind, watched.watch, made)
        listener.wait_for_refusals(1)
        listener.stands = False
        watched.end()
    assert sorted(watched.proven) == sorted(made)
    assert (watched.told, watched.watch.alarms, watched.watch.unwatched) == ([], 0, 0)
    assert listener.refused < len(made) / 2


def test_a_service_that_refuses_for_ever_is_an_alarm_of_its_own(
    site: Site,
    listening: Callable[..., ProofListener],
    files: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A log cannot keep a leaf to itself by calling every call too fast; what is told is that it was asked in vain."""
    monkeypatch.setattr(expecting, "AWAY", 0.0)
    first, second = receipts(site, 2)
    with listening(share=ONE_CALL) as listener:
        listener.stands = True
        watched = Watched(listener, files, without_witnesses(site))
        watched.watch.watch(first)
        listener.wait_for_answers(1)
        with pytest.warns(expecting.MissingProofWarning, match="not to be had"):
            watched.end(second)
    assert (watched.proven, [error.reason for error in watched.told]) == ([first], ["RATE_LIMITED"])
    assert listener.refused == expecting.TRIES


def test_receipts_beyond_the_bound_are_counted(
    site: Site, listening: Callable[..., ProofListener], files: dict[str, Any]
) -> None:
    """More than may wait are told of once until there was room again, are no alarm, and do not pass for proven."""
    now, later = receipts(site, 3), receipts(site, 5, promise=600)

    def fill(watched: Watched, made: list[str]) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for receipt in made:
                watched.watch.watch(receipt)
        return [each.category.__name__ for each in caught]

    with listening(share=ONE_CALL) as listener:
        listener.stands = True
        watched = Watched(listener, files, without_witnesses(site), most=2)
        assert fill(watched, now[:1]) == []
        listener.wait_for_answers(1)
        assert watched.watch.drain(30)
        assert fill(watched, [*now[1:], *later]) == ["UnwatchedReceiptWarning"]
        assert (watched.watch.unwatched, watched.watch.alarms) == (5, 0)
        listener.stands = False
        assert watched.watch.drain(30)
        assert watched.proven == now
        assert fill(watched, later) == ["UnwatchedReceiptWarning"]
        assert (watched.watch.unwatched, watched.watch.alarms) == (8, 0)
        watched.watch.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what a caller makes of warnings does not cost it its answer
        full = Watched(listener, files, without_witnesses(site), most=0)
        full.watch.watch(now[0])
        full.watch.close()
    assert full.watch.unwatched == 1


def test_a_witness_that_comes_late_is_waited_for(
    site: Site,
    listening: Callable[..., ProofListener],
    files: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a witness restarts nothing is an alarm, and when its line is there the proof is too."""
    monkeypatch.setattr(expecting, "PAUSE", 0.05)
    publish(site, ONE)
    made = receipts(site, 2)
    with listening() as listener:
        watched = Watched(listener, files, with_both(*site.signer.keys))
        for receipt in made:
            watched.watch.watch(receipt)
        listener.wait_for_answers(6)
        publish(site, ONE, TWO)
        watched.end()
    assert sorted(watched.proven) == sorted(made)
    assert (watched.told, watched.watch.alarms) == ([], 0)


def test_a_witness_that_never_comes_is_an_alarm_of_its_own(
    site: Site,
    listening: Callable[..., ProofListener],
    files: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the time for it is over, it is told that witnesses are missing, and not that a proof does not hold."""
    monkeypatch.setattr(expecting, "PAUSE", 0.05)
    monkeypatch.setattr(expecting, "UNWITNESSED", 0.0)
    publish(site, ONE)
    with listening() as listener:
        watched = Watched(listener, files, with_both(*site.signer.keys))
        with pytest.warns(expecting.MissingProofWarning, match="witnesses are missing") as caught:
            watched.end(*receipts(site, 1))
    assert "does not hold" not in str(caught[0].message)
    assert ([type(error) for error in watched.told], watched.told[0].reason) == ([QuorumError], "quorum")
    assert (watched.proven, listener.answered) == ([], expecting.TRIES)


def test_a_checkpoint_that_the_log_has_not_signed_is_an_alarm_at_once(
    site: Site, listening: Callable[..., ProofListener], files: dict[str, Any]
) -> None:
    """A log of the same name with another key is asked once, whatever its witnesses."""
    publish(site, ONE)
    stranger = Signer(site.signer.keys[0].name, Algorithm.LOG)
    with listening() as listener:
        watched = Watched(listener, files, with_both(stranger.key))
        with pytest.warns(expecting.MissingProofWarning, match="does not hold"):
            watched.end(*receipts(site, 1))
    assert ([type(error) for error in watched.told], listener.answered) == ([LogSignatureError], 1)
