"""Tokens on the main path: issued with a match, taken in the place of a number, refused where they are another's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from keys.purpose import Purpose, TokenDomain
from padan import canonical
from padan import entry as log_entry
from padan.entry import Field
from padan.group import base, random_scalar
from padan.token import Token
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.people import BUDI
from tests.service import request
from tests.simulator.world import REALM, START, World
from tests.terms import Terms
from tokenizer.token import Domain, Tags
from verifier.log.beside import Beside

if TYPE_CHECKING:
    from verifier.call import Reply

NAME = vocabulary.ATTRIBUTE_NAME
OTHER = "SITI RAHAYU"


@pytest.fixture
def world() -> World:
    """Two agencies with a token domain each, and one without."""
    return World(
        seed=6,
        agencies={
            "health": Terms(token_domain="health"),
            "tax": Terms(token_domain="tax-payers"),
            "bank": Terms(),
        },
        people=[BUDI],
    )


def answered(reply: Reply) -> verification_pb2.VerifyResponse:
    """Read an answer."""
    assert reply.body is not None, reply.error
    return verification_pb2.VerifyResponse.FromString(reply.body)


def issue(world: World, agency: str = "health", name: str = BUDI["NAMA_LGKP"]) -> bytes:
    """Ask for a token with a question; empty where none is given."""
    (reply,) = world.ask(agency, request(claims={NAME: name}, issue_token=True))
    return answered(reply).subject_token


def ask(world: World, token: bytes, agency: str = "health", name: str = BUDI["NAMA_LGKP"]) -> Reply:
    """Ask by token."""
    (reply,) = world.ask(agency, request(subject_token=token, claims={NAME: name}))
    return reply


def refusal(reply: Reply) -> str:
    """Read why a request was refused."""
    assert reply.body is None
    return getattr(reply.error, "reason", repr(reply.error))


def test_a_match_brings_a_token_that_stands_for_the_number(world: World) -> None:
    """The token names domain and version; asked by it, the resident is found, and a wrong name is still wrong."""
    token = issue(world)
    assert (Token.parse(token).domain, Token.parse(token).version) == ("health", 1)
    assert answered(ask(world, token)).outcome == vocabulary.VERDICT_MATCH
    assert answered(ask(world, token, name=OTHER)).outcome == vocabulary.VERDICT_NO_MATCH


def test_a_token_is_the_same_each_time_and_leaves_one_row(world: World) -> None:
    """A resident has one token in a domain, and one row behind all tokens."""
    first = issue(world)
    assert issue(world) == first
    issue(world, "tax")
    assert len(world.log.tables[Beside.TOKEN]) == 1


def test_tokens_of_two_domains_share_nothing(world: World) -> None:
    """Not an element, nor a tag."""
    one, other = Token.parse(issue(world)), Token.parse(issue(world, "tax"))
    assert one.element != other.element
    assert one.tag != other.tag


def test_without_a_match_there_is_no_token_and_no_row(world: World) -> None:
    """A wrong name gives neither, nor does a number that nobody has."""
    assert issue(world, name=OTHER) == b""
    (reply,) = world.ask("health", request(nik="3273010101909999", claims={NAME: "BUDI"}, issue_token=True))
    assert answered(reply).subject_token == b""
    assert world.log.tables[Beside.TOKEN] == {}


def test_a_blocked_answer_brings_no_token(world: World) -> None:
    """A spent budget gives nothing to keep."""
    for _ in range(60):
        world.ask("health", request(claims={NAME: OTHER}))
    assert issue(world) == b""
    assert world.log.tables[Beside.TOKEN] == {}


def test_tokens_are_denied_unless_granted(world: World) -> None:
    """An agency without a domain neither gets nor gives tokens."""
    (reply,) = world.ask("bank", request(issue_token=True))
    assert refusal(reply) == "FEATURE_NOT_GRANTED"
    assert refusal(ask(world, issue(world), agency="bank")) == "FEATURE_NOT_GRANTED"


def test_what_was_not_issued_to_the_domain_is_refused(world: World) -> None:
    """Another domain's token, a changed, cut, untagged or self-made one: all are told the same."""
    token = issue(world)
    given = Token.parse(token)
    foreign = Tags(REALM, [])  # without a key of ours nothing can be tagged
    assert not foreign.holds(given)
    own_point = base(random_scalar())
    strange = [
        issue(world, "tax"),
        token[:-1],
        token + b"\0",
        token[:-1] + bytes((token[-1] ^ 1,)),
        token[:-16] + bytes(16),
        given.tagged[:-32] + own_point + given.tag,
        Token(domain="health", version=2, element=given.element, tag=given.tag).encode(),
        Token(domain="tax-payers", version=1, element=given.element, tag=given.tag).encode(),
        given.tagged[:-32] + bytes(32) + given.tag,
        b"\1",
        b"\2" + token[1:],
    ]
    assert {refusal(ask(world, each)) for each in strange} == {"TOKEN_REFUSED"}


def test_an_older_version_works_until_its_time_is_over(world: World) -> None:
    """A replaced version is taken for the days of grace and then refused; a token asked for again is of the new one."""
    token = issue(world)
    world.token_agent.rotate(TokenDomain("health"), at=datetime.fromtimestamp(START, tz=UTC))
    world.domains.follow()
    (reply,) = world.ask(
        "health", request(subject_token=token, claims={NAME: BUDI["NAMA_LGKP"]}, issue_token=True)
    )
    newer = answered(reply).subject_token
    assert Token.parse(newer).version == 2
    assert newer == issue(world)
    world.clocks.wall += 90 * 86_400
    assert refusal(ask(world, token)) == "TOKEN_OUTDATED"
    assert answered(ask(world, newer)).outcome == vocabulary.VERDICT_MATCH


def test_a_token_whose_row_is_gone_matches_nobody(world: World) -> None:
    """Its answer has the shape of a number that nobody has."""
    token = issue(world)
    world.log.tables[Beside.TOKEN].clear()
    gone = answered(ask(world, token))
    assert gone.outcome == vocabulary.VERDICT_NO_MATCH
    (reply,) = world.ask("health", request(nik="3273010101909999", claims={NAME: BUDI["NAMA_LGKP"]}))
    assert gone.ByteSize() == answered(reply).ByteSize()


def test_a_row_that_does_not_open_is_an_outage(world: World) -> None:
    """Never a no: the caller hears that tokens are not available."""
    token = issue(world)
    rows = world.log.tables[Beside.TOKEN]
    ((name, box),) = rows.items()
    rows[name] = box[:-1] + bytes((box[-1] ^ 1,))
    assert refusal(ask(world, token)) == "TOKENS_UNAVAILABLE"


def test_questions_by_token_touch_no_joint_budget(world: World) -> None:
    """What one agency fails by token never blocks another, and what others fail by number never blocks a token."""
    token, other = issue(world), issue(world, "tax")
    for _ in range(50):
        ask(world, token, name=OTHER)
    joint = 40
    for _ in range(joint):
        (reply,) = world.ask("bank", request(claims={NAME: OTHER}))
        assert answered(reply).outcome == vocabulary.VERDICT_NO_MATCH
    for _ in range(3):
        reply = ask(world, other, agency="tax", name=OTHER)
        assert answered(reply).outcome == vocabulary.VERDICT_NO_MATCH


def test_own_budgets_bind_questions_by_token(world: World) -> None:
    """A token and its number share the agency's own budget about the resident."""
    token = issue(world)
    for _ in range(60):
        ask(world, token, name=OTHER)
    assert answered(ask(world, token)).outcome == vocabulary.VERDICT_BLOCKED
    (reply,) = world.ask("health", request(claims={NAME: BUDI["NAMA_LGKP"]}))
    assert answered(reply).outcome == vocabulary.VERDICT_BLOCKED


def test_the_log_says_that_a_token_was_asked_for_and_given(world: World) -> None:
    """Entries carry domain and version, and never a byte of a token."""
    token = issue(world)
    ask(world, token)
    told = [
        [
            item.decode()
            for item in canonical.decode_list(log_entry.decode(row.entry).fields.get(Field.TOKENS, b""))
        ]
        for row in world.log.rows
    ]
    assert told == [["issue=health@1"], ["subject=health@1"]]
    assert all(Token.parse(token).element not in row.entry for row in world.log.rows)


def test_a_domain_without_keys_is_an_outage(world: World) -> None:
    """Before the custodians made its key, and after they destroyed it, nothing is answered as no."""
    token = issue(world)
    world.token_agent.known = {"tax-payers"}
    world.domains.follow()
    assert refusal(ask(world, token)) == "TOKENS_UNAVAILABLE"
    (reply,) = world.ask("health", request(issue_token=True))
    assert refusal(reply) == "TOKENS_UNAVAILABLE"


def test_a_stored_answer_brings_its_token_again(world: World) -> None:
    """A repetition is answered with the same bytes, and writes no second row."""
    message = request(issue_token=True)
    (first,), (again,) = world.ask("health", message), world.ask("health", message)
    assert again.replayed
    assert first.body == again.body


def test_a_request_works_with_one_state_of_the_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that is followed in the middle of a request does not make a resident who is held unknown."""
    token = issue(world)
    world.token_agent.rotate(Purpose.MATCH_DOMAIN, at=datetime.fromtimestamp(START, tz=UTC))
    read = Domain.read

    def followed(domain: Domain, data: bytes, *, now: float) -> Token:
        world.domains.follow()
        return read(domain, data, now=now)

    monkeypatch.setattr(Domain, "read", followed)
    assert answered(ask(world, token)).outcome == vocabulary.VERDICT_MATCH
    assert answered(ask(world, token)).outcome == vocabulary.VERDICT_MATCH


def test_a_domain_that_was_ended_is_refused(world: World) -> None:
    """Its tokens are out of date, none is issued, and what was never its token is refused as before."""
    token, other = issue(world), issue(world, "tax")
    world.token_agent.end("health")
    world.domains.follow()
    assert refusal(ask(world, token)) == "TOKEN_OUTDATED"
    assert refusal(ask(world, other)) == "TOKEN_REFUSED"
    (reply,) = world.ask("health", request(claims={NAME: BUDI["NAMA_LGKP"]}, issue_token=True))
    assert refusal(reply) == "FEATURE_NOT_GRANTED"
    (without,) = world.ask("health", request(claims={NAME: BUDI["NAMA_LGKP"]}))
    assert answered(without).outcome == vocabulary.VERDICT_MATCH
    assert answered(ask(world, other, "tax")).outcome == vocabulary.VERDICT_MATCH


@pytest.mark.parametrize(
    "over", ["token-domain/health", "token-tag", "token-index", "match-domain", "row-seal"]
)
def test_a_key_whose_time_is_over_makes_no_token(world: World, over: str) -> None:
    """That is an outage of issuing alone: questions by token go on, and no row is written."""
    token = issue(world)
    world.token_agent.over.add(over)
    world.domains.follow()
    rows = dict(world.log.tables[Beside.TOKEN])
    for asked in (
        request(claims={NAME: BUDI["NAMA_LGKP"]}, issue_token=True),
        request(subject_token=token, claims={NAME: BUDI["NAMA_LGKP"]}, issue_token=True),
    ):
        (reply,) = world.ask("health", asked)
        assert refusal(reply) == "TOKENS_UNAVAILABLE"
    assert answered(ask(world, token)).outcome == vocabulary.VERDICT_MATCH
    assert world.log.tables[Beside.TOKEN] == rows
