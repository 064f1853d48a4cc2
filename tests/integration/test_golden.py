"""What earlier code has written is read by today's: golden installations, restored, followed and looked into."""

from __future__ import annotations

import json
import tarfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from keys import ceremony, ceremonyfile
from keys.custody import Custody
from keys.provider import open_provider
from keys.realm import Realm
from padan import canonical
from padan.entry import EntryKind, Field, decode, leaf
from padan.v1 import verification_pb2
from tests.golden import kept
from tests.golden.generate import HERE, log_of, people_of
from tests.golden.kept import formats
from tests.golden.pieces import PIECES
from tests.installation import ENVIRONMENT, REGISTRY, Installation
from tests.operating import operate
from tests.people import SARI
from verifier import officers
from verifier.feed.following import follow
from verifier.log.open import open_log

GOLDEN = sorted((path for path in HERE.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
REALM = Realm(registry_id=REGISTRY, environment=ENVIRONMENT)


def unpack(packed: Path, folder: Path) -> None:
    """Unpack golden files."""
    with tarfile.open(packed) as archive:
        for member in archive.getmembers():
            assert member.isfile() or member.isdir()
            assert not Path(member.name).is_absolute()
            assert ".." not in Path(member.name).parts
            archive.extract(member, folder)


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Installation, dict[str, Any]]:
    """A golden installation, unpacked, and what is in it."""
    unpack(request.param / "installation.tar.gz", tmp_path)
    installation = Installation.__new__(Installation)
    installation.root, installation.config_path = tmp_path, tmp_path / "padan.toml"
    installation.realm, installation.auditors_secret = REALM, bytes(range(32))
    installation.provider = open_provider(installation.settings.kek)
    return installation, json.loads((request.param / "expected.json").read_text())


def test_a_changed_format_has_a_golden_installation_of_its_own() -> None:
    """The newest one was written in today's formats; else run python -m tests.golden.generate with the next number."""
    assert json.loads((GOLDEN[-1] / "formats.json").read_text()) == formats()
    assert [int(path.name) for path in GOLDEN] == list(range(1, len(GOLDEN) + 1))


def test_every_format_of_the_code_is_known() -> None:
    """A new one is kept by a golden installation or as a piece, is for people to read, or says why nobody keeps it."""
    listed = {*kept.INSTALLATION.values(), *kept.PIECES.values(), *kept.TOLD.values(), *kept.PASSING}
    assert kept.known() - listed == set()
    assert kept.PASSING.keys() <= kept.known()
    assert kept.PIECES.keys() == PIECES.keys()


@pytest.mark.parametrize(
    "path", [path for path in GOLDEN if (path / "pieces.json").exists()], ids=lambda path: path.name
)
def test_golden_pieces_are_read(path: Path, tmp_path: Path) -> None:
    """Everything that is kept besides an installation says what it said when it was written."""
    unpack(path / "pieces.tar.gz", tmp_path)
    expected = json.loads((path / "pieces.json").read_text())
    assert {name: PIECES[name].read(tmp_path / name) for name in expected} == expected
    if path == GOLDEN[-1]:
        assert expected.keys() == PIECES.keys()


def test_a_golden_installation_is_restored_and_goes_on(golden: tuple[Installation, dict[str, Any]]) -> None:
    """Configuration, KEK, keyring, backup, mirror, head, people, log, kept answer, feed and ceremony are all read."""
    installation, expected = golden
    said = json.loads(operate(installation, "backup", "restore", installation.root / "backup", "--json"))
    assert (said["missing"], said["starts"]) == ("0", True)
    assert int(said["mirrored"]) > 0
    assert log_of(installation)[: len(expected["log"])] == expected["log"]
    assert people_of(installation) == expected["people"]
    if json.loads(operate(installation, "log", "head", "--json"))["head"]["published"]:
        operate(installation, "log", "rebuild-tree")
    operate(installation, "log", "check")
    settings = installation.settings
    custody = Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests")
    assert custody.check()[2] == ()
    assert len(custody.history()) > 0
    _require_entries(installation)
    _require_answer(installation, expected)
    _require_ceremony(installation, expected)
    _require_feed(installation, expected)


def _require_entries(installation: Installation) -> None:
    with closing(open_log(installation.settings.log_database)) as log:
        rows = log.entries(0, 100_000)
    assert {EntryKind.VERIFY, EntryKind.PERIOD_OPENED, EntryKind.FEED_APPLIED} <= {row.kind for row in rows}
    for row in rows:
        assert leaf(row.salt, row.entry) == row.leaf
        entry = decode(row.entry)
        assert entry.number(Field.KIND) == row.kind


def _require_answer(installation: Installation, expected: dict[str, Any]) -> None:
    """The stored answer to the last question opens to what the caller was given."""
    request_id = uuid.UUID(expected["request_id"]).bytes
    key = ("tax", request_id)
    with closing(open_log(installation.settings.log_database)) as log, log.transaction() as transaction:
        stored = transaction.replays([key])[key]
    with closing(installation.agent()) as agent:
        context = canonical.prefixed("padan/replay/1", "tax") + request_id + stored.digest
        body = agent.replay_seal(stored.day).open(stored.body, context)
    answer = verification_pb2.VerifyResponse.FromString(bytes.fromhex(expected["answer"]))
    assert answer.receipt.encode() in body


def _require_ceremony(installation: Installation, expected: dict[str, Any]) -> None:
    opened = ceremonyfile.decode(REALM, (installation.root / "files" / "loss.json").read_bytes())
    proposal = opened.proposal
    assert proposal.id(REALM).hex() == expected["ceremony"]["id"]
    assert officers.describe(proposal) == expected["ceremony"]["words"]
    standing = ceremony.standing(
        REALM,
        proposal,
        opened.voices,
        roster=officers.roster(installation.settings.officers),
        now=proposal.created,
    )
    assert standing.state is ceremony.State.APPROVED


def _require_feed(installation: Installation, expected: dict[str, Any]) -> None:
    """The file that was applied changes nothing, and the next one goes on from the position that came back."""
    files, settings = installation.root / "files", installation.settings
    assert follow(settings, "first.feed", (files / "first.feed").read_bytes()).applied == 0
    assert people_of(installation) == expected["people"]
    assert follow(settings, "next.feed", (files / "next.feed").read_bytes()).applied == 1
    assert people_of(installation)[SARI["NIK"]] != expected["people"][SARI["NIK"]]
