"""Single calls, some at once: what comes out, what does not, and what ends a run."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from padan import remedy
from padan.answer import Verification
from padan.errors import InternalError, PadanError, QuotaError, Violation
from padan.issuing.calls import Calls
from padan.issuing.part import Answered
from padan.issuing.people import Person
from padan.issuing.run import Run, Terms
from padan.token import Token
from padan.v1 import verification_pb2
from padan.vocabulary import Attribute, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from padan.question import Question

TERMS = Terms(purpose="treatment", officer="desk-7", legal_basis="public_task")
TOKEN = Token(domain="health", version=1, element=bytes(32), tag=bytes(16))


class Client:
    """Answers questions as a test scripts it.

    Attributes:
        most: calls that were under way at once.
        bodies: of all questions.
    """

    def __init__(self, script: Callable[[str, int], Verdict | PadanError], token: Token = TOKEN) -> None:
        self._script = script
        self._token = token
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.bodies: list[bytes] = []

    def ask(self, question: Question) -> Verification:
        """Answer."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.bodies.append(question.body)
            number = len(self.bodies)
        time.sleep(0.002)
        with self._lock:
            self._now -= 1
        said = self._script(verification_pb2.VerifyRequest.FromString(question.body).nik, number)
        if isinstance(said, PadanError):
            raise said
        return Verification(
            request_id=question.request_id,
            outcome=said,
            verdicts={},
            as_of=None,
            contest="",
            receipt="",
            subject_token=self._token.encode() if said is Verdict.MATCH else b"",
        )


def person(row: int) -> Person:
    """Make a row up."""
    return Person(row=row, nik=f"997101410190{9000 + row}", claims={Attribute.NAME: "Sitti"})


PEOPLE = [person(row) for row in range(1, 61)]


def calls(client: Client, concurrency: int = 8) -> Calls:
    """Make what asks."""
    return Calls(client, Run(bytes(range(32))), TERMS, domain="health", concurrency=concurrency)


def collect(what: Calls, people: list[Person]) -> tuple[dict[int, Answered], PadanError | None]:
    """Give what came out, and the failure that ended it."""
    found: dict[int, Answered] = {}
    try:
        for answered in what.answer(people):
            found[answered.row] = answered
    except PadanError as error:
        return found, error
    return found, None


def test_every_row_comes_out_with_its_token() -> None:
    """As many calls as granted are under way at once, and no more."""
    client = Client(lambda _, __: Verdict.MATCH)
    found, error = collect(calls(client), PEOPLE)
    assert error is None
    assert found == {row: Answered(row=row, outcome="MATCH", token=TOKEN.text) for row in range(1, 61)}
    assert 1 < client.most <= 8


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.MATCH])
def test_no_other_verdict_brings_a_token(verdict: Verdict) -> None:
    """The outcome is the verdict's name, and it is done."""
    found, _ = collect(calls(Client(lambda _, __: verdict)), PEOPLE[:1])
    assert found == {1: Answered(row=1, outcome=verdict.name)}


def test_a_bad_row_is_told_with_its_rule_and_the_others_go_on() -> None:
    """What the library finds, and what the service says of a row's claims, ends no run."""
    refusals = {
        "9002": remedy.build("UNKNOWN_CODE"),
        "9003": remedy.build("INVALID_FIELD", fields=(Violation(field="claims[0].value", rule="a date"),)),
        "9004": remedy.build("ANCHOR_REQUIRED"),
    }
    client = Client(lambda nik, _: refusals.get(nik[-4:], Verdict.MATCH))
    people = [*PEOPLE[:5], Person(row=6, nik="12", claims={Attribute.NAME: "Sitti"})]
    found, error = collect(calls(client), people)
    assert error is None
    assert {row: each.outcome for row, each in found.items()} == {
        1: "MATCH",
        2: "BAD_ROW: the value is in no code list",
        3: "BAD_ROW: claims[0].value: a date",
        4: "BAD_ROW: the request claims none of the purpose's anchors",
        5: "MATCH",
        6: "BAD_ROW: nik: a NIK is 16 digits",
    }


@pytest.mark.parametrize(
    "reason", ["QUOTA_EXHAUSTED", "AGREEMENT_SUSPENDED", "LOG_UNAVAILABLE", "UNKNOWN_CALLER", "INTERNAL"]
)
def test_what_is_wrong_for_all_ends_the_run_and_loses_nothing(reason: str) -> None:
    """Every answer that was given comes out before the failure does; nothing is begun after it."""
    given: list[str] = []

    def script(nik: str, number: int) -> Verdict | PadanError:
        if number > 20:
            return remedy.build(reason, retry_after=5)
        given.append(nik)
        return Verdict.MATCH

    client = Client(script)
    found, error = collect(calls(client), PEOPLE)
    assert error is not None
    assert error.reason == reason
    assert {person(row).nik for row in found} == set(given)
    assert len(client.bodies) <= 20 + 8 * 2


def test_a_malformed_setting_ends_the_run() -> None:
    """What is wrong with every row is no bad row."""
    client = Client(lambda _, __: Verdict.MATCH)
    what = Calls(
        client,
        Run.new(),
        Terms(purpose="treatment", officer="desk 7", legal_basis="public_task"),
        domain="health",
        concurrency=2,
    )
    found, error = collect(what, PEOPLE)
    assert (found, client.bodies) == ({}, [])
    assert error is not None
    assert [violation.field for violation in error.fields] == ["officer"]


def test_the_rate_is_waited_for_with_the_same_bytes() -> None:
    """A refusal for the rate is asked again, the same request, as late as the service says."""
    client = Client(
        lambda _, number: remedy.build("RATE_LIMITED", retry_after=0.05) if number <= 3 else Verdict.MATCH
    )
    began = time.monotonic()
    found, error = collect(calls(client, concurrency=2), PEOPLE[:4])
    assert error is None
    assert time.monotonic() - began >= 0.05
    assert {row: each.outcome for row, each in found.items()} == dict.fromkeys(range(1, 5), "MATCH")
    assert len(set(client.bodies)) == 4


def test_a_stop_ends_what_waits_and_keeps_what_is_under_way() -> None:
    """Stopped while the service says wait, a run ends at once, without a failure."""
    client = Client(lambda _, __: remedy.build("RATE_LIMITED", retry_after=3_600))
    what = calls(client)
    threading.Timer(0.1, what.stop).start()
    began = time.monotonic()
    assert collect(what, PEOPLE) == ({}, None)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("token", [Token(domain="tax", version=1, element=bytes(32), tag=bytes(16))])
def test_a_token_of_another_domain_is_a_fault(token: Token) -> None:
    """It is never written beside a customer."""
    found, error = collect(calls(Client(lambda _, __: Verdict.MATCH, token)), PEOPLE[:1])
    assert found == {}
    assert isinstance(error, InternalError)


def test_a_fault_of_ours_does_not_take_answers_along() -> None:
    """An unexpected exception in one call comes out as one failure, after the answers."""

    def script(nik: str, number: int) -> Verdict:
        if number == 5:
            raise KeyError(nik)
        return Verdict.MATCH

    found, error = collect(calls(Client(script), concurrency=1), PEOPLE)
    assert len(found) >= 4
    assert isinstance(error, InternalError)
    assert "9971" not in str(error)


def test_quota_says_when_to_come_back() -> None:
    """The service's own time is on the error that ends the run."""
    client = Client(lambda _, __: remedy.build("QUOTA_EXHAUSTED", retry_after=3_600))
    _, error = collect(calls(client), PEOPLE)
    assert isinstance(error, QuotaError)
    assert error.retry_after == 3_600
