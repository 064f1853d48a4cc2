"""`padan-server config check`: what is wrong is named, with the next step, and nothing is touched."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from padan.cli.console import ExitCode
from tests.installation import Installation, install
from tests.unit.verifier.inspection.breakages import BROKEN, ELSEWHERE, PROMPTED
from tests.unit.verifier.inspection.broken import Broken, change
from verifier import config
from verifier.cli.server import build
from verifier.expiry import Deadline, Kind
from verifier.inspection.databases import check_ends
from verifier.inspection.keyring import check_keyring

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Make a sound installation."""
    installation = install(tmp_path_factory.mktemp("inspection"))
    for name in ("passphrase", "tls/server.key"):
        (installation.root / name).chmod(0o600)
    return installation


@pytest.fixture
def folder(made: Installation, tmp_path: Path) -> Path:
    """Copy it, to be broken."""
    shutil.copytree(made.root, tmp_path / "copy")
    return tmp_path / "copy"


def check(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the command; gives exit code and findings."""
    done = CliRunner().invoke(
        build(("config",)), ["--config", str(folder / "padan.toml"), "config", "check", "--json"]
    )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    document = json.loads(done.stdout)
    assert document["ok"] == (done.exit_code == 0)
    return done.exit_code, document["findings"]


def _traces(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_sound_installation_passes_and_stays_as_it_is(folder: Path) -> None:
    """Every step passes or warns, the exit code is 0, and no file is made, changed or taken away."""
    before = _traces(folder)
    code, findings = check(folder)
    assert code == 0
    assert {finding["step"] for finding in findings if finding["status"] == "passed"} == {
        "settings",
        "files",
        "keyring",
        "tls",
        "listen",
        "databases",
        "head",
        "agreements",
        "epoch",
    }
    # The test's certificates live for 30 days, and nobody is an officer.
    assert {finding["fault"] for finding in findings if finding["status"] == "warning"} == {"ends", "people"}
    assert _traces(folder) == before


def test_it_is_told_in_words_too(folder: Path) -> None:
    """A person reads a line a finding, and below it what to do next."""
    (folder / "passphrase").chmod(0o644)
    done = CliRunner().invoke(build(("config",)), ["--config", str(folder / "padan.toml"), "config", "check"])
    assert done.exit_code == ExitCode.NO
    assert re.search(
        r"^FAILED   files +\S+/passphrase: others may open it \(mode 0644\)$", done.stdout, re.MULTILINE
    )
    assert re.search(r"^ +next: run: chmod 600 \S+/passphrase$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_each_fault_is_named_with_the_next_step(folder: Path, broken: Broken) -> None:
    """What is wrong is found by its step, told by a stable name, and followed by what to do; only a failure counts."""
    if not broken.unlocks:
        change(folder, "kek", PROMPTED)  # nothing to unlock, which would take most of the test's time
    broken.act(folder)
    code, findings = check(folder)
    told = [
        finding
        for finding in findings
        if (finding["step"], finding["fault"]) == (broken.step, broken.fault)
        and broken.detail in finding["detail"]
    ]
    assert told, findings
    assert told[0]["status"] == broken.status
    assert broken.next_step in told[0]["next_step"]
    assert (code == ExitCode.NO) == (broken.status == "failed")
    assert all(finding["next_step"] for finding in findings if finding["status"] != "passed")


def test_one_run_names_everything(folder: Path) -> None:
    """A fault hides no other: each is found beside the others."""
    change(folder, "kek", PROMPTED)
    (folder / "tls/server.key").chmod(0o666)
    change(folder, "listen", f'"{ELSEWHERE}:7443"')
    (folder / "data/log.sqlite").unlink()
    faults = {finding["fault"] for finding in check(folder)[1] if finding["status"] == "failed"}
    assert {"file-mode", "address", "database"} <= faults


def test_a_variable_with_a_typo_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PADAN_WORKES in the environment changes nothing, and is told with what was probably meant."""
    monkeypatch.setenv("PADAN_WORKES", "2")
    monkeypatch.setenv("PADAN_CONFIG", str(folder / "padan.toml"))
    told = [finding for finding in check(folder)[1] if finding["fault"] == "unknown-variable"]
    assert [finding["detail"].partition(" ")[0] for finding in told] == ["PADAN_WORKES"]
    assert "did you mean workers?" in told[0]["detail"]


def test_a_service_that_runs_is_no_fault(folder: Path) -> None:
    """An address that is in use is told as such, and passes."""
    change(folder, "kek", PROMPTED)
    address = config.load(folder / "padan.toml").listen
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port))):
        code, findings = check(folder)
    (told,) = [finding for finding in findings if finding["step"] == "listen"]
    assert (code, told["status"]) == (0, "passed")
    assert f"{address} in use" in told["detail"]


def test_the_custodians_address_counts_where_a_process_listens_there(folder: Path) -> None:
    """With a key agent it must be one of its own; a service without one never uses it."""
    change(folder, "kek", PROMPTED)
    address = config.load(folder / "padan.toml").listen
    change(folder, "custody_listen", f'"{address}"')
    assert check(folder)[0] == 0
    change(folder, "workers", "2")
    told = [finding["detail"] for finding in check(folder)[1] if finding["fault"] == "address"]
    assert told == [f"custody_listen: {address} is the address of listen too"]


def test_a_leader_that_comes_to_no_key_is_noticed(folder: Path) -> None:
    """Where systemd lends the passphrase to the service's unit, a leader of its own needs an agent; else it may ask."""
    change(folder, "kek", PROMPTED)
    change(folder, "leader", '"process"')

    def told() -> list[str]:
        found = (each for each in check(folder)[1] if each["detail"].startswith("leader: "))
        return [f"{each['status']}: {each['next_step']}" for each in found]

    assert told() == []
    change(folder, "kek", '"file:kek.json?passphrase-file=/run/credentials/x.service/kek"')
    assert told() == ["warning: set workers above 1, or key_agent (docs/install.md)"]
    change(folder, "workers", "2")
    assert told() == []


def test_nobody_can_connect_meanwhile(folder: Path) -> None:
    """An address is bound, but nothing listens there."""
    change(folder, "kek", PROMPTED)
    heard: list[str] = []
    original = socket.socket.listen

    def listen(self: socket.socket, *arguments: int) -> None:
        heard.append(str(self))
        original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "listen", listen)
        check(folder)
    assert heard == []


def test_cryptoperiods_are_told_ahead(folder: Path) -> None:
    """A key whose time ends within 30 days is a warning; one whose time is over fails."""
    change(folder, "kek", PROMPTED)
    settings = config.load(folder / "padan.toml")
    for days, expected in ((0, set()), (350, {"warning"}), (3 * 366, {"warning", "failed"})):
        then = time.time() + days * 86_400
        found = check_keyring(settings, now=lambda then=then: then)  # type: ignore[misc]  # bound at once
        statuses = {finding.status.value for finding in found if finding.step == "keys"}
        assert statuses <= expected
        assert ("failed" in statuses) == ("failed" in expected)
        assert bool(statuses) == bool(expected)


def test_a_log_key_that_waits_for_its_end_is_a_warning(folder: Path) -> None:
    """While the log has two keys, the step that is left is named, and nothing fails for it."""
    settings = config.load(folder / "padan.toml")
    custody = Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tester")
    old = custody.read().primary(Purpose.LOG_SIGNING).key_id
    custody.rotate(Purpose.LOG_SIGNING)
    (found,) = (finding for finding in check_keyring(settings) if finding.step == "keys")
    assert found.status.value == "warning"
    assert f"padan-keys deactivate log-signing {old}" in (found.next_step or "")
    custody.deactivate(Purpose.LOG_SIGNING, old)
    assert [finding for finding in check_keyring(settings) if finding.step == "keys"] == []


def test_what_has_ended_fails_where_the_service_needs_it() -> None:
    """The server's own certificate and CA fail once they have ended; anything else is a warning, with a next step."""
    deadlines = [Deadline(kind=kind, name="x", at=1.0) for kind in Kind]
    found = dict(zip(Kind, check_ends(deadlines, now=lambda: 2.0), strict=True))
    needed = {kind for kind, finding in found.items() if finding.status.value == "failed"}
    assert needed == {Kind.SERVER_CERTIFICATE, Kind.CA_CERTIFICATE}
    assert all(finding.next_step for finding in found.values())


def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """With both databases on PostgreSQL everything is read there."""
    installation = install(tmp_path, log_url=postgres_url, vault_url=postgres_url)
    for name in ("passphrase", "tls/server.key"):
        (installation.root / name).chmod(0o600)
    code, findings = check(tmp_path)
    assert code == 0, findings
    (folder,) = [finding for finding in findings if finding["fault"] == "file-missing"]
    assert (folder["status"], folder["detail"].partition(":")[0]) == ("warning", "data_dir")
    assert {"databases", "epoch", "agreements"} <= {
        finding["step"] for finding in findings if finding["status"] == "passed"
    }
