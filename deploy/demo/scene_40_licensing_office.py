"""A licensing office: what it may ask is answered; what goes beyond its agreement is refused, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from deploy.demo.stage import ExpectationError
from padan import channel
from padan.client import VERIFY
from padan.question import Question

if TYPE_CHECKING:
    from deploy.demo.demo import Demo

TITLE = "licensing office: asks beyond its agreement, and is refused"
AGENCY = "licensing-office"
_REFUSED = 4
"""The exit code of a refusal."""
TRY = ((AGENCY, "padan verify --input religion.json"), (AGENCY, "padan errors ATTRIBUTE_NOT_GRANTED"))


def play(demo: Demo) -> None:
    """Ask what is granted, then four things that are not."""
    stage = demo.stage
    one = demo.people.take(lambda resident: resident.alive and int(resident.birth_date[-4:]) < 2000)
    granted = {
        "nik": one.nik,
        "claims": {"name": one.name, "age_at_least": "17"},
        "purpose": "driving-licence",
        "officer": "counter-1",
        "legal_basis": "consent",
        "consent_receipt": "CONSENT-0001",
    }
    done = demo.verify(AGENCY, "granted", granted)
    stage.expect("name and age, under consent: one verdict, no birth date", done.out.split()[0], "MATCH")
    beyond = {
        "religion": ({**granted, "claims": {"name": one.name, "religion": "1"}}, "ATTRIBUTE_NOT_GRANTED"),
        "other-age": (
            {**granted, "claims": {"name": one.name, "age_at_least": "21"}},
            "ATTRIBUTE_NOT_GRANTED",
        ),
        "other-purpose": ({**granted, "purpose": "taxpayer-registration"}, "PURPOSE_NOT_GRANTED"),
        "other-basis": ({**granted, "legal_basis": "public_task"}, "LEGAL_BASIS_NOT_GRANTED"),
    }
    for name, (question, reason) in beyond.items():
        done = demo.verify(AGENCY, name, question, code=_REFUSED, refused=True)
        stage.expect(f"{name}: {reason}", f"[{reason}]" in done.err)
    stage.say("What any client in any language reads from the wire, for the first of them:")
    stage.expect(
        "the error names its reason for programs",
        _reason_on_the_wire(demo, one.nik, one.name),
        "ATTRIBUTE_NOT_GRANTED",
    )


def _reason_on_the_wire(demo: Demo, nik: str, name: str) -> str:
    """Ask with bare gRPC, show the status and its details, and give the reason."""
    folder = demo.folder(AGENCY)
    files = channel.read_files(ca=folder / "ca.pem", cert=folder / "agency.pem", key=folder / "agency.key")
    question = Question.build(
        nik=nik,
        claims={"name": name, "religion": "1"},
        purpose="driving-licence",
        officer="counter-1",
        legal_basis="consent",
        consent_receipt="CONSENT-0002",
    )
    demo.refused[AGENCY] += 1
    with grpc.secure_channel(demo.address, files.credentials(), options=channel.options(None)) as link:
        verify: grpc.UnaryUnaryMultiCallable[bytes, bytes] = link.unary_unary(VERIFY)
        try:
            verify(question.body, timeout=10)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            lines = [f"code: {error.code().name}", f"message: {status.message}"]
            info, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            for detail in status.details:
                known = next(kind for kind in (info, fields) if detail.Is(kind.DESCRIPTOR))
                detail.Unpack(known)
                lines.append(f"{detail.TypeName()}: {' '.join(str(known).split())}")
            demo.stage.show("\n".join(lines))
            return str(info.reason)
    raise ExpectationError(f"{TITLE}: a question beyond the agreement was answered")
