"""An installation whose log has a mirror: what its start does, what a lost data folder costs, and what it refuses."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys import events, ringformat
from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.installation import install
from tests.operating import details, operate
from tests.service import running, wait_until_ready
from verifier import admin_entry
from verifier.backup import mirroring
from verifier.backup.create import create
from verifier.keywatch import KeyWatch
from verifier.log import mirror_format
from verifier.log.mirror import MirrorPlaceError, segments
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.installation import Installation
    from tests.service import RunningService

SECONDS = 90.0
"""How long a busy machine may take."""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation with a mirror."""
    (tmp_path / "mirror").mkdir()
    return install(tmp_path / "installation", extra=f'log_mirror = "{tmp_path / "mirror"}"\n')


def note(installation: Installation, number: int) -> None:
    """Commit an entry."""
    with closing(open_log(installation.settings.log_database)) as log:
        admin_entry.append(log, EntryKind.ENTRIES_LISTED, {"number": str(number)})


def keks(mirror: Path) -> set[str]:
    """Say which KEKs copies of the keyring are under."""
    return {ringformat.kek_id(path.read_bytes()) for path in mirror.glob("keyring.json*")}


def test_a_destroyed_key_is_in_no_copy(installation: Installation) -> None:
    """Once a start has left the newest keyring in the mirror, nothing there is under the KEK before."""
    settings = installation.settings
    custody = Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests")
    _, key_id = custody.add(Purpose.BIOMETRIC)
    mirroring.begin(settings)
    custody.destroy(Purpose.BIOMETRIC, key_id)
    mirroring.begin(settings)
    assert settings.log_mirror is not None
    assert keks(settings.log_mirror) == {custody.read().kek_id}


def until(service: RunningService, holds: Callable[[], bool]) -> None:
    """Wait for what a service does within seconds."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert service.process.poll() is None
        assert time.monotonic() < end, service.messages()[-2000:]
        time.sleep(0.1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_changed_keyring_is_in_the_mirror_without_a_restart(tmp_path: Path, workers: int) -> None:
    """Keys made or destroyed while a service runs are there within seconds, and after its disk was away."""
    mirror, away = tmp_path / "mirror", tmp_path / "away"
    mirror.mkdir()
    made = install(tmp_path / "installation", extra=f'log_mirror = "{mirror}"\nworkers = {workers}\n')
    custody = made.custody()

    def is_newest() -> bool:
        data = (mirror / "keyring.json").read_bytes()
        return data == made.settings.keyring.read_bytes()

    with running(made, ready=False) as service:
        wait_until_ready(made, service.process, SECONDS)
        custody.rotate(Purpose.REPLAY)
        until(service, is_newest)
        ring = ringformat.peek((mirror / "keyring.json").read_bytes())
        assert events.read(mirror / "keyring.events.jsonl", ring)[-1].counter == ring.counter
        _, key_id = custody.add(Purpose.BIOMETRIC)
        until(service, is_newest)
        custody.destroy(Purpose.BIOMETRIC, key_id)
        until(service, is_newest)
        until(service, lambda: keks(mirror) == {custody.read().kek_id})

        mirror.rename(away)
        mirror.mkdir()
        custody.rotate(Purpose.REPLAY)
        until(service, lambda: "is its disk mounted?" in service.messages())
        assert list(mirror.iterdir()) == []
        mirror.rmdir()
        away.rename(mirror)
        until(service, is_newest)


def test_nothing_follows_a_keyring_that_the_mirror_lacks(installation: Installation) -> None:
    """While the copy cannot be made, it is tried again at each look, and whoever signs or seals waits for it."""
    settings = installation.settings
    followed: list[int] = []
    keep = mirroring.begin(settings)
    mirror = installation.root.parent / "mirror"
    with closing(installation.agent()) as agent:
        watch = KeyWatch(agent, [keep, lambda: followed.append(agent.keyring_counter)])
        ring, _ = installation.custody().rotate(Purpose.REPLAY)
        mirror.rename(mirror.with_name("away"))
        watch.look()
        watch.look()
        assert followed == []
        mirror.with_name("away").rename(mirror)
        watch.look()
    assert followed == [ring.counter]
    assert ringformat.peek((mirror / "keyring.json").read_bytes()) == ringformat.peek(
        settings.keyring.read_bytes()
    )


def test_what_came_after_the_backup_is_in_the_mirror(installation: Installation) -> None:
    """With data folder and keyring lost, entries, the directory and a newer keyring come back from the mirror."""
    settings = installation.settings
    mirroring.begin(settings)
    backup = installation.root / "backup"
    create(settings, backup)
    note(installation, 1)
    operate(installation, "agency", "revoke", "tax")
    custody = Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests")
    newer, _ = custody.add(Purpose.ROW_SEAL)
    mirroring.begin(settings)
    note(installation, 2)
    shutil.rmtree(settings.data_dir)
    settings.keyring.unlink()
    said = json.loads(operate(installation, "backup", "restore", backup, "--json"))
    assert [detail["number"] for detail in details(installation, EntryKind.ENTRIES_LISTED)] == ["1", "2"]
    assert said["keyring"] == str(newer.counter) == str(custody.read().counter)
    (agency,) = json.loads(operate(installation, "agency", "list", "--json"))
    assert agency["state"] == "revoked"


def test_without_the_mirror_less_comes_back(installation: Installation) -> None:
    """It can be left out by name; then the log begins a new segment, and does not write over what was left out."""
    settings = installation.settings
    mirroring.begin(settings)
    backup = installation.root / "backup"
    create(settings, backup)
    note(installation, 1)
    before = {path.name: path.read_bytes() for path in installation.root.parent.glob("mirror/*.mirror")}
    shutil.rmtree(settings.data_dir)
    said = json.loads(operate(installation, "backup", "restore", backup, "--no-mirror", "--json"))
    assert said["mirrored"] == "0"
    mirroring.begin(settings)
    note(installation, 2)
    after = {path.name: path.read_bytes() for path in installation.root.parent.glob("mirror/*.mirror")}
    assert before.items() < after.items()


def test_a_backup_lets_older_files_of_the_mirror_go(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what a whole backup of this very log holds goes, and the backup is still restored with the rest."""
    settings = installation.settings
    monkeypatch.setattr(mirror_format, "SHIFT", 1)
    mirroring.begin(settings)
    for number in range(5):
        note(installation, number)
    backup, mirror = installation.root / "backup", installation.root.parent / "mirror"
    create(settings, backup)
    note(installation, 5)
    before = segments(mirror)
    gone = json.loads(operate(installation, "backup", "prune-mirror", backup, "--json"))["deleted"]
    assert len(gone) == len(before) - len(segments(mirror)) > 0
    shutil.rmtree(settings.data_dir)
    operate(installation, "backup", "restore", backup)
    assert details(installation, EntryKind.ENTRIES_LISTED)[-1]["number"] == "5"
    for path in mirror.glob("*.mirror"):
        data = bytearray(path.read_bytes())
        data[20] ^= 1
        path.write_bytes(data)
    kept = segments(mirror)
    assert "another log" in operate(installation, "backup", "prune-mirror", backup, code=ExitCode.INPUT)
    assert segments(mirror) == kept


def test_an_older_keyring_does_not_replace_the_mirrors(installation: Installation) -> None:
    """A keyring that was put back leaves the newer copy alone."""
    settings = installation.settings
    older = settings.keyring.read_bytes()
    custody = Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests")
    custody.add(Purpose.ROW_SEAL)
    mirroring.begin(settings)
    newer = settings.keyring.read_bytes()
    settings.keyring.write_bytes(older)
    mirroring.begin(settings)
    assert (installation.root.parent / "mirror" / "keyring.json").read_bytes() == newer


def test_a_mirror_that_cannot_be_used_is_named(installation: Installation) -> None:
    """A folder that is missing ends the start; PostgreSQL has its own ways; a damaged mirror is not restored from."""
    settings = installation.settings
    mirroring.begin(settings)
    backup = installation.root / "backup"
    create(settings, backup)
    note(installation, 1)
    note(installation, 2)
    elsewhere = settings.model_copy(update={"log_url": "postgresql://localhost/padan"})
    with pytest.raises(MirrorPlaceError, match="PostgreSQL"):
        mirroring.begin(elsewhere)
    (segment,) = (installation.root.parent / "mirror").glob("*.mirror")
    data = bytearray(segment.read_bytes())
    data[100] ^= 1
    segment.write_bytes(data)
    shutil.rmtree(settings.data_dir)
    message = operate(installation, "backup", "restore", backup, code=ExitCode.INPUT)
    assert "damaged at byte" in message
    assert not settings.data_dir.joinpath("log.sqlite").exists()
    shutil.rmtree(installation.root.parent / "mirror")
    with pytest.raises(MirrorPlaceError, match="mounted"):
        mirroring.begin(settings)
