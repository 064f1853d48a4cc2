"""Attack 10: no call of TokenService multiplies a point that the service did not issue to the caller's own domain.

The probe stands at the binding to libsodium: it notes every element that is given to a multiplication or an addition.
Hypothesis drives every call with what a caller can make up: elements without a tag, with a wrong one or with another
token's, the identity, bytes that encode no element, tokens of another domain, tokens that say another version.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys.purpose import TokenDomain
from padan import group
from padan.token import TAG_SIZE, Token
from padan.v1 import verification_pb2
from tests.attack import token_calls
from tests.attack.token_calls import CALLS, ENROLMENTS, SINK, VERIFY, WITHOUT
from tests.service import request
from tests.simulator.hall import Hall
from tests.simulator.world import START
from tests.terms import Terms
from tokenizer import token as tokens
from verifier.errors import VerifierError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.attack

NIKS = [f"327301010190{9000 + number}" for number in range(4)]
PROBED = ("crypto_scalarmult_ristretto255", "crypto_core_ristretto255_add", "crypto_core_ristretto255_sub")
IDENTITY = bytes(32)
NOT_CANONICAL = [
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),  # p, for zero
    bytes.fromhex("00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    bytes.fromhex("01") + bytes(31),  # negative field elements and none (RFC 9496, appendix A.3)
    bytes.fromhex("f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
]


class Probe:
    """Notes what is multiplied and added, by standing in the place of libsodium's functions."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Stand there; only multipliers that are made meanwhile are seen."""
        library: Any = group._library()
        originals = {name: getattr(library, name) for name in PROBED}
        for name, original in originals.items():
            setattr(library, name, self._noting(original))
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(library, name, original)

    def _noting(self, original: Any) -> Any:
        def noted(made: Any, *operands: Any) -> Any:
            self.seen += [bytes(each)[:32] for each in operands]
            return original(made, *operands)

        return noted

    def during(self, act: Any) -> set[bytes]:
        """Say what was computed with while something was done."""
        self.seen.clear()
        act()
        return set(self.seen)


class Ground:
    """Three agencies, of which health has tokens of two versions, and one to convert to; all keys probed."""

    def __init__(self) -> None:
        names = {"health": "health", "tax": "tax", "aid": "health-2"}
        agencies = {
            name: Terms(
                token_domain=domain,
                enrolments=ENROLMENTS,
                conversions=(SINK,),
                subject=10_000_000,
                prefix=100_000_000,
            )
            for name, domain in names.items()
        }
        sink = Terms(token_domain=SINK, converted_from=tuple(names.values()))
        self.hall = Hall(
            {**agencies, SINK: sink},
            people=NIKS,
        )
        self.world = world = self.hall.world
        self.desks = (self.hall.desk, world.tokens)
        self.old = self.issue("health")
        self.foreign = [*self.issue("tax"), *self.issue("aid")]
        world.token_agent.rotate(TokenDomain("health"), at=datetime.fromtimestamp(START, tz=UTC))
        world.domains.follow()
        self.own = [*self.old, *self.issue("health")]
        for name, call in CALLS.items():  # so that every quotient is there
            for token in (self.own[0], self.own[-1]):
                self.ask(name, call.message([token], ""))

    def issue(self, agency: str) -> list[bytes]:
        """Have a token of each resident issued."""
        found = []
        for nik in NIKS:
            (reply,) = self.world.ask(agency, request(nik=nik, issue_token=True))
            assert reply.body is not None
            found.append(verification_pb2.VerifyResponse.FromString(reply.body).subject_token)
        return found

    def ask(self, method: str, message: Any) -> Any:
        """Ask as health; gives the answer, or the error with which the whole call is refused."""
        self.world.clocks.mono += 1  # within the rate
        call = self.world.call("health", message.SerializeToString())
        if method == VERIFY:
            (reply,) = self.world.core.verify_many([call])
            return reply.error if reply.body is None else CALLS[method].answer.FromString(reply.body)
        try:
            (act,) = (found for desk in self.desks if (found := getattr(desk, CALLS[method].desk, None)))
            body = act(call)
        except VerifierError as error:
            return error
        return CALLS[method].answer.FromString(body)


PROBE = Probe()


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """The ground, with the probe under all its keys."""
    with PROBE.standing():
        yield Ground()


def element_of(token: bytes) -> bytes:
    """Read the element, wherever there is one."""
    return token[-TAG_SIZE - 32 : -TAG_SIZE]


@st.composite
def forged(draw: st.DrawFn, ground: Ground) -> bytes:
    """Draw what no call may compute with."""
    own = Token.parse(draw(st.sampled_from(ground.own)))
    foreign = Token.parse(draw(st.sampled_from(ground.foreign)))
    made_up = st.binary(max_size=8).map(lambda data: group.element_of(hashlib.sha512(data).digest()))
    point = draw(st.one_of(made_up, st.sampled_from([IDENTITY, *NOT_CANONICAL]), st.just(foreign.element)))
    tag = draw(st.sampled_from([own.tag, foreign.tag, bytes(TAG_SIZE), os.urandom(TAG_SIZE)]))
    forgeries = [
        foreign,
        dataclasses.replace(own, element=point, tag=tag),
        dataclasses.replace(own, version=3 - own.version),
        dataclasses.replace(own, version=9),
        dataclasses.replace(own, domain=foreign.domain),
        dataclasses.replace(own, element=foreign.element, tag=foreign.tag),
    ]
    whole = draw(st.sampled_from(forgeries)).encode()
    cut_off = [own.encode()[:-TAG_SIZE], own.element, own.element + own.tag]
    return draw(st.sampled_from([whole, whole, whole, *cut_off]))


def test_every_call_of_the_service_is_in_the_table() -> None:
    """A new method is attacked from the day on which it is there."""
    methods = token_calls.methods()
    assert methods.keys() == CALLS.keys() - {VERIFY} | WITHOUT
    for name, message in methods.items():
        assert token_calls.takes_bytes(message) == (name not in WITHOUT), name


def refusals(answer: Any, call: token_calls.TokenCall, count: int) -> dict[int, str]:
    """Say why each token was refused, by place; a call that is refused whole refuses each."""
    if isinstance(answer, VerifierError):
        return dict.fromkeys(range(count), getattr(answer, "reason", ""))
    return dict(call.refused(answer))


@pytest.mark.parametrize("method", CALLS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_call_multiplies_what_was_not_issued(ground: Ground, method: str, data: st.DataObject) -> None:
    """Each forged token is refused, mixed among good ones too, and none of its points is an operand of anything."""
    call = CALLS[method]
    bad = data.draw(st.lists(forged(ground), min_size=1, max_size=call.most))
    room = call.most - len(bad)
    good = data.draw(st.lists(st.sampled_from(ground.old), max_size=room)) if room else []
    mixed = data.draw(st.permutations([*bad, *good]))
    answers: list[Any] = []
    operands = PROBE.during(lambda: answers.append(ground.ask(method, call.message(mixed, ""))))
    points = {element_of(each) for each in bad} - {element_of(each) for each in good}
    assert not operands & points
    if not good:
        assert operands == set()
    places = {place for place, each in enumerate(mixed) if each in bad}
    assert places <= refusals(answers[0], call, len(mixed)).keys()


@pytest.mark.parametrize("method", CALLS)
def test_what_was_issued_is_multiplied(ground: Ground, method: str) -> None:
    """The control: the probe sees the element of a good token, and it is not refused."""
    call = CALLS[method]
    answers: list[Any] = []
    operands = PROBE.during(lambda: answers.append(ground.ask(method, call.message(ground.old[:1], ""))))
    assert element_of(ground.old[0]) in operands
    assert refusals(answers[0], call, 1) == {}


@pytest.mark.parametrize("method", CALLS)
def test_without_the_tag_the_point_would_be_multiplied(
    ground: Ground, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the check of tags taken out the probe sees a caller's own point, so that it would be noticed."""
    monkeypatch.setattr(tokens.Tags, "holds", lambda _self, _given: True)
    point = group.element_of(os.urandom(64))
    forgery = Token(domain="health", version=1, element=point, tag=bytes(TAG_SIZE)).encode()
    operands = PROBE.during(lambda: ground.ask(method, CALLS[method].message([forgery], "")))
    assert point in operands
