"""The rules of a request's fields, and that client and service state the same ones."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import rules
from padan.errors import InvalidRequestError
from padan.v1 import verification_pb2
from verifier import validate
from verifier.errors import InvalidFieldError

TODAY = date(2026, 11, 1)
GOOD: dict[str, Any] = {
    "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
    "blind": bytes(range(32)),
    "purpose": "treatment",
    "officer": "desk-7",
    "nik": "9971014101900001",
    "legal_basis": 5,
    "claims": [{"attribute": 1, "value": "Sitti"}],
}

BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("request_id", {"request_id": ""}),
    ("request_id", {"request_id": "0B5FD3A4-6EA5-4B4E-9B0D-3F1C2A7D9E10"}),
    ("request_id", {"request_id": "0b5fd3a46ea54b4e9b0d3f1c2a7d9e10"}),
    ("request_id", {"request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10\n"}),
    ("blind", {"blind": b""}),
    ("blind", {"blind": bytes(32)}),
    ("blind", {"blind": b"\x05" * 32}),
    ("purpose", {"purpose": ""}),
    ("purpose", {"purpose": "Treatment"}),
    ("officer", {"officer": ""}),
    ("officer", {"officer": "a b"}),
    ("officer", {"officer": "x" * 65}),
    ("on_behalf_of", {"on_behalf_of": "-x"}),
    ("subject", {"nik": None}),
    ("nik", {"nik": ""}),
    ("nik", {"nik": "9971014101900000"}),
    ("nik", {"nik": "9971013102900001"}),
    ("claims", {"claims": []}),
    ("claims", {"claims": [{"attribute": 1, "value": "x"}] * 25}),
    ("claims[0].attribute", {"claims": [{"attribute": 0, "value": "x"}]}),
    ("claims[0].attribute", {"claims": [{"attribute": 77, "value": "x"}]}),
    ("claims[0].attribute", {"claims": [{"attribute": 42, "value": "x"}]}),
    ("claims[1].attribute", {"claims": [{"attribute": 1, "value": "x"}] * 2}),
    ("claims[0].value", {"claims": [{"attribute": 1, "value": ""}]}),
    ("claims[0].value", {"claims": [{"attribute": 1, "value": "\u00e9" * 201}]}),
    ("legal_basis", {"legal_basis": 0}),
    ("legal_basis", {"legal_basis": 7}),
    ("consent_receipt", {"consent_receipt": "a b"}),
    ("client_version", {"client_version": "x" * 65}),
    ("not_after", {"not_after": {"seconds": 2_000_000_000, "nanos": -1}}),
    ("not_after", {"not_after": {"seconds": 2_000_000_000, "nanos": 10**9}}),
    ("not_after", {"not_after": {"seconds": 2**62}}),
]


def message(**changes: Any) -> verification_pb2.VerifyRequest:
    """Build a good request with changes; None leaves a field out."""
    fields = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return verification_pb2.VerifyRequest(**fields)


def test_good_request_passes() -> None:
    """What obeys the rules breaks none."""
    rules.check(message(), TODAY)
    rules.check(message(claims=[{"attribute": 1, "value": "\u00e9" * 200}]), TODAY)


@pytest.mark.parametrize(("field", "changes"), BROKEN)
def test_broken_field_is_named_as_the_service_names_it(field: str, changes: dict[str, Any]) -> None:
    """Field and rule are the service's own words, and no value is repeated."""
    request = message(**changes)
    with pytest.raises(InvalidRequestError) as mine:
        rules.check(request, TODAY)
    with pytest.raises(InvalidFieldError) as theirs:
        validate.validate(request, today=TODAY, now=0)
    found = {(item.field, item.rule) for item in mine.value.fields}
    assert (theirs.value.field, str(theirs.value)) in found
    assert field in {name for name, _ in found}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "request_id": st.text(max_size=40),
            "blind": st.binary(max_size=40),
            "purpose": st.text(max_size=70),
            "officer": st.text(max_size=70),
            "on_behalf_of": st.text(max_size=70),
            "nik": st.text(max_size=20),
            "legal_basis": st.integers(-5, 10),
            "consent_receipt": st.text(max_size=70),
            "client_version": st.text(max_size=70),
            "not_after": st.fixed_dictionaries(
                {"seconds": st.integers(0, 2**63 - 1), "nanos": st.integers(-(2**31), 2**31 - 1)}
            ),
            "claims": st.lists(
                st.fixed_dictionaries({"attribute": st.integers(-1, 110), "value": st.text(max_size=210)}),
                max_size=26,
            ),
        },
    )
)
def test_client_and_service_agree(changes: dict[str, Any]) -> None:
    """Whatever the fields hold: the service refuses it if and only if the client would, consent apart."""
    request = message(**changes)
    found = {item.field: item.rule for item in rules.violations(request, TODAY)}
    if found.get("consent_receipt", "").startswith("given where"):
        del found["consent_receipt"]
    refused = refusal(request)
    assert bool(found) == bool(refused)
    assert not refused or refused[0] in found.items()


def refusal(request: verification_pb2.VerifyRequest) -> list[tuple[str, str]]:
    """Ask the service's own validation; empty where it accepts."""
    try:
        validate.validate(request, today=TODAY, now=0)
    except InvalidFieldError as error:
        return [(error.field, str(error))]
    return []


def test_consent_needs_its_receipt() -> None:
    """With consent as legal basis the receipt's id must be given."""
    with pytest.raises(InvalidRequestError) as caught:
        rules.check(message(legal_basis=1), TODAY)
    assert caught.value.fields[0].field == "consent_receipt"
    rules.check(message(legal_basis=1, consent_receipt="cr-1"), TODAY)


def test_limits_equal_the_service() -> None:
    """The limits are the service's."""
    assert (rules.MAX_CLAIMS, rules.MAX_CLAIM_BYTES) == (validate.MAX_CLAIMS, validate.MAX_CLAIM_BYTES)
