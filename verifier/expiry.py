"""What ends by itself, and when: certificates, agreements, auditors' grants, keys, the grace of ended token domains.

A successor counts: of the certificates of one holder, and of the agreements of one agency, only the last to end is
listed. Nothing here is checked but the dates; who may do what is decided elsewhere.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import cryptoperiod
from keys.cryptoperiod import Use
from keys.purpose import is_known, parse
from verifier.agreement.errors import AgreementDocumentError
from verifier.agreement.parse import parse as parse_agreement
from verifier.auditor.errors import GrantDocumentError
from verifier.auditor.parse import parse as parse_grant
from verifier.auditor.table import GrantTable
from verifier.certificate import CertificateReadError, read
from verifier.directory import AgreementStatus
from verifier.identity import KINDS
from verifier.token import ending

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from keys.keyset import Keyring, RingKey
    from keys.purpose import KeysetName
    from verifier.config import Settings
    from verifier.directory import Certificate, Directory

AHEAD: Final = 30 * 86_400.0
"""Seconds before an end at which it is told."""
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\s*", re.DOTALL)


class Kind(enum.StrEnum):
    """What can end."""

    SERVER_CERTIFICATE = "server-certificate"
    CA_CERTIFICATE = "ca-certificate"
    CALLER_CERTIFICATE = "caller-certificate"
    AGREEMENT = "agreement"
    GRANT = "grant"
    KEY = "key"
    TOKEN_DOMAIN_GRACE = "token-domain-grace"  # noqa: S105 - the name of a kind
    """From its end on, custodians may end a token domain whose agreement is over, and should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When something ends.

    Attributes:
        kind: what it is.
        name: whose or which; an id, a path, a key's purpose or a domain.
        at: seconds of the Unix epoch.
    """

    kind: Kind
    name: str
    at: float


def of_files(settings: Settings) -> Iterator[Deadline]:
    """List the ends of the certificates in files; what cannot be read is left out."""
    yield from _of_file(Kind.SERVER_CERTIFICATE, settings.tls_cert, first_only=True)
    yield from _of_file(Kind.CA_CERTIFICATE, settings.client_ca, first_only=False)


def _of_file(kind: Kind, path: Path, *, first_only: bool) -> Iterator[Deadline]:
    try:
        blocks = _PEM.findall(path.read_bytes())
        for block in blocks[:1] if first_only else blocks:
            yield Deadline(kind=kind, name=str(path), at=read(block).not_after)
    except (OSError, CertificateReadError):
        return


def of_directory(directory: Directory) -> Iterator[Deadline]:
    """List the ends of what is registered and in force.

    Raises:
        LogUnavailableError: the directory cannot be read.
    """
    for role in KINDS:
        yield from _certificates(role, directory.certificates(role=role))
    for row in directory.agreements(AgreementStatus.ACTIVE):
        try:
            until = parse_agreement(row.document, name=row.agency).agreement.valid_until
        except AgreementDocumentError:
            continue
        yield Deadline(kind=Kind.AGREEMENT, name=row.agency, at=until)
    for grant in GrantTable(directory).rows(AgreementStatus.ACTIVE):
        try:
            until = parse_grant(grant.document, name=grant.auditor).valid_until
        except GrantDocumentError:
            continue
        yield Deadline(kind=Kind.GRANT, name=grant.auditor, at=until)


def _certificates(role: str, certificates: Iterable[Certificate]) -> Iterator[Deadline]:
    last: dict[str, int] = {}
    for certificate in certificates:
        if certificate.revoked_ms is None:
            last[certificate.holder] = max(last.get(certificate.holder, 0), certificate.not_after_ms)
    for holder, at_ms in last.items():
        yield Deadline(kind=Kind.CALLER_CERTIFICATE, name=f"{role}/{holder}", at=at_ms / 1000)


def of_keyring(ring: Keyring) -> Iterator[Deadline]:
    """List when the keys that make new things stop being allowed to."""
    for purpose in filter(is_known, ring.keysets):
        primary = ring.keyset(purpose).primary
        if primary is None:
            continue
        yield from _of_key(parse(purpose), ring.key(purpose, primary))
    for name, key in cryptoperiod.outgoing(ring):
        yield from _of_key(name, key)


def _of_key(purpose: KeysetName, key: RingKey) -> Iterator[Deadline]:
    ends = cryptoperiod.end(purpose, key, Use.PROTECT)
    if ends is not None:
        yield Deadline(kind=Kind.KEY, name=f"{purpose} {key.key_id}", at=ends.timestamp())


def of_domains(directory: Directory, ring: Keyring, *, grace_days: int, now: float) -> Iterator[Deadline]:
    """List when the token domains whose agreement is over, and which have keys still, may be ended.

    Raises:
        LogUnavailableError: the directory cannot be read.
    """
    try:
        named = ending.read(directory)
    except AgreementDocumentError:
        return
    for domain, end in ending.waiting(ring, named, grace_days=grace_days, now=now):
        yield Deadline(kind=Kind.TOKEN_DOMAIN_GRACE, name=domain, at=end.due)


def soon(deadlines: Iterable[Deadline], *, now: float) -> list[Deadline]:
    """Pick what has ended or ends within 30 days, the first to end first."""
    return sorted((each for each in deadlines if each.at - now < AHEAD), key=lambda each: each.at)


def seconds_left(deadlines: Iterable[Deadline], *, now: float) -> Mapping[str, float]:
    """Say for each kind how long until the first of it ends, in seconds; infinity where nothing does."""
    left = dict.fromkeys(map(str, Kind), math.inf)
    for each in deadlines:
        left[each.kind] = min(left[each.kind], each.at - now)
    return left
