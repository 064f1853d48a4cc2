"""The sealed agent's own part: what is not logged is not unsealed, and nothing waits for ever."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keys import handing, sharefile
from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.quorum_provider import Plan, QuorumKekProvider, share_path
from keys.realm import Realm
from padan.entry import EntryKind, Field, decode
from padan.v1 import custody_pb2
from tests.unit.keys.test_quorum import PEOPLE
from verifier import config, migrations
from verifier.ca import CertificateAuthority, utc_now
from verifier.call import Call
from verifier.certificate import read
from verifier.directory import Certificate, Directory
from verifier.errors import LogUnavailableError, MalformedMessageError
from verifier.log.open import open_log
from verifier.unsealing import NotSealedError, Seal, ShareForeignError, UnsealFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from keys.agent import LocalKeyAgent

REALM = Realm(registry_id="registry-test", environment="development")
TRUST = "test.example"
PAIR = PEOPLE[:2]


@dataclass(slots=True, kw_only=True)
class House:
    """A keyring of a quorum, its log, and custodians with certificates."""

    root: Path
    settings: config.Settings
    pems: dict[str, bytes]
    opened: list[LocalKeyAgent] = field(default_factory=list)
    now: float = 100.0

    def seal(self) -> Seal:
        """Begin sealed."""
        return Seal(self.settings, self.opened.append, monotonic=lambda: self.now)

    def call(self, name: str, raw: bytes) -> Call:
        """Call as a custodian."""
        return Call(raw=raw, certificate=self.pems[name], peer="", remaining=5.0, arrived=time.monotonic())

    def standing(self, seal: Seal) -> custody_pb2.Standing:
        """Ask."""
        raw = seal.get_standing(self.call(PAIR[0].card.name, b""))
        return custody_pb2.GetStandingResponse.FromString(raw).standing

    def hand_in(self, seal: Seal, number: int, generation: int = 1) -> custody_pb2.Standing:
        """Hand a custodian's share in."""
        person = PEOPLE[number]
        data = share_path(self.root / "custody", person.card.name, generation).read_bytes()
        file, key = sharefile.decode(data), self.standing(seal).agent_key
        request = custody_pb2.HandInShareRequest(
            quorum_id=file.quorum_id,
            agent_key=key,
            sealed_share=handing.seal(file.open(person), file, key),
        )
        raw = seal.hand_in_share(self.call(person.card.name, request.SerializeToString()))
        return custody_pb2.HandInShareResponse.FromString(raw).standing

    def entries(self) -> list[list[str]]:
        """Read what the entries of unsealing say."""
        with closing(open_log(self.settings.log_database)) as log:
            return [
                decode(row.entry).texts(Field.DETAIL)
                for row in log.entries(0, 100)
                if row.kind == EntryKind.UNSEALED
            ]


def provider(root: Path) -> QuorumKekProvider:
    """Open the quorum with both custodians."""
    opened = open_provider("quorum:custody", base=root, prompt=lambda _: "")
    assert isinstance(opened, QuorumKekProvider)
    opened.welcome(PAIR)
    return opened


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two custodians, both of whom it takes."""
    (tmp_path / "custody").mkdir()
    opened = provider(tmp_path)
    opened.deal_to(Plan(realm=REALM, threshold=2, cards=tuple(each.card for each in PAIR)))
    Custody(path=tmp_path / "keyring.json", provider=opened, actor="tester").create(REALM)
    path = tmp_path / "padan.toml"
    path.write_text(
        f'registry_id = "{REALM.registry_id}"\nenvironment = "development"\ntrust_domain = "{TRUST}"\n'
        'kek = "quorum:custody"\ndata_dir = "."\n'
    )
    settings = config.load(path)
    migrations.upgrade(settings.log_database, migrations.Tree.LOG)
    authority = CertificateAuthority.create(tmp_path / "ca", trust_domain=TRUST, now=utc_now())
    pems = {}
    with closing(Directory(settings.log_database)) as directory:
        for person in PAIR:
            name = person.card.name
            request = (
                x509.CertificateSigningRequestBuilder()
                .subject_name(x509.Name([]))
                .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
                .public_bytes(serialization.Encoding.PEM)
            )
            issued = authority.issue(
                request, trust_domain=TRUST, kind="custodian", caller_id=name, days=30, now=utc_now()
            )
            pems[name] = issued.pem
            certificate = read(issued.pem)
            directory.add_certificate(
                Certificate(
                    serial=certificate.serial,
                    role="custodian",
                    holder=name,
                    kind="own",
                    fingerprint=certificate.fingerprint,
                    not_before_ms=certificate.not_before * 1000,
                    not_after_ms=certificate.not_after * 1000,
                )
            )
    return House(root=tmp_path, settings=settings, pems=pems)


def test_two_open_it_and_the_log_says_so(house: House) -> None:
    """The entry is there when the keys are given out; afterwards no share is taken."""
    seal = house.seal()
    assert "missing: 2; next: custodians run padan-keys unseal" in seal.reason()
    assert seal.shares() == (0, 2)
    assert house.hand_in(seal, 0).sealed
    assert seal.shares() == (1, 2)
    assert (house.opened, house.entries()) == ([], [])
    done = house.hand_in(seal, 1)
    assert (done.sealed, list(done.present)) == (False, ["custodian-1", "custodian-2"])
    assert seal.shares() == (0, 2)
    (agent,) = house.opened
    assert agent.realm == REALM
    agent.close()
    assert house.entries() == [
        ["custodians=custodian-1,custodian-2", "threshold=2", "generation=1", "counter=1"]
    ]
    with pytest.raises(NotSealedError, match="custodian-1, custodian-2"):
        house.hand_in(seal, 0)
    with pytest.raises(MalformedMessageError):
        seal.get_standing(house.call("custodian-1", b"\xff"))


def test_a_changed_keyring_is_opened_again(house: House) -> None:
    """After a change the keys stay open and shares are taken anew, of another generation after a renewal too."""
    seal = house.seal()
    for number in (0, 1):
        house.hand_in(seal, number)
    custody = Custody(path=house.root / "keyring.json", provider=provider(house.root), actor="tester")
    _, key_id = custody.rotate(Purpose.REPLAY)
    found = house.standing(seal)
    assert (found.sealed, found.behind, list(found.present)) == (False, True, [])
    assert house.hand_in(seal, 0).behind
    done = house.hand_in(seal, 1)
    assert (done.behind, list(done.present)) == (False, ["custodian-1", "custodian-2"])
    assert [agent.key_id(Purpose.REPLAY) for agent in house.opened][1] == key_id
    custody.hand_on(custody.sitting().register.roster or pytest.fail("nobody decides"))
    house.hand_in(seal, 1, generation=2)
    assert not house.hand_in(seal, 0, generation=2).behind
    with pytest.raises(NotSealedError):
        house.hand_in(seal, 0, generation=2)
    assert [told[-1] for told in house.entries()] == ["counter=1", "counter=2", "counter=3"]
    for agent in house.opened:
        agent.close()


def test_what_cannot_be_logged_is_not_unsealed(house: House) -> None:
    """Where the log is away, no key is given out and the shares are gone; once it is back, all hand in again."""
    seal = house.seal()
    house.hand_in(seal, 0)
    log = house.root / "log.sqlite"
    good = house.settings
    house.settings = good.model_copy(update={"log_url": str(house.root / "nowhere" / "log.sqlite")})
    seal._settings = house.settings
    with pytest.raises(LogUnavailableError):
        house.hand_in(seal, 1)
    assert house.opened == []
    seal._settings = house.settings = good
    assert log.exists()
    assert (house.standing(seal).sealed, list(house.standing(seal).present)) == (True, [])
    house.hand_in(seal, 0)
    assert not house.hand_in(seal, 1).sealed
    house.opened[0].close()


def test_shares_time_out(house: House) -> None:
    """After 15 minutes one share alone is forgotten, and its custodian hands it in anew."""
    seal = house.seal()
    assert house.hand_in(seal, 0).seconds_left == 900
    house.now += 900
    seal.expire()
    assert seal.shares() == (0, 2)
    assert list(house.standing(seal).present) == []
    assert list(house.hand_in(seal, 0).present) == ["custodian-1"]
    seal.wipe()
    assert list(house.standing(seal).present) == []


def test_a_keyring_that_is_handed_on_meanwhile(house: House) -> None:
    """The shares that are here are of the old generation: they are forgotten, and the new ones open it."""
    seal = house.seal()
    house.hand_in(seal, 0)
    old = share_path(house.root / "custody", "custodian-1", 1)
    kept = old.read_bytes()
    custody = Custody(path=house.root / "keyring.json", provider=provider(house.root), actor="tester")
    custody.hand_on(custody.sitting().register.roster or pytest.fail("nobody decides"))
    assert (house.standing(seal).generation, list(house.standing(seal).present)) == (2, [])
    old.write_bytes(kept)
    with pytest.raises(ShareForeignError, match="generation 2"):
        house.hand_in(seal, 0)
    house.hand_in(seal, 0, generation=2)
    assert not house.hand_in(seal, 1, generation=2).sealed
    house.opened[0].close()


def test_a_keyring_that_does_not_open(house: House) -> None:
    """Enough shares and a damaged keyring: nothing is opened, and the message names no cause to a caller."""
    seal = house.seal()
    house.hand_in(seal, 0)
    path = house.root / "keyring.json"
    good = path.read_text()
    path.write_text(good.replace("ENABLED", "DISABLED", 1))
    with pytest.raises(UnsealFailedError, match="cannot be opened"):
        house.hand_in(seal, 1)
    assert house.opened == []
    path.unlink()
    with pytest.raises(UnsealFailedError, match="cannot be read"):
        house.standing(seal)
    path.write_text(good)
    house.hand_in(seal, 0)
    assert not house.hand_in(seal, 1).sealed
    house.opened[0].close()
