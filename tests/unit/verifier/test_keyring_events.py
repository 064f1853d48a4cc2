"""What custodians did is logged, each line once and with the signatures, before a service answers."""

from __future__ import annotations

import base64
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys import ceremony, keyceremony
from keys.ceremony import Proposal, Voice
from keys.custody import Custody
from keys.ending import Ending
from keys.keychange import Action, Change
from keys.purpose import Purpose, TokenDomain
from keys.realm import Realm
from padan import canonical
from padan.entry import EntryKind, Field
from tests.simulator.kek_provider import MemoryKekProvider
from tests.unit.keys.council import SIGNERS, agree, roster, seat
from verifier import keyring_events, migrations
from verifier.directory import Directory
from verifier.errors import LogUnavailableError
from verifier.keyring_events import KeyringRolledBackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from verifier.intent import Intent, Settled
    from verifier.ticket import Ticket

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)
CEREMONY = {
    EntryKind.CEREMONY_PROPOSED,
    EntryKind.CEREMONY_APPROVED,
    EntryKind.CEREMONY_EXECUTED,
    EntryKind.CEREMONY_ENDED,
}


class Log:
    """A journal that goes away after so many entries."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.intents: list[Intent] = []

    def commit(self, intents: Sequence[Intent]) -> Sequence[Settled]:
        """Commit."""
        if self.room == 0:
            raise LogUnavailableError("the log is away")
        self.room -= 1
        self.intents += intents
        return []

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Nobody does."""
        raise AssertionError(intents, done)

    @property
    def lines(self) -> list[tuple[EntryKind, dict[str, str]]]:
        """Kind and detail of each entry."""
        details = (canonical.decode(intent.head)[Field.DETAIL] for intent in self.intents)
        texts = ([item.decode().partition("=") for item in canonical.decode_list(raw)] for raw in details)
        return [
            (EntryKind(intent.kind), {name: value for name, _, value in text})
            for intent, text in zip(self.intents, texts, strict=True)
        ]


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """A new keyring."""
    made = Custody(path=tmp_path / "keyring.json", provider=MemoryKekProvider(), actor="tester")
    made.create(Realm(registry_id="registry-test", environment="development"))
    return made


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A new directory."""
    url = f"sqlite:///{tmp_path / 'log.sqlite'}"
    migrations.upgrade(url, migrations.Tree.LOG)
    with closing(Directory(url)) as opened:
        yield opened


def log(custody: Custody, tmp_path: Path, directory: Directory, journal: Log) -> int:
    """Log what is pending."""
    return keyring_events.log_pending(
        keyring=tmp_path / "keyring.json", ring=custody.read(), directory=directory, journal=journal
    )


def test_a_ceremony_is_logged_step_by_step(custody: Custody, tmp_path: Path, directory: Directory) -> None:
    """Proposal, approvals and execution are entries of their own, before the entries of what they changed."""
    seat(custody)
    log(custody, tmp_path, directory, Log())
    custody.execute(agree(custody, ROTATE, 0, 1))
    journal = Log()
    assert log(custody, tmp_path, directory, journal) == len(journal.intents)
    kinds = [kind for kind, _ in journal.lines]
    assert kinds[:4] == [
        EntryKind.CEREMONY_PROPOSED,
        EntryKind.CEREMONY_APPROVED,
        EntryKind.CEREMONY_APPROVED,
        EntryKind.CEREMONY_EXECUTED,
    ]
    assert set(kinds[4:]) == {EntryKind.KEYRING_CHANGED}
    assert len({detail["proposal"] for kind, detail in journal.lines if kind in CEREMONY}) == 1
    assert log(custody, tmp_path, directory, journal) == 0


def test_the_log_alone_proves_who_agreed(custody: Custody, tmp_path: Path, directory: Directory) -> None:
    """Whoever has the entries and knows the custodians checks the signatures without the keyring."""
    seat(custody)
    custody.execute(agree(custody, ROTATE, 0, 2))
    journal = Log()
    log(custody, tmp_path, directory, journal)
    (last,) = [detail for kind, detail in journal.lines if kind is EntryKind.CEREMONY_EXECUTED][-1:]
    about = [(kind, detail) for kind, detail in journal.lines if detail.get("proposal") == last["proposal"]]
    (proposal,) = (
        Proposal.decode(base64.b64decode(detail["bytes"]))
        for kind, detail in about
        if kind is EntryKind.CEREMONY_PROPOSED
    )
    voices = [
        Voice(key_id=detail["by"], signature=base64.b64decode(detail["signature"]))
        for kind, detail in about
        if kind is EntryKind.CEREMONY_APPROVED
    ]
    realm = custody.read().realm
    assert proposal.id(realm).hex() == last["proposal"]
    for voice in voices:
        ceremony.require_voice(realm, proposal, voice, roster().keys)
    assert {voice.key_id for voice in voices} == set(last["approved"].split())


@pytest.mark.parametrize("together", [True, False])
def test_the_end_of_a_token_domain_is_one_entry(
    custody: Custody, tmp_path: Path, directory: Directory, *, together: bool
) -> None:
    """It names domain, versions, agency and agreement, and the custodians who agreed, also after a cut in between."""
    aid = TokenDomain("aid")
    custody.rotate(aid)
    custody.rotate(aid)
    end = Change(
        action=Action.END_DOMAIN,
        purpose=aid,
        ending=Ending(agency="social", agreement="pks-7", version=3, ended=1, due=2),
    )
    if together:
        seat(custody)
    agreed = agree(custody, end, 0, 2) if together else None
    log(custody, tmp_path, directory, Log())
    if agreed is None:
        custody.alone(end)
    else:
        custody.execute(agreed)
    cut = Log(room=4)
    with pytest.raises(LogUnavailableError):
        log(custody, tmp_path, directory, cut)
    journal = Log()
    log(custody, tmp_path, directory, journal)
    (found,) = (
        intent for intent in cut.intents + journal.intents if intent.kind == EntryKind.TOKEN_DOMAIN_ENDED
    )
    (said,) = (detail for kind, detail in cut.lines + journal.lines if kind is EntryKind.TOKEN_DOMAIN_ENDED)
    assert (found.agency, said["agency"], said["agreement"], said["agreement_version"]) == (
        "social",
        "social",
        "pks-7",
        "3",
    )
    assert (said["domain"], said["versions"], said["actor"]) == ("aid", "1 2", "tester")
    assert (said["ended"], said["due"]) == ("1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z")
    signers = {SIGNERS[0].key_id, SIGNERS[2].key_id} if together else set()
    assert set(said.get("custodians", "").split()) == signers


def test_an_end_is_logged(custody: Custody, tmp_path: Path, directory: Directory) -> None:
    """What was cancelled is an entry too."""
    seat(custody)
    file = agree(custody, ROTATE, 0)
    custody.close(file.with_voice(ceremony.withdraw(custody.read().realm, file.proposal, SIGNERS[0])))
    journal = Log()
    log(custody, tmp_path, directory, journal)
    kind, detail = journal.lines[-1]
    assert (kind, detail["event"], detail["by"]) == (
        EntryKind.CEREMONY_ENDED,
        keyceremony.CANCELLED,
        file.proposal.proposer,
    )


def test_a_log_that_goes_away_takes_up_where_it_was(
    custody: Custody, tmp_path: Path, directory: Directory
) -> None:
    """Nothing is answered meanwhile, and no line is missing afterwards."""
    seat(custody)
    custody.execute(agree(custody, ROTATE, 0, 1))
    journal = Log(room=3)
    with pytest.raises(LogUnavailableError):
        log(custody, tmp_path, directory, journal)
    journal.room = 1000
    log(custody, tmp_path, directory, journal)
    numbers = [int(detail["number"]) for _, detail in journal.lines]
    assert numbers == list(range(1, custody.read().events + 1))


def test_a_keyring_that_was_put_back_is_refused(
    custody: Custody, tmp_path: Path, directory: Directory
) -> None:
    """A ceremony is not undone by an older keyring with its own history."""
    seat(custody)
    old = {path: path.read_bytes() for path in (tmp_path / "keyring.json", custody.events_path)}
    custody.execute(agree(custody, ROTATE, 0, 1))
    log(custody, tmp_path, directory, Log())
    for path, data in old.items():
        path.write_bytes(data)
    with pytest.raises(KeyringRolledBackError):
        log(custody, tmp_path, directory, Log())
