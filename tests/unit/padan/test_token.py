"""Tokens as text, and what the library and its command lines say of them without a service."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import info
from padan.cli.console import ExitCode
from padan.token import Token, TokenError
from padan.v1 import verification_pb2
from tests.simulator.service import match

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import grpc

    from tests.simulator.service import Service
    from tests.simulator.terminal import Ended

TOKEN = Token(domain="health", version=7, element=bytes(range(32)), tag=bytes(16))
NIK = "9971014101900001"


@given(
    domain=st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True),
    version=st.integers(0, 65_535),
    element=st.binary(min_size=32, max_size=32),
    tag=st.binary(min_size=16, max_size=16),
)
def test_text_comes_back(domain: str, version: int, element: bytes, tag: bytes) -> None:
    """Every token is read back from its text, which has no padding and stays below the bound that is told."""
    token = Token(domain=domain, version=version, element=element, tag=tag)
    assert Token.from_text(token.text) == token
    assert "=" not in token.text
    assert len(token.text) <= 154


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """What is no token's text is a TokenError, and nothing else."""
    with contextlib.suppress(TokenError):
        assert Token.from_text(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " " + TOKEN.text,
        TOKEN.text + "\n",
        TOKEN.text + "=",
        TOKEN.text[:-1],
        TOKEN.text[:-1] + "+",
        TOKEN.text + "A",
        TOKEN.text[:-1] + chr(ord(TOKEN.text[-1]) + 1),
    ],
)
def test_one_token_has_one_text(text: str) -> None:
    """Spaces, padding, another alphabet, a cut and loose bits at the end are refused."""
    with pytest.raises(TokenError):
        Token.from_text(text)


def with_tokens(service: Service) -> None:
    """Let the simulator grant tokens of a domain with two versions."""
    service.info.agreement.purposes[0].token_domain = "health"
    for number in ("1", "2"):
        service.info.keys.add(purpose="token-domain/health", key_id=number, public_key=bytes(32))
    service.info.keys[-2].not_after.FromDatetime(datetime(2027, 1, 1, tzinfo=UTC))
    service.info.keys.add(purpose="token-domain/tax", key_id="9", public_key=bytes(32))


def test_service_info_names_domains_and_versions(service: Service) -> None:
    """The newest version stands first; a domain that no purpose names is not told, one without a key has none."""
    with_tokens(service)
    (domain,) = info.read(service.info).token_domains
    assert domain.name == "health"
    assert [(each.number, each.not_after) for each in domain.versions] == [
        (2, None),
        (1, datetime(2027, 1, 1, tzinfo=UTC)),
    ]
    del service.info.keys[:]
    assert info.read(service.info).token_domains[0].versions == ()


def test_info_prints_domains(padan: Callable[..., Ended], service: Service) -> None:
    """People read domain, versions and their end; programs get them too."""
    with_tokens(service)
    told = padan("info").out
    assert "tokens       health, version 2, version 1 until 2027-01-01T00:00:00Z\n" in told
    assert "  tokens       of the domain health\n" in told
    (domain,) = json.loads(padan("info", "--json").out)["token_domains"]
    assert [version["number"] for version in domain["versions"]] == [2, 1]


def with_token(
    request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
) -> verification_pb2.VerifyResponse:
    """Confirm, with a token."""
    answer = match(request, context)
    answer.subject_token = TOKEN.encode()
    return answer


@pytest.mark.parametrize("document", [False, True])
def test_verify_takes_a_token_and_prints_one(
    padan: Callable[..., Ended], service: Service, *, document: bool
) -> None:
    """A token goes in the place of a number, from an option or the JSON; the one that comes back is printed as text."""
    service.steps.append(with_token)
    given = {"token": TOKEN.text, "issue_token": True, "claims": {"name": "Sitti"}}
    arguments = ["--token", TOKEN.text, "--issue-token", "--claim", "name=Sitti"]
    stdin = json.dumps(given).encode() if document else b""
    ended = padan("verify", *(["--input", "-"] if document else arguments), "--json", stdin=stdin)
    assert json.loads(ended.out)["token"] == TOKEN.text
    request = verification_pb2.VerifyRequest.FromString(service.bodies[0])
    assert (request.subject_token, request.nik, request.issue_token) == (TOKEN.encode(), "", True)


def test_verify_prints_the_token_for_people(padan: Callable[..., Ended], service: Service) -> None:
    """The token stands on a line of its own; without --issue-token none is asked for, and none is printed."""
    service.steps.append(with_token)
    question = ("verify", "--nik", NIK, "--claim", "name=Sitti")
    assert padan(*question, "--issue-token").out.splitlines()[-1] == f"token    {TOKEN.text}"
    assert "token" not in padan(*question).out
    requests = [verification_pb2.VerifyRequest.FromString(body) for body in service.bodies]
    assert [request.issue_token for request in requests] == [True, False]


@pytest.mark.parametrize(
    "arguments",
    [("--token", "x"), ("--token", TOKEN.text[:-2]), ("--token", TOKEN.text, "--nik", NIK)],
)
def test_verify_refuses_what_is_no_token(
    padan: Callable[..., Ended], service: Service, arguments: tuple[str, ...]
) -> None:
    """A cut token, no token, or number and token together: nothing is sent, and nothing of them is printed."""
    ended = padan("verify", *arguments, "--claim", "name=Sitti")
    assert (ended.code, service.bodies) == (ExitCode.INPUT, [])
    assert TOKEN.text[:20] not in ended.err


def test_show_reads_arguments_files_and_standard_input(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """Domain and version, one line a token, from wherever tokens come."""
    other = Token(domain="tax", version=1, element=bytes(32), tag=bytes(16))
    assert padan("token", "show", TOKEN.text, other.text).out == "health, version 7\ntax, version 1\n"
    (tmp_path / "tokens").write_text(f"{TOKEN.text}\r\n\n")
    ended = padan("token", "show", "--input", str(tmp_path / "tokens"), "--json")
    assert json.loads(ended.out) == {"domain": "health", "version": 7}
    assert padan("token", "show", stdin=other.text.encode()).out == "tax, version 1\n"
    bad = padan("token", "show", "nothing")
    assert (bad.code, "nothing" in bad.err) == (ExitCode.INPUT, False)
    assert padan("token", "show", "--input", str(tmp_path / "none")).code == ExitCode.INPUT
