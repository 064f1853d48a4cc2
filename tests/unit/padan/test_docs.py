"""The pages for agencies: tables equal the code, and the programs on them run."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from padan import AskedQuestion, Client, Question, remedy
from padan.biometric import template
from padan.capture import Capture
from padan.config import Config
from padan.entry import EntryKind, Field
from padan.errors import ReceiptError
from padan.receipt import Receipt
from padan.v1 import verification_pb2
from padan.vocabulary import Verdict

if TYPE_CHECKING:
    from tests.simulator.pki import Pki
    from tests.simulator.service import Service

ROOT = Path(__file__).parents[3]
AGENCY = (ROOT / "docs/agency.md").read_text(encoding="utf-8")
FORMATS = {
    name: (ROOT / f"docs/formats/{name}.md").read_text(encoding="utf-8")
    for name in ("commitment", "entry", "receipt")
}
PROGRAMS = re.findall(r"```python\n(.*?)```", AGENCY, re.DOTALL)


def test_table_of_errors_is_the_codes() -> None:
    """Every reason with status, exception, cause, next step and whether asking again helps."""
    page = AGENCY.partition("<!-- errors -->\n")[2].partition("<!-- end of errors -->")[0]
    rows = [
        f"| {row.reason} | {row.code or 'found by the client'} | `{row.error.__name__}` | {row.cause} | "
        f"{row.next_step} | {'yes' if row.retry else 'no'} |"
        for row in remedy.TABLE.values()
    ]
    assert page.splitlines()[2:] == rows


def test_settings_and_verdicts_are_complete() -> None:
    """Each setting of the configuration file and each verdict has its row."""
    assert re.findall(r"^\| `(\w+)` \|", AGENCY, re.MULTILINE) == [
        name
        for name in (
            "address",
            "audit_address",
            "server_name",
            "ca",
            "cert",
            "key",
            "timeout",
            "purpose",
            "officer",
            "legal_basis",
        )
        if name in {field.name for field in fields(Config)}
    ]
    assert set(re.findall(r"^\| ([A-Z_]+) \| [^|]+ \| [^|]+ \|$", AGENCY, re.MULTILINE)) == set(
        Verdict.__members__
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_programs_run(
    program: str, pki: Pki, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each Python program of the page runs as it stands, against the simulator."""
    for name, source in (("ca.pem", pki.ca), ("agency.pem", pki.agency.cert), ("agency.key", pki.agency.key)):
        shutil.copy(source, tmp_path / name)
    (tmp_path / "log.policy").write_text("quorum none\n")
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    code = compile(program.replace("padan.example:7443", service.address), "docs/agency.md", "exec")
    exec(code, space)  # noqa: S102 - our own page
    if "ask" in space:
        with Client.from_files(service.address, ca="ca.pem", cert="agency.pem", key="agency.key") as client:
            assert space["ask"](client, "9971014101900001", "Sitti") == "MATCH"
            assert space["ask"](client, "9971014101900000", "Sitti") == "nik: serials start at 0001"
    if "compare" in space:
        service.biometrics.publish(service.info)
        face = template.face([0.25] * 192).SerializeToString()
        captures = [Capture(modality=1, extractor=template.extractor("seen", "1.0"), template=face)]
        question = Question.build(
            nik="9971014101900001",
            claims={},
            purpose="treatment",
            officer="desk-7",
            legal_basis="public_task",
            beside_captures=True,
        )
        with Client.from_files(service.address, ca="ca.pem", cert="agency.pem", key="agency.key") as client:
            kept, token = space["compare"](client, question, captures)
        assert AskedQuestion.decode(kept).digest("clinic") == question.digest("clinic", captures)
        with pytest.raises(ReceiptError, match=r"JWS|base64url|JSON"):
            space["prove"](kept, token, '{"keys": []}')


def test_entry_page_has_every_field_and_kind() -> None:
    """The tables of fields and kinds are those of the code."""
    parts = FORMATS["entry"].partition("## Kinds")
    row = re.compile(r"^\| (\d+) \| ([A-Z_]+) \|", re.MULTILINE)
    assert [(int(number), name) for number, name in row.findall(parts[0])] == [
        (int(f), f.name) for f in Field
    ]
    assert [(int(number), name) for number, name in row.findall(parts[2])] == [
        (int(k), k.name) for k in EntryKind
    ]


def test_commitment_page_has_every_field() -> None:
    """Each field of the message is in the digest's table, or said to be left out."""
    numbers = {int(number) for number in re.findall(r"^\| (\d+) \|", FORMATS["commitment"], re.MULTILINE)}
    contract = set(verification_pb2.VerifyRequest.DESCRIPTOR.fields_by_number)
    assert numbers == (contract - {2, 13}) | {16, 1000, 1001}
    assert "`blind` (2) is left out" in FORMATS["commitment"]
    assert "`client_version` (13) is left out" in FORMATS["commitment"]


def test_receipt_page_has_every_claim() -> None:
    """Three header members, and a claim for each field of the value that a check returns."""
    names = re.findall(r"^\| `(\w+)` \|", FORMATS["receipt"], re.MULTILINE)
    assert names[:3] == ["alg", "typ", "kid"]
    assert len(names) - 3 == len(fields(Receipt)) - 1  # key_id is the header's kid
