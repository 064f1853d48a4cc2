"""Proposals of custodians who are apart: what the desk takes, keeps and lets go, and what shares may be for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from keys import ceremony, ceremonyfile, keyceremony
from keys.custody import Custody
from keys.keychange import Action, Change
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.realm import Realm
from keys.ringfile import RingFile
from tests.unit.keys.council import SIGNERS, STRANGER, agree, roster, seat
from verifier import config
from verifier.desk import (
    MOST_OF_ONE,
    Desk,
    Papers,
    ProposalNotReadyError,
    ProposalOverError,
    ProposalRefusedError,
)
from verifier.errors import InvalidFieldError, RegistryUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from keys.ceremonyfile import CeremonyFile

REALM = Realm(registry_id="registry-test", environment="development")
ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keyring about which two of three decide."""
    root = tmp_path_factory.mktemp("desk")
    (root / "pass").write_text("tiga belas payung biru\n")
    custody = custody_at(root)
    custody.create(REALM)
    seat(custody)
    return root


def custody_at(root: Path) -> Custody:
    """Open the keyring of a folder."""
    provider = open_provider("file:kek.json?passphrase-file=pass", base=root)
    return Custody(path=root / "keyring.json", provider=provider, actor="tests")


class Place:
    """A copy of that keyring, its desk, and a clock."""

    def __init__(self, made: Path, root: Path) -> None:
        for path in made.iterdir():
            (root / path.name).write_bytes(path.read_bytes())
        (root / "padan.toml").write_text(
            f'registry_id = "{REALM.registry_id}"\nenvironment = "development"\ntrust_domain = "test.example"\n'
            'kek = "file:kek.json?passphrase-file=pass"\ndata_dir = "data"\n'
        )
        self.settings = config.load(root / "padan.toml")
        self.custody = custody_at(root)
        self.ahead = 0.0
        self.desk = Desk(self.settings, wall=self.wall)
        self.folder = root / "data" / "proposals"

    def wall(self) -> float:
        """Tell the time."""
        return self.custody.sitting().now + self.ahead

    def put(self, file: CeremonyFile) -> bytes:
        """Put a proposal, or signatures; gives its id."""
        return self.desk.put(ceremonyfile.encode(REALM, file))[0]

    def lying(self) -> list[CeremonyFile]:
        """Read what lies there."""
        return [ceremonyfile.decode(REALM, data) for data in self.desk.proposals()]

    def agree(self, what: Any, *who: int) -> CeremonyFile:
        """Propose and approve."""
        return agree(self.custody, what, *who)


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Place:
    """A place of one test."""
    return Place(made, tmp_path)


def test_signatures_come_together_in_one_file(place: Place) -> None:
    """Each puts the own copy; the file that lies there holds all, survives a restart, and executes as it lies."""
    file = place.agree(ROTATE, 0)
    name = place.put(file)
    assert place.put(keyceremony.approve(place.custody.sitting(), file, SIGNERS[1])) == name
    place.put(file)
    place.desk = Desk(place.settings, wall=place.wall)
    (found,) = place.lying()
    assert len(found.voices) == 2
    assert place.desk.executable(name) == found
    path = place.desk.path(name)
    assert (path.stat().st_mode & 0o777, place.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    place.custody.execute(ceremonyfile.decode(REALM, path.read_bytes()))
    assert (place.lying(), list(place.folder.glob("*.json"))) == ([], [])
    with pytest.raises(ProposalOverError):
        place.put(found)


def test_what_is_wrong_leaves_the_desk_as_it_was(place: Place) -> None:
    """Strangers, foreign signatures, edited proposals and what is no proposal are refused with their own reasons."""
    file = place.agree(ROTATE, 0)
    name = place.put(file)
    before = place.desk.path(name).read_bytes()
    sitting = place.custody.sitting()
    strange = file.with_voice(ceremony.approve(REALM, file.proposal, STRANGER))
    foreign = file.with_voice(place.agree(ROTATE, 1).voices[0])
    for bad in (strange, foreign):
        with pytest.raises(ProposalRefusedError):
            place.put(bad)
    with pytest.raises(ProposalRefusedError):
        place.put(ceremonyfile.CeremonyFile(proposal=place.agree(ROTATE, 2).proposal))
    with pytest.raises(InvalidFieldError):
        place.desk.put(b"{}")
    elsewhere = Realm(registry_id="another", environment="development")
    with pytest.raises(InvalidFieldError):
        place.desk.put(ceremonyfile.encode(elsewhere, file))
    place.ahead = 31 * 86_400
    with pytest.raises(ProposalOverError):
        place.put(keyceremony.approve(sitting, file, SIGNERS[1]))
    place.ahead = 0
    assert [path.read_bytes() for path in place.folder.glob("*.json")] in ([before], [])


def test_one_custodian_does_not_fill_it(place: Place) -> None:
    """A proposer has four at most; others still have room, and so has the proposer once the time of one is over."""
    for _ in range(MOST_OF_ONE):
        place.put(place.agree(ROTATE, 0))
    more = place.agree(ROTATE, 0)
    with pytest.raises(ProposalRefusedError, match="4 proposals"):
        place.put(more)
    place.put(place.agree(ROTATE, 1))
    assert len(place.lying()) == MOST_OF_ONE + 1
    place.ahead = keyceremony.SECONDS
    assert place.lying() == []


def test_a_cancelled_one_stays_cancelled(place: Place) -> None:
    """It lies until its time is over, so that no copy without the withdrawal takes its place."""
    file = place.agree(ROTATE, 0, 1)
    name = place.put(file)
    place.put(keyceremony.withdraw(place.custody.sitting(), file, SIGNERS[0]))
    for attempt in (lambda: place.put(file), lambda: place.desk.executable(name)):
        with pytest.raises(ProposalOverError, match="cancelled"):
            attempt()
    (cancelled,) = place.lying()
    place.ahead = keyceremony.SECONDS
    assert place.lying() == []
    with pytest.raises(ProposalOverError):
        place.put(cancelled)
    place.ahead = 0
    place.put(cancelled)
    assert place.custody.close(cancelled) == keyceremony.CANCELLED
    assert place.lying() == []


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("one", "1 more custodians must approve"),
        ("destroy", "it renews the KEK"),
        ("roster", "it renews the KEK"),
        ("export", "export-secret --agreed"),
        ("illegal", "deactivated"),
    ],
)
def test_what_shares_are_not_for(place: Place, what: str, told: str) -> None:
    """Approvals missing, a renewal of the KEK, a roster, an export and an illegal step are told before a share is."""
    key_id = place.custody.read().primary(Purpose.REPLAY).key_id
    place.custody.execute(place.agree(ROTATE, 0, 1))
    subject = {
        "one": ROTATE,
        "destroy": Change(action=Action.DESTROY, purpose=Purpose.REPLAY, key_id=key_id),
        "roster": roster(3),
        "export": Change(action=Action.EXPORT, purpose=Purpose.REPLAY, key_id=key_id, text="out"),
        "illegal": Change(action=Action.ACTIVATE, purpose=Purpose.REPLAY, key_id=key_id),
    }[what]
    name = place.put(place.agree(subject, 0, *([] if what == "one" else [1])))
    with pytest.raises(ProposalNotReadyError, match=told):
        place.desk.executable(name)
    with pytest.raises(ProposalOverError):
        place.desk.executable(bytes(32))


def test_what_lies_there_and_is_none(place: Place) -> None:
    """A file that was changed on the disk is not listed, not executed, and not removed."""
    name = place.put(place.agree(ROTATE, 0, 1))
    path = place.desk.path(name)
    path.write_bytes(path.read_bytes()[:-20])
    assert place.lying() == []
    with pytest.raises(ProposalOverError):
        place.desk.executable(name)
    assert path.exists()


def test_a_keyring_that_cannot_be_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the service may not write the keyring, that is told before a share is."""
    name = place.put(place.agree(ROTATE, 0, 1))
    monkeypatch.setattr(Papers, "may_change", False)
    with pytest.raises(ProposalNotReadyError, match="may not write"):
        place.desk.executable(name)


def test_a_keyring_that_cannot_be_read(place: Place) -> None:
    """Nothing is answered, and the cause stays with the operator."""
    place.custody.events_path.unlink()
    with pytest.raises(RegistryUnavailableError, match=r"^the keyring cannot be read$"):
        place.desk.proposals()
    RingFile(place.settings.keyring).path.unlink()
    with pytest.raises(RegistryUnavailableError):
        place.desk.papers.read()
