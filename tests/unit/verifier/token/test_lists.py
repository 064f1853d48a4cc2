"""Lists of residents: a verdict each where all agreements grant it, else a count with noise that nothing takes away."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import token_pb2
from tests.simulator.hall import Hall, circumstances, classes
from tests.terms import Terms
from verifier.errors import VerifierError
from verifier.log.beside import Beside
from verifier.token import noise
from verifier.token.listing import A_DAY, LEAST

NIKS = [f"327301010190{9000 + number}" for number in range(LEAST + 2)]


def hall(asking: str = "counts", enrolling: str = "counts", may: str = "ask") -> Hall:
    """A programme that enrols, and one that asks."""
    return Hall(
        {
            "rice": Terms(token_domain="rice", enrolments=classes(("aid", "enrol", enrolling))),
            "cash": Terms(token_domain="cash", subject=60, enrolments=classes(("aid", may, asking))),
        },
        people=NIKS,
    )


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What noise is drawn, in turn; zeros at the end."""
    drawn: list[int] = []
    monkeypatch.setattr(noise, "draw", lambda: drawn.pop(0) if drawn else 0)
    return drawn


def ask(
    built: Hall, tokens: list[bytes], said: token_pb2.Circumstances | None = None, category: str = "aid"
) -> token_pb2.StreamCheckEnrolmentResponse:
    """Ask about a list."""
    message = token_pb2.StreamCheckEnrolmentRequest(
        circumstances=said or circumstances(), tokens=tokens, category=category
    )
    return token_pb2.StreamCheckEnrolmentResponse.FromString(
        built.desk.check_many(built.call("cash", message))
    )


def tokens_of(built: Hall, agency: str, niks: list[str]) -> list[bytes]:
    """Issue tokens."""
    return [built.issue(agency, nik) for nik in niks]


def test_noise_has_its_distribution() -> None:
    """Drawn noise is two-sided geometric, and one more or less in a count changes no odds by more than 20/19."""
    source = random.Random(5)
    count = 40_000
    drawn = Counter(noise.draw(source.randrange) for _ in range(count))
    ratio = noise.NUMERATOR / noise.DENOMINATOR
    for value in (-20, -5, -1, 0, 1, 5, 20):
        expected = (1 - ratio) / (1 + ratio) * ratio ** abs(value)
        spread = math.sqrt(count * expected * (1 - expected))
        assert abs(drawn[value] - count * expected) < 5 * spread
    variance = sum(value * value * times for value, times in drawn.items()) / count
    assert abs(math.sqrt(variance) - 27.6) < 1
    assert [noise.within(value, 10) for value in (-3, 4, 12)] == [0, 4, 10]


def test_a_list_is_counted_with_noise(silent: list[int]) -> None:
    """The count is the true one and the noise, within what is possible."""
    built = hall()
    tokens = tokens_of(built, "cash", NIKS)
    built.enrol("rice", *tokens_of(built, "rice", NIKS[:30]))
    silent.append(-7)
    answer = ask(built, tokens)
    assert (answer.enrolled, answer.residents, answer.verdicts) == (23, len(NIKS), b"")


def test_a_retry_gets_the_same_noise_and_costs_nothing() -> None:
    """The same message again has the same answer, also when residents were enrolled meanwhile."""
    built, said = hall(), circumstances()
    tokens = tokens_of(built, "cash", NIKS)
    first = ask(built, tokens, said)
    built.enrol("rice", *tokens_of(built, "rice", NIKS))
    assert [ask(built, tokens, said) for _ in range(3)] == [first] * 3
    assert len(built.world.log.tables[Beside.ASKED]) == 1
    with pytest.raises(VerifierError) as caught:
        ask(built, tokens[1:], said)
    assert caught.value.reason == "REQUEST_ID_REUSED"


def test_a_resident_is_in_one_count_a_day(silent: list[int]) -> None:
    """Another list of the day counts nobody who was in one; the next day everybody again."""
    del silent
    built = hall()
    tokens = tokens_of(built, "cash", NIKS)
    built.enrol("rice", *tokens_of(built, "rice", NIKS))
    assert [ask(built, tokens).enrolled for _ in range(A_DAY + 1)] == [len(NIKS)] * A_DAY + [0]
    built.world.clocks.step(86_400)
    assert ask(built, tokens).enrolled == len(NIKS)


def test_a_count_needs_many_tokens(silent: list[int]) -> None:
    """Fewer than a hundred different tokens are not counted, and a resident who stands there twice counts once."""
    del silent
    built = hall()
    tokens = tokens_of(built, "cash", NIKS)
    for few in (tokens[: LEAST - 1], tokens[: LEAST - 1] * 2, []):
        with pytest.raises(VerifierError):
            ask(built, few)
    built.merge(NIKS[0], NIKS[1])
    built.enrol("rice", built.issue("rice", NIKS[0]))
    answer = ask(built, [*tokens, tokens[5]])
    assert (answer.enrolled, answer.residents) == (1, len(NIKS) - 1)


def test_entries_of_a_count_do_not_tell_who_is_in_it() -> None:
    """Each resident has an entry, alike whether enrolled or not, and the message one more without a resident."""
    built = hall()
    tokens = tokens_of(built, "cash", NIKS)
    built.enrol("rice", *tokens_of(built, "rice", NIKS[:50]))
    before = len(built.world.log.rows)
    ask(built, tokens)
    whole, *each = [log_entry.decode(row.entry) for row in built.world.log.rows[before:]]
    assert (whole.kind, len(each)) == (EntryKind.ENROLMENT_LIST, len(NIKS))
    assert {(entry.kind, entry.number(Field.OUTCOME, 99), len(entry.fields)) for entry in each} == {
        (EntryKind.ENROLMENT_COUNTED, 0, len(each[0].fields))
    }
    assert {row.outcome for row in built.world.log.rows[before:]} == {0}
    assert built.opened._pending == 0


@pytest.mark.parametrize(
    ("asking", "enrolling", "rows"),
    [("rows", "rows", True), ("rows", "counts", False), ("counts", "rows", False)],
)
def test_rows_need_every_agreement(asking: str, enrolling: str, *, rows: bool) -> None:
    """A verdict for each resident is given where asker and programmes grant it, else a count."""
    built = hall(asking, enrolling)
    tokens = tokens_of(built, "cash", NIKS)
    built.enrol("rice", *tokens_of(built, "rice", NIKS[:2]))
    answer = ask(built, [*tokens[:2], b"x", *tokens[2:]])
    assert [fault.place for fault in answer.faults] == [2]
    assert answer.verdicts == (bytes((1, 1, 0, *[2] * (len(NIKS) - 2))) if rows else b"")


@pytest.mark.parametrize(
    ("asking", "enrolling", "may", "reason"),
    [
        ("none", "rows", "ask", "FEATURE_NOT_GRANTED"),
        ("rows", "none", "ask", "FEATURE_NOT_GRANTED"),
        ("rows", "rows", "enrol", "CLASS_UNKNOWN"),
    ],
)
def test_what_is_not_granted_is_refused(asking: str, enrolling: str, may: str, reason: str) -> None:
    """One agreement that grants nothing for lists is enough; a purpose that only enrols asks nothing."""
    built = hall(asking, enrolling, may)
    tokens = tokens_of(built, "cash", NIKS)
    with pytest.raises(VerifierError) as caught:
        ask(built, tokens)
    assert caught.value.reason == reason


def test_each_row_costs_its_budget() -> None:
    """Where rows are granted, each is a question about its resident, of the same budget."""
    built = Hall(
        {
            "cash": Terms(token_domain="cash", subject=2, enrolments=classes(("aid", "both", "rows"))),
        },
        people=NIKS[:2],
    )
    tokens = tokens_of(built, "cash", NIKS[:2])
    assert built.check("cash", tokens[0]) == "NO_MATCH"
    verdicts = [ask(built, tokens).verdicts for _ in range(3)]
    assert verdicts == [bytes((2, 2)), bytes((6, 2)), bytes((6, 6))]
