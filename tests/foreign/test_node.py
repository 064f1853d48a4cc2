"""A client that nobody here wrote: Node, @grpc/grpc-js and the .proto files."""

from __future__ import annotations

import base64
import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests import service
from tests.foreign import node_client
from tests.installation import install
from tests.people import BUDI

if TYPE_CHECKING:
    from pathlib import Path

_CLAIMS = [
    {"attribute": "ATTRIBUTE_NAME", "value": "Budi Santoso"},
    {"attribute": "ATTRIBUTE_BIRTH_DATE", "value": "01-01-1990"},
]


def _request(**fields: Any) -> dict[str, Any]:
    return {
        "request_id": str(uuid.uuid4()),
        "blind": base64.b64encode(os.urandom(32)).decode(),
        "purpose": "service",
        "officer": "officer-1",
        "nik": BUDI["NIK"],
        "claims": _CLAIMS,
        "legal_basis": "LEGAL_BASIS_PUBLIC_TASK",
        **fields,
    }


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Ask one question that is answered, one malformed and one not granted."""
    node_client.install()
    root: Path = tmp_path_factory.mktemp("foreign")
    installation = install(root / "padan")
    identity = installation.identities["tax"]
    with service.running(installation):
        return node_client.verify(
            target=f"127.0.0.1:{installation.port}",
            server_name="localhost",
            ca=installation.ca,
            certificate=identity.certificate,
            key=identity.key,
            requests=[_request(), _request(nik="3273010101909"), _request(purpose="marketing")],
        )


def _detail(answer: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        item["value"] for item in answer["details"] if item["type"] == f"google.rpc.{kind}"
    )
    return found


def test_verify_is_answered(answers: list[dict[str, Any]]) -> None:
    """Verify over mutual TLS gives an outcome, a verdict for each claim and a receipt."""
    answer = answers[0]
    assert answer["ok"], answer
    assert answer["response"]["outcome"] == "VERDICT_MATCH"
    assert [verdict["verdict"] for verdict in answer["response"]["verdicts"]] == ["VERDICT_MATCH"] * 2
    assert answer["response"]["receipt"].count(".") == 2


def test_malformed_number_is_refused_with_field_and_rule(answers: list[dict[str, Any]]) -> None:
    """A refused request carries ErrorInfo with a reason of the contract, and the field that broke a rule."""
    answer = answers[1]
    assert answer["code"] == "INVALID_ARGUMENT"
    assert (_detail(answer, "ErrorInfo")["domain"], _detail(answer, "ErrorInfo")["reason"]) == (
        "padan",
        "INVALID_FIELD",
    )
    violations = _detail(answer, "BadRequest")["field_violations"]
    assert [violation["field"] for violation in violations] == ["nik"]
    assert "3273010101909" not in str(answer)


def test_purpose_that_is_not_granted_is_refused(answers: list[dict[str, Any]]) -> None:
    """A purpose outside the agreement is refused with its own reason."""
    answer = answers[2]
    assert answer["code"] == "PERMISSION_DENIED"
    assert _detail(answer, "ErrorInfo")["reason"] == "PURPOSE_NOT_GRANTED"
