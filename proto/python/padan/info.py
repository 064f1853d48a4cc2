"""What the service says of itself and of the caller's agreement, as frozen values."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from padan.times import from_timestamp
from padan.vocabulary import (
    AnswerForm,
    AssuranceLevel,
    Attribute,
    LawfulUse,
    LegalBasis,
    PresentationAttack,
    Profile,
    label,
)

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp

    from padan.v1 import verification_pb2

_LISTS: Final = ("none", "counts", "rows")
SCOPE: Final = "token-domain/"
"""Before a token domain's name in the purpose of its keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A data set taken over from the registry."""

    number: int
    as_of: datetime | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKey:
    """A public key of the service."""

    purpose: str
    key_id: str
    algorithm: str
    public_key: bytes
    not_after: datetime | None
    signature: bytes = b""
    """Of a key for probes: by a key that signs receipts (padan/servicekey.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVersion:
    """A version of a token domain.

    Attributes:
        number: from 1.
        public_key: of its key, 32 bytes.
        not_after: its tokens are refused from then on; None for the version that issues.
    """

    number: int
    public_key: bytes
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDomain:
    """A token domain of the agreement.

    Attributes:
        name: as the agreement has it.
        versions: those whose tokens are taken, the newest first; none where no key was made for it yet.
    """

    name: str
    versions: tuple[TokenVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentClass:
    """What a purpose may do with a class of enrolments.

    Attributes:
        category: the class.
        enrol: residents may be enrolled in it.
        ask: it may be asked whether a resident is enrolled in it.
        lists: the most that a list of residents brings, "none", "counts" or "rows": to the purpose where it asks, to
            others where it enrols.
    """

    category: str
    enrol: bool
    ask: bool
    lists: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What may be asked under one purpose; words in lower case, as the command line takes them."""

    code: str
    lawful_use: str
    attributes: tuple[str, ...]
    anchors: tuple[str, ...]
    profile: str
    answer_form: str
    legal_bases: tuple[str, ...]
    ages: tuple[int, ...]
    region_levels: tuple[int, ...]
    subject_budget: int
    token_domain: str = ""
    """The token domain to which tokens are issued, and whose are taken; empty where tokens are not granted."""
    enrolments: tuple[EnrolmentClass, ...] = ()
    """Classes of enrolments that it may enrol in or ask about."""
    conversions: tuple[str, ...] = ()
    """Token domains whose agencies may be given tokens of the residents that this one's tokens name."""
    converted_from: tuple[str, ...] = ()
    """Token domains whose agencies may give this one tokens so."""
    assurance_level: str = ""
    """How rarely a capture of another person is taken for the resident's; empty where no modality is granted."""
    require_device: bool = False
    """Every capture must be signed by a registered capture device."""
    presentation_attack: str = ""
    """What such a device must at least have found; empty where no modality is granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement in force."""

    agreement_id: str
    version: int
    valid_from: datetime | None
    valid_until: datetime | None
    daily_quota: int
    purposes: tuple[Purpose, ...]
    dispute_contact: str = ""
    """Where an answer is disputed."""
    dispute_hours: int = 0
    """Hours within which a dispute is resolved; 0 from a service that does not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code of a list."""

    code: str
    label: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """A code list."""

    name: str
    version: str
    attribute: str
    codes: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a request."""

    max_request_bytes: int
    max_claims: int
    max_claim_bytes: int
    max_deadline_ms: int
    replay_window_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInfo:
    """What the caller may ask, and of whom."""

    service_version: str
    registry_id: str
    environment: str
    role: str
    time: datetime | None
    epochs: tuple[Epoch, ...]
    keys: tuple[ServiceKey, ...]
    agreement: Agreement | None
    code_lists: tuple[CodeList, ...]
    limits: Limits
    profiles: tuple[str, ...]
    normaliser_version: str
    agency_id: str = ""
    """As whom the service knows the caller; empty from a service that does not say so."""
    feed_age_seconds: float | None = None
    """Age of the data that answers come from; None where the service is of a release that does not say."""

    def key(self, purpose: str) -> ServiceKey | None:
        """Find the key for a purpose; None where there is none."""
        return next((key for key in self.keys if key.purpose == purpose), None)

    @property
    def token_domains(self) -> tuple[TokenDomain, ...]:
        """The token domains of the agreement, in the order of their names."""
        purposes = self.agreement.purposes if self.agreement is not None else ()
        names = sorted({purpose.token_domain for purpose in purposes} - {""})
        return tuple(TokenDomain(name=name, versions=self._versions(name)) for name in names)

    def _versions(self, domain: str) -> tuple[TokenVersion, ...]:
        found = (
            TokenVersion(number=int(key.key_id), public_key=key.public_key, not_after=key.not_after)
            for key in self.keys
            if key.purpose == f"{SCOPE}{domain}" and key.key_id.isdecimal()
        )
        return tuple(sorted(found, key=lambda version: version.number, reverse=True))

    @property
    def log_origin(self) -> str:
        """The name of the service's log, as receipts and checkpoints have it."""
        return f"{self.registry_id}/{self.environment}/log"

    def log_keys(self) -> tuple[str, ...]:
        """Write the keys that sign the log's checkpoints as verifier keys (C2SP signed-note), `name+id+key`.

        Assumes the extra `receipts` or `cli`.
        """
        from padan.tlog.note import Algorithm, VerifierKey  # noqa: PLC0415 - needs an extra

        return tuple(
            str(VerifierKey(self.log_origin, Algorithm.LOG, key.public_key))
            for key in self.keys
            if key.purpose == "log-signing" and key.algorithm == "Ed25519"
        )

    def jwks(self) -> dict[str, Any]:
        """Write the keys that sign receipts as a JWK Set (RFC 7517, RFC 8037)."""
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "alg": "Ed25519",
                    "use": "sig",
                    "kid": key.key_id,
                    "x": base64.urlsafe_b64encode(key.public_key).rstrip(b"=").decode(),
                }
                for key in self.keys
                if key.purpose == "receipt-signing" and key.algorithm == "Ed25519"
            ]
        }


def read(response: verification_pb2.GetServiceInfoResponse) -> ServiceInfo:
    """Read the service's answer.

    Raises:
        InternalError: a time in it does not exist.
    """
    limits = response.limits
    return ServiceInfo(
        service_version=response.service_version,
        registry_id=response.registry_id,
        environment=response.environment,
        role=response.role,
        time=_moment(response, "time"),
        epochs=tuple(
            Epoch(number=epoch.number, as_of=_moment(epoch, "as_of"), active=epoch.active)
            for epoch in response.epochs
        ),
        keys=tuple(map(read_key, response.keys)),
        agreement=_agreement(response.agreement) if response.HasField("agreement") else None,
        code_lists=tuple(_code_list(item) for item in response.code_lists),
        limits=Limits(
            max_request_bytes=limits.max_request_bytes,
            max_claims=limits.max_claims,
            max_claim_bytes=limits.max_claim_bytes,
            max_deadline_ms=limits.max_deadline_ms,
            replay_window_seconds=limits.replay_window_seconds,
        ),
        profiles=tuple(label(Profile, number) for number in response.profiles),
        normaliser_version=response.normaliser_version,
        agency_id=response.agency_id,
        feed_age_seconds=response.feed_age.ToMilliseconds() / 1000 if response.HasField("feed_age") else None,
    )


def read_key(message: verification_pb2.PublicKey) -> ServiceKey:
    """Read a public key of the service.

    Raises:
        InternalError: its time does not exist.
    """
    return ServiceKey(
        purpose=message.purpose,
        key_id=message.key_id,
        algorithm=message.algorithm,
        public_key=message.public_key,
        not_after=_moment(message, "not_after"),
        signature=message.signature,
    )


def _agreement(message: verification_pb2.AgreementInfo) -> Agreement:
    return Agreement(
        agreement_id=message.agreement_id,
        version=message.version,
        valid_from=_moment(message, "valid_from"),
        valid_until=_moment(message, "valid_until"),
        daily_quota=message.daily_quota,
        dispute_contact=message.dispute_contact,
        dispute_hours=message.dispute_hours,
        purposes=tuple(_purpose(item) for item in message.purposes),
    )


def _purpose(message: verification_pb2.PurposeInfo) -> Purpose:
    return Purpose(
        code=message.code,
        lawful_use=label(LawfulUse, message.lawful_use),
        attributes=tuple(label(Attribute, number) for number in message.attributes),
        anchors=tuple(label(Attribute, number) for number in message.anchors),
        profile=label(Profile, message.profile),
        answer_form=label(AnswerForm, message.answer_form),
        legal_bases=tuple(label(LegalBasis, number) for number in message.legal_bases),
        ages=tuple(message.ages),
        region_levels=tuple(message.region_levels),
        subject_budget=message.subject_budget,
        token_domain=message.token_domain,
        enrolments=tuple(
            EnrolmentClass(
                category=each.category,
                enrol=each.enrol,
                ask=each.ask,
                lists=_LISTS[each.lists] if each.lists < len(_LISTS) else str(each.lists),
            )
            for each in message.enrolments
        ),
        conversions=tuple(message.conversions),
        converted_from=tuple(message.converted_from),
        assurance_level=label(AssuranceLevel, message.assurance_level) if message.assurance_level else "",
        require_device=message.require_device,
        presentation_attack=label(PresentationAttack, message.presentation_attack)
        if message.presentation_attack
        else "",
    )


def _code_list(message: verification_pb2.CodeList) -> CodeList:
    return CodeList(
        name=message.list,
        version=message.version,
        attribute=label(Attribute, message.attribute),
        codes=tuple(
            Code(code=item.code, label=item.label, aliases=tuple(item.aliases)) for item in message.codes
        ),
    )


def _moment(message: Any, field: str) -> datetime | None:
    stamp: Timestamp = getattr(message, field)
    return from_timestamp(stamp) if message.HasField(field) else None
