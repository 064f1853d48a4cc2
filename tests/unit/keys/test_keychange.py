"""A change has one encoding, one set of steps, and one trace in the history."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import keychange
from keys.ceremony import Proposal
from keys.ending import Ending
from keys.errors import KeyNotFoundError, KeyProposalError, KeyUseError, TransitionError
from keys.keychange import Action, Change
from keys.keydiff import Difference, Side, rehearse
from keys.purpose import RULES, KeysetName, Purpose, TokenDomain
from keys.state import KeyState
from tests.unit.keys.council import SIGNERS

if TYPE_CHECKING:
    from keys.custody import Custody

KEYED = {
    Action.ACTIVATE,
    Action.DEACTIVATE,
    Action.DESTROY,
    Action.COMPROMISE,
    Action.EXPORT,
    Action.RETIRE,
}
TEXTED = {Action.COMPROMISE, Action.EXPORT}
SEVERAL = {Action.SUCCEED, Action.RETIRE}
OUTER = {
    Action.RETIRE: Change(
        action=Action.RETIRE, purpose=Purpose.OUTER_TOKEN, key_id=7, others=((Purpose.ROW_SEAL, 8),)
    ),
    Action.SUCCEED: Change(
        action=Action.SUCCEED, purpose=Purpose.OUTER_TOKEN, others=((Purpose.ROW_SEAL, 0),)
    ),
}
KEYSETS: list[KeysetName] = [
    *(purpose for purpose in Purpose if not RULES[purpose].scoped),
    *map(TokenDomain, ("aid", "tax")),
]
BLANK = Proposal(
    action="key.create",
    body=b"",
    base=bytes(32),
    nonce=bytes(16),
    created=1,
    expires=2,
    needed=2,
    proposer=SIGNERS[0].key_id,
)


ENDING = Ending(agency="social", agreement="pks-7", version=2, ended=1_700_000_000, due=1_707_776_000)
END = Change(action=Action.END_DOMAIN, purpose=TokenDomain("aid"), ending=ENDING)


@st.composite
def endings(draw: st.DrawFn) -> Ending:
    """Draw why a domain may be ended."""
    name = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=30).filter(str.isprintable)
    ended = draw(st.integers(1, 2**32))
    return Ending(
        agency=draw(name),
        agreement=draw(name),
        version=draw(st.integers(1, 2**32 - 1)),
        ended=ended,
        due=draw(st.integers(ended, 2**33)),
    )


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw any change."""
    action = draw(st.sampled_from(Action))
    if action is Action.END_DOMAIN:
        return Change(action=action, purpose=TokenDomain("aid"), ending=draw(endings()))
    text = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=30)
    purpose, *others = draw(st.lists(st.sampled_from(KEYSETS), min_size=1, max_size=4, unique=True))
    ids = st.integers(1, 2**32 - 1) if action in KEYED else st.just(0)
    return Change(
        action=action,
        purpose=purpose,
        key_id=draw(ids),
        others=tuple((each, draw(ids)) for each in others) if action in SEVERAL else (),
        primary=draw(st.booleans()) if action is Action.ACTIVATE else False,
        text=draw(text.filter(str.isprintable)) if action in TEXTED else "",
    )


def proposed(change: Change, body: bytes | None = None) -> Proposal:
    """Put a change into a proposal."""
    return dataclasses.replace(BLANK, action=str(change.action), body=change.body() if body is None else body)


@given(changes())
def test_round_trip(change: Change) -> None:
    """What a proposal holds is the change that was put in."""
    assert keychange.read(proposed(change)) == change


@given(changes(), st.binary(max_size=80))
def test_strange_bodies(change: Change, body: bytes) -> None:
    """Any other bytes are refused, or are the very encoding of what they are read as."""
    try:
        found = keychange.read(proposed(change, body))
    except KeyProposalError:
        return
    assert found.body() == body


@pytest.mark.parametrize(
    "parts",
    [
        {"action": Action.CREATE, "key_id": 1},
        {"action": Action.DESTROY},
        {"action": Action.DESTROY, "key_id": 2**32},
        {"action": Action.DEACTIVATE, "key_id": 1, "primary": True},
        {"action": Action.COMPROMISE, "key_id": 1},
        {"action": Action.ROTATE, "text": "why"},
        {"action": Action.COMPROMISE, "key_id": 1, "text": "two\nlines"},
        {"action": Action.COMPROMISE, "key_id": 1, "text": "\x1b[2J"},
        {"action": Action.COMPROMISE, "key_id": 1, "text": "x" * 501},
        {"action": Action.DESTROY, "key_id": 1, "others": ((Purpose.BIOMETRIC, 2),)},
        {"action": Action.RETIRE, "key_id": 1, "others": ((Purpose.BIOMETRIC, 0),)},
        {"action": Action.RETIRE, "key_id": 1, "others": ((Purpose.INDEX, 2),)},
        {"action": Action.SUCCEED, "others": ((Purpose.BIOMETRIC, 2),)},
        {"action": Action.SUCCEED, "others": ((Purpose.TOKEN_DOMAIN, 0),)},
        {"action": Action.END_DOMAIN},
        {"action": Action.END_DOMAIN, "ending": ENDING},
        {"action": Action.CREATE, "ending": ENDING},
    ],
    ids=" ".join,
)
def test_parts_belong_to_actions(parts: dict[str, object]) -> None:
    """A change names a key where there is one, and says why on one line where that is asked."""
    with pytest.raises(KeyUseError):
        Change(purpose=Purpose.INDEX, **parts)  # type: ignore[arg-type] # what is wrong is the point


def test_another_action_is_none_of_ours() -> None:
    """A proposal of the officers is told from one about keys."""
    with pytest.raises(KeyProposalError, match="nothing that is done to a key"):
        keychange.read(dataclasses.replace(BLANK, action="budget.reset"))


def test_a_rehearsal_shows_what_a_change_does(custody: Custody) -> None:
    """The difference told before is the difference found after, but for the id of a new key."""
    old = custody.read().primary(Purpose.REPLAY).key_id
    change = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)
    told = rehearse(custody.read(), change)
    assert set(told) == {
        Difference(
            purpose="replay",
            key_id=old,
            before=Side(state=KeyState.ACTIVE, primary=True),
            after=Side(state=KeyState.DEACTIVATED, primary=False),
        ),
        Difference(
            purpose="replay", key_id=None, before=None, after=Side(state=KeyState.ACTIVE, primary=True)
        ),
    }
    ring, new = custody.rotate(Purpose.REPLAY)
    assert ring.primary(Purpose.REPLAY).key_id == new
    assert ring.key(Purpose.REPLAY, old).state is KeyState.DEACTIVATED
    assert [str(difference.after) for difference in told] == ["deactivated", "active, primary"]


def test_a_rehearsal_changes_nothing_and_refuses_what_would_be_refused(custody: Custody) -> None:
    """An illegal step is told while it is on paper."""
    before = custody.read()
    with pytest.raises(TransitionError):
        rehearse(before, Change(action=Action.ROTATE, purpose=Purpose.INDEX))
    with pytest.raises(KeyNotFoundError):
        rehearse(before, Change(action=Action.DESTROY, purpose=Purpose.INDEX, key_id=1))
    assert custody.read() == before


@pytest.mark.parametrize(
    ("change", "lines", "left"),
    [
        (Change(action=Action.DEACTIVATE, purpose=Purpose.BIOMETRIC, key_id=7), ["key-deactivated"], True),
        (Change(action=Action.DEACTIVATE, purpose=Purpose.BIOMETRIC, key_id=8), ["key-deactivated"], False),
        (Change(action=Action.DEACTIVATE, purpose=Purpose.INDEX, key_id=7), ["key-deactivated"], False),
        (Change(action=Action.DEACTIVATE, purpose=Purpose.BIOMETRIC, key_id=7), [], False),
        (Change(action=Action.DEACTIVATE, purpose=Purpose.BIOMETRIC, key_id=7), ["key-destroyed"], False),
        (Change(action=Action.DESTROY, purpose=Purpose.BIOMETRIC, key_id=7), ["key-destroyed"], False),
        (Change(action=Action.DESTROY, purpose=Purpose.BIOMETRIC, key_id=7), ["key-destroyed", "kek-renewed"], True),
        (Change(action=Action.ACTIVATE, purpose=Purpose.BIOMETRIC, key_id=7), 2 * ["key-activated"], False),
    ],
)  # fmt: skip
def test_what_a_change_leaves(*, change: Change, lines: list[str], left: bool) -> None:
    """Lines of another key, purpose or step are not what the change leaves."""
    details = {"purpose": "biometric", "key_id": "7"}
    assert change.left([(name, details if name.startswith("key-") else {}) for name in lines]) is left


@pytest.mark.parametrize(
    ("action", "lines", "left"),
    [
        (Action.RETIRE, "deactivated:o7 destroyed:o7 destroyed:r8 renewed", True),
        (Action.RETIRE, "destroyed:r8 renewed", True),
        (Action.RETIRE, "destroyed:o7 destroyed:r8", False),
        (Action.RETIRE, "deactivated:o7 destroyed:r8 renewed", False),
        (Action.RETIRE, "destroyed:o7 destroyed:r9 renewed", False),
        (Action.RETIRE, "destroyed:o7 destroyed:s9 renewed", False),
        (Action.SUCCEED, "created:o1 activated:o1 primary:o1 created:r2 activated:r2 primary:r2", True),
        (Action.SUCCEED, "created:o1 activated:o1 primary:o1", False),
        (Action.SUCCEED, "created:o1 activated:o1 primary:o1 created:r2 activated:r2 primary:r2 renewed", False),
    ],
)  # fmt: skip
def test_what_a_change_of_several_keys_leaves(*, action: Action, lines: str, left: bool) -> None:
    """Each key has its lines and no other key has any; one that was destroyed before needs none."""
    purposes = {"o": "outer-token", "r": "row-seal", "s": "set"}
    told = [
        (f"key-{name}", {"purpose": purposes[key[0]], "key_id": key[1:]}) if key else ("kek-renewed", {})
        for name, _, key in (word.partition(":") for word in lines.split())
    ]
    assert OUTER[action].left(told) is left


def test_keys_of_an_epoch_are_followed_and_retired_together(custody: Custody) -> None:
    """Both new keys are told on paper as they will be; retired in one step, also active ones, and a second time."""
    first = custody.read()
    purposes = (Purpose.OUTER_TOKEN, Purpose.ROW_SEAL)
    told = rehearse(first, OUTER[Action.SUCCEED])
    assert [str(each.after) for each in told] == ["active", "active, primary"] * 2
    custody.succeed(purposes)
    old = [(purpose, first.primary(purpose).key_id) for purpose in purposes]
    with pytest.raises(TransitionError):
        custody.retire([(purpose, custody.read().primary(purpose).key_id) for purpose in purposes])
    ring = custody.retire(old)
    assert {ring.key(*each).state for each in old} == {KeyState.DESTROYED}
    assert ring.kek_id != first.kek_id
    assert custody.retire(old).kek_id == ring.kek_id


@pytest.mark.parametrize(
    ("lines", "said", "left"),
    [
        ("deactivated:7 destroyed:7 destroyed:8 domain-ended", {}, True),
        ("destroyed:7 destroyed:8", {}, False),
        ("deactivated:7 destroyed:8 domain-ended", {}, False),
        ("destroyed:7 destroyed:7 domain-ended", {}, False),
        ("destroyed:7 domain-ended domain-ended", {}, False),
        ("destroyed:7 created:9 domain-ended", {}, False),
        ("destroyed:7 domain-ended", {"agency": "tax"}, False),
        ("destroyed:7 domain-ended", {"purpose": "token-domain/tax"}, False),
    ],
)
def test_what_the_end_of_a_domain_leaves(*, lines: str, said: dict[str, str], left: bool) -> None:
    """Each key of the domain was destroyed and none of another one, and what is said is what was proposed."""
    told: list[tuple[str, dict[str, str]]] = [("kek-renewed", {})]
    for word in lines.split():
        name, _, key_id = word.partition(":")
        about = {"key_id": key_id} if key_id else {**ENDING.details, **said}
        told.append((f"key-{name}", {"purpose": "token-domain/aid", **about}))
    assert END.left(told) is left
    assert not END.left(told[1:])
    other = [("key-destroyed", {"purpose": "token-domain/tax", "key_id": "9"})]
    assert not END.left([*told, *other])


@pytest.mark.parametrize(
    "parts",
    [{"agency": ""}, {"agreement": "two\nlines"}, {"version": 0}, {"ended": 0}, {"due": ENDING.ended - 1}],
    ids=str,
)
def test_an_end_has_an_agency_an_agreement_and_a_time(parts: dict[str, Any]) -> None:
    """A proposal without one of them shows custodians nothing that they could look at."""
    with pytest.raises(KeyUseError):
        dataclasses.replace(ENDING, **parts)
