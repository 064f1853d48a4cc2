"""An agency's tokens move to a new version of its domain, on the real service, while old ones still answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from keys.purpose import TokenDomain
from padan.errors import InvalidRequestError
from padan.token import Token
from padan.update import Update
from padan.vocabulary import Verdict
from tests.installation import install
from tests.operating import operate
from tests.people import BUDI, SARI
from tests.service import running
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.client import Client
    from tests.service import RunningService

PEOPLE = [BUDI, SARI]
SAID: dict[str, Any] = {"purpose": "service", "officer": "batch-1", "legal_basis": "public_task"}
FOLLOWED = 20.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of two workers, with an agency that has tokens."""
    made = install(
        tmp_path_factory.mktemp("updating"),
        agencies={"health": Terms(token_domain="health"), "tax": Terms(token_domain="tax")},
        people=PEOPLE,
        token_domains=("health", "tax"),
        extra="workers = 2\n",
    )
    with running(made) as started:
        yield started


def issue(client: Client, person: dict[str, str]) -> bytes:
    """Have a token issued."""
    answer = client.verify(nik=person["NIK"], claims={"name": person["NAMA_LGKP"]}, issue_token=True, **SAID)
    assert answer.outcome is Verdict.MATCH
    return answer.subject_token


def ask(client: Client, token: bytes, person: dict[str, str]) -> Verdict:
    """Ask by token."""
    return client.verify(subject_token=token, claims={"name": person["NAMA_LGKP"]}, **SAID).outcome


def wait_for(client: Client, version: int) -> None:
    """Wait until every worker issues tokens of a version: several times in a row the service says so."""
    until, seen = time.monotonic() + FOLLOWED, 0
    while seen < 10:
        (domain,) = client.service_info().token_domains
        seen = seen + 1 if domain.versions[0].number == version else 0
        assert time.monotonic() < until, "the new version is not followed"
        time.sleep(0.1)


def test_a_domain_rotates_under_an_agency(service: RunningService) -> None:
    """Old tokens go on, moved ones are those that a match brings now, and foreign ones are told by their place."""
    with service.client("health") as client, service.client("tax") as other:
        old = [issue(client, person) for person in PEOPLE]
        foreign = issue(other, BUDI)
        service.installation.custody().rotate(TokenDomain("health"))
        wait_for(client, 2)
        assert [ask(client, token, person) for token, person in zip(old, PEOPLE, strict=True)] == [
            Verdict.MATCH
        ] * 2
        moved = client.update_tokens(Update.build(old, **SAID, done=2, total=2))
        assert (moved.old_version, moved.new_version, dict(moved.refused)) == (1, 2, {})
        assert list(moved.tokens) == [issue(client, person) for person in PEOPLE]
        assert [Token.parse(token).version for token in moved.tokens] == [2, 2]
        assert ask(client, moved.tokens[0], SARI) is Verdict.NO_MATCH
        own = Token.parse(old[0])
        forged = Token(domain="health", version=1, element=Token.parse(foreign).element, tag=own.tag)
        mixed = client.update_tokens(Update.build([old[0], forged.encode()], **SAID))
        assert (bool(mixed.tokens[0]), dict(mixed.refused)) == (True, {1: "TOKEN_REFUSED"})
        with pytest.raises(InvalidRequestError, match="token"):
            ask(client, forged.encode(), BUDI)


def test_custodians_see_how_far_an_agency_is(service: RunningService) -> None:
    """The agency's own word, by domain and version."""
    with service.client("tax") as client:
        tokens = [issue(client, person) for person in PEOPLE]
        service.installation.custody().rotate(TokenDomain("tax"))
        wait_for(client, 2)
        client.update_tokens(Update.build(tokens[:1], **SAID, done=1, total=2))
    said = operate(service.installation, "token", "progress")
    assert "tax: version 1 to 2, 1 of 2 tokens, 50 %" in said
    (told,) = (
        each
        for each in json.loads(operate(service.installation, "token", "progress", "--json"))
        if each["domain"] == "tax"
    )
    assert (told["old"], told["new"], told["done"], told["total"]) == (1, 2, 1, 2)
