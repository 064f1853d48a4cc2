"""The operator's commands about the CA, callers and agreements, over a real directory and log."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from padan.entry import EntryKind, Field, decode
from tests.unit.verifier.certificates import request
from verifier import migrations
from verifier.agreement.errors import AgreementDocumentError, AgreementSignatureError, AgreementStateError
from verifier.ca import AuthorityError, CertificateAuthority, SigningRequestError
from verifier.cli.failure import translate
from verifier.cli.server import build
from verifier.enrolment import EnrolmentError
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "deploy" / "agreements" / "health-insurance.toml"
AGENCY = "health-insurance"


class Desk:
    """An operator at a configuration in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "padan.toml"
        self.configure()
        migrations.upgrade(str(folder / "data" / "log.sqlite"), migrations.Tree.LOG)

    def configure(self, *signers: str) -> None:
        """Write the configuration."""
        self.config.write_text(
            'registry_id = "registry"\nenvironment = "development"\ntrust_domain = "padan.example"\n'
            f"agreement_signers = {json.dumps(list(signers))}\n"
        )

    def run(self, *words: str | Path, code: int = 0) -> str:
        """Run a command, and return what it prints."""
        result = CliRunner().invoke(build(), ["--config", str(self.config), *map(str, words)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    def json(self, *words: str | Path) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*words, "--json"))

    def csr(self) -> Path:
        """Write a new request."""
        path = self.folder / "agency.csr"
        path.write_bytes(request())
        return path

    def enrol(self, caller_id: str = AGENCY, *more: str | Path) -> None:
        """Enrol a caller by a new request."""
        self.run(
            "agency", "enrol", caller_id, "--csr", self.csr(), "--out", self.folder / "agency.pem", *more
        )

    def kinds(self) -> Sequence[int]:
        """List the kinds of the entries in the log."""
        log = open_log(str(self.folder / "data" / "log.sqlite"))
        kinds = [entry.kind for entry in log.entries(0, 100)]
        log.close()
        return kinds


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with a CA."""
    made = Desk(tmp_path)
    made.run("ca", "init")
    return made


def sign(desk: Desk, document: Path = EXAMPLE) -> Path:
    """Make a signer's key, trust it, and sign."""
    key = desk.folder / "signer.json"
    if not key.exists():
        desk.configure(desk.json("agreement", "keygen", "--out", key)["public_key"])
    signature = desk.folder / f"{document.name}.sig"
    desk.run("agreement", "sign", document, "--key", key, "--out", signature)
    return signature


def test_a_ca_is_made_once_and_shown(desk: Desk) -> None:
    """The root is shown by serial, fingerprint and time, and not made again."""
    shown = desk.json("ca", "show")
    assert set(shown) == {"serial", "fingerprint", "not_before", "not_after"}
    assert shown["serial"] in desk.run("ca", "show")
    with pytest.raises(AuthorityError, match="already"):
        desk.run("ca", "init")


def test_a_sealed_ca_needs_its_passphrase(tmp_path: Path) -> None:
    """The passphrase comes from a file, and nothing is signed without it."""
    desk = Desk(tmp_path)
    (tmp_path / "pass").write_text("correct horse battery\n")
    (tmp_path / "empty").write_text("")
    desk.run("ca", "init", "--ca-passphrase-file", tmp_path / "pass")
    desk.run("ca", "show", "--ca-passphrase-file", tmp_path / "pass")
    with pytest.raises(AuthorityError):
        desk.run("ca", "show")
    for wrong in ("empty", "nowhere"):
        with pytest.raises(CommandError):
            desk.run("ca", "show", "--ca-passphrase-file", tmp_path / wrong)


def test_a_server_gets_key_and_certificate(desk: Desk) -> None:
    """Both are written where the configuration expects them, and replaced only when told."""
    words = ("ca", "issue-server", "--dns", "localhost", "--ip", "127.0.0.1")
    desk.run(*words)
    key, cert = desk.folder / "tls" / "server.key", desk.folder / "tls" / "server.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    before = cert.read_bytes()
    with pytest.raises(CommandError, match="already"):
        desk.run(*words)
    assert cert.read_bytes() == before
    desk.run(*words, "--renew")
    assert cert.read_bytes() != before
    assert cert.read_bytes().count(b"BEGIN CERTIFICATE") == 2


def test_an_agency_from_enrolment_to_revocation(desk: Desk) -> None:
    """Every step is listed, and stands in the log."""
    desk.enrol(AGENCY, "--name", "Health Insurance")
    assert (desk.folder / "agency.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 2
    [row] = desk.json("agency", "list")
    assert (row["id"], row["name"], row["state"], row["ca"], row["warning"]) == (
        AGENCY,
        "Health Insurance",
        "valid",
        "own",
        "",
    )
    assert row["days_left"] in {89, 90}
    desk.run("agency", "renew", AGENCY, "--csr", desk.csr(), "--out", desk.folder / "new.pem", "--days", "20")
    states = {each["serial"]: each["state"] for each in desk.json("agency", "list")}
    assert sorted(states.values()) == ["expiring", "valid"]
    assert "ends in" in CliRunner().invoke(build(), ["--config", str(desk.config), "agency", "list"]).stderr
    desk.run("agency", "revoke", AGENCY, "--serial", f"00{row['serial'].upper()}")
    assert {each["serial"]: each["state"] for each in desk.json("agency", "list")}[row["serial"]] == "revoked"
    desk.run("agency", "revoke", AGENCY)
    assert {each["state"] for each in desk.json("agency", "list")} == {"revoked"}
    desk.run("agency", "restore", AGENCY)
    assert "expiring" in {each["state"] for each in desk.json("agency", "list")}
    assert desk.kinds() == [
        EntryKind.AGENCY_ENROLLED,
        EntryKind.CERTIFICATE_ISSUED,
        EntryKind.CERTIFICATE_REVOKED,
        EntryKind.AGENCY_REVOKED,
        EntryKind.AGENCY_RESTORED,
    ]


def test_another_role_is_enrolled_alike(desk: Desk) -> None:
    """An auditor is listed under its own role."""
    desk.enrol("ana", "--role", "auditor")
    assert desk.json("agency", "list") == []
    assert [row["id"] for row in desk.json("agency", "list", "--role", "auditor")] == ["ana"]


def test_an_outside_certificate_is_registered_by_its_fingerprint(desk: Desk, tmp_path: Path) -> None:
    """A certificate of another CA is registered as it is, and nothing is signed for it."""
    outside = CertificateAuthority.create(tmp_path / "outside", trust_domain="x", now=datetime.now(UTC))
    issued = outside.issue(
        request(), trust_domain="padan.example", kind="agency", caller_id="tax", days=9, now=datetime.now(UTC)
    )
    (tmp_path / "tax.pem").write_bytes(issued.pem)
    desk.run("agency", "enrol", "tax", "--certificate", tmp_path / "tax.pem")
    [row] = desk.json("agency", "list")
    assert (row["ca"], row["fingerprint"]) == ("outside", issued.certificate.fingerprint.hex())


def test_enrolment_says_what_it_needs(desk: Desk) -> None:
    """Without a request, with too much, or with something else, nothing is enrolled."""
    (desk.folder / "bad.csr").write_text("no request")
    with pytest.raises(SigningRequestError):
        desk.run("agency", "enrol", "a", "--csr", desk.folder / "bad.csr", "--out", desk.folder / "x")
    for words in ((), ("--csr", desk.csr()), ("--csr", desk.csr(), "--certificate", desk.csr())):
        with pytest.raises(CommandError, match="needed"):
            desk.run("agency", "enrol", "a", *words)
    with pytest.raises(CommandError, match="cannot be read"):
        desk.run("agency", "enrol", "a", "--csr", desk.folder / "none", "--out", desk.folder / "x")
    with pytest.raises(EnrolmentError):
        desk.run("agency", "renew", "a", "--csr", desk.csr(), "--out", desk.folder / "x")
    assert desk.json("agency", "list") == []
    assert desk.kinds() == []


def test_an_agreement_from_check_to_suspension(desk: Desk) -> None:
    """A document is checked, signed, activated, shown, suspended and activated again; the log has every step."""
    desk.enrol()
    assert desk.json("agreement", "check", EXAMPLE) == {
        "file": str(EXAMPLE),
        "ok": True,
        "errors": [],
        "warnings": [],
    }
    signature = sign(desk)
    desk.run("agreement", "activate", EXAMPLE, "--signature", signature)
    [row] = desk.json("agreement", "list")
    assert (row["agency"], row["version"], row["status"]) == (AGENCY, 1, "active")
    assert desk.run("agreement", "show", AGENCY) == EXAMPLE.read_text()
    shown = desk.json("agreement", "show", AGENCY)
    assert shown["purposes"][0]["anchors"] == ["name", "address"]
    desk.run("agreement", "suspend", AGENCY, "--reason", "late report")
    assert desk.json("agreement", "list")[0]["status"] == "suspended"
    desk.run("agreement", "activate", EXAMPLE, "--signature", signature)
    assert desk.json("agreement", "list")[0]["status"] == "active"
    assert desk.kinds()[1:] == [
        EntryKind.AGREEMENT_ACTIVATED,
        EntryKind.AGREEMENT_SUSPENDED,
        EntryKind.AGREEMENT_ACTIVATED,
    ]


def test_entries_name_the_agreement_and_its_signer(desk: Desk) -> None:
    """The private entry of an activation has id, version, document and signer."""
    desk.enrol()
    desk.run("agreement", "activate", EXAMPLE, "--signature", sign(desk))
    log = open_log(str(desk.folder / "data" / "log.sqlite"))
    entry = decode(log.entries(0, 100)[-1].entry)
    log.close()
    assert entry.text(Field.AGREEMENT) == "health-insurance-2024"
    assert entry.number(Field.AGREEMENT_VERSION) == 1
    assert entry.text(Field.AGENCY) == AGENCY
    assert {text.partition("=")[0] for text in entry.texts(Field.DETAIL)} == {"document", "signer", "until"}


def test_a_bad_document_is_shown_with_file_and_line(desk: Desk) -> None:
    """Errors name file, line, key and remedy, for people and as JSON."""
    bad = desk.folder / "bad.toml"
    bad.write_text(EXAMPLE.read_text().replace('anchors = ["name"]', 'anchors = ["sex"]'))
    with pytest.raises(
        AgreementDocumentError, match=rf"{bad}: line \d+: purposes\[1\].anchors: sex stands in"
    ):
        desk.run("agreement", "check", bad)
    answer = json.loads(desk.run("agreement", "check", bad, "--json", code=ExitCode.INPUT))
    assert not answer["ok"]
    [error] = answer["errors"]
    assert 'anchors = ["sex"]' in bad.read_text().splitlines()[error["line"] - 1]


def test_activation_needs_signature_and_agency(desk: Desk) -> None:
    """Neither an unknown agency nor a signature of somebody else is let through."""
    signature = sign(desk)
    with pytest.raises(AgreementStateError, match="not enrolled"):
        desk.run("agreement", "activate", EXAMPLE, "--signature", signature)
    desk.enrol()
    desk.configure()
    with pytest.raises(AgreementSignatureError):
        desk.run("agreement", "activate", EXAMPLE, "--signature", signature)
    with pytest.raises(CommandError, match="cannot be read"):
        desk.run("agreement", "activate", EXAMPLE, "--signature", desk.folder / "none")
    with pytest.raises(CommandError, match="no such agreement"):
        desk.run("agreement", "show", AGENCY)
    assert desk.json("agreement", "list") == []


def test_the_template_is_an_agreement(desk: Desk) -> None:
    """What template prints passes the check."""
    path = desk.folder / "template.toml"
    path.write_text(desk.run("agreement", "template"))
    assert "is fine" in desk.run("agreement", "check", path)


def test_the_end_of_an_agreement_is_warned_of(desk: Desk) -> None:
    """Within 30 days of its end the list warns."""
    desk.enrol()
    document = desk.folder / "short.toml"
    until = (datetime.now(UTC) + timedelta(days=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    document.write_text(re.sub(r"^until = .*$", f"until = {until}", EXAMPLE.read_text(), flags=re.MULTILINE))
    desk.run("agreement", "activate", document, "--signature", sign(desk, document))
    assert re.fullmatch(r"version 1 ends in \d+ days", desk.json("agreement", "list")[0]["warning"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EnrolmentError("x"), ExitCode.STATE),
        (AuthorityError("x"), ExitCode.STATE),
        (SigningRequestError("x"), ExitCode.INPUT),
        (AgreementStateError("x"), ExitCode.STATE),
        (AgreementSignatureError("x"), ExitCode.REFUSED),
        (AgreementDocumentError("f", []), ExitCode.INPUT),
    ],
)
def test_failures_have_a_code_and_a_next_step(error: Exception, code: ExitCode) -> None:
    """Each error of these commands says what to do next."""
    told = translate(error)
    assert told is not None
    assert told.code is code
    assert told.next_step
