"""What an agreement grants to one request: the third step of the main path. Pure, and deny by default.

`Terms` are an agreement made ready for asking: one `Grant` a purpose, every list a set. `check` compares a request
with them and raises the refusal, or returns the grant, which is the same object for every request of a purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from verifier.agreement import vocabulary
from verifier.agreement.errors import (
    AnchorRequiredError,
    AttributeNotGrantedError,
    FeatureNotGrantedError,
    LegalBasisNotGrantedError,
    NoAgreementError,
    PurposeNotGrantedError,
    SourceAddressNotGrantedError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet

    from verifier.agreement.model import (
        Agreement,
        Biometrics,
        Budgets,
        EnrolmentClass,
        Network,
        Purpose,
        Quota,
    )

_KNOWN_ADDRESSES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one purpose of one agreement lets its agency ask, and how it is answered.

    Attributes:
        anchors: the purpose's anchors, as the contract shows them.
        anchor_sets: for each anchor, the claims that must all match for it.
        existence: the agency may learn that a number is not held.
        codes: for coded attributes, the agency's own codes and the list's codes they stand for.
        exempt: residents' restrictions and locks do not bind the purpose.
        token_domain: to which tokens are issued and in which they are taken; empty where tokens are not granted.
        enrolments: what may be done with classes of enrolments, by class; a class that is not there is not granted.
        conversions: token domains whose agencies may be given tokens of the residents that this one names.
        converted_from: token domains whose agencies may give this one tokens so.
        biometrics: what is asked of captures; None where the purpose takes none.
        delayed_disclosure: the article under which the resident sees the entry later; empty where at once.
    """

    agreement_id: str
    agreement_version: int
    agency: str
    clause: str
    purpose: str
    lawful_use: int
    legal_bases: frozenset[int]
    attributes: frozenset[int]
    ages: frozenset[int]
    region_levels: frozenset[int]
    anchors: frozenset[int]
    anchor_sets: tuple[frozenset[int], ...]
    answer_form: int
    per_claim: bool
    profile: int
    budgets: Budgets
    quota: Quota
    existence: bool
    codes: Mapping[int, Mapping[str, str]]
    sensitivity: int
    retention: int
    exempt: bool
    token_domain: str
    enrolments: Mapping[str, EnrolmentClass]
    conversions: frozenset[str]
    converted_from: frozenset[str]
    biometrics: Biometrics | None
    delayed_disclosure: str
    delayed_days: int

    def anchored(self, matched: AbstractSet[int]) -> bool:
        """Say whether the matched claims hold an anchor; every anchor is looked at."""
        found = False
        for anchor in self.anchor_sets:
            found |= anchor <= matched
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An agreement made ready for asking."""

    agreement: Agreement
    grants: Mapping[str, Grant]
    _addresses: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, agreement: Agreement) -> Terms:
        """Make an agreement ready."""
        return cls(
            agreement=agreement,
            grants={purpose.code: _grant(agreement, purpose) for purpose in agreement.purposes},
        )

    def require_in_force(self, now: float) -> None:
        """Refuse outside the agreement's validity; `now` in seconds of the Unix epoch.

        Raises:
            NoAgreementError: not yet valid, or no longer.
        """
        if not self.agreement.valid_from <= now < self.agreement.valid_until:
            raise NoAgreementError("the agreement is not in force at this time")

    def admits(self, source_address: str) -> bool:
        """Say whether calls may come from an IP address; what is no address is not admitted."""
        known = self._addresses.get(source_address)
        if known is None:
            if len(self._addresses) >= _KNOWN_ADDRESSES:
                self._addresses.clear()
            known = _within(source_address, self.agreement.security.source_addresses)
            self._addresses[source_address] = known
        return known


def check(
    terms: Terms,
    *,
    purpose: str,
    attributes: Collection[int],
    legal_basis: int,
    source_address: str,
    consent_receipt: str = "",
    on_behalf_of: str = "",
    age: int | None = None,
    region_level: int | None = None,
    issue_token: bool = False,
    by_token: bool = False,
) -> Grant:
    """Compare a request with the terms of its agency.

    Args:
        terms: the agency's terms, in force.
        purpose: the code that the request names.
        attributes: the attributes and predicates that it claims.
        legal_basis: why the agency may ask, as the request says.
        source_address: the IP address that the call comes from.
        consent_receipt: id of the receipt, where the basis is consent.
        on_behalf_of: the agency for which it is asked; empty where for itself.
        age: the N of `age_at_least`, where claimed.
        region_level: the length of code of `resident_in_region`, where claimed.
        issue_token: a token is asked for.
        by_token: the subject is given as a token.

    Raises:
        SourceAddressNotGrantedError, PurposeNotGrantedError, FeatureNotGrantedError, LegalBasisNotGrantedError,
        AttributeNotGrantedError, AnchorRequiredError: as their names say.
    """
    if not terms.admits(source_address):
        raise SourceAddressNotGrantedError("calls from this address are not in the agreement")
    grant = terms.grants.get(purpose)
    if grant is None:
        raise PurposeNotGrantedError("the purpose is not in the agreement", field="purpose")
    if (issue_token or by_token) and not grant.token_domain:
        field_name = "issue_token" if issue_token else "subject_token"
        raise FeatureNotGrantedError("tokens are not granted for this purpose", field=field_name)
    if on_behalf_of and on_behalf_of not in terms.agreement.on_behalf_of:
        raise FeatureNotGrantedError("asking for this agency is not granted", field="on_behalf_of")
    _require_basis(grant, legal_basis, consent_receipt)
    asked = frozenset(attributes)
    _require_attributes(grant, asked, age, region_level)
    if not grant.anchored(asked):
        raise AnchorRequiredError("the request claims no anchor of the purpose", field="claims")
    return grant


def check_tokens(
    terms: Terms, *, purpose: str, legal_basis: int, source_address: str, consent_receipt: str = ""
) -> Grant:
    """Compare a call about tokens with the terms of its agency; arguments as for `check`.

    Raises:
        SourceAddressNotGrantedError, PurposeNotGrantedError, LegalBasisNotGrantedError, FeatureNotGrantedError: as
            their names say.
    """
    if not terms.admits(source_address):
        raise SourceAddressNotGrantedError("calls from this address are not in the agreement")
    grant = terms.grants.get(purpose)
    if grant is None:
        raise PurposeNotGrantedError("the purpose is not in the agreement", field="circumstances.purpose")
    if not grant.token_domain:
        raise FeatureNotGrantedError("tokens are not granted for this purpose", field="circumstances.purpose")
    _require_basis(grant, legal_basis, consent_receipt)
    return grant


def _require_basis(grant: Grant, legal_basis: int, consent_receipt: str) -> None:
    if legal_basis not in grant.legal_bases:
        raise LegalBasisNotGrantedError("the legal basis is not granted", field="legal_basis")
    if legal_basis == vocabulary.CONSENT and not consent_receipt:
        raise LegalBasisNotGrantedError("consent needs the id of its receipt", field="consent_receipt")


def _require_attributes(
    grant: Grant, asked: frozenset[int], age: int | None, region_level: int | None
) -> None:
    if not asked <= grant.attributes:
        raise AttributeNotGrantedError(_not_granted(asked - grant.attributes), field="claims")
    if vocabulary.AGE_AT_LEAST in asked and age not in grant.ages:
        raise AttributeNotGrantedError("this age is not granted", field="claims")
    if vocabulary.RESIDENT_IN_REGION in asked and region_level not in grant.region_levels:
        raise AttributeNotGrantedError("this level of region is not granted", field="claims")


def address_of(peer: str) -> str:
    """Read the IP address out of a gRPC peer, `ipv4:127.0.0.1:50000` or `ipv6:%5B::1%5D:50000`.

    Returns:
        The address; empty for a peer without one, which no agreement admits.
    """
    host, _, _ = peer.rpartition(":")  # each connection has a port of its own
    return _address(host)


@lru_cache(maxsize=_KNOWN_ADDRESSES)
def _address(host: str) -> str:
    family, _, address = unquote(host).partition(":")
    return address.strip("[]") if family in {"ipv4", "ipv6"} else ""


def _within(source_address: str, networks: Collection[Network]) -> bool:
    try:
        address = ip_address(source_address)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    return any(address.version == network.version and address in network for network in networks)


def _not_granted(attributes: Collection[int]) -> str:
    names = sorted(vocabulary.ATTRIBUTE_NAMES.get(number, str(number)) for number in attributes)
    return f"not granted for this purpose: {', '.join(names)}"


def _grant(agreement: Agreement, purpose: Purpose) -> Grant:
    return Grant(
        agreement_id=agreement.agreement_id,
        agreement_version=agreement.version,
        agency=agreement.agency,
        clause=purpose.clause,
        purpose=purpose.code,
        lawful_use=purpose.lawful_use,
        legal_bases=purpose.legal_bases,
        attributes=purpose.attributes,
        ages=frozenset(purpose.ages),
        region_levels=purpose.region_levels,
        anchors=purpose.anchors,
        anchor_sets=tuple(
            vocabulary.ANCHORS[anchor] for anchor in sorted(purpose.anchors) if anchor in vocabulary.ANCHORS
        ),
        answer_form=purpose.answer_form,
        per_claim=purpose.answer_form == vocabulary.PER_CLAIM,
        profile=purpose.profile,
        budgets=purpose.budgets,
        quota=agreement.quota,
        existence=bool(purpose.existence_reason),
        codes=agreement.codes,
        sensitivity=purpose.sensitivity,
        retention=purpose.retention,
        exempt=bool(purpose.exempt_article),
        token_domain=purpose.token_domain,
        enrolments={each.category: each for each in purpose.enrolments},
        conversions=frozenset(purpose.conversions),
        converted_from=frozenset(purpose.converted_from),
        biometrics=purpose.biometrics,
        delayed_disclosure=agreement.disclosure.article,
        delayed_days=agreement.disclosure.days,
    )
