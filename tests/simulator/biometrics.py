"""A simulator of VerifyBiometric: opens what was sealed to its key of now, and confirms it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from padan import commitment, probe, sealing, servicekey, signature
from padan.probe import Binding
from padan.sealing import Recipient
from padan.v1 import attribute_pb2, verification_pb2
from padan.vocabulary import Modality

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc
    from google.protobuf.message import Message

REGISTRY, ENVIRONMENT, AGENCY = "registry.test", "development", "clinic"


class Biometrics:
    """Handles VerifyBiometric.

    Attributes:
        asked: every request, as received.
        opened: of every request that opened, the serialised templates.
        ends: how many requests more end the key that they are sealed to.
        receipt: makes a receipt of a request_id and the request digest.
    """

    def __init__(self) -> None:
        self.asked: list[verification_pb2.VerifyBiometricRequest] = []
        self.opened: list[list[bytes]] = []
        self.ends = 0
        self.receipt: Callable[[str, bytes], str] = lambda _request_id, _digest: "a.b.c"
        self.signer = signature.Signer(bytes(range(32)))
        self.change()

    def change(self) -> None:
        """Make another key."""
        self.recipient = Recipient(os.urandom(32))

    def publish(self, info: verification_pb2.GetServiceInfoResponse) -> None:
        """Tell the keys, and as whom the caller is known."""
        info.registry_id, info.environment, info.agency_id = REGISTRY, ENVIRONMENT, AGENCY
        del info.keys[:]
        info.keys.add(
            purpose="receipt-signing", key_id="kid", algorithm="Ed25519", public_key=self.signer.public_key
        )
        info.keys.append(self.key())

    def key(self) -> verification_pb2.PublicKey:
        """Publish the key of now."""
        until = datetime.now(tz=UTC).replace(microsecond=0) + timedelta(hours=1)
        stated = servicekey.statement(
            registry_id=REGISTRY,
            environment=ENVIRONMENT,
            purpose="probe",
            algorithm=sealing.ALGORITHM,
            public_key=self.recipient.public_key,
            not_after=int(until.timestamp()),
        )
        key = verification_pb2.PublicKey(
            purpose="probe",
            key_id=self.recipient.key_id,
            algorithm=sealing.ALGORITHM,
            public_key=self.recipient.public_key,
            signature=self.signer.sign(stated),
        )
        key.not_after.FromDatetime(until)
        return key

    def verify(self, body: bytes, context: grpc.ServicerContext) -> verification_pb2.VerifyBiometricResponse:
        """Answer."""
        request = verification_pb2.VerifyBiometricRequest.FromString(body)
        self.asked.append(request)
        if self.ends:
            self.ends -= 1
            self.change()
            context.abort_with_status(_ended(self.key()))
        question = request.question
        binding = Binding.of(question, registry_id=REGISTRY, environment=ENVIRONMENT, agency=AGENCY)
        self.opened.append([probe.open_probe(each, binding, self.recipient) for each in request.probes])
        captured = [
            (int(each.modality), data) for each, data in zip(request.probes, self.opened[-1], strict=True)
        ]
        digest = commitment.request_digest(question, AGENCY, captured)
        answer = verification_pb2.VerifyResponse(
            request_id=question.request_id,
            outcome=attribute_pb2.VERDICT_MATCH,
            contest="C",
            receipt=self.receipt(question.request_id, digest),
        )
        modalities = dict.fromkeys(int(Modality(each.modality).attribute) for each in request.probes)
        for attribute in (*(claim.attribute for claim in question.claims), *modalities):
            answer.verdicts.add(
                attribute=attribute_pb2.Attribute.ValueType(attribute), verdict=attribute_pb2.VERDICT_MATCH
            )
        return verification_pb2.VerifyBiometricResponse(answer=answer)


def _ended(key: verification_pb2.PublicKey) -> grpc.Status:
    details: list[Message] = [error_details_pb2.ErrorInfo(reason="PROBE_KEY_ENDED", domain="padan"), key]
    packed = [any_pb2.Any() for _ in details]
    for target, detail in zip(packed, details, strict=True):
        target.Pack(detail)
    status: grpc.Status = rpc_status.to_status(
        status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="ended", details=packed)
    )
    return status
