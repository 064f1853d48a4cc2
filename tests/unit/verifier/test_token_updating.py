"""UpdateTokens: old tokens become new ones, with a proof; nothing is computed with that the domain did not issue."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.purpose import TokenDomain
from padan import dleq
from padan.entry import EntryKind
from padan.group import base, random_scalar
from padan.token import Token, update_context
from padan.v1 import attribute_pb2, error_pb2, token_pb2
from tests.people import BUDI
from tests.service import request
from tests.simulator.world import START, World
from tests.terms import Terms
from verifier.errors import InvalidFieldError, RateLimitedError, VerifierError
from verifier.log.beside import Beside
from verifier.token.errors import TokensUnavailableError
from verifier.token.reception import CALLS_A_SECOND, MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

NIKS = [f"327301010190{9000 + number}" for number in range(4)]
HEALTH = TokenDomain("health")


class Office:
    """A world, and the desk beside its core."""

    def __init__(self) -> None:
        self.world = World(
            seed=7,
            agencies={
                "health": Terms(token_domain="health"),
                "tax": Terms(token_domain="tax"),
                "bank": Terms(),
            },
            people=[{**BUDI, "NIK": nik} for nik in NIKS],
        )
        self.still = False
        self.desk = self.world.tokens

    def issue(self, agency: str = "health", niks: Sequence[str] = NIKS) -> list[bytes]:
        """Issue tokens with matches."""
        replies = [self.world.ask(agency, request(nik=nik, issue_token=True))[0] for nik in niks]
        return [token_of(reply.body or b"") for reply in replies]

    def rotate(self, *, seconds: float = 0) -> None:
        """Let a new version issue; so many seconds from the start."""
        self.world.token_agent.rotate(HEALTH, at=datetime.fromtimestamp(START + seconds, tz=UTC))
        self.world.domains.follow()

    def update(
        self, tokens: Sequence[bytes], agency: str = "health", **fields: object
    ) -> token_pb2.UpdateTokensResponse:
        """Ask for the newest tokens."""
        self.world.clocks.mono += not self.still  # within the rate
        message = token_pb2.UpdateTokensRequest(
            circumstances=circumstances(),
            tokens=tokens,
            **fields,  # type: ignore[arg-type] # fields of the message
        )
        raw = message.SerializeToString()
        call = self.world.call(agency, raw)
        return token_pb2.UpdateTokensResponse.FromString(self.desk.update_tokens(call))

    def public(self, version: int) -> bytes:
        """Give a version's public key."""
        return self.world.domains.domain("health").public(version)


def token_of(body: bytes) -> bytes:
    """Take the token out of an answer."""
    from padan.v1 import verification_pb2

    return verification_pb2.VerifyResponse.FromString(body).subject_token


def circumstances() -> token_pb2.Circumstances:
    """Say who asks."""
    return token_pb2.Circumstances(
        request_id=str(uuid.uuid4()),
        blind=os.urandom(32),
        purpose="service",
        officer="officer-1",
        legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
    )


@pytest.fixture
def office() -> Office:
    """An office."""
    return Office()


def check(office: Office, old: Sequence[bytes], answer: token_pb2.UpdateTokensResponse) -> None:
    """Check the proof as a client does, over those that were moved."""
    pairs = [
        (Token.parse(one).element, Token.parse(other).element)
        for one, other in zip(old, answer.tokens, strict=True)
        if other
    ]
    dleq.check(
        office.public(answer.new_version),
        pairs,
        answer.proof,
        context=update_context("health", answer.old_version, answer.new_version),
        origin=office.public(answer.old_version),
    )


def test_moved_tokens_are_those_that_are_issued_now(office: Office) -> None:
    """What an update gives is what a match would bring, and the proof shows one quotient behind all."""
    old = office.issue()
    office.rotate()
    answer = office.update(old)
    assert list(answer.tokens) == office.issue()
    assert (answer.old_version, answer.new_version) == (1, 2)
    check(office, old, answer)


def test_a_proof_does_not_fit_other_tokens(office: Office) -> None:
    """One element that is another resident's is seen."""
    old = office.issue()
    office.rotate()
    answer = office.update(old)
    answer.tokens[0], answer.tokens[1] = answer.tokens[1], answer.tokens[0]
    with pytest.raises(dleq.ProofError):
        check(office, old, answer)


def test_a_bad_token_is_told_by_its_place_and_the_others_go_on(office: Office) -> None:
    """Foreign, changed and cut tokens stay empty in the answer; what was outdated is told apart."""
    old = office.issue()
    office.rotate()
    strange = [*old, office.issue("tax")[0], old[0][:-1] + b"\0", b""]
    answer = office.update(strange)
    assert [fault.place for fault in answer.faults] == [4, 5, 6]
    assert {fault.reason for fault in answer.faults} == {error_pb2.ERROR_REASON_TOKEN_REFUSED}
    assert [bool(token) for token in answer.tokens] == [True] * 4 + [False] * 3
    check(office, strange, answer)
    office.world.clocks.wall += 91 * 86_400
    answer = office.update(old)
    assert {fault.reason for fault in answer.faults} == {error_pb2.ERROR_REASON_TOKEN_OUTDATED}
    assert not any(answer.tokens)
    assert answer.proof == b""


def test_tokens_of_the_newest_version_come_back_as_they_are(office: Office) -> None:
    """There is nothing to move and nothing to prove."""
    tokens = office.issue()
    answer = office.update(tokens)
    assert (list(answer.tokens), answer.proof) == (tokens, b"")
    assert (answer.old_version, answer.new_version) == (1, 1)


def test_one_call_moves_one_version(office: Office) -> None:
    """Two versions in one call are refused, with what to do."""
    old = office.issue()
    office.rotate()
    with pytest.raises(InvalidFieldError, match="tokens of one version"):
        office.update([*old, *office.issue()])


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_a_call_has_some_tokens_and_not_too_many(office: Office, count: int) -> None:
    """None, or more than 500, is refused."""
    with pytest.raises(InvalidFieldError, match="1 to 500"):
        office.update([b"x"] * count)


def test_who_has_no_domain_has_no_update(office: Office) -> None:
    """The agreement decides; the refusal is an entry."""
    with pytest.raises(VerifierError) as caught:
        office.update(office.issue(), agency="bank")
    assert caught.value.reason == "FEATURE_NOT_GRANTED"
    assert office.world.log.rows[-1].kind == EntryKind.REFUSED


def test_the_entry_counts_and_names_nobody(office: Office) -> None:
    """Domain, versions and numbers; not one byte of a token."""
    old = office.issue()
    office.rotate()
    office.update([*old, b""])
    row = office.world.log.rows[-1]
    assert (row.kind, row.agency) == (EntryKind.TOKENS_UPDATED, "health")
    for part in (b"domain=health", b"from=1", b"to=2", b"tokens=4", b"refused=1"):
        assert part in row.entry
    assert not any(Token.parse(token).element in row.entry for token in old)


def test_progress_is_kept_for_the_custodians(office: Office) -> None:
    """The agency's own word, by domain and version, the newest alone."""
    old = office.issue()
    office.rotate()
    for done in (1, 4):
        office.update(old, progress=token_pb2.Progress(done=done, total=9))
    (box,) = office.world.log.tables[Beside.PROGRESS].values()
    assert b'"domain":"health","old":1,"new":2,"done":4,"total":9' in box


def test_an_agency_is_kept_to_a_rate(office: Office) -> None:
    """What comes above it is refused, and comes again."""
    tokens = office.issue()
    office.still = True
    for _ in range(CALLS_A_SECOND):
        office.update(tokens)
    with pytest.raises(RateLimitedError):
        office.update(tokens)


OFFICE = Office()
ISSUED = [*OFFICE.issue(), *OFFICE.issue("tax")]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(ISSUED),
            st.binary(max_size=130),
            st.builds(
                lambda domain, version, element, tag: Token(
                    domain=domain, version=version, element=element, tag=tag
                ).encode(),
                st.sampled_from(["health", "tax", "x"]),
                st.integers(0, 3),
                st.one_of(
                    st.binary(min_size=32, max_size=32),
                    st.integers(1, 2**200).map(lambda _: base(random_scalar())),
                    st.sampled_from([Token.parse(each).element for each in ISSUED]),
                ),
                st.binary(min_size=16, max_size=16),
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_call_multiplies_what_was_not_issued(tokens: list[bytes]) -> None:
    """Whatever is mixed in, an answer has a token for none but the domain's own."""
    answer = OFFICE.update(tokens)
    own = set(ISSUED[: len(NIKS)])
    assert [bool(token) for token in answer.tokens] == [token in own for token in tokens]


def test_tokens_of_a_domain_that_was_ended_stay_as_they_are(office: Office) -> None:
    """Each is told to be out of date, and none is moved."""
    tokens = office.issue()
    office.world.token_agent.end("health")
    office.world.domains.follow()
    answer = office.update(tokens)
    assert {fault.reason for fault in answer.faults} == {error_pb2.ERROR_REASON_TOKEN_OUTDATED}
    assert (len(answer.faults), set(answer.tokens), answer.proof) == (len(tokens), {b""}, b"")


def test_nothing_is_moved_with_a_key_whose_time_is_over(office: Office) -> None:
    """That is an outage, not a fault of the tokens."""
    tokens = office.issue()
    office.rotate()
    office.world.token_agent.over.add(str(HEALTH))
    office.world.domains.follow()
    with pytest.raises(TokensUnavailableError, match="time of a key"):
        office.update(tokens)
