"""Reports of stages: the document, its verdict, its signature."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from keys.realm import Realm
from keys.signing import Signer
from verifier.agreement import signkey
from verifier.stage import report, signature
from verifier.stage.errors import ReportFileError, ReportSignatureError
from verifier.stage.report import Criterion, Findings, Origin, Stage, StageReport

REALM = Realm(registry_id="registry-test", environment="development")
SIGNER, STRANGER = Signer(bytes(32)), Signer(bytes(range(32)))
OFFICERS = [signkey.text(SIGNER.public_key)]
GOOD = Criterion(name="p99", wanted="at most 250 ms", found="12.0 ms", passed=True)
BAD = replace(GOOD, found="900.0 ms", passed=False)


def made(*criteria: Criterion, stopped: str = "") -> StageReport:
    """Make a report."""
    return StageReport(
        stage=Stage.LOAD,
        origin=Origin(
            registry_id=REALM.registry_id,
            environment=REALM.environment,
            release="0.1.0",
            versions={"suite": "1"},
            settings_sha256="ab" * 32,
        ),
        began=datetime(2026, 6, 1, 5, tzinfo=UTC),
        ended=datetime(2026, 6, 1, 5, 1, tzinfo=UTC),
        findings=Findings(criteria=criteria, figures={"calls": 3}, stopped=stopped),
    )


@pytest.mark.parametrize(
    ("criteria", "stopped", "verdict"),
    [
        ((GOOD,), "", "passed"),
        ((GOOD, BAD), "", "failed"),
        ((GOOD,), "p99 of the last 3 s was 900 ms", "failed"),
    ],
)
def test_the_verdict_is_that_of_every_criterion(
    criteria: tuple[Criterion, ...], stopped: str, verdict: str
) -> None:
    """One criterion that is not met, or an early end, fails the stage; both documents say so."""
    one = made(*criteria, stopped=stopped)
    values = report.read(one.document())
    assert (one.verdict, values["verdict"], values["stopped"]) == (verdict, verdict, stopped)
    assert values["criteria"][0]["name"] == "p99"
    assert (values["seconds"], values["figures"], values["registry_id"]) == (
        60.0,
        {"calls": 3},
        "registry-test",
    )
    text = one.markdown().decode()
    assert text.startswith(f"# Stage load: {verdict}\n")
    assert report.sha256(one.document()) in text
    assert ("FAILED" in text) == (BAD in criteria)


def test_an_officers_signature_holds_for_this_very_report() -> None:
    """Signed and unchanged it is accepted; changed, of a stranger, of another realm or over another kind it is not."""
    document = made(GOOD).document()
    signed = signature.sign(REALM, document, SIGNER)
    assert signature.require_signed(REALM, document, signed, OFFICERS) == SIGNER.key_id
    other = Realm(registry_id="registry-test", environment="production")
    for realm, data, file, officers in (
        (REALM, document.replace(b"passed", b"PASSED"), signed, OFFICERS),
        (REALM, document, signature.sign(REALM, document, STRANGER), OFFICERS),
        (other, document, signed, OFFICERS),
        (REALM, document, b"{}", OFFICERS),
        (REALM, document, signed, []),
    ):
        with pytest.raises(ReportSignatureError):
            signature.require_signed(realm, data, file, officers)


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{", b'{"use": "feed", "format": 1}', b'{"use": "stage-report"}']
)
def test_what_is_no_report_is_refused(document: bytes) -> None:
    """Another document, or one of another format, is not read."""
    with pytest.raises(ReportFileError):
        report.read(document)
    assert json.loads(made(GOOD).document())["format"] == report.FORMAT
