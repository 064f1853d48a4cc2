"""When a token domain may be ended: no agreement names it any more, and the period of grace since then is over. Pure.

An agreement names a domain until its validity ends, or until a later version that does not name it was activated. One
that is suspended may go on, and one that is there and not activated may begin; so both count until their validity ends.
The domain is then the agency's that had it last. Domains whose keys are all destroyed wait for nothing.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from keys.ending import Ending
from keys.purpose import TokenDomain, is_known, parse
from verifier.agreement.errors import AgreementDocumentError
from verifier.agreement.parse import parse as parse_agreement
from verifier.database import parse_address
from verifier.directory import AgreementStatus, Directory
from verifier.token.errors import DomainInForceError, DomainUnknownError, EndingDiffersError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from keys.keyset import Keyring
    from verifier.config import Settings
    from verifier.directory import AgreementRow

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The last agreement that names a token domain.

    Attributes:
        agency: whose agreement it is.
        agreement: its id.
        version: of its document.
        until: when it ends or ended, seconds of the Unix epoch.
    """

    agency: str
    agreement: str
    version: int
    until: int

    def ending(self, grace_days: int) -> Ending:
        """Say why the domain may be ended, and from when on."""
        return Ending(
            agency=self.agency,
            agreement=self.agreement,
            version=self.version,
            ended=self.until,
            due=self.until + grace_days * _DAY,
        )


def namings(rows: Iterable[AgreementRow]) -> dict[str, Naming]:
    """Find for each token domain the agreement that names it last.

    Args:
        rows: every agreement, by agency and version.

    Raises:
        AgreementDocumentError: one cannot be read, and nobody knows what it names.
    """
    found: dict[str, Naming] = {}
    for agency, each in groupby(rows, key=lambda row: row.agency):
        versions = list(each)
        for place, row in enumerate(versions):
            agreement = parse_agreement(row.document, name=agency).agreement
            until = _until(row, versions[place + 1 :], agreement.valid_until)
            for domain in {purpose.token_domain for purpose in agreement.purposes} - {""}:
                known = found.get(domain)
                if until and (known is None or known.until <= until):
                    found[domain] = Naming(
                        agency=agency, agreement=agreement.agreement_id, version=row.version, until=until
                    )
    return found


def _until(row: AgreementRow, later: Sequence[AgreementRow], valid_until: int) -> int:
    """Say when a version ends or ended; 0 for one that never was in force and cannot come into it any more."""
    followed = [each.activated_ms for each in later if each.activated_ms is not None]
    if row.status is AgreementStatus.ENDED and followed:
        return max(1, min(valid_until, followed[0] // 1000))
    never = row.status is AgreementStatus.DRAFT and row.activated_ms is None and bool(followed)
    return 0 if never else valid_until


def waiting(
    ring: Keyring, named: Mapping[str, Naming], *, grace_days: int, now: float
) -> Iterator[tuple[str, Ending]]:
    """List the domains that have keys still while their agreement is over, by name."""
    for name in map(parse, sorted(filter(is_known, ring.keysets))):
        found = named.get(name.domain) if isinstance(name, TokenDomain) else None
        if (
            isinstance(name, TokenDomain)
            and found is not None
            and found.until <= now
            and ring.keyset(name).living
        ):
            yield name.domain, found.ending(grace_days)


def read(directory: Directory) -> dict[str, Naming]:
    """Find in the directory for each token domain the agreement that names it last.

    Raises:
        LogStoreError: the database cannot be read.
        AgreementDocumentError: as `namings`.
    """
    return namings(directory.agreements())


def find(settings: Settings, domain: str, *, now: float) -> Ending:
    """Say why a token domain may be ended.

    Raises:
        DomainInForceError: an agreement names it, or has yet to begin.
        DomainUnknownError: none ever did, or there is no directory.
        LogStoreError: the directory cannot be read.
    """
    path = parse_address(settings.log_database).path
    if path is not None and not path.exists():
        raise DomainUnknownError(
            f"{path}: there is no directory, so nobody knows whose the domain {domain} is"
        )
    try:
        with closing(Directory(settings.log_database)) as directory:
            found = read(directory).get(domain)
    except AgreementDocumentError as error:
        raise DomainInForceError(
            f"an agreement cannot be read, which may name the domain {domain}: {error}"
        ) from error
    if found is None:
        raise DomainUnknownError(f"no agreement has named the token domain {domain}")
    ending = found.ending(settings.token_end_grace_days)
    if found.until > now:
        raise DomainInForceError(
            f"the agreement {found.agreement} (version {found.version}) of {found.agency} names the token domain "
            f"{domain} until {ending.ended_text}"
        )
    return ending


def require_same(settings: Settings, domain: str, shown: Ending, *, now: float) -> None:
    """Demand that the directory says what custodians were shown.

    Raises:
        EndingDiffersError: it says another thing now.
        DomainInForceError, DomainUnknownError, LogStoreError: as `find`.
    """
    found = find(settings, domain, now=now)
    if found.ended != shown.ended or found.agency != shown.agency or found.due > shown.due:
        raise EndingDiffersError(
            f"the token domain {domain} is {found.agency}'s, whose agreement ended on {found.ended_text}, and it may "
            f"be ended from {found.due_text} on: that is not what the proposal says"
        )
