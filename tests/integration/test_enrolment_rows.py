"""Members of enrolment sets beside the log, on each engine: they follow erasure and new keys, and none is lost."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select

from padan.group import base, random_scalar
from tests.integration import tokens
from tests.integration.feeding import feed, people
from tests.integration.projecting import mark
from tests.integration.test_token_rekey import rekey
from tests.integration.tokens import DOMAIN, made
from tests.simulator.hall import classes
from tests.terms import Terms
from tokenizer.record import Handles
from verifier import schema
from verifier.directory import Directory
from verifier.feed.following import follow
from verifier.leader import Mandate
from verifier.log.beside import Beside, How, Kept
from verifier.log.open import open_log
from verifier.resident.mark import Mark
from verifier.token import asked, members
from verifier.token.asked import AskedKeeping, Asking
from verifier.token.residents import SLOTS, Resident
from verifier.token.rowtable import PAGE, RowTable
from verifier.token.tables import TOKEN_PURPOSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

    from tests.installation import Installation
    from tests.integration.tokens import Desk

__all__ = ["made"]
AID = {"category": "aid", "domain": DOMAIN}
DAY = dt.date(2026, 11, 1)


def resident(desk: Desk, token: bytes) -> Resident:
    """Make the resident of a token, who has one number."""
    keys = desk.domains.current()
    domain = keys.domain(DOMAIN)
    element = domain.matched(domain.read(token, now=0), keys.match)
    absent = [base(random_scalar()) for _ in range(SLOTS - 1)]
    handles = Handles(log=bytes(16), budget_subject=bytes(16), budget_prefix=bytes(16))
    return Resident(label="", slots=(element, *absent), is_known=True, is_held=True, handles=handles, marks=0)


def keep(desk: Desk, rows: Sequence[Kept]) -> None:
    """Write rows in a commit."""
    with desk.log.transaction() as transaction:
        transaction.keep(rows)
        transaction.write({}, 0, [], [])


def enrol(desk: Desk, *given: bytes) -> None:
    """Enrol residents."""
    for token in given:
        keep(
            desk,
            members.enrol(desk.domains.current(), resident(desk, token), **AID, first=0, last=2**32 - 1),
        )


def enrolled(made: Installation, *given: bytes) -> list[bool]:
    """Say who is enrolled, as a process that begins now sees it."""
    with tokens.desk(made) as desk:
        return members.are_enrolled(
            desk.log,
            desk.domains.current(),
            [resident(desk, token) for token in given],
            category="aid",
            domains=[DOMAIN],
            day=20_000,
        )


def agree(made: Installation) -> None:
    """Let the agency enrol."""
    made.agree(
        "tax",
        Terms(
            version=2,
            token_domain=DOMAIN,
            enrolments=classes(("aid", "enrol", "none"), ("b", "both", "none")),
        ),
    )


@contextmanager
def table(made: Installation, where: Beside = Beside.ENROLMENT) -> Iterator[RowTable]:
    """Open a table."""
    with closing(Directory(made.settings.log_database)) as directory:
        yield RowTable(directory, where)


def test_a_feed_erases_enrolments(made: Installation) -> None:
    """What stood under an erased number, or under one that became it, goes; what others have stays."""
    agree(made)
    first, second, third = list(people(3))
    with tokens.desk(made) as desk:
        given = desk.issue(first, second, third)
        enrol(desk, *given)
    merged = {"change": "merged", "row": people(1)[first], "also": [second]}
    follow(made.settings, "changes", feed(made, 0, merged))
    assert enrolled(made, *given) == [True, True, True]
    follow(made.settings, "changes", feed(made, 1, {"change": "erased", "nik": first}))
    assert enrolled(made, *given) == [False, False, True]
    with table(made) as rows:
        assert rows.count() == 1


def test_officers_erase_enrolments(made: Installation) -> None:
    """The purge finds an erased resident's enrolments by opening them all, whatever class they are of."""
    first, second, third = list(people(3))
    with tokens.desk(made) as desk:
        given = desk.issue(first, second, third)
        enrol(desk, *given)
    merged = {"change": "merged", "row": people(1)[first], "also": [second]}
    follow(made.settings, "changes", feed(made, 0, merged))
    mark(made, {first: Mark.ERASED})
    assert enrolled(made, *given) == [False, False, True]
    with table(made) as rows:
        assert rows.count() == 1


def test_enrolments_move_to_new_keys(made: Installation) -> None:
    """Rows under older keys are found, and moved by `token rekey`; those written meanwhile stand."""
    first, second = list(people(2))
    with tokens.desk(made) as desk:
        given = desk.issue(first, second)
        enrol(desk, given[0])
    tokens.succeed(made, *TOKEN_PURPOSES)
    assert enrolled(made, *given) == [True, False]
    with tokens.desk(made) as desk:
        enrol(desk, *given)
    rekey(made)
    assert enrolled(made, *given) == [True, True]
    with table(made) as rows:
        assert len(rows.by_keys()) == 1
        assert rows.count() == 2


def test_a_row_that_is_withdrawn_while_it_moves_is_gone(made: Installation) -> None:
    """A commit that deletes a row waits for the end of what just moves it, and then finds it under its new name."""
    (number,) = people(1)
    with tokens.desk(made) as desk:
        (token,) = desk.issue(number)
        enrol(desk, token)
    tokens.succeed(made, *TOKEN_PURPOSES)
    with tokens.desk(made) as desk, table(made) as rows:
        keys = desk.domains.current()
        gone = members.withdraw(keys, resident(desk, token), **AID)
        withdrawing = threading.Thread(target=keep, args=(desk, gone))
        ((old, box),) = next(rows.pages())
        with rows.changing() as change:
            withdrawing.start()
            withdrawing.join(0.5)
            assert withdrawing.is_alive(), "it has not waited"
            change.write(put=[keys.enrolments.seal(keys.enrolments.open(old, box))], drop=[old])
        withdrawing.join(10)
        assert rows.count() == 0


def _asked(made: Installation, *askings: tuple[Asking, int]) -> None:
    with closing(open_log(made.settings.log_database)) as log, log.transaction() as transaction:
        transaction.keep([asking.kept(count) for asking, count in askings])
        transaction.write({}, 0, [], [])


def test_questions_are_added_up_and_forgotten(made: Installation) -> None:
    """Each question has a row until it is added to its day's; what is told is the same before and after."""
    day, old = DAY.toordinal(), DAY.toordinal() - 40
    one, two, other = (
        Asking(day, "aid", "cash", "x"),
        Asking(day, "aid", "rice", "x"),
        Asking(old, "b", "cash", "y"),
    )
    _asked(made, (one, 1), (one, 1), (two, 1), (other, 5))
    with closing(Directory(made.settings.log_database)) as directory:

        def told() -> dict[Asking, int]:
            span = {"first": DAY - dt.timedelta(days=50), "last": DAY}
            return {
                each.by: each.questions for each in asked.read(directory, categories=["aid", "b"], **span)
            }

        with directory.reading() as connection:
            term = connection.execute(select(schema.leader.c.term)).scalar_one()
        keeping = AskedKeeping(directory, days=41, today=lambda: DAY)
        expected = {one: 2, two: 1, other: 5}
        assert told() == expected
        keeping.turn(Mandate(term=term))
        assert told() == expected
        assert RowTable(directory, Beside.ASKED).count() == 3
        _asked(made, (one, 1), (other, 1))
        keeping.turn(Mandate(term=term))
        assert told() == {one: 3, two: 1, other: 6}
        assert RowTable(directory, Beside.ASKED).count() == 3
        keeping = AskedKeeping(directory, days=39, today=lambda: DAY)
        keeping.turn(Mandate(term=term))
        assert told() == {one: 3, two: 1}
        assert [each.by for each in asked.read(directory, categories=["b"], first=DAY, last=DAY)] == []


def test_a_question_is_added_up_whatever_comes_before_it(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn goes on where the one before had to end, though the first names have something new every time."""
    sums = [Asking(DAY.toordinal(), "aid", "cash", f"x{number}") for number in range(3 * PAGE)]
    last = b"\xff" * 16
    monkeypatch.setattr(asked, "_PAGES", 1)
    with closing(Directory(made.settings.log_database)) as directory:
        with directory.reading() as connection:
            mandate = Mandate(term=connection.execute(select(schema.leader.c.term)).scalar_one())
        keeping, rows = AskedKeeping(directory, days=41, today=lambda: DAY), RowTable(directory, Beside.ASKED)
        with rows.changing() as change:
            change.write(put=[*((each.name, each.box(1)) for each in sums), (last, sums[0].box(1))])
        for turn in range(3):
            with rows.changing() as change:
                change.write(put=[(turn.to_bytes(16, "big"), sums[1].box(1))])
            keeping.turn(mandate)
        assert last not in rows.read([last])
        told = asked.read(directory, categories=["aid"], first=DAY, last=DAY)
        assert {each.by: each.questions for each in told} == dict.fromkeys(sums, 1) | {sums[0]: 2, sums[1]: 4}


def test_a_commit_writes_what_it_deletes_and_puts(made: Installation) -> None:
    """Rows of one commit are deleted, replaced and added, more of them than one statement takes."""
    names = [number.to_bytes(16, "big") for number in range(450)]

    def rows(how: How, box: bytes = b"") -> list[Kept]:
        return [Kept(beside=Beside.ENROLMENT, how=how, name=name, box=box) for name in names]

    with tokens.desk(made) as desk, table(made) as stored:
        keep(desk, rows(How.ADD, b"one"))
        keep(desk, rows(How.ADD, b"two"))
        assert desk.log.beside(Beside.ENROLMENT, names[:2]) == dict.fromkeys(names[:2], b"one")
        keep(desk, rows(How.PUT, b"two"))
        assert desk.log.beside(Beside.ENROLMENT, names[:2]) == dict.fromkeys(names[:2], b"two")
        keep(desk, rows(How.DELETE)[:-1])
        assert stored.count() == 1
