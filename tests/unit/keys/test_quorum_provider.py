"""Custodians who sit together: make a keyring, open it, renew it, hand it on; a crash leaves one usable set."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keys import custodian, keyproof, quorum_provider, ringformat, sharefile, together
from keys.custody import Custody
from keys.errors import (
    ForeignShareError,
    KekMismatchError,
    KeyringExistsError,
    PassphraseError,
    ProviderError,
    QuorumFileError,
    RosterStandsError,
    ShareRefusedError,
    SharesMissingError,
)
from keys.keychange import Action, Change
from keys.provider import open_provider, quorum_folder, starts_sealed
from keys.purpose import Purpose
from keys.quorum_provider import Plan, QuorumKekProvider, keys_path, share_path
from keys.realm import Realm
from keys.ringfile import RingFile
from tests.unit.keys.test_quorum import person

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.keyset import Keyring
    from keys.roster import Roster

REALM = Realm(registry_id="registry-test", environment="production")
NAMES = ("ani", "budi", "cici", "dewi")
NEWCOMERS = ("eko", "fajar")


def passphrase(name: str) -> str:
    """Give a custodian's passphrase."""
    return f"the passphrase of {name}"


PEOPLE = {name: person(name) for name in (*NAMES, *NEWCOMERS)}


def provider(folder: Path, *here: str) -> QuorumKekProvider:
    """Open the quorum with those who are here; their keys are open."""
    opened = open_provider("quorum:custody", base=folder, prompt=lambda _: "")
    assert isinstance(opened, QuorumKekProvider)
    opened.welcome(PEOPLE[name] for name in here)
    return opened


def custody_of(folder: Path, *here: str) -> Custody:
    """Open the keyring with those who are here."""
    return Custody(path=folder / "keyring.json", provider=provider(folder, *here), actor="tester")


def plan(names: Sequence[str], threshold: int) -> Plan:
    """Plan a dealing."""
    return Plan(realm=REALM, threshold=threshold, cards=tuple(PEOPLE[name].card for name in names))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keyring that two of four custodians open, made once; copy it before changing it."""
    folder = tmp_path_factory.mktemp("quorum")
    (folder / "custody").mkdir()
    opened = provider(folder, *NAMES)
    opened.deal_to(plan(NAMES, 2))
    custody = Custody(path=folder / "keyring.json", provider=opened, actor="tester")
    custody.create(REALM, custodians={"custodians": ",".join(NAMES), "threshold": "2"})
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """A copy, to change."""
    return Path(shutil.copytree(made, tmp_path / "own"))


def roster(names: Sequence[str], threshold: int) -> Roster:
    """Name custodians who hold shares."""
    return quorum_provider.roster_of(threshold, (PEOPLE[name].card for name in names))


def reshare(folder: Path, here: Sequence[str], names: Sequence[str], threshold: int) -> Keyring:
    """Let those who are here hand the keyring on."""
    return custody_of(folder, *here).hand_on(roster(names, threshold))


def test_any_two_open_it_and_one_does_not(made: Path) -> None:
    """Whoever comes, two come to the keyring; one alone is told how many are missing; no file has open rights."""
    for here in (("ani", "budi"), ("dewi", "cici"), NAMES):
        assert custody_of(made, *here).read().realm == REALM
    with pytest.raises(SharesMissingError, match="here: cici; missing: 1"):
        custody_of(made, "cici").read()
    assert all(path.stat().st_mode & 0o077 == 0 for path in (made / "custody").glob("*.share.json"))
    events = custody_of(made, "ani", "budi").history()
    (told,) = [event.details for event in events if event.name == "custodians-set"]
    assert told == {"custodians": "ani,budi,cici,dewi", "threshold": "2"}
    assert not [event for event in events if event.name == "single-custodian"]


def test_people_are_asked_at_a_terminal(tmp_path: Path) -> None:
    """Each is asked by name until there are enough; an empty answer passes on; a wrong one names whose it was."""
    (tmp_path / "custody").mkdir()
    people = {}
    for name in NAMES[:3]:
        private, _, people[name] = custodian.make(name, passphrase(name))
        keys_path(tmp_path / "custody", name).write_bytes(private)
    asked: list[str] = []

    def prompt(question: str) -> str:
        name = question.split()[2]
        asked.append(name)
        return "" if name == "ani" else passphrase(name)

    opened = open_provider("quorum:custody", base=tmp_path, prompt=prompt)
    assert isinstance(opened, QuorumKekProvider)
    opened.deal_to(Plan(realm=REALM, threshold=2, cards=tuple(each.card for each in people.values())))
    opened.create()
    assert len(opened.unlock()) == 1
    assert asked == ["ani", "budi", "cici"]
    with pytest.raises(PassphraseError, match="keys of ani"):
        open_provider("quorum:custody", base=tmp_path, prompt=lambda _: "something else").unlock()
    (tmp_path / "budi.pass").write_text(passphrase("budi") + "\n")
    with pytest.raises(SharesMissingError, match="here: budi; missing: 1"):
        open_provider("quorum:custody?budi=budi.pass", base=tmp_path).unlock()
    with pytest.raises(PassphraseError, match="cannot be read"):
        open_provider("quorum:custody?ani=nowhere", base=tmp_path).unlock()


def test_what_the_uri_may_say(made: Path) -> None:
    """Hosts, no folder, a name twice and broken parameters are refused; what names no passphrase starts sealed."""
    for uri in ("quorum:", "quorum://host/x", "quorum:x#y", "quorum:x?ani", "quorum:x?ani=1&ani=2"):
        with pytest.raises(ProviderError):
            open_provider(uri, base=made)
    assert starts_sealed("quorum:custody")
    assert not starts_sealed("quorum:custody?ani=ani.pass")
    assert not starts_sealed("file:kek.json")
    assert quorum_folder("quorum:a%20b") == Path("a b")
    assert repr(provider(made)).startswith("<QuorumKekProvider")
    with pytest.raises(ProviderError, match="padan-keys init"):
        QuorumKekProvider(folder=made, sources={}, prompt=str, uri="quorum:x").create()
    again = provider(made, "ani", "budi")
    again.deal_to(plan(NAMES, 2))
    with pytest.raises(KeyringExistsError):
        again.create()


def test_a_renewal_is_for_all_also_for_who_is_absent(own: Path) -> None:
    """Two destroy a key; the others' new shares open what the old ones do not, and the old ones are gone."""
    old = share_path(own / "custody", "dewi", 1).read_bytes()
    custody = custody_of(own, "ani", "budi")
    key_id = custody.rotate(Purpose.REPLAY)[0].keyset(Purpose.REPLAY).keys[0].key_id
    custody.destroy(Purpose.REPLAY, key_id)
    assert not list((own / "custody").glob("*.1.share.json"))
    assert custody_of(own, "cici", "dewi").read().counter == 3
    share_path(own / "custody", "dewi", 2).write_bytes(old)
    with pytest.raises(ForeignShareError, match="dewi is of generation 1"):
        custody_of(own, "cici", "dewi").read()


def test_who_opens_it_decides_and_signs(own: Path) -> None:
    """Who opened the keyring for a change signs it, and so does who is new; the history proves both."""
    custody = custody_of(own, "ani", "budi")
    custody.rotate(Purpose.REPLAY)
    assert custody.sitting().register.roster == roster(NAMES, 2)
    apart = together.agree(
        custody.sitting(),
        Change(action=Action.ROTATE, purpose=Purpose.REPLAY),
        [PEOPLE["cici"].signer, PEOPLE["dewi"].signer],
    )
    custody.execute(apart)
    reshare(own, ("cici", "budi", "eko"), ("budi", "dewi", "eko"), 2)
    after = custody_of(own, "eko", "dewi")
    after.rotate(Purpose.REPLAY)
    assert after.check()[2] == ()
    ids = {person.card.signer_id: name for name, person in PEOPLE.items()}
    assert [
        (each.action, sorted(ids[key_id] for key_id in each.approved))
        for each in keyproof.prove(REALM, after.history())
    ] == [
        ("key.rotate", ["ani", "budi"]),
        ("key.rotate", ["cici", "dewi"]),
        ("roster.set", ["budi", "cici", "eko"]),
        ("key.rotate", ["dewi", "eko"]),
    ]


def test_a_changed_share_is_refused_by_name(own: Path) -> None:
    """A share that was changed, or is another's, names its holder, and two others open the keyring still."""
    path = share_path(own / "custody", "budi", 1)
    content = json.loads(path.read_text())
    other = json.loads(share_path(own / "custody", "ani", 1).read_text())
    path.write_text(json.dumps(content | {"box": other["box"]}))
    with pytest.raises(ShareRefusedError, match="the share of budi"):
        custody_of(own, "ani", "budi").read()
    assert custody_of(own, "ani", "cici").read().realm == REALM


def test_resharing_hands_the_keyring_on(own: Path) -> None:
    """Other custodians and another threshold: three of the new ones open it, the old shares nothing any more."""
    kept = {name: share_path(own / "custody", name, 1).read_bytes() for name in NAMES}
    old_file = (own / "custody" / "quorum.json").read_bytes()
    new = ("ani", "eko", "fajar")
    ring = reshare(own, ("ani", "budi", *NEWCOMERS), new, 3)
    assert ring.counter == 2
    assert custody_of(own, *new).read().kek_id == ring.kek_id
    with pytest.raises(SharesMissingError):
        custody_of(own, "ani", "budi", "cici", "dewi").read()
    for name, data in kept.items():
        share_path(own / "custody", name, 1).write_bytes(data)
    (own / "custody" / "quorum.json").write_bytes(old_file)
    with pytest.raises(KekMismatchError):
        custody_of(own, *NAMES).read()
    backup = (own / "keyring.json.bak").read_bytes()
    assert ringformat.kek_id(backup) == ring.kek_id


def test_resharing_needs_enough_of_the_new_ones(own: Path) -> None:
    """Where too few of the new custodians are here to prove their shares, nothing changes."""
    before = (own / "custody" / "quorum.json").read_bytes()
    new = roster(("ani", *NEWCOMERS), 3)
    with pytest.raises(RosterStandsError):  # the newcomers have not signed
        custody_of(own, "ani", "budi").hand_on(new)
    here = custody_of(own, "ani", "budi")
    signed = together.agree(
        here.sitting(), new, [PEOPLE[name].signer for name in ("budi", "ani", *NEWCOMERS)]
    )
    with pytest.raises(SharesMissingError, match="proven by 3"):
        here.execute(signed)
    assert (own / "custody" / "quorum.json").read_bytes() == before
    assert custody_of(own, "ani", "budi").read().counter == 1


STEPS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before the shares": lambda patch: _fail(patch, QuorumKekProvider, "_write"),
    "before they are read back": lambda patch: _fail(patch, QuorumKekProvider, "_combine", after=1),
    "before the trial opening": lambda patch: _fail(patch, Custody, "_prove"),
    "before the keyring": lambda patch: _fail(patch, Custody, "_write"),
    "before the old backup goes": lambda patch: _fail(patch, Custody, "_settle"),
    "before the old one is dropped": lambda patch: _fail(patch, QuorumKekProvider, "retire"),
    "before the old shares go": lambda patch: _fail(patch, sharefile, "decode", after=6),
}


class CrashedError(Exception):
    """The process ended here."""


def _fail(patch: pytest.MonkeyPatch, owner: object, name: str, *, after: int = 0) -> None:
    real, calls = getattr(owner, name), [0]

    def crash(*arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] > after:
            raise CrashedError
        return real(*arguments, **named)

    patch.setattr(owner, name, crash)


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_one_usable_set(own: Path, step: str) -> None:
    """Wherever a re-sharing breaks off, either the old custodians or the new ones open the keyring and change it."""
    new = ("cici", *NEWCOMERS)
    custody = custody_of(own, "ani", "budi", *NEWCOMERS)
    with pytest.MonkeyPatch.context() as patch:
        STEPS[step](patch)
        with pytest.raises(CrashedError):
            custody.hand_on(roster(new, 2))
    usable = []
    for here in (("ani", "budi"), NEWCOMERS):
        try:
            custody_of(own, *here).read()
        except (KekMismatchError, SharesMissingError):
            continue
        usable.append(here)
    assert len(usable) == 1
    custody_of(own, *usable[0]).rotate(Purpose.REPLAY)
    if usable[0] == NEWCOMERS:
        assert len(quorum_provider.read(own / "custody")) == 1
        assert not list((own / "custody").glob("*.1.share.json"))
    reshare(own, (*usable[0], "dewi"), ("dewi", *usable[0]), 2)
    assert len(quorum_provider.read(own / "custody")) == 1
    assert custody_of(own, "dewi", usable[0][0]).read().realm == REALM


def test_shares_that_the_file_names_stay(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file was replaced and its folder could not be synced, what it names can still be opened."""
    write = RingFile.write

    def fails_behind(file: RingFile, data: bytes) -> None:
        write(file, data)
        if file.path.name == quorum_provider.FILE:
            raise OSError(errno.EIO, "the disk")

    dealing = custody_of(own, "ani", "budi", *NEWCOMERS)
    with monkeypatch.context() as patch:
        patch.setattr(RingFile, "write", fails_behind)
        with pytest.raises(OSError, match="the disk"):
            dealing.hand_on(roster(NEWCOMERS, 2))
    generations = quorum_provider.read(own / "custody")
    assert [each.number for each in generations] == [1, 2]
    for each in generations:
        assert all(share_path(own / "custody", card.name, each.number).exists() for card in each.cards)
    reshare(own, ("ani", "budi", *NEWCOMERS), NEWCOMERS, 2)
    assert custody_of(own, *NEWCOMERS).read().realm == REALM


def test_a_folder_without_a_quorum(own: Path) -> None:
    """A missing or damaged file of the quorum is named; a generation that it does not hold is not kept."""
    with pytest.raises(QuorumFileError, match="does not hold"):
        provider(own).retire("00" * 8)
    (own / "custody" / "quorum.json").write_text("{}")
    with pytest.raises(QuorumFileError, match="not a file for quorum"):
        custody_of(own, "ani").read()
    (own / "custody" / "quorum.json").unlink()
    with pytest.raises(QuorumFileError, match="cannot be read"):
        custody_of(own, "ani").read()
