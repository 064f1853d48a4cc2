"""Answers GetServiceInfo: what the calling agency may ask, in which form, and within which limits."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from google.protobuf import timestamp_pb2
from google.protobuf.message import DecodeError

from keys.purpose import Purpose, TokenDomain
from keys.state import KeyState
from padan import sealing
from padan.v1 import attribute_pb2, biometric_pb2, verification_pb2
from verifier import officers, validate
from verifier.agreement.errors import NoAgreementError
from verifier.dispute import officerkey
from verifier.errors import MalformedMessageError, MethodNotAllowedError
from verifier.token.errors import TokensUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from keys.keyagent import KeyAgent
    from keys.keyset import PublicKey
    from tokenizer.codes import CodeList, CodeLists
    from verifier.agreement.grant import Grant, Terms
    from verifier.call import Call, Now
    from verifier.config import Settings
    from verifier.ports import Agreements, Epochs, Gate
    from verifier.token.domains import TokenDomains

REPLAY_SECONDS = 24 * 3600


def public_keys_of(agent: KeyAgent) -> list[PublicKey]:
    """List the keys that receipts and checkpoints are checked with: those that sign now first, then those that did.

    Raises:
        KeysError: there is none that signs.
    """
    signing = (Purpose.RECEIPT_SIGNING, Purpose.LOG_SIGNING)
    now = [signer.key_id for purpose in signing for signer in agent.signers(purpose)]
    listed = [
        key
        for key in agent.public_keys()
        if key.purpose in signing and key.state not in {KeyState.PRE_ACTIVE, KeyState.COMPROMISED}
    ]
    order = {kid: number for number, kid in enumerate(now)}
    return sorted(listed, key=lambda key: (order.get(key.kid, len(order)), key.purpose))


class ServiceInfo:
    """Tells a caller what it may ask. Nothing in it is about a resident."""

    def __init__(
        self,
        *,
        settings: Settings,
        version: str,
        normaliser: str,
        gate: Gate,
        agreements: Agreements,
        epochs: Epochs,
        codes: CodeLists,
        keys: Callable[[], Sequence[PublicKey]],
        tokens: TokenDomains,
        probe: Callable[[], verification_pb2.PublicKey | None],
        now: Callable[[], Now],
    ) -> None:
        """Bring together what is told.

        Args:
            keys: gives the public keys as they are now.
            tokens: the token domains.
            probe: gives the key to which probes are sealed now; None where there is none.
        """
        self._settings = settings
        self._version = version
        self._normaliser = normaliser
        self._gate = gate
        self._agreements = agreements
        self._epochs = epochs
        self._code_lists = [_code_list(item) for item in codes]
        self._keys = keys
        self._tokens = tokens
        self._probe = probe
        self._officer_keys = _officer_keys(settings)
        self._now = now

    def answer(self, call: Call) -> bytes:
        """Answer one call, serialised.

        Raises:
            VerifierError: the caller is unknown, its agreement suspended, or the registry's data away.
        """
        now = self._now()
        peer = self._gate.admit(call.certificate, now.wall)
        if peer.kind != "agency":
            raise MethodNotAllowedError("only agencies may ask this")
        try:
            request = verification_pb2.GetServiceInfoRequest.FromString(call.raw)
        except DecodeError:
            raise MalformedMessageError("the bytes are no GetServiceInfoRequest") from None
        validate.refuse_unknown(request)
        try:
            terms = self._agreements.in_force(peer.id, now.wall)
        except NoAgreementError:
            terms = None
        return self._compose(peer.id, terms, now).SerializeToString()

    def _compose(self, agency: str, terms: Terms | None, now: Now) -> verification_pb2.GetServiceInfoResponse:
        epoch = self._epochs.pin()
        settings = self._settings
        response = verification_pb2.GetServiceInfoResponse(
            service_version=self._version,
            registry_id=settings.registry_id,
            environment=settings.environment,
            role=settings.role,
            epochs=[verification_pb2.Epoch(number=epoch.number, as_of=epoch.as_of, active=True)],
            keys=[
                verification_pb2.PublicKey(
                    purpose=key.purpose, key_id=key.kid, algorithm="Ed25519", public_key=key.public_key
                )
                for key in self._keys()
            ]
            + self._officer_keys,
            code_lists=self._code_lists,
            limits=verification_pb2.Limits(
                max_request_bytes=validate.MAX_REQUEST_BYTES,
                max_claims=validate.MAX_CLAIMS,
                max_claim_bytes=validate.MAX_CLAIM_BYTES,
                max_deadline_ms=settings.max_deadline_ms,
                replay_window_seconds=REPLAY_SECONDS,
            ),
            time=_timestamp(now.wall),
            profiles=[attribute_pb2.PROFILE_STRICT, attribute_pb2.PROFILE_TOLERANT],
            normaliser_version=self._normaliser,
            agency_id=agency,
        )
        age_ms = int(now.wall * 1000) - epoch.as_of.ToMilliseconds()
        probe = self._probe()
        if probe is not None:
            response.keys.append(probe)
        response.feed_age.FromMilliseconds(max(0, age_ms))
        if terms is not None:
            response.agreement.CopyFrom(_agreement(terms))
            response.keys.extend(self._token_keys(terms, now))
        return response

    def _token_keys(self, terms: Terms, now: Now) -> Iterator[verification_pb2.PublicKey]:
        """Name the versions of the agreement's token domains; a domain whose keys cannot be used has none."""
        for name in sorted({grant.token_domain for grant in terms.grants.values()} - {""}):
            with contextlib.suppress(TokensUnavailableError):
                domain = self._tokens.domain(name)
                for version, ends in domain.versions(now=now.wall).items():
                    yield verification_pb2.PublicKey(
                        purpose=TokenDomain(name),
                        key_id=str(version),
                        algorithm="ristretto255",
                        public_key=domain.public(version),
                        not_after=None if ends is None else _timestamp(ends),
                    )


def _officer_keys(settings: Settings) -> list[verification_pb2.PublicKey]:
    """Name the officers' keys: the one to which disputes are sealed, and those that decide them."""
    sealing_to = [settings.dispute_key] if settings.dispute_key else []
    return [
        verification_pb2.PublicKey(
            purpose="dispute",
            key_id=officerkey.id_of(text),
            algorithm=sealing.ALGORITHM,
            public_key=officerkey.public_key(text),
        )
        for text in sealing_to
    ] + [
        verification_pb2.PublicKey(purpose="officer", key_id=key_id, algorithm="Ed25519", public_key=public)
        for key_id, public in officers.known(settings.officers).items()
    ]


def _agreement(terms: Terms) -> verification_pb2.AgreementInfo:
    agreement = terms.agreement
    return verification_pb2.AgreementInfo(
        agreement_id=agreement.agreement_id,
        version=agreement.version,
        valid_from=_timestamp(agreement.valid_from),
        valid_until=_timestamp(agreement.valid_until),
        purposes=[_purpose(grant) for grant in terms.grants.values()],
        daily_quota=agreement.quota.calls_per_day,
        dispute_contact=agreement.dispute.contact,
        dispute_hours=agreement.dispute.answer_hours,
    )


def _purpose(grant: Grant) -> verification_pb2.PurposeInfo:
    info = verification_pb2.PurposeInfo(
        code=grant.purpose,
        lawful_use=attribute_pb2.LawfulUse.ValueType(grant.lawful_use),
        attributes=sorted(map(attribute_pb2.Attribute.ValueType, grant.attributes)),
        anchors=sorted(map(attribute_pb2.Attribute.ValueType, grant.anchors)),
        profile=attribute_pb2.Profile.ValueType(grant.profile),
        answer_form=attribute_pb2.AnswerForm.ValueType(grant.answer_form),
        legal_bases=sorted(map(attribute_pb2.LegalBasis.ValueType, grant.legal_bases)),
        ages=sorted(grant.ages),
        region_levels=sorted(grant.region_levels),
        subject_budget=grant.budgets.subject_per_day,
        token_domain=grant.token_domain,
        enrolments=[
            verification_pb2.EnrolmentClass(
                category=each.category,
                enrol=each.enrol,
                ask=each.ask,
                lists=verification_pb2.EnrolmentLists.ValueType(each.lists),
            )
            for each in grant.enrolments.values()
        ],
        conversions=sorted(grant.conversions),
        converted_from=sorted(grant.converted_from),
    )
    if (asked := grant.biometrics) is not None:
        info.assurance_level = biometric_pb2.AssuranceLevel.ValueType(asked.level)
        info.require_device = asked.require_device
        info.presentation_attack = biometric_pb2.PresentationAttack.ValueType(asked.presentation_attack)
    return info


def _code_list(item: CodeList) -> verification_pb2.CodeList:
    return verification_pb2.CodeList(
        list=item.name,
        version=item.version,
        attribute=attribute_pb2.Attribute.ValueType(item.attribute),
        codes=[
            verification_pb2.Code(code=code.code, label=code.label, aliases=code.aliases)
            for code in item.codes
        ],
    )


def _timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    stamp = timestamp_pb2.Timestamp()
    stamp.FromMilliseconds(int(seconds * 1000))
    return stamp
