"""The grant: a table of requests and their refusals, and deny by default for everything that is not listed."""

from __future__ import annotations

import timeit
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan.v1 import error_pb2
from verifier.agreement import errors, vocabulary
from verifier.agreement.grant import address_of, check
from verifier.errors import CallerError, VerifierError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.agreement.grant import Terms

A = vocabulary.ATTRIBUTES
NAME, AGE, REGION = A["name"], A["age_at_least"], A["resident_in_region"]
ADDRESS = (A["address"], A["rt"], A["rw"])
TASK, CONSENT = vocabulary.LEGAL_BASES["public_task"], vocabulary.LEGAL_BASES["consent"]
ASK: dict[str, Any] = {
    "purpose": "membership",
    "attributes": (NAME,),
    "legal_basis": TASK,
    "source_address": "192.0.2.7",
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"attributes": (NAME, AGE), "age": 17},
        {"attributes": (NAME, REGION), "region_level": 4},
        {"attributes": ADDRESS},
        {"source_address": "2001:db8::1"},
        {"source_address": "::ffff:192.0.2.7"},
        {"legal_basis": CONSENT, "consent_receipt": "r-1"},
        {"on_behalf_of": "clinic"},
    ],
)
def test_what_is_granted(terms: Terms, change: dict[str, Any]) -> None:
    """What the document lists is granted."""
    grant = check(terms, **(ASK | change))
    assert (grant.agreement_id, grant.agreement_version, grant.clause) == ("health-2026", 1, "Art. 4(2)a")
    assert (grant.purpose, grant.agency) == ("membership", "health")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"source_address": "192.0.3.1"}, errors.SourceAddressNotGrantedError),
        ({"source_address": "2001:db9::1"}, errors.SourceAddressNotGrantedError),
        ({"source_address": "::ffff:192.0.3.1"}, errors.SourceAddressNotGrantedError),
        ({"source_address": ""}, errors.SourceAddressNotGrantedError),
        ({"source_address": "192.0.2.7/24"}, errors.SourceAddressNotGrantedError),
        ({"source_address": "192.0.2.007"}, errors.SourceAddressNotGrantedError),
        ({"purpose": "other"}, errors.PurposeNotGrantedError),
        ({"purpose": "Membership"}, errors.PurposeNotGrantedError),
        ({"purpose": ""}, errors.PurposeNotGrantedError),
        ({"issue_token": True}, errors.FeatureNotGrantedError),
        ({"by_token": True}, errors.FeatureNotGrantedError),
        ({"on_behalf_of": "hospital"}, errors.FeatureNotGrantedError),
        ({"legal_basis": 0}, errors.LegalBasisNotGrantedError),
        ({"legal_basis": vocabulary.LEGAL_BASES["contract"]}, errors.LegalBasisNotGrantedError),
        ({"legal_basis": CONSENT}, errors.LegalBasisNotGrantedError),
        ({"attributes": (NAME, A["religion"])}, errors.AttributeNotGrantedError),
        ({"attributes": (NAME, 9999)}, errors.AttributeNotGrantedError),
        ({"attributes": (NAME, AGE), "age": 18}, errors.AttributeNotGrantedError),
        ({"attributes": (NAME, AGE)}, errors.AttributeNotGrantedError),
        ({"attributes": (NAME, REGION), "region_level": 6}, errors.AttributeNotGrantedError),
        ({"attributes": (NAME, REGION)}, errors.AttributeNotGrantedError),
        ({"attributes": ()}, errors.AnchorRequiredError),
        ({"attributes": (A["rt"], A["rw"])}, errors.AnchorRequiredError),
        ({"attributes": (A["address"],)}, errors.AnchorRequiredError),
        ({"attributes": (A["address"], A["rt"])}, errors.AnchorRequiredError),
        ({"attributes": (AGE,), "age": 17}, errors.AnchorRequiredError),
    ],
)
def test_what_is_refused(terms: Terms, change: dict[str, Any], error: type[VerifierError]) -> None:
    """What the document does not list is refused with its own reason."""
    with pytest.raises(error):
        check(terms, **(ASK | change))


@given(
    purpose=st.sampled_from(["membership", "other"]),
    attributes=st.frozensets(st.sampled_from(sorted(A.values())), max_size=6),
    legal_basis=st.integers(0, 7),
    receipt=st.sampled_from(["", "r"]),
    address=st.sampled_from(["192.0.2.1", "192.0.3.1", "::1", "x"]),
    on_behalf_of=st.sampled_from(["", "clinic", "hospital"]),
    age=st.none() | st.integers(0, 150),
    level=st.none() | st.integers(0, 16),
    token=st.booleans(),
)
def test_nothing_is_granted_that_is_not_listed(terms: Terms, **ask: Any) -> None:
    """Whatever is asked: a grant means that every part of the request stands in the document."""
    try:
        check(
            terms,
            purpose=ask["purpose"],
            attributes=ask["attributes"],
            legal_basis=ask["legal_basis"],
            source_address=ask["address"],
            consent_receipt=ask["receipt"],
            on_behalf_of=ask["on_behalf_of"],
            age=ask["age"],
            region_level=ask["level"],
            issue_token=ask["token"],
        )
    except VerifierError:
        return
    [purpose] = terms.agreement.purposes
    assert ask["purpose"] == purpose.code
    assert ask["attributes"] <= purpose.attributes
    assert ask["attributes"] >= {NAME} or ask["attributes"] >= set(ADDRESS)
    assert ask["legal_basis"] in purpose.legal_bases
    assert ask["legal_basis"] != CONSENT or ask["receipt"]
    assert ask["address"] == "192.0.2.1"
    assert ask["on_behalf_of"] in {"", "clinic"}
    assert AGE not in ask["attributes"] or ask["age"] in purpose.ages
    assert REGION not in ask["attributes"] or ask["level"] in purpose.region_levels
    assert not ask["token"]


def test_an_address_anchors_only_with_rt_and_rw(terms: Terms) -> None:
    """An anchor holds when all of its claims match, and each anchor is looked at alone."""
    grant = check(terms, **ASK)
    assert grant.anchored({NAME})
    assert grant.anchored(set(ADDRESS))
    assert not grant.anchored({A["address"], A["rt"], AGE})
    assert not grant.anchored(set())


@pytest.mark.parametrize(("offset", "granted"), [(-1, False), (0, True), (1, True)])
def test_validity_begins_on_the_second(terms: Terms, *, offset: int, granted: bool) -> None:
    """One second before its beginning an agreement refuses, from it on it holds."""
    now = terms.agreement.valid_from + offset
    if granted:
        terms.require_in_force(now)
    else:
        with pytest.raises(errors.NoAgreementError):
            terms.require_in_force(now)


@pytest.mark.parametrize(("offset", "granted"), [(-1, True), (-0.001, True), (0, False), (1, False)])
def test_validity_ends_on_the_second(terms: Terms, *, offset: float, granted: bool) -> None:
    """One second before its end an agreement holds, from it on it refuses."""
    now = terms.agreement.valid_until + offset
    if granted:
        terms.require_in_force(now)
    else:
        with pytest.raises(errors.NoAgreementError):
            terms.require_in_force(now)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:50000", "127.0.0.1"),
        ("ipv6:[::1]:50000", "::1"),
        ("ipv6:%5B2001:db8::1%5D:50000", "2001:db8::1"),
        ("unix:/run/padan.sock", ""),
        ("unix:", ""),
        ("", ""),
        ("127.0.0.1:1", ""),
    ],
)
def test_the_address_is_the_transports(peer: str, address: str) -> None:
    """The address is read from the transport's own words; what has none is admitted by no agreement."""
    assert address_of(peer) == address


def test_refusals_have_reasons_of_the_contract() -> None:
    """Every refusal has a reason of its own that the contract knows."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, CallerError) and kind is not CallerError
    ]
    reasons = [kind.reason for kind in kinds]
    assert len(set(reasons)) == len(reasons) == 9
    assert all(f"ERROR_REASON_{reason}" in error_pb2.ErrorReason.keys() for reason in reasons)  # noqa: SIM118


def test_remembered_addresses_are_bounded(terms: Terms) -> None:
    """Many addresses do not fill the memory, and stay right."""
    for number in range(10_000):
        assert terms.admits(f"192.0.{number % 200}.{number % 251}") == (number % 200 == 2)
    assert len(terms._addresses) <= 4096


def test_a_check_is_cheap(terms: Terms) -> None:
    """A check costs microseconds; the bound is loose for busy machines, the aim is 4."""
    ask: Callable[[], object] = lambda: check(terms, **ASK)  # noqa: E731 - timed as it is called
    seconds = min(timeit.repeat(ask, number=2000, repeat=5)) / 2000
    assert seconds < 20e-6
