"""Backups of keyrings whose KEK custodians hold together, or a token: what goes with the KEK comes back too."""

from __future__ import annotations

import dataclasses
import json
import shutil
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from keys import quorum, ringformat
from padan.cli.console import ExitCode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests import softhsm
from tests.custodians import (
    KEK,
    NAMES,
    SECONDS,
    Terminal,
    make_keyring,
    padan_keys,
    phrase_files,
    sitting_together,
)
from tests.installation import Installation, install
from tests.operating import operate
from tests.service import request, running, wait_until_ready
from verifier.backup import manifest as manifests
from verifier.backup import mirroring
from verifier.backup.create import create
from verifier.backup.errors import BackupHolderError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUORUM = "keyring/quorum.json"


def lose(installation: Installation) -> None:
    """Lose the machine: data, keyring and the operator's copy of the quorum; custodians have theirs at home."""
    settings = installation.settings
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    for path in (settings.keyring, settings.keyring.with_name("keyring.events.jsonl")):
        path.unlink()
        path.with_name(path.name + ".bak").unlink(missing_ok=True)
    (installation.root / "custody").rename(installation.root / "home")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation of five custodians, with a backup beside it; it then has lost its machine."""
    made = install(tmp_path_factory.mktemp("lost") / "i", kek=KEK, make_keyring=make_keyring)
    for name in NAMES[:3]:
        made.certify(name, kind="custodian")
    create(made.settings, made.root / "backup")
    lose(made)
    return made


@pytest.fixture
def lost(machine: Installation, tmp_path: Path) -> Installation:
    """The same, in a place of its own."""
    shutil.copytree(machine.root, tmp_path / "i")
    return dataclasses.replace(machine, root=tmp_path / "i", config_path=tmp_path / "i" / "padan.toml")


def accept_the_loss(installation: Installation) -> None:
    """Say that the head is of the restored log, as two officers do where it is lost too."""
    with closing(installation.directory()) as directory, directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM setting WHERE name = 'head.begun'")


def test_a_restored_service_is_unsealed_with_the_shares_at_home(lost: Installation) -> None:
    """Into an empty place come keyring and quorum.json, and shares that no backup held open them: it answers."""
    backup = lost.root / "backup"
    assert {path.name for path in (backup / "keyring").iterdir()} == {
        *("keyring.json", "keyring.events.jsonl", "quorum.json")
    }
    operate(lost, "backup", "verify", backup)
    said = operate(lost, "backup", "restore", backup)
    assert "not opened: custodians unseal it when the service starts" in said
    assert [path.name for path in (lost.root / "custody").iterdir()] == ["quorum.json"]
    accept_the_loss(lost)
    with running(lost, ready=False) as service:
        for name in NAMES[:3]:
            custodian = Terminal(lost, name, lost.root / "home")
            custodian.standing()  # waits for the listener
            done = custodian.command("unseal", *custodian.files(1))
            assert done.returncode == 0, done.stderr
        wait_until_ready(lost, service.process, SECONDS)
        with service.channel() as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            assert stub.Verify(request(), timeout=10).outcome == vocabulary.VERDICT_MATCH


def test_a_look_at_a_backup_touches_no_quorum(lost: Installation) -> None:
    """A restore beside the installation puts the quorum's file beside it too."""
    operate(lost, "backup", "restore", lost.root / "backup", "--into", lost.root / "aside")
    assert (lost.root / "aside" / "kek" / "quorum.json").exists()
    assert not (lost.root / "custody").exists()


def name_in_manifest(folder: Path, path: str) -> None:
    """Let the manifest name a file as it is now, or not at all where it is gone."""
    manifest = folder / manifests.FILE
    content = json.loads(manifest.read_text())
    content["files"] = [each for each in content["files"] if each["path"] != path]
    if (folder / path).exists():
        data = (folder / path).read_bytes()
        content["files"].append({"path": path, "size": len(data), "sha256": sha256(data).hexdigest()})
    manifest.write_text(json.dumps(content, indent=1) + "\n")


def spoil_byte(folder: Path) -> None:
    """Change a byte of the quorum's file."""
    data = bytearray((folder / QUORUM).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / QUORUM).write_bytes(data)


def leave_out(folder: Path) -> None:
    """Make a backup without the quorum's file, of which the manifest is silent."""
    (folder / QUORUM).unlink()
    name_in_manifest(folder, QUORUM)


def put_in(folder: Path) -> None:
    """Put the file of another quorum into a backup, as one who writes the manifest too."""
    ring = ringformat.peek((folder / "keyring/keyring.json").read_bytes())
    (own,) = quorum.decode((folder / QUORUM).read_bytes())
    other = quorum.deal(ring.realm, number=2, threshold=2, cards=own.cards).generation
    (folder / QUORUM).write_bytes(quorum.encode([other]))
    name_in_manifest(folder, QUORUM)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_byte, "not what was written"),
        (lambda folder: (folder / QUORUM).unlink(), "missing or too much"),
        (leave_out, "cannot be read"),
        (put_in, "of another keyring, or of another time"),
    ],
    ids=["changed", "gone", "left out", "another's"],
)
def test_a_backup_without_its_quorum_is_refused(
    lost: Installation, spoil: Callable[[Path], object], message: str
) -> None:
    """Missing or changed, also where the manifest was changed with it, it is named, and nothing is restored."""
    spoil(lost.root / "backup")
    assert message in operate(lost, "backup", "verify", lost.root / "backup", code=ExitCode.INPUT)
    operate(lost, "backup", "restore", lost.root / "backup", code=ExitCode.INPUT)
    assert not lost.settings.data_dir.exists()


def test_no_backup_is_made_without_the_quorum(lost: Installation) -> None:
    """Where the operator's copy is gone, the backup would open nothing, and is not made."""
    operate(lost, "backup", "restore", lost.root / "backup")
    accept_the_loss(lost)
    (lost.root / "custody" / "quorum.json").unlink()
    message = operate(lost, "backup", "create", lost.root / "next", code=ExitCode.INPUT)
    assert "quorum.json: cannot be read" in message
    assert "custodians have one" in message
    assert not (lost.root / "next").exists()


def test_new_custodians_come_back_from_the_mirror(tmp_path: Path) -> None:
    """Dealt anew after the backup, keyring and quorum of the last start are in the mirror, and both come back."""
    (tmp_path / "mirror").mkdir()
    installation = install(
        tmp_path / "i",
        kek=KEK,
        make_keyring=make_keyring,
        extra=f'log_mirror = "{tmp_path / "mirror"}"\n',
    )
    settings = installation.settings
    mirroring.begin(settings)
    create(settings, installation.root / "backup")
    done = padan_keys(
        installation,
        *("reshare", "--custodians", "ani,fajar,gita", "--threshold", "2"),
        *phrase_files("fajar", "gita"),
        kek=sitting_together(*NAMES[:3]),
    )
    assert done.returncode == 0, done.stderr
    mirroring.begin(settings)
    newest = settings.keyring.read_bytes()
    lose(installation)
    operate(installation, "backup", "restore", installation.root / "backup")
    assert settings.keyring.read_bytes() == newest
    (generation,) = quorum.decode((installation.root / "custody" / "quorum.json").read_bytes())
    assert (generation.number, generation.names) == (2, ("ani", "fajar", "gita"))


def test_the_file_beside_a_token_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The KEK that a token sealed is in the backup; with the token and its PIN the restore opens the keyring."""
    root = tmp_path / "i"
    root.mkdir()
    monkeypatch.setenv("SOFTHSM2_CONF", str(softhsm.make(tmp_path)))
    (root / "pin").write_text(softhsm.PIN)
    installation = install(root, kek=softhsm.URI)
    settings, backup = installation.settings, installation.root / "backup"
    create(settings, backup)
    operate(installation, "backup", "verify", backup)
    shutil.rmtree(settings.data_dir)
    for name in ("keyring.json", "keyring.events.jsonl", "kek.json"):
        (root / name).unlink()
    said = json.loads(operate(installation, "backup", "restore", backup, "--json"))
    assert (said["sealed"], said["keyring"]) == (False, "1")
    installation.agent().close()
    (root / "kek.json").unlink()
    with pytest.raises(BackupHolderError, match="cannot be read"):
        create(settings, root / "next")
