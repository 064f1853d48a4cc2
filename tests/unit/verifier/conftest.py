"""What tests of a sealed agent share: a keyring of a quorum, its log, and custodians with certificates."""

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
from verifier.log.open import open_log
from verifier.unsealing import Seal

if TYPE_CHECKING:
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from tests.executing import FarSeal

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

    def standing(self, seal: Seal | FarSeal) -> custody_pb2.Standing:
        """Ask."""
        raw = seal.get_standing(self.call(PAIR[0].card.name, b""))
        return custody_pb2.GetStandingResponse.FromString(raw).standing

    def hand_in(self, seal: Seal | FarSeal, number: int, generation: int = 1) -> custody_pb2.Standing:
        """Hand a custodian's share in."""
        return self.answer(seal, number, generation).standing

    def answer(
        self,
        seal: Seal | FarSeal,
        number: int,
        generation: int = 1,
        proposal: bytes = b"",
        sealed_for: bytes | None = None,
    ) -> custody_pb2.HandInShareResponse:
        """Hand a custodian's share in, to open the keys or for a proposal."""
        person = PEOPLE[number]
        data = share_path(self.root / "custody", person.card.name, generation).read_bytes()
        file, key = sharefile.decode(data), self.standing(seal).agent_key
        request = custody_pb2.HandInShareRequest(
            quorum_id=file.quorum_id,
            agent_key=key,
            sealed_share=handing.seal(
                file.open(person), file, key, proposal if sealed_for is None else sealed_for
            ),
            proposal=proposal,
        )
        raw = seal.hand_in_share(self.call(person.card.name, request.SerializeToString()))
        return custody_pb2.HandInShareResponse.FromString(raw)

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
