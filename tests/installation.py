"""A whole installation in a folder: keyring, CA, certificates, signed agreements, databases, people.

Everything is real but the people.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keys import envelope
from keys.agent import LocalKeyAgent
from keys.agent_server import KeyAgentServer
from keys.custody import Custody
from keys.outer import EpochKeys
from keys.provider import open_provider
from keys.purpose import Purpose, TokenDomain
from keys.realm import Realm
from keys.signing import Signer
from padan import nik as nik_grammar
from tests.people import AS_OF, PEOPLE
from tests.terms import Terms
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.normalise import VERSION
from tokenizer.outer import BOX_SIZE, Outer
from tokenizer.person import Person
from tokenizer.suite import SUITE
from verifier import config, host_keys, migrations
from verifier.agreement import sign
from verifier.auditor import sign as auditor_sign
from verifier.auditor.parse import AREAS
from verifier.auditor.table import GrantRow, GrantTable
from verifier.ca import CertificateAuthority, utc_now
from verifier.directory import Agency, AgreementRow, AgreementStatus, Certificate, Directory
from verifier.projector.projection import key_ids
from verifier.vault.epoch import Epoch
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from keys.provider import KekProvider

Also = Mapping[str, Sequence[str]]
"""Numbers that were merged into people's, by the people's own."""
REGISTRY = "test-registry"
ENVIRONMENT = "development"
TRUST_DOMAIN = "test.example"
PASSPHRASE = "a passphrase for tests only"
FILE_KEK = "file:kek.json?passphrase-file=passphrase"
DECOYS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A caller's files."""

    id: str
    certificate: Path
    key: Path


@dataclass(slots=True, kw_only=True)
class Installation:
    """Everything that stands before the first start."""

    root: Path
    config_path: Path
    port: int
    audit_port: int
    metrics_port: int
    authority: CertificateAuthority
    signer: Signer
    realm: Realm
    auditors_secret: bytes
    provider: KekProvider
    identities: dict[str, Identity] = field(default_factory=dict)

    @property
    def settings(self) -> config.Settings:
        """The settings, as the service reads them."""
        return config.load(self.config_path)

    @property
    def ca(self) -> Path:
        """The CA's certificate."""
        return self.root / "ca" / "ca.pem"

    def directory(self) -> Directory:
        """Open the directory."""
        return Directory(self.settings.log_database)

    def custody(self) -> Custody:
        """Open the keyring for a custodian."""
        return Custody(path=self.settings.keyring, provider=self.provider, actor="tests")

    def agent(self) -> LocalKeyAgent:
        """Unlock the keyring."""
        settings = self.settings
        public = envelope.public_of(self.auditors_secret)
        return LocalKeyAgent.unlock(settings.keyring, self.provider, auditors_key=public)

    def certify(self, name: str, *, kind: str = "agency", register: bool = True, days: int = 30) -> Identity:
        """Make a key and a certificate for a caller, and register it."""
        key = ec.generate_private_key(ec.SECP256R1())
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        )
        issued = self.authority.issue(
            request.public_bytes(serialization.Encoding.PEM),
            trust_domain=TRUST_DOMAIN,
            kind=kind,
            caller_id=name,
            days=days,
            now=utc_now(),
        )
        identity = write_identity(self.root / "callers", name, issued.pem, key)
        if register:
            self.register(issued.pem, name, kind=kind)
        self.identities[name] = identity
        return identity

    def register(self, pem: bytes, name: str, *, kind: str = "agency") -> None:
        """Enter a certificate, and the agency if it is new, into the directory."""
        from verifier.certificate import read

        certificate = read(pem)
        directory = self.directory()
        if kind == "agency" and name not in {agency.id for agency in directory.agencies()}:
            directory.enrol_agency(Agency(id=name, name=name, created_ms=1))
        directory.add_certificate(
            Certificate(
                serial=certificate.serial,
                role=kind,
                holder=name,
                kind="own",
                fingerprint=certificate.fingerprint,
                not_before_ms=certificate.not_before * 1000,
                not_after_ms=certificate.not_after * 1000,
            )
        )
        directory.close()

    def agree(self, agency: str, terms: Terms | None = None, *, document: bytes = b"") -> None:
        """Sign and activate an agreement."""
        document = document or (terms or Terms()).document(agency)
        signature_file = sign.sign(self.realm, document, self.signer)
        key_id, signature = sign.require_signed(
            self.realm, document, signature_file, self.settings.agreement_signers
        )
        version = (terms or Terms()).version
        directory = self.directory()
        directory.put_agreement(
            AgreementRow(
                agency=agency, version=version, document=document, signature=signature, signer=key_id
            )
        )
        directory.set_agreement_status(agency, version, AgreementStatus.ACTIVE, at_ms=1)
        directory.close()

    def grant_auditor(
        self,
        name: str,
        *,
        agencies: Sequence[str] | None = None,
        purposes: Sequence[str] | None = None,
        areas: Sequence[str] = tuple(AREAS),
        alerts: bool = True,
        version: int = 1,
        until: str = "2036-01-01T00:00:00Z",
        more: str = "",
    ) -> None:
        """Let an auditor in, sign its grant and put it in force; by default all may be read.

        Args:
            more: further lines of [entries].
        """
        if name not in self.identities:
            self.certify(name, kind="auditor")
        document = (
            f'format = 1\nauditor = "{name}"\nversion = {version}\nmandate = "Letter 1/TEST"\n'
            f"[validity]\nfrom = 2024-01-01T00:00:00Z\nuntil = {until}\n"
            f"[entries]\nagencies = {_names(agencies)}\npurposes = {_names(purposes)}\n"
            f"areas = {_names(areas)}\nalerts = {str(alerts).lower()}\n{more}"
        ).encode()
        key_id, signature = auditor_sign.require_signed(
            self.realm,
            document,
            auditor_sign.sign(self.realm, document, self.signer),
            self.settings.agreement_signers,
        )
        directory = self.directory()
        GrantTable(directory).put(
            GrantRow(
                auditor=name,
                version=version,
                format=1,
                document=document,
                signature=signature,
                signer=key_id,
                activated_ms=1,
            )
        )
        directory.close()

    def load(
        self, people: Iterable[Mapping[str, str]], *, number: int | None = None, also: Also | None = None
    ) -> int:
        """Project people, and `also` under the numbers merged into theirs, into a new epoch and activate it."""
        settings, agent = self.settings, self.agent()
        writer = open_writer(settings.vault_database)
        number = number or writer.next_number()
        ids = key_ids(agent)
        inner = Inner(
            realm=self.realm,
            index=agent.mac(Purpose.INDEX),
            attribute=agent.mac(Purpose.ATTRIBUTE),
            handle=agent.mac(Purpose.HANDLE),
            budget=agent.mac(Purpose.BUDGET),
            tombstone=agent.mac(Purpose.TOMBSTONE),
        )
        keys = agent.outer(
            EpochKeys(epoch=number, outer_token=ids[Purpose.OUTER_TOKEN], row_seal=ids[Purpose.ROW_SEAL])
        )
        outer = Outer(realm=self.realm, epoch=number, block=keys.token, seal=keys.row)
        rows: dict[bytes, bytes] = {}
        for row in people:
            person = Person.from_registry(row, codes=CodeLists.load(), today=AS_OF)
            for under in (row["NIK"], *(also or {}).get(row["NIK"], ())):
                record = inner.project(person, under=nik_grammar.parse(under, AS_OF))
                token = outer.token(record.r)
                rows[token] = outer.seal(token, record.pack())
        for index in range(DECOYS):
            decoy = inner.decoy(index)
            token = outer.token(decoy.r)
            rows[token] = outer.seal(token, decoy.pack())
        writer.begin(
            Epoch(
                number=number,
                registry=REGISTRY,
                format=1,
                as_of_ms=int(dt.datetime.combine(AS_OF, dt.time(12), dt.UTC).timestamp() * 1000),
                key_ids=ids,
                normaliser=VERSION,
                suite=str(SUITE.number),
                decoys=DECOYS,
                box_size=BOX_SIZE,
            )
        )
        writer.load_sorted(sorted(rows.items()))
        writer.finish()
        writer.activate(number)
        writer.close()
        agent.close()
        return number


def _names(names: Sequence[str] | None) -> str:
    return json.dumps("all" if names is None else list(names))


def write_identity(folder: Path, name: str, pem: bytes, key: ec.EllipticCurvePrivateKey) -> Identity:
    """Write a caller's certificate and key."""
    folder.mkdir(exist_ok=True, parents=True)
    identity = Identity(id=name, certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    identity.certificate.write_bytes(pem)
    identity.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return identity


def free_ports(count: int) -> list[int]:
    """Find ports below the ephemeral range that nobody listens on now."""
    found: list[int] = []
    candidate = 20_000 + (os.getpid() * 37) % 10_000
    while len(found) < count:
        candidate = 20_000 + (candidate - 19_999) % 12_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
        found.append(candidate)
    return found


def _make_keyring(settings: config.Settings, realm: Realm) -> KekProvider:
    provider = open_provider(settings.kek)
    Custody(path=settings.keyring, provider=provider, actor="tests").create(realm)
    return provider


def install(
    root: Path,
    *,
    agencies: Mapping[str, Terms] | None = None,
    people: Iterable[Mapping[str, str]] = PEOPLE,
    log_url: str = "",
    vault_url: str = "",
    extra: str = "",
    environment: str = ENVIRONMENT,
    kek: str = FILE_KEK,
    make_keyring: Callable[[config.Settings, Realm], KekProvider] = _make_keyring,
    token_domains: Iterable[str] = (),
) -> Installation:
    """Make an installation with agencies (default: one, "tax") and people.

    Args:
        extra: further lines of the configuration.
        kek: the setting.
        make_keyring: makes the keyring, and gives what opens it.
        token_domains: domains that get a key.
    """
    root.mkdir(parents=True, exist_ok=True)
    port, audit_port, metrics_port, custody_port, leader_port = free_ports(5)
    realm = Realm(registry_id=REGISTRY, environment=environment)
    signer = Signer(os.urandom(32))
    secret, public = envelope.generate()
    import base64

    (root / "passphrase").write_text(PASSPHRASE)
    (root / "auditors.pub").write_text(base64.b64encode(public).decode())
    config_path = root / "padan.toml"
    config_path.write_text(
        f"""
registry_id = "{REGISTRY}"
environment = "{environment}"
trust_domain = "{TRUST_DOMAIN}"
kek = "{kek}"
agreement_signers = ["{base64.b64encode(signer.public_key).decode()}"]
auditors_key = "auditors.pub"
listen = "127.0.0.1:{port}"
audit_listen = "127.0.0.1:{audit_port}"
metrics_listen = "127.0.0.1:{metrics_port}"
custody_listen = "127.0.0.1:{custody_port}"
leader_metrics_listen = "127.0.0.1:{leader_port}"
"""
        + (f'log_url = "{log_url}"\n' if log_url else "")
        + (f'vault_url = "{vault_url}"\n' if vault_url else "")
        + extra
    )
    authority = CertificateAuthority.create(root / "ca", trust_domain=TRUST_DOMAIN, now=utc_now())
    issued, key = authority.issue_server(dns=["localhost"], ips=["127.0.0.1"], days=30, now=utc_now())
    (root / "tls").mkdir()
    (root / "tls" / "server.pem").write_bytes(issued.pem)
    (root / "tls" / "server.key").write_bytes(key)
    installation = Installation(
        root=root,
        config_path=config_path,
        port=port,
        audit_port=audit_port,
        metrics_port=metrics_port,
        authority=authority,
        signer=signer,
        realm=realm,
        auditors_secret=secret,
        provider=make_keyring(config.load(config_path), realm),
    )
    settings = installation.settings
    for domain in token_domains:
        installation.custody().rotate(TokenDomain(domain))
    migrations.upgrade(settings.log_database, migrations.Tree.LOG)
    migrations.upgrade(settings.vault_database, migrations.Tree.VAULT)
    installation.load(people)
    for agency, terms in (agencies or {"tax": Terms()}).items():
        installation.certify(agency)
        installation.agree(agency, terms)
    return installation


@contextlib.contextmanager
def serving_keys(settings: config.Settings) -> Iterator[KeyAgentServer]:
    """Run a key agent for an installation's processes, in this one."""
    socket_path = settings.key_agent_socket
    assert socket_path is not None, "the settings name no key agent"
    with contextlib.closing(host_keys.unlock(settings)) as agent:
        server = KeyAgentServer(socket_path, agent)
        server.start()
        try:
            yield server
        finally:
            server.stop()
