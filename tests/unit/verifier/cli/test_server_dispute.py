"""`padan-server dispute`: keys, and what a command says when it cannot do what it is told."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from keys.signing import Signer
from padan import sealing
from padan.cli.console import ExitCode
from tests.installation import install
from tests.simulator.terminal import Ended, run
from verifier.agreement import signkey
from verifier.cli.server import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.installation import Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation."""
    return install(tmp_path_factory.mktemp("house"), people=[])


@pytest.fixture
def server(installation: Installation) -> Callable[..., Ended]:
    """Run padan-server on it."""
    config = ("--config", str(installation.config_path))
    return lambda *words: run(main, *config, "dispute", *map(str, words))


def test_the_key_is_made_and_trusted(
    server: Callable[..., Ended], installation: Installation, tmp_path: Path
) -> None:
    """The public part comes into the setting, the private one opens what is sealed to it, and signs nothing."""
    made = server("keygen", "--out", tmp_path / "dispute.key", "--json")
    assert made.code == 0, made.err
    public = base64.b64decode(json.loads(made.out)["public_key"])
    told = server("trust", tmp_path / "dispute.pub", "--json")
    assert json.loads(told.out)["key_id"] == sealing.key_id(public)
    assert base64.b64decode(installation.settings.dispute_key) == public
    again = server("trust", tmp_path / "dispute.pub")
    assert (again.code, sealing.key_id(public) in again.out) == (0, True)
    recipient = signkey.load_recipient(tmp_path / "dispute.key")
    assert recipient.open(sealing.seal(b"x", public_key=public, info=b"i"), info=b"i") == b"x"
    assert public != Signer(base64.b64decode(seed_of(tmp_path / "dispute.key"))).public_key
    assert server("keygen", "--out", tmp_path / "dispute.key").code != 0


def seed_of(path: Path) -> str:
    """Read the seed out of a key's file."""
    seed: str = json.loads(path.read_text())["seed"]
    return seed


def test_other_keys_are_refused(server: Callable[..., Ended], tmp_path: Path) -> None:
    """What is no X25519 key is not trusted, and an officer's signing key opens nothing."""
    (tmp_path / "wrong.pub").write_text("AAAA\n")
    wrong = server("trust", tmp_path / "wrong.pub")
    assert (wrong.code, "dispute keygen" in wrong.err) == (ExitCode.INPUT, True)
    signkey.generate(tmp_path / "officer.key", use=signkey.OFFICER)
    (tmp_path / "case.json").write_text("{}")
    read = server("read", tmp_path / "case.json", "--key", tmp_path / "officer.key")
    assert (read.code, "not the file of a key for dispute" in read.err) == (ExitCode.INPUT, True)
    signkey.generate(tmp_path / "dispute.key", use=signkey.DISPUTE)
    for content in ("{}", "[]", "nothing", '{"format": 2}', '{"format": 1}'):
        (tmp_path / "case.json").write_text(content)
        read = server("read", tmp_path / "case.json", "--key", tmp_path / "dispute.key")
        assert (read.code, "dispute show --out" in read.err) == (ExitCode.REFUSED, True)


def test_disputes_that_there_are_not(server: Callable[..., Ended], tmp_path: Path) -> None:
    """An empty list is empty, and an unknown id is named with the way to the known ones."""
    assert (server("list").out, json.loads(server("list", "--json").out)) == ("", [])
    shown = server("show", "a" * 16)
    assert (shown.code, "dispute list" in shown.err) == (ExitCode.INPUT, True)
    signkey.generate(tmp_path / "officer.key", use=signkey.OFFICER)
    key = ("--key", tmp_path / "officer.key")
    assert server("review", "a" * 16, *key).code == ExitCode.INPUT
    assert server("resolve", "a" * 16, "--outcome", "not-ours", *key).code == ExitCode.INPUT
    assert server("resolve", "a" * 16, "--outcome", "maybe", *key).code == ExitCode.USAGE
