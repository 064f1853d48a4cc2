"""The operator's commands about auditors' grants, over a real directory and log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field, decode
from tests.unit.verifier.cli.test_server_agency import Desk
from verifier.auditor.errors import GrantDocumentError, GrantSignatureError, GrantStateError
from verifier.log.open import open_log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with a CA, an auditor, and a trusted signer."""
    made = Desk(tmp_path)
    made.run("ca", "init")
    made.enrol("ana", "--role", "auditor")
    made.configure(made.json("agreement", "keygen", "--out", tmp_path / "signer.key")["public_key"])
    return made


def draft(desk: Desk, *, version: int = 1, auditor: str = "ana", agencies: tuple[str, ...] = ()) -> Path:
    """Write a document."""
    chosen = [word for agency in agencies for word in ("--agency", agency)]
    text = desk.run("auditor", "template", "--auditor", auditor, *chosen)
    path = desk.folder / f"{auditor}.toml"
    path.write_text(text.replace("version = 1 ", f"version = {version} "))
    return path


def sign(desk: Desk, path: Path) -> Path:
    """Sign a document anew."""
    path.with_name(f"{path.name}.sig").unlink(missing_ok=True)
    desk.run("auditor", "sign", path, "--key", desk.folder / "signer.key")
    return path


def test_from_draft_to_suspension(desk: Desk) -> None:
    """A grant is drafted, checked, signed, activated, listed, suspended, and activated again; each step is logged."""
    path = sign(desk, draft(desk))
    assert "version 1 is fine" in desk.run("auditor", "check", path)
    assert desk.json("auditor", "check", path) == {"file": str(path), "ok": True, "errors": []}
    assert "active: grant of ana version 1" in desk.run("auditor", "activate", path)
    (listed,) = desk.json("auditor", "list")
    assert (listed["auditor"], listed["status"], listed["agencies"], listed["alerts"]) == (
        "ana",
        "active",
        None,
        True,
    )
    assert len(listed["areas"]) == 10
    assert "agencies: all; purposes: all; areas: questions, registry" in desk.run("auditor", "list")
    assert "version 1 of ana" in desk.run("auditor", "suspend", "ana", "--reason", "the audit rests")
    assert desk.json("auditor", "list")[0]["status"] == "suspended"
    desk.run("auditor", "activate", path)
    assert desk.kinds()[-3:] == [
        EntryKind.AUDITOR_GRANTED,
        EntryKind.AUDITOR_SUSPENDED,
        EntryKind.AUDITOR_GRANTED,
    ]
    log = open_log(str(desk.folder / "data" / "log.sqlite"))
    detail = decode(log.entries(0, 100)[-2].entry).texts(Field.DETAIL)
    log.close()
    assert detail == ["auditor=ana", "version=1", "reason=the audit rests"]


def test_what_is_not_right_is_not_activated(desk: Desk) -> None:
    """Unsigned, changed after signing, unknown auditor or agency, older version, changed text: all are refused."""
    path = sign(desk, draft(desk))
    path.write_text(path.read_text().replace("alerts = true", "alerts = false"))
    with pytest.raises(GrantSignatureError):
        desk.run("auditor", "activate", path)
    with pytest.raises(GrantStateError, match="not enrolled"):
        desk.run("auditor", "activate", sign(desk, draft(desk, auditor="budi")))
    with pytest.raises(GrantStateError, match="never enrolled: tax"):
        desk.run("auditor", "activate", sign(desk, draft(desk, agencies=("tax",))))
    desk.run("auditor", "activate", sign(desk, draft(desk, version=2)))
    with pytest.raises(GrantStateError, match="version 2 is there"):
        desk.run("auditor", "activate", sign(desk, draft(desk, version=1)))
    path = draft(desk, version=2)
    path.write_text(path.read_text() + "# another text\n")
    with pytest.raises(GrantStateError, match="another text"):
        desk.run("auditor", "activate", sign(desk, path))
    path = draft(desk, version=3)
    path.write_text(path.read_text().replace("until = 2029-", "until = 2026-"))
    path.write_text(
        path.read_text().replace("2026-01-01T00:00:00+07:00\n\n", "2026-02-01T00:00:00+07:00\n\n")
    )
    with pytest.raises(GrantStateError, match="not begun or is over"):
        desk.run("auditor", "activate", sign(desk, path))
    with pytest.raises(GrantStateError, match="no grant of budi"):
        desk.run("auditor", "suspend", "budi", "--reason", "none")
    assert list(desk.kinds()).count(EntryKind.AUDITOR_GRANTED) == 1


def test_a_revoked_auditor_gets_no_grant(desk: Desk) -> None:
    """A grant is for somebody who can be let in."""
    desk.run("agency", "revoke", "ana", "--role", "auditor")
    with pytest.raises(GrantStateError, match="is revoked"):
        desk.run("auditor", "activate", sign(desk, draft(desk)))


def test_faults_are_shown_as_data(desk: Desk) -> None:
    """A faulty document is neither fine nor signed, and --json lists its faults."""
    path = draft(desk)
    path.write_text(path.read_text().replace("alerts = true", "alert = true"))
    shown = json.loads(desk.run("auditor", "check", path, "--json", code=ExitCode.INPUT))
    assert [error["where"] for error in shown["errors"]] == ["entries.alert"]
    for words in (("check", path), ("sign", path, "--key", desk.folder / "signer.key")):
        with pytest.raises(GrantDocumentError):
            desk.run("auditor", *words)


def test_a_template_for_some_agencies(desk: Desk) -> None:
    """The agencies named stand in the template, which stays without fault."""
    path = draft(desk, agencies=("tax", "health"))
    assert 'agencies = ["tax", "health"]' in path.read_text()
    assert "is fine" in desk.run("auditor", "check", path)
