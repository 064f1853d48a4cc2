"""Several people decide, or nobody does."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import ceremony
from keys.ceremony import Proposal, State, Voice
from keys.errors import (
    ApprovalError,
    CeremonyEndedError,
    ProposalFormatError,
    SignatureError,
    StrangerError,
)
from keys.realm import Realm
from keys.signing import Signer
from padan import canonical
from tests.unit.keys.conftest import VECTORS

if TYPE_CHECKING:
    from collections.abc import Sequence

REALM = Realm(registry_id="registry", environment="production")
SIGNERS = [Signer(bytes([number]) * 32) for number in range(1, 6)]
ROSTER = {signer.key_id: signer.public_key for signer in SIGNERS}
STRANGER = Signer(bytes([99]) * 32)
CREATED, DAY = 1_800_000_000, 86_400
PROPOSAL = Proposal(
    action="budget.reset",
    body=b"whose",
    base=bytes(32),
    nonce=bytes(range(16)),
    created=CREATED,
    expires=CREATED + DAY,
    needed=2,
    proposer=SIGNERS[0].key_id,
)


def stand(voices: Sequence[Voice], proposal: Proposal = PROPOSAL, **changed: Any) -> ceremony.Standing:
    """Say where the ceremony stands an hour after the proposal."""
    given: dict[str, Any] = {"roster": ROSTER, "now": CREATED + 3600} | changed
    return ceremony.standing(REALM, proposal, voices, **given)


def approvals(*numbers: int, proposal: Proposal = PROPOSAL) -> list[Voice]:
    """Approve as these people."""
    return [ceremony.approve(REALM, proposal, SIGNERS[number]) for number in numbers]


@pytest.mark.parametrize("vector", json.loads((VECTORS / "ceremony.json").read_text())["vectors"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    """Bytes, id and both signatures are what the format says, by another implementation."""
    realm = Realm(registry_id=vector["registry_id"], environment=vector["environment"])
    signer = Signer(bytes.fromhex(vector["seed"]))
    proposal = Proposal(
        action=vector["action"],
        body=bytes.fromhex(vector["body"]),
        base=bytes.fromhex(vector["base"]),
        nonce=bytes.fromhex(vector["nonce"]),
        created=vector["created"],
        expires=vector["expires"],
        needed=vector["needed"],
        proposer=vector["key_id"],
    )
    assert proposal.encode().hex() == vector["proposal"]
    assert Proposal.decode(bytes.fromhex(vector["proposal"])) == proposal
    assert proposal.id(realm).hex() == vector["id"]
    assert ceremony.approve(realm, proposal, signer).signature.hex() == vector["approval"]
    assert ceremony.withdraw(realm, proposal, signer).signature.hex() == vector["withdrawal"]


def test_two_people_and_not_one() -> None:
    """Approved at m distinct people of the roster; the same one twice counts once."""
    assert stand([]).missing == 2
    alone = stand(approvals(1, 1, 1))
    assert (alone.state, alone.missing, alone.approved) == (State.PENDING, 1, (SIGNERS[1].key_id,))
    with pytest.raises(ApprovalError, match="1 more"):
        alone.require_approved()
    both = stand(approvals(3, 1))
    assert (both.state, both.missing) == (State.APPROVED, 0)
    assert both.approved == tuple(sorted(SIGNERS[number].key_id for number in (1, 3)))
    both.require_approved()


@given(st.lists(st.integers(0, 4), max_size=12), st.integers(2, 5))
def test_approved_exactly_at_m_people(numbers: list[int], needed: int) -> None:
    """Whatever the order and however often each speaks, m distinct people approve and fewer do not."""
    proposal = dataclasses.replace(PROPOSAL, needed=needed)
    judged = stand(approvals(*numbers, proposal=proposal), proposal)
    assert (judged.state is State.APPROVED) == (len(set(numbers)) >= needed)
    assert judged.missing == max(0, needed - len(set(numbers)))


def test_what_does_not_count() -> None:
    """Strangers, who left the roster, and what was signed for another proposal, registry, environment or end."""
    other = dataclasses.replace(PROPOSAL, nonce=bytes(16))
    elsewhere = [
        Realm(registry_id="other", environment="production"),
        dataclasses.replace(REALM, environment="staging"),
    ]
    worthless = [
        ceremony.approve(REALM, PROPOSAL, STRANGER),
        ceremony.approve(REALM, other, SIGNERS[2]),
        *(ceremony.approve(realm, PROPOSAL, SIGNERS[2]) for realm in elsewhere),
        dataclasses.replace(ceremony.withdraw(REALM, PROPOSAL, SIGNERS[2]), withdraws=False),
        Voice(key_id=SIGNERS[2].key_id, signature=bytes(64)),
        Voice(key_id=SIGNERS[2].key_id, signature=b""),
    ]
    judged = stand([*worthless, *approvals(1)])
    assert (judged.state, judged.approved) == (State.PENDING, (SIGNERS[1].key_id,))
    for voice in worthless:
        with pytest.raises((StrangerError, SignatureError)):
            ceremony.require_voice(REALM, PROPOSAL, voice, ROSTER)
    remaining = {key_id: key for key_id, key in ROSTER.items() if key_id != SIGNERS[1].key_id}
    assert stand(approvals(1, 2), roster=remaining).missing == 1
    swapped = ROSTER | {SIGNERS[2].key_id: STRANGER.public_key}
    with pytest.raises(StrangerError):
        ceremony.require_voice(REALM, PROPOSAL, approvals(2)[0], swapped)


@pytest.mark.parametrize(
    ("changed", "state", "words"),
    [
        ({"now": CREATED + DAY}, State.EXPIRED, "time is over"),
        ({"now": CREATED - 301}, State.EXPIRED, "time is over"),
        ({"base": bytes([1]) * 32}, State.OUTDATED, "has changed"),
        ({"executed": True}, State.EXECUTED, "already"),
    ],
)
def test_what_ends_it(changed: dict[str, Any], state: State, words: str) -> None:
    """Time, another state below it, and its execution end a proposal that everybody approved."""
    judged = stand(approvals(0, 1, 2, 3, 4), **changed)
    assert judged.state is state
    with pytest.raises(CeremonyEndedError, match=words):
        judged.require_approved()


def test_withdrawal() -> None:
    """The proposer takes it back alone, others only together; who is against it does not approve it too."""
    agreed = approvals(1, 2, 3)
    assert stand([*agreed, ceremony.withdraw(REALM, PROPOSAL, SIGNERS[0])]).state is State.WITHDRAWN
    one = ceremony.withdraw(REALM, PROPOSAL, SIGNERS[3])
    assert stand([*agreed, one]).state is State.APPROVED
    assert stand([*approvals(2, 3), one]).state is State.PENDING
    two = ceremony.withdraw(REALM, PROPOSAL, SIGNERS[4])
    assert stand([*agreed, one, two]).state is State.WITHDRAWN
    assert stand([*agreed, ceremony.withdraw(REALM, PROPOSAL, STRANGER)]).state is State.APPROVED


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "Reset"}, {"action": ""}, {"action": "a..b"}, {"action": "a" * 65}, {"action": "a\n"},
        {"body": bytes(16_385)}, {"base": b""}, {"nonce": bytes(15)}, {"needed": 1}, {"needed": 17},
        {"expires": CREATED}, {"expires": CREATED + 31 * DAY}, {"created": -1},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_bounds(changed: dict[str, Any]) -> None:
    """A proposal that nobody should be able to make cannot be made; one person never is enough."""
    with pytest.raises(ProposalFormatError):
        dataclasses.replace(PROPOSAL, **changed)


@given(st.binary(max_size=80))
def test_strange_bytes_are_no_proposal(data: bytes) -> None:
    """Whatever comes in, a proposal or a clear error comes out."""
    with pytest.raises(ProposalFormatError):
        Proposal.decode(data)


def test_unknown_fields_and_formats() -> None:
    """A proposal of a later release is refused, not half understood."""
    fields = canonical.decode(PROPOSAL.encode())
    for changed in ({1: b"\x02"}, {99: b""}, {8: b""}, {6: b"\0"}, {9: b"\xff"}, {2: b"\xff"}):
        with pytest.raises(ProposalFormatError):
            Proposal.decode(canonical.encode(fields | changed))
    del fields[4]
    with pytest.raises(ProposalFormatError):
        Proposal.decode(canonical.encode(fields))
