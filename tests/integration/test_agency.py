"""The agency's command lines against the real service: the way from question to proof, and the eight planted faults."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from padan import check
from padan.audit import cli as audit_cli
from padan.cli import main
from padan.finding import Fault, Setup, passed
from tests.installation import TRUST_DOMAIN, install, write_identity
from tests.people import BUDI
from tests.service import running
from tests.simulator import pki
from tests.simulator.terminal import run
from tests.terms import Terms
from verifier.directory import AgreementStatus

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.installation import Identity
    from tests.service import RunningService

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service with an agency in good standing, a suspended one and an unknown one."""
    installation = install(
        tmp_path_factory.mktemp("installation"), agencies={"tax": Terms(), "lapsed": Terms()}
    )
    installation.certify("stranger", register=False)
    directory = installation.directory()
    directory.set_agreement_status("lapsed", 1, AgreementStatus.SUSPENDED, at_ms=2)
    directory.close()
    with running(installation) as started:
        yield started


@pytest.fixture
def setup(service: RunningService) -> Setup:
    """The set-up of the agency in good standing."""
    return with_identity(
        Setup(address=f"localhost:{service.installation.port}", ca="", cert="", key=""),
        service,
        service.installation.identities["tax"],
    )


def with_identity(setup: Setup, service: RunningService, identity: Identity) -> Setup:
    """Use another caller's files."""
    return replace(
        setup, ca=str(service.installation.ca), cert=str(identity.certificate), key=str(identity.key)
    )


def fault(setup: Setup, now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)) -> enum.StrEnum | None:
    """Check, and return the fault that ended it."""
    findings = check.run(setup, now)
    last = findings[-1]
    assert passed(findings) or last.next_step
    return last.fault if not passed(findings) else None


def test_nothing_is_wrong(setup: Setup) -> None:
    """An agency in good standing passes every step; the last one is a refusal by the real service."""
    findings = check.run(setup)
    assert passed(findings), findings
    assert (findings[-1].step, len(findings)) == ("refusal", 9)


def test_wrong_ca(setup: Setup, tmp_path: Path) -> None:
    """Planted fault 1."""
    assert fault(replace(setup, ca=pki.make(tmp_path).ca)) is Fault.WRONG_CA


def test_expired_certificate(setup: Setup, service: RunningService) -> None:
    """Planted fault 2: a certificate of the service's own CA that has ended."""
    key = ec.generate_private_key(ec.SECP256R1())
    signing_request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    issued = service.installation.authority.issue(
        signing_request,
        trust_domain=TRUST_DOMAIN,
        kind="agency",
        caller_id="tax",
        days=10,
        now=datetime.now(tz=UTC) - 40 * DAY,
    )
    identity = write_identity(service.installation.root / "callers", "ended", issued.pem, key)
    assert fault(with_identity(setup, service, identity)) is Fault.CERTIFICATE_EXPIRED


@pytest.mark.parametrize("minutes", [10, -10])
def test_clock_off(setup: Setup, minutes: int) -> None:
    """Planted fault 3, in both directions."""
    assert fault(setup, lambda: datetime.now(tz=UTC) + timedelta(minutes=minutes)) is Fault.CLOCK_OFF


def test_no_san(setup: Setup, tmp_path: Path) -> None:
    """Planted fault 4."""
    nameless = pki.make(tmp_path).nameless
    assert fault(replace(setup, cert=nameless.cert, key=nameless.key)) is Fault.NO_SAN


def test_unknown_agency(setup: Setup, service: RunningService) -> None:
    """Planted fault 5."""
    stranger = service.installation.identities["stranger"]
    assert fault(with_identity(setup, service, stranger)) is Fault.UNKNOWN_AGENCY


def test_suspended_agreement(setup: Setup, service: RunningService) -> None:
    """Planted fault 6."""
    lapsed = service.installation.identities["lapsed"]
    assert fault(with_identity(setup, service, lapsed)) is Fault.AGREEMENT_SUSPENDED


def test_port_closed(setup: Setup) -> None:
    """Planted fault 7."""
    assert fault(replace(setup, address="localhost:1")) is Fault.PORT_CLOSED


def test_wrong_server_name(setup: Setup) -> None:
    """Planted fault 8."""
    assert fault(replace(setup, server_name="elsewhere.example")) is Fault.WRONG_SERVER_NAME


def test_certificate_of_another_ca(setup: Setup, tmp_path: Path) -> None:
    """A certificate of a CA that the service does not trust is found in the handshake."""
    other = pki.make(tmp_path).agency
    assert fault(replace(setup, cert=other.cert, key=other.key)) is Fault.CLIENT_CERTIFICATE_REFUSED


def test_from_question_to_proof(setup: Setup, service: RunningService, tmp_path: Path) -> None:
    """A question, its receipt, the proof that they belong together, and the entry with the receipt's leaf."""
    config = tmp_path / "padan-client.toml"
    settings = {
        "address": setup.address,
        "audit_address": f"localhost:{service.installation.audit_port}",
        "ca": setup.ca,
        "cert": setup.cert,
        "key": setup.key,
        "purpose": "service",
        "officer": "desk-7",
        "legal_basis": "public_task",
    }
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    given = ("--config", str(config))
    document = {"nik": BUDI["NIK"], "claims": {"name": "Budi Santoso", "birth_date": "1990-01-01"}}
    request, receipt, keys = (str(tmp_path / name) for name in ("q.bin", "r.jws", "keys.json"))
    asked = run(
        main,
        *(*given, "verify", "--input", "-", "--json", "--save-request", request, "--save-receipt", receipt),
        stdin=json.dumps(document).encode(),
    )
    assert asked.code == 0, asked.err
    answer = json.loads(asked.out)
    assert answer["verdicts"] == {"name": "MATCH", "birth_date": "MATCH"}
    (tmp_path / "keys.json").write_text(run(main, *given, "info", "--jwks").out)
    proof = run(
        main,
        *("receipt", "check", receipt, "--keys", keys, "--request", request, "--agency", "tax", "--json"),
    )
    assert proof.code == 0, proof.err
    proven = json.loads(proof.out)
    assert (proven["outcome"], proven["request_id"]) == ("MATCH", answer["request_id"])
    listed = run(audit_cli.main, *given, "list", "--outcome", "match", "--purpose", "service", "--json")
    assert listed.code == 0, listed.err
    entries = [json.loads(line) for line in listed.out.splitlines()]
    (own,) = [entry for entry in entries if entry.get("request_id") == answer["request_id"]]
    assert own["leaf"] == proven["leaf"]
    assert own["request_digest"] == proven["digest"]
    assert own["claims"] == ["name", "birth_date"]
    assert BUDI["NIK"] not in asked.out + proof.out + listed.out
    assert "0 entries" in run(audit_cli.main, *given, "list", "--until", "2020-01-01").err
    table = run(audit_cli.main, *given, "list")
    assert "VERIFY" in table.out


def test_a_no_ends_with_one(setup: Setup) -> None:
    """A wrong name is NO_MATCH and exit code 1; an attribute that is not granted is refused with 4."""
    link = ("--address", setup.address, "--ca", setup.ca, "--cert", setup.cert, "--key", setup.key)
    basis = ("--purpose", "service", "--officer", "desk-7", "--legal-basis", "public_task")
    person = ("verify", *link, *basis, "--nik", BUDI["NIK"])
    wrong = run(main, *person, "--claim", "name=Joko Widodo")
    assert (wrong.code, wrong.out.split()[0]) == (1, "NO_MATCH")
    refused = run(main, *person, "--claim", "name=Budi Santoso", "--claim", "religion=1")
    assert refused.code == 4
    assert "[ATTRIBUTE_NOT_GRANTED]" in refused.err
