"""Enrolment sets: whoever is enrolled is found under every number of theirs, by one bit, and by no other way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from keys.purpose import Purpose, TokenDomain
from padan import canonical
from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.group import base, random_scalar
from padan.nik import Nik
from padan.token import Token
from padan.v1 import error_pb2, token_pb2
from tests.simulator.hall import AGENCIES, NIKS, Hall, circumstances, classes
from tests.terms import Terms
from tokenizer.enrolment import FOREVER
from verifier.errors import VerifierError
from verifier.log.beside import Beside
from verifier.resident.mark import Mark
from verifier.token.reception import CALLS_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.epoch import RowPair

BUDI, SARI, OLD, OLDER, OLDEST, FIRST = NIKS


@pytest.fixture
def hall() -> Hall:
    """A hall of two programmes of one class, one of another, and an agency that is none."""
    return Hall()


def refusal(hall: Hall, agency: str, token: bytes, category: str = "aid") -> str:
    """Give the reason for which a question is refused."""
    with pytest.raises(VerifierError) as caught:
        hall.check(agency, token, category)
    return caught.value.reason


def last(hall: Hall) -> log_entry.Entry:
    """Read the log's last entry."""
    return log_entry.decode(hall.world.log.rows[-1].entry)


def test_another_programme_gets_the_bit(hall: Hall) -> None:
    """Who is enrolled by one programme is found by another's own token, and nobody else is."""
    rice, cash = hall.issue("rice", BUDI), hall.issue("cash", BUDI)
    other = hall.issue("cash", SARI)
    assert hall.check("cash", cash) == "NO_MATCH"
    assert hall.enrol("rice", rice) == {}
    assert [hall.check("cash", token) for token in (cash, other)] == ["MATCH", "NO_MATCH"]
    assert hall.check("rice", rice) == "MATCH"
    assert hall.withdraw("rice", rice) == {}
    assert hall.check("cash", cash) == "NO_MATCH"


def test_only_the_enroller_withdraws(hall: Hall) -> None:
    """A programme that withdraws a resident leaves what another one said of them."""
    rice, cash = hall.issue("rice", BUDI), hall.issue("cash", BUDI)
    hall.enrol("rice", rice)
    assert hall.withdraw("cash", cash) == {}
    assert hall.check("cash", cash) == "MATCH"
    hall.enrol("cash", cash)
    hall.withdraw("rice", rice)
    assert hall.check("rice", rice) == "MATCH"


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [
        ("2026-09-21", "2026-09-21", "MATCH"),
        ("2026-09-22", "", "NO_MATCH"),
        ("2026-01-01", "2026-09-20", "NO_MATCH"),
        ("1970-01-01", "", "MATCH"),
    ],
)
def test_days_count_in_the_registrys_zone(hall: Hall, first: str, end: str, found: str) -> None:
    """An enrolment counts from its first day to its last one, both among them."""
    assert str(hall.world.clocks().today) == "2026-09-21"
    hall.enrol("rice", hall.issue("rice", BUDI), first=first, last=end)
    assert hall.check("cash", hall.issue("cash", BUDI)) == found


def test_enrolling_again_gives_new_days(hall: Hall) -> None:
    """The last days that a programme gives count, and there is one row."""
    token = hall.issue("rice", BUDI)
    hall.enrol("rice", token)
    hall.enrol("rice", token, last="2026-02-01")
    assert len(hall.members()) == 1
    assert hall.check("rice", token) == "NO_MATCH"


def test_a_merged_resident_is_found_under_every_number(hall: Hall) -> None:
    """Whatever number an enrolment was written under, it is found by the tokens of all of the resident's."""
    numbers = [BUDI, OLD, OLDER, OLDEST]
    tokens = {nik: (hall.issue("rice", nik), hall.issue("cash", nik)) for nik in numbers}
    for nik in numbers:
        hall.enrol("rice", tokens[nik][0])
        hall.merge(BUDI, OLD, OLDER, OLDEST)
        assert [hall.check("cash", tokens[each][1]) for each in numbers] == ["MATCH"] * 4
        hall.withdraw("rice", tokens[OLD][0])
        assert [hall.check("cash", tokens[each][1]) for each in numbers] == ["NO_MATCH"] * 4
        hall = Hall()
        tokens = {each: (hall.issue("rice", each), hall.issue("cash", each)) for each in numbers}


def test_a_merged_resident_is_enrolled_once(hall: Hall) -> None:
    """Enrolling after a merge writes under the number of now, and takes what stood under the one before."""
    old, new = hall.issue("rice", OLD), hall.issue("rice", BUDI)
    hall.enrol("rice", old, last="2026-02-01")
    hall.merge(BUDI, OLD)
    hall.enrol("rice", old)
    (member,) = hall.members()
    assert (member.element, member.last) == (hall.element(BUDI), FOREVER)
    assert hall.check("rice", new) == "MATCH"


def test_no_other_class_and_no_other_domain_is_reached(hall: Hall) -> None:
    """What is enrolled in one class does not show in another."""
    hall.enrol("school", hall.issue("school", BUDI), category="school")
    assert hall.check("cash", hall.issue("cash", BUDI)) == "NO_MATCH"
    assert hall.check("rice", hall.issue("rice", BUDI), "school") == "MATCH"


@pytest.mark.parametrize(
    ("agency", "category"), [("school", "school"), ("tax", "aid"), ("cash", "school"), ("rice", "nothing")]
)
def test_only_what_is_granted_is_asked(hall: Hall, agency: str, category: str) -> None:
    """A class that the asking purpose may not ask about is unknown to it, and the refusal is an entry."""
    assert refusal(hall, agency, hall.issue(agency, BUDI), category) == "CLASS_UNKNOWN"
    assert last(hall).number(Field.REASON) == error_pb2.ERROR_REASON_CLASS_UNKNOWN


@pytest.mark.parametrize(
    ("agency", "category"), [("rice", "school"), ("tax", "aid"), ("school", "aid"), ("rice", "nothing")]
)
def test_only_what_is_granted_is_enrolled(hall: Hall, agency: str, category: str) -> None:
    """A class that the purpose may not enrol in is unknown to it, and nothing is written."""
    token = hall.issue(agency, BUDI)
    for act in (hall.enrol, hall.withdraw):
        with pytest.raises(VerifierError) as caught:
            act(agency, token, category=category)
        assert caught.value.reason == "CLASS_UNKNOWN"
    assert hall.world.log.tables[Beside.ENROLMENT] == {}


def test_a_class_in_which_nobody_enrols_is_unknown() -> None:
    """No answer is given about a class that no agreement in force enrols in, for it would always be no."""
    hall = Hall({"cash": Terms(token_domain="cash", enrolments=classes(("aid", "ask", "none")))})
    assert refusal(hall, "cash", hall.issue("cash", BUDI)) == "CLASS_UNKNOWN"


def test_what_a_suspended_programme_said_does_not_count(hall: Hall) -> None:
    """Enrolments count while the enrolling agreement is in force."""
    hall.enrol("rice", hall.issue("rice", BUDI))
    cash = hall.issue("cash", BUDI)
    hall.world.agreements.suspended.add("rice")
    hall.world.clocks.step(2)
    assert hall.check("cash", cash) == "NO_MATCH"
    hall.world.agreements.suspended.clear()
    hall.world.clocks.step(2)
    assert hall.check("cash", cash) == "MATCH"


def test_no_token_but_ones_own_is_taken(hall: Hall) -> None:
    """A foreign, cut, untagged or self-made token is refused alone, and never multiplied."""
    own, foreign = hall.issue("rice", BUDI), hall.issue("cash", SARI)
    parsed = Token.parse(own)
    made = Token(domain="rice", version=1, element=base(random_scalar()), tag=parsed.tag).encode()
    bad = [foreign, own[:-1], made, b""]
    reason = error_pb2.ERROR_REASON_TOKEN_REFUSED
    assert hall.enrol("rice", bad[0], own, *bad[1:]) == {0: reason, 2: reason, 3: reason, 4: reason}
    assert len(hall.members()) == 1
    assert hall.withdraw("rice", *bad) == dict.fromkeys(range(4), reason)
    assert len(hall.members()) == 1
    assert [refusal(hall, "rice", token) for token in bad] == ["TOKEN_REFUSED"] * 4


@pytest.mark.parametrize(
    "days",
    [
        ("", ""),
        ("2026-1-1", ""),
        ("2026-02-30", ""),
        ("2026-02-02", "2026-02-01"),
        ("1969-12-31", ""),
        ("x", "y"),
    ],
)
def test_a_row_with_wrong_days_is_refused_alone(hall: Hall, days: tuple[str, str]) -> None:
    """Days that are none, or in the wrong order, are told by the row's place."""
    token = hall.issue("rice", BUDI)
    assert hall.enrol("rice", token, first=days[0], last=days[1]) == {0: error_pb2.ERROR_REASON_INVALID_FIELD}
    assert hall.members() == []


@pytest.mark.parametrize("mark", [Mark.LOCKED, Mark.RESTRICTED])
def test_a_residents_right_stands_above_the_question(hall: Hall, mark: Mark) -> None:
    """Who is locked or restricted is answered NOT_AVAILABLE, enrolled or not; an exempt purpose is answered."""
    tokens = [hall.issue("cash", nik) for nik in (BUDI, SARI)]
    hall.enrol("rice", hall.issue("rice", BUDI))
    for nik in (BUDI, SARI):
        record, _ = hall.world.epoch.open_pair(*_found(hall, nik))
        hall.world.marks.on[record.handles.budget_subject] = mark
    assert [hall.check("cash", token) for token in tokens] == ["NOT_AVAILABLE"] * 2
    exempt = Hall(
        {
            **AGENCIES,
            "cash": Terms(
                token_domain="cash", exempt_article="15(1)b", enrolments=classes(("aid", "ask", "none"))
            ),
        }
    )
    exempt.enrol("rice", exempt.issue("rice", BUDI))
    exempt.world.marks = hall.world.marks
    assert exempt.check("cash", exempt.issue("cash", BUDI)) == "MATCH"


def _found(hall: Hall, nik: str) -> tuple[bytes, RowPair]:
    record_id = hall.world.epoch.inner.record_id(Nik(nik))
    (pair,) = hall.world.epoch.lookup([(record_id, bytes(16))])
    return record_id, pair


def test_who_was_erased_is_answered_like_anybody(hall: Hall) -> None:
    """With the resident's row gone, nothing is enrolled or found, and nobody is told."""
    rice, cash = hall.issue("rice", BUDI), hall.issue("cash", BUDI)
    hall.enrol("rice", rice)
    hall.world.log.tables[Beside.TOKEN].clear()
    assert hall.check("cash", cash) == "NO_MATCH"
    hall.world.log.tables[Beside.ENROLMENT].clear()
    assert hall.enrol("rice", rice) == {}
    assert hall.members() == []


def test_each_question_costs_one_unit_whatever_the_answer() -> None:
    """The budget about a resident is the agency's own, and is spent by yes as by no; another agency's is not."""
    few = {
        name: Terms(token_domain=name, subject=3, enrolments=classes(("aid", "both", "none")))
        for name in ("rice", "cash")
    }
    for enrolled in (False, True):
        hall = Hall(few)
        rice, cash = hall.issue("rice", BUDI), hall.issue("cash", BUDI)
        if enrolled:
            hall.enrol("rice", rice)
        answers = [hall.check("cash", cash) for _ in range(4)]
        assert answers == [["NO_MATCH", "MATCH"][enrolled]] * 3 + ["BLOCKED"]
        assert hall.check("rice", rice) != "BLOCKED"
        assert hall.check("cash", hall.issue("cash", SARI)) == "NO_MATCH"


def test_a_repetition_gets_the_stored_answer(hall: Hall) -> None:
    """The same request again has the same bytes, also when the resident was enrolled meanwhile, and costs nothing."""
    rice, cash, said = hall.issue("rice", BUDI), hall.issue("cash", BUDI), circumstances()
    first = hall.answer("cash", cash, said=said)
    hall.enrol("rice", rice)
    assert hall.answer("cash", cash, said=said) == first
    assert last(hall).kind == EntryKind.REPLAY
    assert len(hall.world.log.tables[Beside.ASKED]) == 1
    with pytest.raises(VerifierError) as caught:
        hall.answer("cash", hall.issue("cash", SARI), said=said)
    assert caught.value.reason == "REQUEST_ID_REUSED"


def test_answers_differ_in_nothing_but_the_verdict(hall: Hall) -> None:
    """An answer has one size, whoever it is about."""
    hall.enrol("rice", hall.issue("rice", BUDI))
    hall.enrol("rice", hall.issue("rice", OLD))
    hall.merge(SARI, OLD)
    answers = [hall.answer("cash", hall.issue("cash", nik)) for nik in (BUDI, SARI, OLD, FIRST)]
    assert len({answer.ByteSize() for answer in answers}) == 1
    assert all(len(answer.contest) == 24 for answer in answers)


def test_looking_is_the_same_work_whoever_is_enrolled(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of names asked for, and of rows opened, depends on the class alone."""
    hall.enrol("rice", hall.issue("rice", BUDI))
    hall.merge(SARI, OLD)
    asked: list[int] = []
    beside = hall.world.log.beside

    def counting(where: Beside, names: Sequence[bytes]) -> dict[bytes, bytes]:
        asked.append(len(names))
        return beside(where, names)

    monkeypatch.setattr(hall.world.log, "beside", counting)
    seen = set()
    for nik in (BUDI, SARI, OLD, FIRST):
        token = hall.issue("cash", nik)
        asked.clear()
        hall.check("cash", token)
        seen.add(tuple(asked))
    assert seen == {
        (1, 1, 8)
    }  # the row of the token, that of the number of now, four slots of two programmes


def test_entries_name_the_resident_and_nothing_else(hall: Hall) -> None:
    """Enrol, Withdraw and a question are an entry each that says which class, and which the resident can be told."""
    rice, cash = hall.issue("rice", BUDI), hall.issue("cash", BUDI)
    before = len(hall.world.log.rows)
    hall.enrol("rice", rice)
    hall.check("cash", cash)
    hall.withdraw("rice", rice)
    entries = [log_entry.decode(row.entry) for row in hall.world.log.rows[before:]]
    assert [entry.kind for entry in entries] == [
        EntryKind.ENROLLED,
        EntryKind.ENROLMENT_CHECKED,
        EntryKind.WITHDRAWN,
    ]
    assert all(entry.texts(Field.DETAIL) == ["class=aid"] for entry in entries)
    assert all(len(entry.fields[Field.SUBJECT]) == 16 for entry in entries)
    assert all(entry.number(Field.RETENTION) and entry.number(Field.SENSITIVITY) for entry in entries)
    assert entries[1].texts(Field.TOKENS) == ["subject=cash-aid@1"]
    assert hall.opened._pending == 0
    assert hall.opened.logged == 2 * 3


def test_many_residents_are_an_entry_each(hall: Hall) -> None:
    """A call with many residents writes one entry a resident, and one more for what it refused."""
    tokens = [hall.issue("rice", nik) for nik in NIKS]
    before = len(hall.world.log.rows)
    hall.enrol("rice", *tokens, b"x")
    rows = hall.world.log.rows[before:]
    assert [row.kind for row in rows] == [EntryKind.ENROLLED] * 7
    assert canonical.encode_list([b"class=aid", b"refused=1"]) in rows[0].entry


def test_rows_under_older_keys_are_found_and_replaced(hall: Hall) -> None:
    """While new keys of sets, of the match domain or of a token domain are taken up, nobody is lost or doubled."""
    rice, cash = hall.issue("rice", BUDI), hall.issue("cash", BUDI)
    hall.enrol("rice", rice)
    for name in (
        Purpose.SET,
        Purpose.MATCH_DOMAIN,
        Purpose.ROW_SEAL,
        TokenDomain("rice"),
        TokenDomain("cash-aid"),
    ):
        hall.world.token_agent.rotate(name, at=datetime.fromtimestamp(hall.world.clocks.wall, tz=UTC))
        hall.world.domains.follow()
        assert hall.check("cash", cash) == "MATCH"
    hall.enrol("rice", rice)
    assert len(hall.members()) == 1
    hall.withdraw("rice", rice)
    assert hall.members() == []


def test_a_list_that_is_empty_or_too_long_is_refused(hall: Hall) -> None:
    """A call takes 1 to 500 residents."""
    for count in (0, 501):
        with pytest.raises(VerifierError, match="1 to 500"):
            hall.withdraw("rice", *([b"x"] * count))


def test_a_question_outruns_no_rate(hall: Hall) -> None:
    """Questions are kept to the agreement's rate, and lists to that of calls about tokens."""
    hall.still = True
    token = hall.issue("rice", BUDI)
    for _ in range(20):
        hall.check("rice", token)
    for _ in range(CALLS_A_SECOND):
        hall.enrol("rice", token)
    with pytest.raises(VerifierError) as caught:
        hall.enrol("rice", token)
    assert caught.value.reason == "RATE_LIMITED"


def test_a_question_that_is_malformed_is_refused(hall: Hall) -> None:
    """Bytes that are no message, and ones with fields of another, are refused and logged."""
    with pytest.raises(VerifierError) as caught:
        hall.desk.check_enrolment(hall.world.call("cash", b"\xff\xff"))
    assert caught.value.reason == "MALFORMED_MESSAGE"
    message = token_pb2.EnrolRequest(circumstances=circumstances(), category="aid")
    with pytest.raises(VerifierError):
        hall.desk.check_enrolment(hall.call("cash", message))
