"""Backups of a whole installation on each engine: made while it is written to, checked, restored, and refused."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.operating import details, operate
from tests.people import BUDI
from tests.service import request, running
from tests.unit.verifier.log.rows import entry
from verifier.backup import keyrings
from verifier.backup.create import create, without_password
from verifier.backup.errors import BackupSourceError
from verifier.headfile import HeadFile
from verifier.headkeeper import HeadKeeper
from verifier.log.open import open_log
from verifier.vault.catalogue import EpochStateError
from verifier.vault.open import open_changer, open_vault, open_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation
    from tests.postgres import PostgresServer


class Site:
    """An installation whose databases can be lost."""

    def __init__(self, root: Path, server: PostgresServer | None) -> None:
        self.server = server
        self.url = server.make_database() if server else ""
        (root / "apart").mkdir()
        self.installation: Installation = install(
            root / "installation",
            log_url=self.url,
            vault_url=self.url,
            extra=f'head_store = "{root / "apart"}"\n',
        )
        self.backup = root / "backups" / "monday"
        operate(self.installation, "log", "head")

    def lose(self) -> None:
        """Lose the databases."""
        if self.server is None:
            shutil.rmtree(self.installation.settings.data_dir)
            return
        self.server.drop_database(self.url)
        self.url = self.server.make_database()
        text = self.installation.config_path.read_text()
        before = self.installation.settings.log_url
        self.installation.config_path.write_text(text.replace(before, self.url))

    def write(self, first: int, count: int) -> None:
        """Append entries."""
        with (
            closing(open_log(self.installation.settings.log_database)) as log,
            log.transaction() as transaction,
        ):
            now = int(time.time() * 1000)
            made = [entry(number, log_time_ms=now) for number in range(first, first + count)]
            transaction.write({}, 0, made, [])


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site on each engine."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    made = Site(tmp_path, server)
    yield made
    if server is not None:
        server.drop_database(made.url)


@pytest.fixture
def small(tmp_path: Path) -> Site:
    """A site on SQLite."""
    return Site(tmp_path, None)


def rows(installation: Installation) -> list[tuple[object, ...]]:
    """Read the log."""
    with closing(open_log(installation.settings.log_database)) as log:
        return [(row.sequence, row.kind, row.entry, row.salt, row.leaf) for row in log.entries(0, 1_000_000)]


@pytest.mark.parametrize(
    "site",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.chaos, pytest.mark.long])],
    indirect=True,
)
def test_what_is_restored_is_what_was_backed_up(site: Site) -> None:
    """Log, people and keyring come back, an entry says so, and the service answers from them."""
    installation = site.installation
    with running(installation) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        first = request()
        answered = stub.Verify(first, timeout=10)
        made = json.loads(operate(installation, "backup", "create", site.backup, "--json"))
        before = rows(installation)
    operate(installation, "backup", "verify", site.backup)
    kept = before[: made["log"]["entries"]]
    assert details(installation, EntryKind.BACKED_UP)[0]["entries"] == str(len(kept))
    installation.settings.head_file.unlink()  # the head would tell what came after the backup; see below
    site.lose()

    said = json.loads(operate(installation, "backup", "restore", site.backup, "--json"))
    assert (said["entries"], said["head"], said["starts"]) == (str(len(kept)), "gone", False)
    assert rows(installation)[: len(kept)] == kept
    (detail,) = details(installation, EntryKind.RESTORED)
    assert detail["missing"] == "unknown"
    assert json.loads(operate(installation, "epoch", "list", "--json"))[0]["state"] == "active"
    with closing(installation.directory()) as directory, directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM setting WHERE name = 'head.begun'")
    with running(installation) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        assert stub.Verify(first, timeout=10) == answered
        assert stub.Verify(request(), timeout=10).outcome == answered.outcome


def move_head(installation: Installation) -> None:
    """Move the head to the log's end, as a service does."""
    settings = installation.settings
    with (
        closing(open_log(settings.log_database)) as log,
        closing(installation.directory()) as directory,
        closing(installation.agent()) as agent,
    ):
        HeadKeeper(
            file=HeadFile(settings.head_file, installation.realm),
            log=log,
            directory=directory,
            realm=installation.realm,
            keyring=agent.keyring_counter,
        ).finish()


def test_the_gap_is_known_by_number(site: Site) -> None:
    """What the head has seen and the backup lacks is counted in the entry, and no service would begin on it."""
    installation = site.installation
    site.write(0, 5)
    move_head(installation)
    create(installation.settings, site.backup)
    site.write(10, 3)
    move_head(installation)
    seen = len(rows(installation))
    site.lose()
    said = json.loads(operate(installation, "backup", "restore", site.backup, "--json"))
    assert (said["missing"], said["same"], said["starts"]) == (str(seen - 5), "false", False)
    assert details(installation, EntryKind.RESTORED)[0]["missing"] == str(seen - 5)
    assert "are missing" in json.loads(operate(installation, "log", "head", "--json"))["fault"]


@pytest.mark.chaos
@pytest.mark.long
def test_backups_are_consistent_while_everything_changes(site: Site) -> None:
    """Beside commits, changes of the epoch and drops of epochs, each backup verifies and is restored."""
    installation, stopping = site.installation, threading.Event()
    settings = installation.settings

    def commit() -> None:
        number = 0
        while not stopping.is_set():
            site.write(number, 10)
            number += 10

    def change() -> None:
        with closing(open_changer(settings.vault_database)) as changer:
            while not stopping.is_set():
                epoch = changer.epoch()
                row, before = (os.urandom(16), bytes(epoch.box_size)), changer.position(epoch, "test")
                with contextlib.suppress(EpochStateError):  # another one was activated meanwhile
                    changer.apply(
                        epoch, [row], added=1, source="test", before=before, after=before + 1, as_of_ms=1
                    )

    def load() -> None:
        while not stopping.is_set():
            number = installation.load([BUDI])
            with closing(open_writer(settings.vault_database)) as writer:
                writer.activate(1)
                writer.drop(number)

    threads = [threading.Thread(target=work) for work in (commit, change, load)]
    for thread in threads:
        thread.start()
    try:
        made = [create(settings, site.backup.with_name(f"backup-{number}")) for number in range(6)]
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    entries = [manifest.log.entries for manifest in made]
    assert entries == sorted(entries)
    assert entries[-1] > entries[0]
    for number in range(6):
        operate(installation, "backup", "verify", site.backup.with_name(f"backup-{number}"))
    site.lose()
    newest = site.backup.with_name("backup-5")
    operate(installation, "backup", "restore", newest)
    with closing(open_vault(installation.settings.vault_database)) as vault:
        assert vault.pin().epoch.number == made[-1].epoch


def test_a_restore_overwrites_nothing(site: Site) -> None:
    """Where a log or a vault is, nothing is written, and what is there stays."""
    installation = site.installation
    create(installation.settings, site.backup)
    before = rows(installation)
    message = operate(installation, "backup", "restore", site.backup, code=ExitCode.STATE)
    assert "overwrites nothing" in message
    assert rows(installation) == before


def test_a_backup_of_somebody_else_is_refused(small: Site) -> None:
    """Another registry's and another environment's backup are each named, by verify and by restore."""
    installation = small.installation
    create(installation.settings, small.backup)
    small.lose()
    text = installation.config_path.read_text()
    for before, after in (("test-registry", "other-registry"), ('"development"', '"staging"')):
        installation.config_path.write_text(text.replace(before, after))
        for command in ("verify", "restore"):
            message = operate(installation, "backup", command, small.backup, code=ExitCode.REFUSED)
            assert "but the settings say" in message
    assert not installation.settings.data_dir.exists()


def test_a_full_disk_leaves_no_backup(small: Site) -> None:
    """Where the disk refuses, the command names it, nothing counts as a backup, and the next one succeeds."""
    installation = small.installation
    small.write(0, 3_000)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "from verifier.cli.server import main; main()"
    )
    command = [sys.executable, "-B", "-c", program, "--config", str(installation.config_path)]
    done = subprocess.run(
        [*command, "backup", "create", str(small.backup)], capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.UNAVAILABLE, done.stderr
    assert "there is no backup monday" in done.stderr
    assert list(small.backup.parent.iterdir()) == []
    operate(installation, "backup", "create", small.backup)


def test_half_a_backup_is_never_one(small: Site) -> None:
    """A killed command leaves NAME.partial, which neither verifies nor restores, and which the next one replaces."""
    installation = small.installation
    program = (
        "import os, signal; from verifier.backup.folder import PartialFolder;"
        "PartialFolder.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "from verifier.cli.server import main; main()"
    )
    command = [sys.executable, "-c", program, "--config", str(installation.config_path)]
    subprocess.run([*command, "backup", "create", str(small.backup)], check=False)
    half = small.backup.with_name("monday.partial")
    assert half.is_dir()
    assert not small.backup.exists()
    for folder in (half, small.backup):
        operate(installation, "backup", "verify", folder, code=ExitCode.INPUT)
    operate(installation, "backup", "create", small.backup)
    assert not half.exists()
    operate(installation, "backup", "create", small.backup, code=ExitCode.STATE)


def test_a_backup_is_for_its_owner_alone_and_holds_no_secret(small: Site) -> None:
    """Modes are 0700 and 0600; neither the KEK, nor the passphrase, nor an unsealed CA key is in any file."""
    installation, settings = small.installation, small.installation.settings
    operate(installation, "backup", "create", small.backup, "--with-ca", code=ExitCode.STATE)
    create(settings, small.backup)
    files = [path for path in small.backup.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    folders = [small.backup, *(path for path in small.backup.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    everything = b"".join(path.read_bytes() for path in files)
    secrets = [installation.root / name for name in ("passphrase", "kek.json", "ca/ca.key", "tls/server.key")]
    for path in secrets:
        for line in path.read_bytes().splitlines():
            assert len(line) < 30 or line.startswith(b"-----") or line not in everything
    assert without_password("postgresql://u:secret@h/d?x=1&password=secret") == "postgresql://u@h/d?x=1"


def test_a_log_older_than_its_head_is_not_backed_up(small: Site) -> None:
    """A backup that would make a rolled-back log the last one there is, is refused."""
    small.write(0, 1)
    move_head(small.installation)
    with closing(small.installation.directory()) as directory, directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry")
    with pytest.raises(BackupSourceError, match="log check"):
        create(small.installation.settings, small.backup)


def test_an_epoch_without_its_key_is_not_backed_up(small: Site) -> None:
    """Where the keyring lacks a key of the active epoch, a restore could not answer, so that it is told now."""
    settings = small.installation.settings
    settings.keyring.unlink()
    settings.keyring.with_name("keyring.events.jsonl").unlink()
    shutil.rmtree(settings.keyring.with_name("kek.json"), ignore_errors=True)
    settings.keyring.with_name("kek.json").unlink()
    Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="t").create(
        small.installation.realm
    )
    with pytest.raises(BackupSourceError, match="the keyring lacks"):
        create(settings, small.backup)


def test_a_restore_elsewhere_touches_nothing(small: Site, tmp_path: Path) -> None:
    """A backup can be looked at beside the installation, whose mirror and head it leaves alone."""
    installation = small.installation
    create(installation.settings, small.backup)
    before = rows(installation)
    aside = tmp_path / "aside"
    operate(installation, "backup", "restore", small.backup, "--into", aside)
    assert rows(installation) == before
    assert (aside / "log.sqlite").exists()
    assert (aside / "vault" / "epoch-000001.sqlite").exists()
    assert (aside / "keyring.json").exists()


def test_a_restore_that_fails_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last step fails, neither log nor vault is in its place, and the same command succeeds later."""
    installation = site.installation
    create(installation.settings, site.backup)
    site.lose()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(keyrings, "put", refuse)
        message = operate(installation, "backup", "restore", site.backup, code=ExitCode.UNAVAILABLE)
    assert "No space left" in message
    operate(installation, "backup", "restore", site.backup)
    assert details(installation, EntryKind.RESTORED)[0]["entries"] == "0"


def test_a_restore_that_is_killed_is_repeated(small: Site) -> None:
    """What was written of it is under other names, and goes when the command runs again."""
    installation = small.installation
    create(installation.settings, small.backup)
    small.lose()
    program = (
        "import os, signal; from verifier.backup import keyrings;"
        "keyrings.put = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "from verifier.cli.server import main; main()"
    )
    command = [sys.executable, "-c", program, "--config", str(installation.config_path)]
    subprocess.run([*command, "backup", "restore", str(small.backup)], check=False)
    assert not (installation.settings.data_dir / "log.sqlite").exists()
    operate(installation, "backup", "restore", small.backup)
    assert sorted(path.name for path in installation.settings.data_dir.iterdir()) == ["log.sqlite", "vault"]


def test_the_newest_keyring_is_kept(small: Site) -> None:
    """A keyring that has gone on since the backup stays; one that is lost comes back from it."""
    installation, settings = small.installation, small.installation.settings
    create(settings, small.backup)
    custody = Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests")
    custody.add(Purpose.ROW_SEAL)
    newer = settings.keyring.read_bytes()
    small.lose()
    said = json.loads(operate(installation, "backup", "restore", small.backup, "--json"))
    assert settings.keyring.read_bytes() == newer
    assert said["keyring"] == str(custody.read().counter)
    small.lose()
    settings.keyring.unlink()
    older = json.loads(operate(installation, "backup", "restore", small.backup, "--json"))
    assert int(older["keyring"]) == int(said["keyring"]) - 1
