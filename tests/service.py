"""A whole installation in a folder, and the running service on it: for tests that ask over the wire.

Everything is real: keyring, CA, certificates, signed agreements, databases, a process started by its command line. Only
the people are made up.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from keys import envelope
from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.outer import EpochKeys
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.realm import Realm
from keys.signing import Signer
from padan.client import Client
from padan.v1 import attribute_pb2, verification_pb2
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.normalise import VERSION
from tokenizer.outer import BOX_SIZE, Outer
from tokenizer.person import Person
from tokenizer.suite import SUITE
from verifier import config, migrations
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

REGISTRY = "test-registry"
ENVIRONMENT = "development"
TRUST_DOMAIN = "test.example"
PASSPHRASE = "a passphrase for tests only"
DECOYS = 64
AS_OF = dt.date(2026, 6, 1)

BUDI = {
    "NIK": "3273010101909001",
    "NO_KK": "3273010101109001",
    "NAMA_LGKP": "BUDI SANTOSO",
    "TMPT_LHR": "BANDUNG",
    "TGL_LHR": "1990-01-01",
    "JENIS_KLMIN": "1",
    "STATUS_KAWIN": "2",
    "AGAMA": "1",
    "GOL_DARAH": "4",
    "JENIS_PKRJN": "15",
    "PDDK_AKH": "8",
    "STAT_HBKEL": "1",
    "NAMA_LGKP_IBU": "SITI AMINAH",
    "ALAMAT": "JL. MERDEKA NO. 10",
    "NO_RT": "1",
    "NO_RW": "2",
    "NO_PROP": "32",
    "NO_KAB": "73",
    "NO_KEC": "1",
    "NO_KEL": "1001",
    "KEWARGANEGARAAN": "1",
    "STATUS_HIDUP": "1",
}
SARI = {
    **BUDI,
    "NIK": "3273014202859002",
    "NAMA_LGKP": "SARI DEWI",
    "TGL_LHR": "1985-02-02",
    "JENIS_KLMIN": "2",
    "STAT_HBKEL": "3",
}
ALMARHUM = {
    **BUDI,
    "NIK": "3273010303409003",
    "NAMA_LGKP": "AHMAD FAUZI",
    "TGL_LHR": "1940-03-03",
    "STATUS_HIDUP": "2",
}
UNKNOWN_NIK = "3273010404809004"
PEOPLE: tuple[Mapping[str, str], ...] = (BUDI, SARI, ALMARHUM)

_AGREEMENT = """
format = 1
id = "{agency}-test"
version = {version}
agency = "{agency}"
audit_clause = "PKS Art. 14"

[validity]
from = 2024-01-01T00:00:00+07:00
until = 2036-01-01T00:00:00+07:00

[parties.registry]
name = "Test Registry"
representative = "Director"

[parties.agency]
name = "Test Agency"
representative = "Director"
kind = "central"

[legal]
mou_number = "1/MOU"
pks_number = "1/PKS"
technical_approval = "1/APP"
basis = ["UU 24/2013 Art. 58(4)"]

[security]
source_addresses = {addresses}

[service_level]
latency_ms = 500
availability_percent = 99.5
freshness_hours = 24

[quota]
calls_per_day = {calls_per_day}
calls_per_second = {calls_per_second}

[budgets]
subject_per_day = {subject}
prefix_per_day = {prefix}
agency_per_day = 1_000_000
officer_per_day = 1_000_000

[tariff]
currency = "IDR"
per_call = 0

[dispute]
contact = "help@agency.example"
answer_hours = 72

[classification]
sensitivity = "general"
retention = "standard"

[[purposes]]
code = "service"
title = "Application for a service"
clause = "PKS Art. 4(2)a"
lawful_use = "public_service"
legal_bases = ["public_task"]
attributes = ["name", "birth_date", "sex", "district", "marital_status", "life_status", "age_at_least"]
anchors = ["name"]
answer_form = "per_claim"
profile = "tolerant"
ages = [17]

[[purposes]]
code = "strict"
title = "Do number and name belong together"
clause = "PKS Art. 4(2)b"
lawful_use = "public_service"
legal_bases = ["public_task", "consent"]
attributes = ["name", "birth_date", "sex", "district", "marital_status", "life_status"]
anchors = ["name"]
answer_form = "overall"
profile = "strict"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What varies between the agreements of tests."""

    subject: int = 60
    prefix: int = 1_000
    calls_per_day: int = 10_000_000
    calls_per_second: int = 100_000
    addresses: Sequence[str] = ("127.0.0.0/8", "::1/128")
    version: int = 1

    def document(self, agency: str) -> bytes:
        """Write the agreement."""
        return _AGREEMENT.format(
            agency=agency,
            version=self.version,
            addresses=str(list(self.addresses)).replace("'", '"'),
            calls_per_day=self.calls_per_day,
            calls_per_second=self.calls_per_second,
            subject=self.subject,
            prefix=self.prefix,
        ).encode()


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

    def agent(self) -> LocalKeyAgent:
        """Unlock the keyring."""
        settings = self.settings
        public = envelope.public_of(self.auditors_secret)
        return LocalKeyAgent.unlock(settings.keyring, settings.kek, auditors_key=public)

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

    def load(self, people: Iterable[Mapping[str, str]], *, number: int | None = None) -> int:
        """Project people into a new epoch and activate it."""
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
        for person in people:
            record = inner.project(Person.from_registry(person, codes=CodeLists.load(), today=AS_OF))
            token = outer.token(record.r)
            rows[token] = outer.seal(token, record.pack())
        template = inner.project(Person.from_registry(BUDI, codes=CodeLists.load(), today=AS_OF)).pack()
        for index in range(DECOYS):
            decoy = inner.decoy_id(index)
            token = outer.token(decoy)
            rows[token] = outer.seal(token, template[:1] + decoy + os.urandom(len(template) - 17))
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


def install(
    root: Path,
    *,
    agencies: Mapping[str, Terms] | None = None,
    people: Iterable[Mapping[str, str]] = PEOPLE,
    log_url: str = "",
    vault_url: str = "",
    extra: str = "",
) -> Installation:
    """Make an installation with agencies (default: one, "tax") and people.

    Args:
        extra: further lines of the configuration.
    """
    root.mkdir(parents=True, exist_ok=True)
    port, audit_port, metrics_port = free_ports(3)
    realm = Realm(registry_id=REGISTRY, environment=ENVIRONMENT)
    signer = Signer(os.urandom(32))
    secret, public = envelope.generate()
    import base64

    (root / "passphrase").write_text(PASSPHRASE)
    (root / "auditors.pub").write_text(base64.b64encode(public).decode())
    config_path = root / "padan.toml"
    config_path.write_text(
        f"""
registry_id = "{REGISTRY}"
environment = "{ENVIRONMENT}"
trust_domain = "{TRUST_DOMAIN}"
kek = "file:kek.json?passphrase-file=passphrase"
agreement_signers = ["{base64.b64encode(signer.public_key).decode()}"]
auditors_key = "auditors.pub"
listen = "127.0.0.1:{port}"
audit_listen = "127.0.0.1:{audit_port}"
metrics_listen = "127.0.0.1:{metrics_port}"
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
    )
    settings = installation.settings
    Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests").create(realm)
    migrations.upgrade(settings.log_database, migrations.Tree.LOG)
    migrations.upgrade(settings.vault_database, migrations.Tree.VAULT)
    installation.load(people)
    for agency, terms in (agencies or {"tax": Terms()}).items():
        installation.certify(agency)
        installation.agree(agency, terms)
    return installation


@dataclass(slots=True, kw_only=True)
class RunningService:
    """The service as a process of its own."""

    installation: Installation
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def client(self, agency: str = "tax", *, timeout: float = 5.0) -> Client:
        """Make a client of an agency."""
        identity = self.installation.identities[agency]
        return Client.from_files(
            f"127.0.0.1:{self.installation.port}",
            ca=self.installation.ca,
            cert=identity.certificate,
            key=identity.key,
            server_name="localhost",
            timeout=timeout,
        )

    def channel(self, agency: str = "tax", *, audit: bool = False) -> grpc.Channel:
        """Open a bare channel of a caller."""
        identity = self.installation.identities[agency]
        port = self.installation.audit_port if audit else self.installation.port
        return open_channel(self.installation, identity, port)

    def messages(self) -> str:
        """What it wrote to standard error."""
        return self.log.read_text()


def open_channel(installation: Installation, identity: Identity, port: int) -> grpc.Channel:
    """Open a channel to one of the listeners."""
    credentials = grpc.ssl_channel_credentials(
        installation.ca.read_bytes(), identity.key.read_bytes(), identity.certificate.read_bytes()
    )
    return grpc.secure_channel(
        f"127.0.0.1:{port}",
        credentials,
        options=(("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)),
    )


def wait_until_ready(
    installation: Installation, process: subprocess.Popen[bytes], seconds: float = 20
) -> None:
    """Wait until the service's health says so."""
    identity = next(iter(installation.identities.values()))
    began = time.monotonic()
    with open_channel(installation, identity, installation.port) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() - began < seconds:
            if process.poll() is not None:
                break
            with contextlib.suppress(grpc.RpcError):
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(0.05)
    raise RuntimeError(f"the service did not become ready (exit {process.poll()})")


@contextlib.contextmanager
def running(
    installation: Installation, *, environment: Mapping[str, str] | None = None, ready: bool = True
) -> Iterator[RunningService]:
    """Start the service, wait until it is ready, and stop it at the end."""
    log = installation.root / f"service-{uuid.uuid4().hex[:8]}.log"
    command = [
        sys.executable,
        "-m",
        "verifier.cli.server",
        "--config",
        str(installation.config_path),
        "serve",
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
            cwd=Path(__file__).parents[1],
        )
    try:
        if ready:
            try:
                wait_until_ready(installation, process)
            except RuntimeError as error:
                raise RuntimeError(f"{error}: {log.read_text()[-2000:]}") from error
        yield RunningService(installation=installation, process=process, log=log)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def request(
    *,
    nik: str = BUDI["NIK"],
    claims: Mapping[Any, str] | None = None,
    purpose: str = "service",
    request_id: str = "",
    blind: bytes = b"",
    **fields: Any,
) -> verification_pb2.VerifyRequest:
    """Make a valid VerifyRequest."""
    chosen = {attribute_pb2.ATTRIBUTE_NAME: BUDI["NAMA_LGKP"]} if claims is None else claims
    message = verification_pb2.VerifyRequest(
        request_id=request_id or str(uuid.uuid4()),
        blind=blind or os.urandom(32),
        purpose=purpose,
        officer="officer-1",
        nik=nik,
        legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
    )
    for attribute, value in chosen.items():
        message.claims.add(attribute=attribute_pb2.Attribute.ValueType(attribute), value=value)
    for name, value in fields.items():
        setattr(message, name, value)
    return message
