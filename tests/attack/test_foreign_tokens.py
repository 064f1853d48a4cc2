"""Attack 11 for tokens: an agency presents what is another one's, on every call that takes a token, over the wire."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from keys.purpose import TokenDomain
from padan import receipt
from padan.rpc import from_rpc
from padan.v1 import token_pb2, token_pb2_grpc, verification_pb2, verification_pb2_grpc
from tests.attack.token_calls import CALLS, ENROLMENTS, SINK, VERIFY
from tests.installation import TRUST_DOMAIN, install
from tests.people import BUDI
from tests.service import request, running
from tests.simulator.hall import circumstances
from tests.terms import Terms
from verifier.certificate import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service import RunningService

pytestmark = pytest.mark.attack

A, B = "tax", "health"
PLAIN: tuple[tuple[str, str | bytes], ...] = ()


class Loot:
    """Everything of A's that B may have: a token, the answer with it, its request id, and an update with its proof."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.request_id = str(uuid.uuid4())
        with service.channel(A) as channel:
            asked = request(issue_token=True, request_id=self.request_id)
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            self.answer: verification_pb2.VerifyResponse = stub.Verify(asked, timeout=20)
        self.token = self.answer.subject_token
        with service.channel(B) as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            self.own = stub.Verify(request(issue_token=True), timeout=20).subject_token

    def metadata(self) -> dict[str, tuple[tuple[str, str | bytes], ...]]:
        """Write A's things into headers, as a caller may who believes in them."""
        identity = self.service.installation.identities[A]
        pem = identity.certificate.read_bytes()
        serial = read(pem).serial
        name = f"spiffe://{TRUST_DOMAIN}/agency/{A}"
        return {
            "nothing": PLAIN,
            "serial": (("x-certificate-serial", serial), ("x-client-serial", serial)),
            "certificate": (
                ("x-forwarded-client-cert", f"By={name};Hash={read(pem).fingerprint.hex()};URI={name}"),
            ),
            "identity": (("x-agency", A), ("x-spiffe-id", name), ("authorization", f"Bearer {A}")),
            "receipt": (
                ("x-padan-receipt", self.answer.receipt),
                ("authorization", f"Bearer {self.answer.receipt}"),
            ),
            "request": (("x-request-id", self.request_id), ("x-contest-bin", self.answer.contest.encode())),
            "proof": (("x-proof-bin", b"\1" * 64), ("x-padan-receipt", self.answer.receipt)),
        }


@pytest.fixture(scope="module")
def loot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loot]:
    """A service with two agencies, each with a domain, and B with A's things."""
    made = install(
        tmp_path_factory.mktemp("foreign"),
        agencies={
            **{name: Terms(token_domain=name, enrolments=ENROLMENTS, conversions=(SINK,)) for name in (A, B)},
            SINK: Terms(token_domain=SINK, converted_from=(A, B)),
        },
        people=[BUDI],
        token_domains=(A, B, SINK),
    )
    with running(made) as service:
        yield Loot(service)


def call(loot: Loot, agency: str, method: str, message: Any, headers: Any = PLAIN) -> Any:
    """Call a method as an agency, again where that is too often; gives its answer, or why it is refused."""
    with loot.service.channel(agency) as channel:
        stubs: tuple[Any, Any] = (
            verification_pb2_grpc.VerificationServiceStub(channel),
            token_pb2_grpc.TokenServiceStub(channel),
        )
        while True:
            try:
                act = getattr(stubs[method != VERIFY], method)
                if CALLS[method].streams:
                    return next(act(iter([message]), timeout=20, metadata=headers))
                return act(message, timeout=20, metadata=headers)
            except grpc.RpcError as error:
                reason = from_rpc(error).reason
            if reason != "RATE_LIMITED":
                return reason
            time.sleep(0.2)


def is_refused(loot: Loot, agency: str, method: str, token: bytes, **given: Any) -> bool:
    """Say whether a call takes a token for one that was never issued to the caller."""
    message = CALLS[method].message([token], given.pop("request_id", ""))
    answer = call(loot, agency, method, message, given.pop("headers", PLAIN))
    if isinstance(answer, str):
        assert answer == "TOKEN_REFUSED", answer
        return True
    return dict(CALLS[method].refused(answer)) == {0: "TOKEN_REFUSED"}


@pytest.mark.parametrize("method", CALLS)
def test_another_agencys_token_is_refused_on_every_call(loot: Loot, method: str) -> None:
    """With its request id, receipt, proof, serial and names in headers, and without; A's own use goes on."""
    assert not is_refused(loot, A, method, loot.token)
    assert not is_refused(loot, B, method, loot.own)
    assert is_refused(loot, B, method, loot.token, request_id=loot.request_id)
    for headers in loot.metadata().values():
        assert is_refused(loot, B, method, loot.token, headers=headers)
        assert not is_refused(loot, A, method, loot.token, headers=headers)


@pytest.mark.parametrize("method", CALLS)
def test_what_is_no_token_is_refused_on_every_call(loot: Loot, method: str) -> None:
    """A receipt, a contest, a proof, a request id and a header are taken for no token, nor are parts of one."""
    answer = loot.answer
    for thing in (
        answer.receipt.encode(),
        answer.contest.encode() or b"contest",
        uuid.UUID(loot.request_id).bytes,
        bytes(64),
        loot.token[:-16] + loot.own[-16:],
        loot.own[:-16] + loot.token[-16:],
        loot.own[:-48] + loot.token[-48:-16] + loot.own[-16:],
        loot.token[:-1],
        loot.token + b"\0",
        loot.token + loot.own,
    ):
        assert is_refused(loot, B, method, thing)


def moved(loot: Loot) -> token_pb2.UpdateTokensResponse:
    """Let A's token be moved to a new version, with a proof."""
    loot.service.installation.custody().rotate(TokenDomain(A))
    until = time.monotonic() + 30
    while True:
        message = CALLS["UpdateTokens"].message([loot.token], "")
        found: token_pb2.UpdateTokensResponse = call(loot, A, "UpdateTokens", message)
        if found.new_version == 2:
            return found
        assert time.monotonic() < until, "the new version is not followed"
        time.sleep(0.3)


def test_another_agencys_proof_proves_nothing_of_mine(loot: Loot) -> None:
    """What A was given by an update is refused of B, and a call that brings the proof along is refused whole."""
    found = moved(loot)
    assert found.proof
    for method in CALLS:
        assert is_refused(loot, B, method, found.tokens[0])
    plain = token_pb2.UpdateTokensRequest(circumstances=circumstances(), tokens=[loot.token])
    further = bytes((15 << 3 | 2, len(found.proof))) + found.proof  # a field that no request has
    with_proof = token_pb2.UpdateTokensRequest.FromString(plain.SerializeToString() + further)
    assert call(loot, B, "UpdateTokens", with_proof) in {"INVALID_FIELD", "MALFORMED_MESSAGE"}


def test_a_receipt_names_its_own_agency(loot: Loot) -> None:
    """A's receipt, in B's hands, says whose it is; B's answers carry receipts of B alone."""
    with loot.service.client(A, timeout=20) as client:
        keys = client.service_info().jwks()
    assert receipt.check(loot.answer.receipt, keys).audience.endswith(A)
    with loot.service.channel(B) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        mine = stub.Verify(request(subject_token=loot.own), timeout=20).receipt
    assert receipt.check(mine, keys).audience.endswith(B)
