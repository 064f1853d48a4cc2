"""From an answer to the proof that it stands in the log: over the wire, offline, and by the client's own watch."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

import grpc
import pytest

from padan import aio, expecting
from padan.audit.listing import Filter
from padan.cli import main
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.errors import IdentityError, InvalidRequestError, LogError, LogProofError, PadanError
from padan.proofs import ProofClient, Proofs
from padan.question import Question
from padan.tlog import merkle, policy
from padan.tlog.proof import LogProof, parse
from tests.installation import install
from tests.people import BUDI
from tests.service import running
from tests.simulator.terminal import run
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tests.service import RunningService


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service of one agency; its first checkpoint is published."""
    installation = install(tmp_path_factory.mktemp("installation"))
    installation.certify("stranger", register=False)
    with running(installation) as started:
        prove(started, ask(started))
        yield started


def files(service: RunningService, name: str = "tax") -> dict[str, Any]:
    """Name a caller's files."""
    identity = service.installation.identities[name]
    return {
        "ca": str(service.installation.ca),
        "cert": str(identity.certificate),
        "key": str(identity.key),
        "server_name": "localhost",
    }


def proof_client(service: RunningService, name: str = "tax") -> ProofClient:
    """Open a caller's client of the log's listener."""
    return ProofClient.from_files(f"127.0.0.1:{service.installation.audit_port}", **files(service, name))


def question() -> Question:
    """Build a question."""
    return Question.build(
        nik=BUDI["NIK"],
        claims={"name": BUDI["NAMA_LGKP"]},
        purpose="service",
        officer="officer-1",
        legal_basis="public_task",
    )


def policy_of(service: RunningService) -> policy.Policy:
    """Believe the service's log."""
    with service.client() as client:
        keys = client.service_info().log_keys()
    return policy.parse("".join(f"log {key}\n" for key in keys) + "quorum none\n")


def ask(service: RunningService) -> str:
    """Ask a question; the answer's receipt."""
    with service.client() as client:
        return client.ask(question()).receipt


def prove(service: RunningService, receipt: str) -> LogProof:
    """Fetch the proof of a receipt as soon as it is there, and long before the receipt's merge delay is over."""
    leaf, _ = expecting.leaf_of(receipt)
    with proof_client(service) as client:
        for _ in range(100):
            try:
                return client.inclusion(leaf, policy=policy_of(service))
            except LogProofError as error:
                assert error.reason == "UNKNOWN_LEAF"  # noqa: PT017 - of the refusals only this one may pass
            time.sleep(0.1)
    raise AssertionError("the leaf is in no checkpoint")


def test_an_answer_is_proven_on_the_command_line(service: RunningService, tmp_path: Path) -> None:
    """`padan receipt prove` saves the proof, `receipt check` holds against it offline, and a flipped bit is refused."""
    receipt = tmp_path / "receipt.jws"
    shared = [word for name, file in files(service).items() for word in (f"--{name.replace('_', '-')}", file)]
    receipt.write_text(ask(service))
    prove(service, receipt.read_text())
    asked = ["info", "--address", f"127.0.0.1:{service.installation.port}", *shared]
    for option, name in (("--jwks", "keys.json"), ("--policy", "log.policy")):
        (tmp_path / name).write_text(run(main, *asked, option).out)
    assert json.loads(run(main, *asked, "--json").out)["log_keys"][0] in run(main, *asked).out
    ended = run(
        main,
        *("receipt", "prove", str(receipt), "--policy", str(tmp_path / "log.policy"), "--json"),
        *("--address", f"127.0.0.1:{service.installation.audit_port}", *shared),
    )
    assert (ended.code, json.loads(ended.out)["signatures"]) == (0, "good")
    proof = tmp_path / "receipt.jws.tlog-proof"
    check = ["receipt", "check", str(receipt), "--keys", str(tmp_path / "keys.json")]
    held = [*check, "--proof", str(proof), "--policy", str(tmp_path / "log.policy"), "--json"]
    ended = run(main, *held)
    assert (ended.code, json.loads(ended.out)["proof"][:10]) == (0, "in the log")
    assert run(main, *check, "--proof", str(proof)).code == ExitCode.USAGE
    whole = parse(proof.read_bytes())
    path = (bytes([whole.path[0][0] ^ 1]) + whole.path[0][1:], *whole.path[1:])
    proof.write_bytes(LogProof(index=whole.index, path=path, checkpoint=whole.checkpoint).encode())
    ended = run(main, *held)
    assert (ended.code, "another root" in ended.err) == (1, True)
    signed = bytearray(whole.checkpoint)
    signed[-10] ^= 1
    proof.write_bytes(LogProof(index=whole.index, path=whole.path, checkpoint=bytes(signed)).encode())
    assert run(main, *held).code == 1


def test_trees_are_consistent(service: RunningService) -> None:
    """The published tree begins with every earlier one, and sizes that are none are refused by name."""
    believing = policy_of(service)
    with proof_client(service) as client:
        old = believing.believe(client.checkpoint()).checkpoint
        prove(service, ask(service))
        size, path, data = client.consistency(old.size)
        new = believing.believe(data).checkpoint
        assert size == new.size > old.size
        merkle.check_consistency(old.size, old.root, new.size, new.root, path)
        for sizes, field in (((0, 0), "old_size"), ((3, 2), "old_size"), ((1, 1 << 40), "new_size")):
            with pytest.raises(InvalidRequestError, match=field):
                client.consistency(*sizes)


def test_what_is_no_leaf_is_refused(service: RunningService) -> None:
    """A leaf that the log has not is told as such, and is no entry."""
    with proof_client(service) as client, pytest.raises(LogProofError) as caught:
        client.inclusion(bytes(33))
    assert caught.value.reason == "UNKNOWN_LEAF"


def refusals(service: RunningService) -> int:
    """Count the entries that tell of refusals."""
    with closing(open_log(service.installation.settings.log_database)) as log:
        return sum(row.kind == EntryKind.REFUSED for row in log.entries(0, 100_000))


def test_strangers_and_unknown_fields_are_refused(service: RunningService) -> None:
    """A caller that is not registered gets no proof, a field that is unknown no answer; both are entries."""
    before = refusals(service)
    with proof_client(service, "stranger") as client:
        for ask_for in (
            client.checkpoint,
            lambda: client.consistency(1),
            lambda: client.inclusion(bytes(33)),
        ):
            with pytest.raises(IdentityError):
                ask_for()
    assert refusals(service) == before + 3
    prove(service, ask(service))
    with service.channel(audit=True) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(expecting.CHECKPOINT)
        asked = [call.future(b"", timeout=20) for _ in range(30)]
        assert all(each.exception() is None for each in asked)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\x08\x01", timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusals(service) == before + 4


def test_a_client_watches_over_its_receipts(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer of a client that was given proofs is followed by its proof, from both clients."""
    monkeypatch.setattr(expecting, "PAUSE", 0.2)
    proven: list[str] = []
    watch = Proofs(
        proof_client(service),
        policy=policy_of(service),
        on_alarm=lambda _receipt, error: pytest.fail(str(error)),
        on_proof=lambda receipt, _proof: proven.append(receipt),
        delay=0.2,
    )
    address = f"127.0.0.1:{service.installation.port}"

    async def ask_too() -> str:
        async with aio.Client.from_files(address, **files(service), timeout=5, proofs=watch) as client:
            return (await client.ask(question())).receipt

    from padan import Client

    with Client.from_files(address, **files(service), timeout=5, proofs=watch) as client:
        receipts = [client.ask(question()).receipt, asyncio.run(ask_too())]
    assert watch.drain(30)
    watch.close()
    assert (sorted(proven), watch.alarms) == (sorted(receipts), 0)


def forged(leaf: bytes, promise: int) -> str:
    """Write what a service that does not log would hand out."""
    import base64

    body = json.dumps({"leaf": leaf.hex(), "mmd": promise}).encode()
    return f"e30.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.e30"


def _watch_to_the_end(watch: Proofs, receipt: str) -> None:
    watch.watch(receipt)
    assert watch.drain(30)
    watch.close()


@pytest.mark.parametrize("kind", ["no leaf", "stranger", "no receipt"])
def test_an_answer_without_a_proof_is_an_alarm(
    service: RunningService, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leaf that is not in the log, a log that nobody believes and a receipt without a leaf each call and warn."""
    monkeypatch.setattr(expecting, "GRACE", 0.0)
    told: list[tuple[str, PadanError]] = []
    watch = Proofs(
        proof_client(service),
        policy=policy.parse("quorum none\n") if kind == "stranger" else policy_of(service),
        on_alarm=lambda receipt, error: told.append((receipt, error)),
        delay=1.0 if kind == "stranger" else 0,
    )
    receipt = {"no leaf": forged(b"\x01" + bytes(32), 0), "stranger": ask(service), "no receipt": "x"}[kind]
    with pytest.warns(expecting.MissingProofWarning, match="keep the receipt"):
        _watch_to_the_end(watch, receipt)
    assert (told[0][0], watch.alarms) == (receipt, 1)
    if kind == "no leaf":
        assert told[0][1].reason == "UNKNOWN_LEAF"
    if kind == "stranger":
        assert isinstance(told[0][1], LogError)


def test_readings_of_proofs_are_no_entries(service: RunningService) -> None:
    """Proofs make no entry, so that asking for them does not grow the log."""
    from padan.audit.listing import AuditClient

    receipt = ask(service)
    prove(service, receipt)
    address = f"127.0.0.1:{service.installation.audit_port}"
    with AuditClient.from_files(address, **files(service)) as reader:
        before = len(list(reader.entries(Filter())))
        for _ in range(3):
            prove(service, receipt)
        kinds = list(reader.entries(Filter()))
    assert len(kinds) == before + 1  # the first reading itself
