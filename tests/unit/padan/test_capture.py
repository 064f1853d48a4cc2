"""What a client seals, to which key, and how often."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from padan import probe, remedy, servicekey, signature
from padan.capture import Capture, Sealer
from padan.errors import ConflictError, PadanError, ProbeKeyEndedError, UnavailableError
from padan.info import ServiceKey
from padan.probe import Binding
from padan.sealing import Recipient
from padan.servicekey import ServiceKeyError, require_probe_key
from padan.v1 import biometric_pb2
from tests.vectors import probe_generate

VECTORS = json.loads(Path(probe_generate.TARGET).read_text())
PLACE: dict[str, Any] = {"registry_id": "vector-registry", "environment": "staging"}
STRANGER = signature.Signer(bytes(32))
RECEIPTS, OTHER = signature.Signer(bytes(range(32))), signature.Signer(b"o" * 32)
BINDING = Binding(agency="clinic", request_id="r", purpose="p", subject=bytes(32), **PLACE)
LATER = datetime.now(tz=UTC).replace(microsecond=0) + timedelta(hours=3)


def published(
    recipient: Recipient, *, until: datetime = LATER, signer: signature.Signer = RECEIPTS
) -> ServiceKey:
    """Publish a key as the service does."""
    stated = servicekey.statement(
        purpose="probe",
        algorithm="X25519",
        public_key=recipient.public_key,
        not_after=int(until.timestamp()),
        **PLACE,
    )
    return ServiceKey(
        purpose="probe",
        key_id=recipient.key_id,
        algorithm="X25519",
        public_key=recipient.public_key,
        not_after=until,
        signature=signer.sign(stated),
    )


def changed(key: ServiceKey, **other: object) -> ServiceKey:
    """Change what is told of a key."""
    fields = {name: getattr(key, name) for name in ServiceKey.__slots__}
    return ServiceKey(**fields | other)


def check(key: ServiceKey | None, **other: str) -> ServiceKey:
    """Check a key as a client does."""
    return require_probe_key(key, signers=[OTHER.public_key, RECEIPTS.public_key], **PLACE | other)


def ended(key: ServiceKey | None) -> PadanError:
    """Refuse a question for the sake of its key."""
    error = remedy.build("PROBE_KEY_ENDED")
    assert isinstance(error, ProbeKeyEndedError)
    error.key = key
    return error


def sealer(key: ServiceKey | None) -> Sealer:
    """Begin to seal two captures."""
    captures = [
        Capture(
            modality=modality,
            extractor=biometric_pb2.Extractor(name="x", version="1"),
            template=b"a template",
        )
        for modality in probe.SIZES
    ]
    return Sealer(BINDING, captures, key=key, signers=[RECEIPTS.public_key])


def test_the_statement_of_a_key_is_the_vectors() -> None:
    """Statement and signature are the page's, to the byte."""
    told = VECTORS["service_key"]
    stated = servicekey.statement(
        purpose="probe",
        algorithm="X25519",
        public_key=bytes.fromhex(told["public_key"]),
        not_after=told["not_after"],
        **PLACE,
    )
    assert stated.hex() == told["statement"]
    signature.verify(bytes.fromhex(told["signer"]), stated, bytes.fromhex(told["signature"]))


def test_a_key_is_used_only_as_the_service_signed_it() -> None:
    """Another key, end, purpose, registry or signer is refused, and so is a key whose time is over."""
    recipient, other = Recipient.make(), Recipient.make()
    key = published(recipient)
    assert check(key) is key
    for wrong in (
        changed(key, public_key=other.public_key),
        changed(key, public_key=other.public_key, key_id=other.key_id),
        changed(key, public_key=b""),
        changed(key, key_id=other.key_id),
        changed(key, purpose="dispute"),
        changed(key, algorithm="Ed25519"),
        changed(key, not_after=None),
        changed(key, not_after=LATER + timedelta(seconds=1)),
        changed(key, signature=b""),
        changed(key, signature=bytes(64)),
        published(recipient, signer=STRANGER),
    ):
        with pytest.raises(ServiceKeyError):
            check(wrong)
    with pytest.raises(ServiceKeyError, match="not signed by a key that signs"):
        check(key, registry_id="other")
    with pytest.raises(ServiceKeyError):
        check(key, environment="production")
    with pytest.raises(ConflictError, match="is over"):
        check(published(recipient, until=datetime.now(tz=UTC).replace(microsecond=0)))
    with pytest.raises(UnavailableError, match="no key for probes"):
        check(None)


def test_a_question_is_sealed_once_more_to_the_key_that_a_refusal_brings() -> None:
    """The second time the probes open with the new key, the third time the refusal is raised."""
    first, second = Recipient.make(), Recipient.make()
    sealing = sealer(published(first))
    for probes, recipient in ((sealing.probes(), first), (sealing.again(ended(published(second))), second)):
        assert [each.modality for each in probes] == list(probe.SIZES)
        for each in probes:
            assert each.key_id == recipient.key_id
            assert probe.open_probe(each, BINDING, recipient) == b"a template"
    assert sealing.key.key_id == second.key_id
    with pytest.raises(ProbeKeyEndedError):
        sealing.again(ended(published(first)))


def test_nothing_is_sealed_once_more_for_another_reason() -> None:
    """Other refusals, one without a key, and a key that is not signed are raised; nothing is sealed."""
    sealing = sealer(published(Recipient.make()))
    for error in (remedy.build("PROBE_UNREADABLE"), ended(None)):
        with pytest.raises(type(error)) as raised:
            sealing.again(error)
        assert raised.value is error
    with pytest.raises(ServiceKeyError):
        sealing.again(ended(published(Recipient.make(), signer=STRANGER)))
    with pytest.raises(ServiceKeyError):
        sealer(changed(published(Recipient.make()), signature=b""))


def test_a_capture_shows_nothing() -> None:
    """Its repr is redacted, and it is not pickled."""
    capture = Capture(
        modality=1, extractor=biometric_pb2.Extractor(name="x", version="1"), template=b"secret"
    )
    assert repr(capture) == "Capture(<redacted>)"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(capture)
