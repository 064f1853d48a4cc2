"""The custodian's command line: what it does, prints, refuses, and with which exit code."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keys import envelope
from padan.cli.console import ExitCode
from tests.unit.verifier.cli.conftest import INIT
from verifier.cli import custodian
from verifier.cli.custody_choice import CHOICE
from verifier.cli.failure import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.verifier.cli.conftest import Result

COMMANDS = [
    "init",
    "status",
    "check",
    "history",
    "create",
    "activate",
    "deactivate",
    "rotate",
    "declare-compromised",
    "destroy",
    "end-domain",
    "export-public",
    "export-secret",
    "new-kek",
    "compromise",
    "auditors-keygen",
    "approve",
    "cancel",
    "execute",
    "proposals",
    "propose",
    "review",
    "roster",
    "custodians",
    "reshare",
    "paper",
    "unseal",
    "standing",
]


def key_id(call: Callable[..., Result], purpose: str) -> str:
    """Ask for the primary key's id."""
    keys_now = call("status", "--unverified", "--json").data["keys"]
    return str(next(key["key_id"] for key in keys_now if key["purpose"] == purpose and key["primary"]))


@pytest.mark.usefixtures("folder")
def test_the_whole_life_of_a_key(call: Callable[..., Result]) -> None:
    """Create, activate, prefer, deactivate, destroy: each step prints what it did, and the check passes at the end."""
    old = key_id(call, "index")
    new = str(call("create", "index", "--json").data["key_id"])
    assert call("activate", "index", new, "--primary", "--json").data["primary"]
    assert call("deactivate", "index", old, "--json").data["state"] == "deactivated"
    destroyed = call("destroy", "index", old, "--yes", "--json")
    assert (destroyed.code, destroyed.data["state"], destroyed.data["counter"]) == (0, "destroyed", 5)
    status = call("status")
    assert f"{old}" in status.out
    assert "destroyed" in status.out
    checked = call("check", "--json")
    assert (checked.code, checked.data["passed"], checked.data["findings"]) == (0, True, [])
    assert [event["event"] for event in call("history", "--json").data][-1] == "kek-renewed"
    assert "kek-renewed" in call("history").out
    assert "sound" in call("check").out


@pytest.mark.usefixtures("folder")
def test_rotation_and_compromise(call: Callable[..., Result]) -> None:
    """A rotated key's successor is primary; a compromise leaves a purpose without one and the check says no."""
    old = key_id(call, "receipt-signing")
    rotated = call("rotate", "receipt-signing")
    assert "active, primary (counter 2)" in rotated.out
    public = call("export-public").data["keys"]
    assert {key["padan_state"] for key in public if key["padan_purpose"] == "receipt-signing"} == {
        "active",
        "deactivated",
    }
    assert all("d" not in key for key in public)
    assert old in {str(key["padan_key_id"]) for key in public}
    handle = key_id(call, "handle")
    told = call("declare-compromised", "handle", handle, "--reason", "drill", "--yes", "--json")
    assert told.data == {
        "purpose": "handle",
        "key_id": int(handle),
        "state": "compromised",
        "primary": False,
        "counter": 3,
    }
    checked = call("check")
    assert (checked.code, "no-primary" in checked.out) == (ExitCode.NO, True)


@pytest.mark.usefixtures("folder")
def test_the_logs_key_is_replaced_in_two_steps(call: Callable[..., Result]) -> None:
    """The rotation names the new verifier key and the step that ends it; status does too, until that step is done."""
    old = key_id(call, "log-signing")
    done = call("rotate", "log-signing")
    new = key_id(call, "log-signing")
    told = f"two keys sign: the log-signing key {old} beside {new}, until "
    shown = call("status", "--unverified")
    for printed in (done.out, shown.out):
        assert told in printed
        assert f"padan-keys deactivate log-signing {old}" in printed
        assert re.search(
            r"^new key:  registry-test/development/log\+[0-9a-f]{8}\+\S+$", printed, re.MULTILINE
        )
    assert (done.code, shown.code) == (0, 0)
    (beside,) = call("status", "--json").data["log_keys_beside"]
    assert (str(beside["key_id"]), str(beside["beside"])) == (old, new)
    assert f"new key:  {beside['new_vkey']}\n" in done.out
    assert call("deactivate", "log-signing", old).code == 0
    shown = call("status", "--json")
    assert shown.data["log_keys_beside"] == []
    assert "two keys sign" not in call("status").out


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_single_custody_outside_development_needs_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., Result], environment: str
) -> None:
    """Without the flag nothing is made; with it the history says so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passphrase").write_text("tiga belas payung biru\n")
    refused = call(*INIT, environment)
    assert refused.code == ExitCode.REFUSED
    assert "--single-custodian" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["passphrase"]
    made = call(*INIT, environment, "--single-custodian")
    assert (made.code, "15 keys" in made.out) == (0, True)
    assert [event["event"] for event in call("history", "--json").data][:2] == [
        "keyring-created",
        "single-custodian",
    ]


def test_development_needs_no_flag_and_is_recorded_all_the_same(
    call: Callable[..., Result], folder: Path
) -> None:
    """Whoever reads the history of a development keyring sees what held it."""
    assert "single-custodian" in (folder / "keyring.events.jsonl").read_text()
    assert call(*INIT, "development").code == ExitCode.STATE


def test_an_unverified_status_needs_no_passphrase_and_says_so(
    call: Callable[..., Result], folder: Path
) -> None:
    """What a file says can be seen without its KEK, under a warning."""
    (folder / "passphrase").unlink()
    shown = call("status", "--unverified")
    assert (shown.code, shown.out.rstrip().endswith("without its KEK")) == (0, True)
    assert call("status", "--unverified", "--json").data["verified"] is False
    assert call("status").code == ExitCode.INPUT


def test_cryptoperiods_are_told_ahead(
    call: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end that comes near is an alarm that passes; one that is over does not pass."""
    from datetime import UTC, datetime, timedelta

    del folder
    for days, code, word in ((340, ExitCode.DONE, " ends on "), (400, ExitCode.NO, " ended on ")):
        later = datetime.now(UTC) + timedelta(days=days)
        monkeypatch.setattr(CHOICE, "now", lambda later=later: later)
        checked = call("check")
        assert (checked.code, word in checked.out) == (code, True)


def test_the_auditors_key_is_made_once(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files are base64 lines of one key pair, the private one for its owner alone; neither is overwritten."""
    monkeypatch.chdir(tmp_path)
    made = call("auditors-keygen", "auditors.key", "--json", at=())
    private, public = (
        envelope.parse_key(Path(made.data[name]).read_text()) for name in ("private", "public")
    )
    assert envelope.public_of(private) == public == base64.b64decode(made.data["public_key"])
    assert Path("auditors.key").stat().st_mode & 0o777 == 0o600
    assert call("auditors-keygen", "auditors.key", at=()).code == ExitCode.STATE
    assert call("auditors-keygen", "other.key", "--public", "auditors.pub", at=()).code == ExitCode.STATE


@pytest.mark.usefixtures("folder")
def test_a_key_leaves_only_when_that_is_accepted_and_recorded(call: Callable[..., Result]) -> None:
    """Without the acceptance nothing is written; with it the file is the owner's alone and the history tells."""
    index = key_id(call, "index")
    refused = call("export-secret", "index", index, "--out", "key")
    assert (refused.code, Path("key").exists()) == (ExitCode.REFUSED, False)
    accept = "--i-accept-that-the-key-leaves"
    assert call("export-secret", "index", index, "--out", "key", accept).code == 0
    assert len(base64.b64decode(Path("key").read_text())) == 32
    assert Path("key").stat().st_mode & 0o777 == 0o600
    assert Path("key").read_text().strip() not in call("history").out
    assert call("history", "--json").data[-1]["event"] == "key-exported"
    assert call("export-secret", "index", index, "--out", "key", accept).code == ExitCode.STATE


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("destroy", "index", "1", "--yes"), ExitCode.INPUT, "no index key 1"),
        (("activate", "index", "4294967296"), ExitCode.USAGE, "4294967295"),
        (("create", "unheard-of"), ExitCode.USAGE, "unheard-of"),
        (("create", "handle"), ExitCode.STATE, "permanent"),
        (("rotate", "index"), ExitCode.STATE, "moved to a new key"),
        (("init",), ExitCode.INPUT, "--registry"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_done_is_told_with_cause_and_next_step(
    call: Callable[..., Result], arguments: tuple[str, ...], code: ExitCode, told: str
) -> None:
    """Each refusal has its exit code and names what is wrong; nothing changes."""
    before = Path("keyring.json").read_bytes()
    refused = call(*arguments)
    assert (refused.code, refused.out) == (code, "")
    assert told in refused.err
    assert code == ExitCode.USAGE or "\nnext:  " in refused.err
    assert Path("keyring.json").read_bytes() == before


@pytest.mark.parametrize("command", ["destroy", "declare-compromised"])
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_taken_back_is_asked(
    call: Callable[..., Result], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no, or no answer, leaves the key alone."""
    index = key_id(call, "index")
    before = Path("keyring.json").read_bytes()
    reason = ("--reason", "x") if command == "declare-compromised" else ()
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    refused = call(command, "index", index, *reason)
    assert (refused.code, "nothing was done" in refused.err) == (ExitCode.REFUSED, True)
    assert Path("keyring.json").read_bytes() == before


def test_a_damaged_keyring_and_missing_files_are_told(call: Callable[..., Result], folder: Path) -> None:
    """Damage, a missing history, a missing KEK file and a missing keyring each name their own remedy."""
    path = folder / "keyring.json"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"counter": 1', b'"counter": 3'))
    assert "put back NAME.bak" in call("check").err
    path.write_bytes(data)
    (folder / "keyring.events.jsonl").rename("elsewhere")
    assert "events.jsonl" in call("check").err
    (folder / "kek.json").unlink()
    assert "KEK file" in call("check").err
    path.unlink()
    assert "padan-keys init" in call("check").err


def test_without_a_name_the_options_are_told(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that does not know its keyring or its KEK names the option."""
    monkeypatch.chdir(tmp_path)
    assert "--keyring PATH" in call("status", at=()).err
    assert "--kek 'file:" in call("status", at=("--keyring", "keyring.json")).err


def test_the_servers_configuration_names_what_options_do_not(
    call: Callable[..., Result], folder: Path
) -> None:
    """With a configuration file the commands need no options."""
    (folder / "padan.toml").write_text(
        'registry_id = "registry-test"\ntrust_domain = "registry.test"\nkeyring = "keyring.json"\n'
        'kek = "file:kek.json?passphrase-file=passphrase"\nenvironment = "development"\n'
    )
    assert call("check", at=()).code == 0
    assert call("check", at=("--config", str(folder / "padan.toml"))).code == 0
    assert call("init", at=()).code == ExitCode.STATE
    assert call("check", at=("--config", "missing.toml")).code == ExitCode.INPUT


def test_a_full_disk_is_told_and_changes_nothing(
    call: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the file system is a sentence, not a traceback."""
    import os

    def refuse(_: int) -> None:
        raise OSError(28, os.strerror(28))

    before = (folder / "keyring.json").read_bytes()
    monkeypatch.setattr(os, "fsync", refuse)
    refused = call("create", "index")
    assert (refused.code, "No space left" in refused.err) == (ExitCode.UNAVAILABLE, True)
    assert (folder / "keyring.json").read_bytes() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_complete_help(call: Callable[..., Result], command: str) -> None:
    """Each command, argument and option says what it is."""
    import typer

    shown = call(command, "--help", at=())
    assert shown.code == 0
    built: Any = typer.main.get_command(custodian.build())
    assert set(built.commands) == set(COMMANDS)
    assert built.commands[command].help
    for parameter in built.commands[command].params:
        assert parameter.help, f"{command} {parameter.name}"


def test_a_fault_of_ours_is_not_dressed_up() -> None:
    """What no table knows is left to the console's internal fault."""
    assert translate(ZeroDivisionError()) is None


def test_a_kek_for_systemd_to_lend(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KEK that `new-kek` makes is the owner's alone, is not overwritten, and makes a keyring when it is lent."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    kek = tmp_path / "kek"
    told = call("new-kek", str(kek), "--json", at=())
    assert (told.code, kek.stat().st_mode & 0o777, len(kek.read_text())) == (0, 0o600, 65)
    assert kek.read_text().strip() not in told.out
    assert call("new-kek", str(kek), at=()).code == ExitCode.STATE
    at = ("--keyring", str(tmp_path / "keyring.json"), "--kek", "credential:kek")
    assert call(*INIT, "development", at=at).code == 0
    assert call("check", "--json", at=at).data["kek"] == told.data["kek"]
