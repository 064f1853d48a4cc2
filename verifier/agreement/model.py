"""What an agreement says, as values. Everything is what the document states; nothing here decides.

Attributes, bases, uses, profiles and forms are the numbers of padan.v1; times are seconds of the Unix epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, NewType, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

AgencyId = NewType("AgencyId", str)
AgreementId = NewType("AgreementId", str)
PurposeCode = NewType("PurposeCode", str)
Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A party of the agreement and who signs for it."""

    name: str
    representative: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Legal:
    """The chain of papers: memorandum, cooperation agreement (PKS), technical approval (Permendagri 102/2019)."""

    mou_number: str
    pks_number: str
    technical_approval: str
    basis: tuple[str, ...]
    iso27001_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """From where, and over what, the agency may call."""

    source_addresses: tuple[Network, ...]
    minimum_tls: str
    sealing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What the registry promises: latency in milliseconds, availability in percent, age of its data in hours."""

    latency_ms: int
    availability_percent: float
    freshness_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many calls."""

    calls_per_day: int
    calls_per_second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How many failed guesses a day of log time, over a resident, a prefix of 12 digits, the agency, an officer."""

    subject_per_day: int
    prefix_per_day: int
    agency_per_day: int
    officer_per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a call costs, in units of the currency."""

    currency: str
    per_call: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Where an answer is disputed, and the hours within which a dispute is resolved."""

    contact: str
    answer_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """The article under which a resident sees an entry only later (UU 27/2022 Art. 15), and after how many days.

    An empty article means at once.
    """

    article: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Biometrics:
    """What a purpose asks of captures.

    Attributes:
        level: number of the padan.v1.AssuranceLevel.
        require_device: every capture must be signed by a registered capture device.
        presentation_attack: number of the padan.v1.PresentationAttack: what such a device must at least have found.
    """

    level: int
    require_device: bool
    presentation_attack: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentClass:
    """What a purpose may do with a class of enrolments.

    Attributes:
        category: the class.
        enrol: residents may be enrolled and withdrawn.
        ask: it may be asked whether a resident is enrolled.
        lists: of `vocabulary.LISTS`: where the purpose asks, what a list of residents brings it; where it enrols, what
            one brings others.
    """

    category: str
    enrol: bool
    ask: bool
    lists: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What may be asked for one purpose.

    Attributes:
        anchors: a request must claim one of these; an address counts down to RT and RW.
        ages: the N of `age_at_least`.
        region_levels: the lengths of code (2, 4, 6, 10) of `resident_in_region`.
        existence_reason: why the agency may learn that a number is not held; empty where it may not.
        dpia: number of the data protection impact assessment.
        approval: number of the Minister's approval for protected data.
        exempt_article: the article under which residents' restrictions and locks do not bind the purpose; empty where
            they do.
        token_domain: to which tokens are issued and in which they are taken; empty where there are none.
        enrolments: classes of enrolments, as the document lists them.
        conversions: token domains whose agencies may be given tokens of the residents that this one names.
        converted_from: token domains whose agencies may give this one tokens so.
        biometrics: what is asked of captures; None where nothing is said of them.
    """

    code: PurposeCode
    title: str
    clause: str
    lawful_use: int
    legal_bases: frozenset[int]
    attributes: frozenset[int]
    anchors: frozenset[int]
    answer_form: int
    profile: int
    ages: tuple[int, ...]
    region_levels: frozenset[int]
    budgets: Budgets
    existence_reason: str
    sensitivity: int
    retention: int
    dpia: str
    approval: str
    exempt_article: str
    token_domain: str
    enrolments: tuple[EnrolmentClass, ...]
    conversions: tuple[str, ...]
    converted_from: tuple[str, ...]
    biometrics: Biometrics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One version of one agency's agreement.

    Attributes:
        valid_from: first second of its validity.
        valid_until: every call is refused from this second.
        codes: for coded attributes, the agency's own codes and the list's codes they stand for.
        on_behalf_of: agencies for which this one may ask.
    """

    agreement_id: AgreementId
    version: int
    agency: AgencyId
    agency_kind: int
    registry_party: Party
    agency_party: Party
    legal: Legal
    valid_from: int
    valid_until: int
    security: Security
    service_level: ServiceLevel
    quota: Quota
    budgets: Budgets
    codes: Mapping[int, Mapping[str, str]]
    on_behalf_of: frozenset[str]
    tariff: Tariff
    dispute: Dispute
    audit_clause: str
    disclosure: Disclosure
    purposes: tuple[Purpose, ...]
