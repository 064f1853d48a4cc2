"""What is fuzzed: every place where bytes or texts of others are decoded, validated or normalised.

A target takes bytes, hands them to our code, and swallows the one error class that the place promises; whatever else
comes out is a finding. Where the code accepts an input, the target checks what must hold of accepted inputs.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import functools
import json
import warnings
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from joserfc import jws
from joserfc.jwk import OKPKey

from padan import canonical, commitment, csr, entry, info, nik, receipt
from padan.audit import render
from padan.errors import ConfigError, InternalError, LogFormatError, NikError, ReceiptError
from padan.v1 import attribute_pb2, audit_pb2, verification_pb2
from padan.witness import submission
from tests.attack.fuzz import biometrics, disputes, probes
from tests.people import BUDI
from tests.simulator.world import REALM, START, World
from tests.terms import Terms
from tokenizer import normalise
from tokenizer.attribute import ATTRIBUTES, TEXT_KINDS
from tokenizer.claim import parse_claim
from tokenizer.codes import CodeLists
from tokenizer.errors import RowError, RuleError
from tokenizer.person import FIELDS, Person
from verifier import audit, ca, validate
from verifier.agreement import lint, sign
from verifier.agreement.errors import AgreementDocumentError, AgreementSignatureError
from verifier.agreement.parse import parse as parse_agreement
from verifier.certificate import CertificateReadError
from verifier.certificate import read as read_certificate
from verifier.errors import CallerError
from verifier.identity import Peer

if TYPE_CHECKING:
    from collections.abc import Callable

    Target = Callable[[bytes], None]

TODAY = dt.date(2026, 6, 1)
SEPARATOR = "\x1f"  # between the fields of a row
_NUMBERS = sorted(attribute_pb2.Attribute.values())
_PEER = Peer(kind="agency", id="tax", serial="1", fingerprint=bytes(32), not_before=0, not_after=2**40)
_KEPT_ROWS = 1_000  # entries of the simulated log, so that memory says what one input costs


def text_of(data: bytes) -> str:
    """Read bytes as a text that protobuf would have accepted."""
    return data.decode("utf-8", errors="replace")


def request(data: bytes) -> None:
    """Decode and validate a VerifyRequest; what is accepted has a digest."""
    try:
        message = validate.parse(data)
        valid = validate.validate(message, today=TODAY, now=START)
    except CallerError:
        return
    assert len(commitment.request_digest(message, "tax")) == commitment.DIGEST_SIZE
    assert len(valid.attributes) == len(message.claims)


@functools.cache
def world() -> World:
    """Make the world that the core is fuzzed in."""
    terms = Terms(subject=10**6, prefix=10**6)
    return World(seed=1, agencies={"tax": terms}, people=[dict(BUDI)])


def core(data: bytes) -> None:
    """Take a VerifyRequest along the whole main path: it is answered or refused, and is exactly one entry."""
    simulated = world()
    log = simulated.log
    if len(log.rows) > _KEPT_ROWS:
        log.rows.clear()
        log.kept.clear()
        log.groups.clear()
    before = len(log.rows)
    (reply,) = simulated.core.verify_many([simulated.call("tax", data)])
    assert len(log.rows) - before == 1
    if reply.body is None:
        assert isinstance(reply.error, CallerError)
    else:
        verification_pb2.VerifyResponse.FromString(reply.body)


def claim(data: bytes) -> None:
    """Read a claim of any attribute; what is accepted of texts is normal already when it is normalised again."""
    number, value = _NUMBERS[data[0] % len(_NUMBERS)] if data else 0, text_of(data[1:])
    try:
        found = parse_claim(number, value, codes=CodeLists.load(), today=TODAY)
    except RuleError:
        return
    kind = ATTRIBUTES[number].kind
    if kind in TEXT_KINDS:
        once = normalise.strict(kind, value)
        assert normalise.strict(kind, once) == once
    assert value not in repr(found) or len(value) < len("Claim(attribute=, <redacted>)")


def number(data: bytes) -> None:
    """Read a NIK; what is accepted is sixteen ASCII digits."""
    text = text_of(data)
    try:
        found = nik.parse(text, TODAY)
    except NikError:
        assert not nik.describe(text, TODAY).valid
        return
    assert nik.describe(text, TODAY).birth_dates
    assert found.value == text
    assert len(text) == nik.NIK_DIGITS
    assert text.isascii()


def row(data: bytes) -> None:
    """Read a row of the registry."""
    values = text_of(data).split(SEPARATOR)
    fields: dict[str, str | int | dt.date | None] = dict(zip(map(str, FIELDS), values, strict=False))
    with contextlib.suppress(RowError):
        Person.from_registry(fields, codes=CodeLists.load(), today=TODAY)


def private_entry(data: bytes) -> None:
    """Decode an entry and show it; what is accepted encodes to the same bytes."""
    try:
        decoded = entry.decode(data)
        render.document(1, decoded, bytes(33))
        render.row(1, decoded)
    except entry.EntryError:
        return
    assert entry.encode(canonical.encode(decoded.fields), {}) == data


def witness_submission(data: bytes) -> None:
    """Read what a log submits to a witness; what is accepted is written to the same bytes."""
    try:
        found = submission.parse(data)
    except LogFormatError:
        return
    assert submission.join(found.old, found.proof, str(found.signed).encode()) == data


def canonical_list(data: bytes) -> None:
    """Decode a list; what is accepted encodes to the same bytes."""
    try:
        items = canonical.decode_list(data)
    except canonical.CanonicalError:
        return
    assert canonical.encode_list(items) == data


def agreement(data: bytes) -> None:
    """Read an agreement and judge it."""
    with contextlib.suppress(AgreementDocumentError):
        lint.lint(parse_agreement(data).agreement, now=START)


def signature_file(data: bytes) -> None:
    """Read a signature file."""
    key = base64.b64encode(bytes(31) + b"\x01").decode()
    try:
        sign.require_signed(REALM, b"document", data, [key])
    except AgreementSignatureError:
        return
    raise AssertionError("a signature that nobody made was accepted")


@functools.cache
def _receipt_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", private=True, auto_kid=True)


def receipt_payload(data: bytes) -> None:
    """Check a receipt with any payload under a good signature."""
    key = _receipt_key()
    header = {"alg": receipt.ALGORITHM, "typ": receipt.TYPE, "kid": key.kid}
    _check(jws.serialize_compact(header, data, key, algorithms=[receipt.ALGORITHM]))


def receipt_token(data: bytes) -> None:
    """Check a receipt of any bytes, with any key set beside the good one."""
    token, _, keys = data.partition(b"\n")
    _check(text_of(token))
    try:
        offered = json.loads(keys)
    except (ValueError, RecursionError):
        return
    if isinstance(offered, dict):
        _check(text_of(token), offered)


def _check(token: str, keys: dict[str, object] | None = None) -> None:
    key = _receipt_key()
    with contextlib.suppress(ReceiptError):
        receipt.check(token, {"keys": [key.as_dict(private=False)]} if keys is None else keys)


def page(data: bytes) -> None:
    """Read a ListEntriesRequest and its page token; what is accepted is a place that a database can hold."""
    try:
        asked = audit._parse(data)
        place = audit._position(_PEER, asked)
        for name in ("from_time", "until_time"):
            audit._milliseconds(asked, name)
    except CallerError:
        return
    assert 0 <= place < 2**63


def forged_page(data: bytes) -> None:
    """Read a page token whose tag is good for the filters, with any place before it."""
    asked = audit_pb2.ListEntriesRequest(purpose="service")
    raw = data + audit._filter_tag(_PEER, asked)
    asked.page_token = base64.urlsafe_b64encode(raw).decode()
    try:
        assert audit._position(_PEER, asked) == int.from_bytes(data, "big") < 2**63
    except CallerError:
        return


def _pem(label: str, data: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n".encode()


def certificate(data: bytes) -> None:
    """Read a caller's certificate, in the service and in our client."""
    pem = _pem("CERTIFICATE", data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the library will refuse one day
        with contextlib.suppress(CertificateReadError):
            read_certificate(pem)
        with contextlib.suppress(ConfigError):
            csr.read_certificate(pem)


def signing_request(data: bytes) -> None:
    """Read a request for a certificate."""
    with contextlib.suppress(ca.SigningRequestError):
        ca._public_key(_pem("CERTIFICATE REQUEST", data))


def service_info(data: bytes) -> None:
    """Decode and read what a service says of itself, as our client does."""
    try:
        info.read(verification_pb2.GetServiceInfoResponse.FromString(data)).jwks()
    except (DecodeError, InternalError):
        return


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        request,
        core,
        claim,
        number,
        row,
        private_entry,
        canonical_list,
        agreement,
        signature_file,
        receipt_payload,
        receipt_token,
        page,
        forged_page,
        certificate,
        signing_request,
        service_info,
        witness_submission,
        *disputes.TARGETS,
        *biometrics.TARGETS,
        *probes.TARGETS,
    )
}
