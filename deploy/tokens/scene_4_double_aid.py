"""Aid that is given twice: one programme enrols, the other asks, and learns one bit about whom it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.demo.stage import Clock
from deploy.tokens.tokens import CASH, NUMBERS, RICE

if TYPE_CHECKING:
    from deploy.tokens.tokens import Tokens

TITLE = "two aid programmes: is rice given to this family already?"
_CLASS = "rice"
_NO_MATCH = 1


def play(tokens: Tokens) -> None:
    """Enrol one list, ask about the other: the doubles that are planted are found, and nobody else."""
    stage, cash = tokens.stage, tokens.kept(CASH)
    count, clock = len(tokens.kept(RICE)), Clock()
    stage.say("The rice programme says who is enrolled, by its own tokens; nobody else reaches what it says.")
    stage.run(
        RICE, f"padan enrolment enrol --class {_CLASS} --list tokens.csv {tokens.asking(RICE)}", live=True
    )
    stage.figure("residents enrolled", f"{count / clock.seconds:,.0f}/s, {count:,} in all")
    stage.say("Somebody applies for cash. One bit, not from whom they receive, nor since when:")
    asking = f"--class {_CLASS} {tokens.asking(CASH)}"
    stage.run(CASH, f"padan enrolment check {cash[-1]['token']} {asking}")
    stage.run(CASH, f"padan enrolment check {cash[0]['token']} {asking}", code=_NO_MATCH)
    stage.say(
        "And the whole list; both agreements grant a verdict for each row, else there would be a count, with noise."
    )
    clock = Clock()
    stage.run(CASH, f"padan token overlap tokens.csv -o doubles.csv {asking}", live=True)
    stage.figure("rows of a list answered", f"{len(cash) / clock.seconds:,.0f}/s, {len(cash):,} in all")
    stage.run(CASH, "tail -2 doubles.csv")
    _judge(tokens)
    stage.say("The rice programme sees that it was asked, by whom and how often; never about whom:")
    stage.run(RICE, f"padan enrolment questions --class {_CLASS} {tokens.asking(RICE)}")


def _judge(tokens: Tokens) -> None:
    number = NUMBERS[CASH]
    accounts = {
        row[number]: person.nik
        for row, person in zip(tokens.kept(CASH), tokens.lists.rows[CASH], strict=True)
    }
    verdicts = tokens.kept(CASH, "doubles.csv")
    found = {
        accounts[kept[number]]
        for kept, row in zip(tokens.kept(CASH), verdicts, strict=True)
        if row["outcome"] == "MATCH"
    }
    planted = tokens.lists.doubles
    tokens.stage.expect(f"the {len(planted):,} doubles that were planted are found", planted - found, set())
    tokens.stage.expect("and nobody else", found - planted, set())
