"""`padan-audit keys` from the cards to the file for the server, and how it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from padan import auditors
from padan.audit.cli import main
from padan.cli.console import ExitCode
from tests.auditing import NAMES, PHRASE
from tests.simulator.terminal import Ended, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLACE = ("--registry", "registry.example", "--environment", "production")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder for the files of three auditors, and their passphrase."""
    made = tmp_path_factory.mktemp("auditors")
    (made / "phrase").write_text(PHRASE + "\n")
    return made


@pytest.fixture
def ran(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Run a command there."""
    monkeypatch.chdir(folder)
    return lambda *words: run(main, *words)


def test_three_auditors_make_a_key(ran: Callable[..., Ended], folder: Path) -> None:
    """Each step of docs/auditors.md, by its commands; what comes out is signed by all and no file holds the secret."""
    phrase = ("--passphrase-file", "phrase")
    for name in NAMES:
        made = ran("keys", "new", name, "--out", f"{name}.key", *phrase, "--json")
        assert json.loads(made.out)["name"] == name
        assert (folder / f"{name}.key").stat().st_mode & 0o777 == 0o600
    cards = [f"{name}.card" for name in NAMES]
    for name in NAMES:
        own = ("--key", f"{name}.key", *PLACE, *phrase)
        assert ran("keys", "deal", *cards, *own, "--out", f"{name}.deal").code == ExitCode.DONE
    deals = [f"{name}.deal" for name in NAMES]
    for name in NAMES:
        own = ("--key", f"{name}.key", *PLACE, *phrase)
        joined = ran("keys", "join", *deals, *own, "--out", f"{name}.share")
        assert joined.code == ExitCode.DONE, joined.err
    statements = [f"{name}.statement" for name in NAMES]
    checked = json.loads(ran("keys", "check", *statements, "--out", "auditors.json", "--json").out)
    key = auditors.decode((folder / "auditors.json").read_bytes())
    assert checked["key_id"] == key.key_id.hex()
    assert (key.threshold, [each.card.name for each in key.members]) == (2, list(NAMES))
    shown = ran("keys", "show", "auditors.json")
    assert "signed_by: alpha, beta, gamma" in shown.out
    assert json.loads(ran("keys", "show", "alpha.deal", "--json").out)["dealer"] == "alpha"
    assert json.loads(ran("keys", "show", "alpha.card", "--json").out)["name"] == "alpha"

    again = ran("keys", "check", *statements, "--out", "auditors.json")
    assert (again.code, "there is a file already" in again.err) == (ExitCode.INPUT, True)
    few = ran("keys", "check", *statements[:2], "--out", "few.json")
    assert (few.code, "not signed by gamma" in few.err) == (ExitCode.INPUT, True)
    twice = ran(
        "keys", "join", *deals, "alpha.deal", "--key", "beta.key", *PLACE, *phrase, "--out", "x.share"
    )
    assert (twice.code, "the same auditor twice: alpha" in twice.err) == (ExitCode.INPUT, True)
    elsewhere = ran(
        "keys", "join", *deals, "--key", "beta.key", *PLACE[:3], "staging", *phrase, "--out", "x.share"
    )
    assert "another registry or environment" in elsewhere.err
    private = ran("keys", "show", "alpha.key")
    assert (private.code, "private files are not shown" in private.err) == (ExitCode.INPUT, True)
    assert not (folder / "x.share").exists()
