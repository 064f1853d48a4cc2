"""The people whom settings trust, and what they have signed: keys that are keys, agreements that grant something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.realm import Realm
from padan.finding import failed, good, warned
from verifier import officers
from verifier.agreement import store as agreements
from verifier.agreement.errors import AgreementDocumentError, AgreementSignatureError
from verifier.agreement.sign import public_key
from verifier.auditor import store as grants
from verifier.auditor.errors import GrantDocumentError, GrantSignatureError
from verifier.auditor.table import GrantTable
from verifier.directory import AgreementStatus
from verifier.inspection.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.finding import Finding
    from verifier.config import Settings
    from verifier.directory import Directory

STEP: Final = "people"
_TRUST: Final = {
    "agreement_signers": "padan-server agreement trust",
    "officers": "padan-server officer trust",
    "feed_signers": "padan-server feed trust",
}
_IN_FORCE: Final = (AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED)


def check_people(settings: Settings) -> Iterator[Finding]:
    """Check the public keys that settings name, and that there are enough."""
    findings = [finding for name in _TRUST for finding in _keys(name, getattr(settings, name))]
    if not settings.agreement_signers:
        findings.append(
            warned(
                STEP,
                Fault.PEOPLE,
                "agreement_signers is empty, so that no agreement grants anything",
                "add the key of whoever signs: padan-server agreement trust FILE",
            )
        )
    if len(settings.officers) < officers.NEEDED:
        findings.append(
            warned(
                STEP,
                Fault.PEOPLE,
                f"officers names {len(settings.officers)}, and what they decide takes {officers.NEEDED}",
                "add an officer's key: padan-server officer trust FILE",
            )
        )
    yield from findings
    if not findings:
        counts = ", ".join(f"{len(getattr(settings, name))} {name}" for name in _TRUST)
        yield good(STEP, counts)


def _keys(name: str, keys: tuple[str, ...]) -> Iterator[Finding]:
    next_step = f"take it out of {name}, and add the right one: {_TRUST[name]} FILE"
    for place, key in enumerate(keys, 1):
        try:
            public_key(key)
        except AgreementSignatureError as error:
            yield failed(STEP, Fault.PEOPLE, f"{name}, number {place}: {error}", next_step)
            continue
        if key in keys[: place - 1]:
            yield failed(STEP, Fault.PEOPLE, f"{name}, number {place}: stands there twice", next_step)


def check_documents(settings: Settings, directory: Directory) -> Iterator[Finding]:
    """Check every agreement and every auditor's grant in force as the service does: signed, whole, and for this realm.

    Raises:
        LogUnavailableError: the directory cannot be read.
    """
    realm = Realm(registry_id=settings.registry_id, environment=settings.environment)
    signers = settings.agreement_signers
    count, bad = 0, 0
    for row in directory.agreements(*_IN_FORCE):
        try:
            agreements.check_row(row, realm=realm, signers=signers)
            count += row.status is AgreementStatus.ACTIVE
        except (AgreementDocumentError, AgreementSignatureError) as error:
            bad += 1
            yield _refused(f"agreement of {row.agency}, version {row.version}", error, "agreement")
    for grant in GrantTable(directory).rows(*_IN_FORCE):
        try:
            grants.check_row(grant, realm=realm, signers=signers)
        except (GrantDocumentError, GrantSignatureError) as error:
            bad += 1
            yield _refused(f"grant of {grant.auditor}, version {grant.version}", error, "auditor")
    if count:
        yield good("agreements", f"{count} in force")
    elif not bad:
        yield warned(
            "agreements",
            Fault.AGREEMENT,
            "none is in force, so that every question is refused",
            "put one in force: padan-server agreement activate FILE",
        )


def _refused(what: str, error: Exception, command: str) -> Finding:
    return failed(
        "agreements",
        Fault.AGREEMENT,
        f"{what}: {error}",
        f"have it signed by a trusted key, then padan-server {command} activate FILE",
    )
