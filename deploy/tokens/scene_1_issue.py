"""Four agencies have tokens issued for the people whom they already serve, and forget the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.demo.stage import Clock
from deploy.tokens import lists
from deploy.tokens.tokens import CASH, HEALTH, NUMBERS, RICE, TAX

if TYPE_CHECKING:
    from deploy.tokens.tokens import Tokens

TITLE = "four agencies: tokens for the people whom they serve"


def play(tokens: Tokens) -> None:
    """Have tokens issued for four lists; two lists of tokens have nothing in common."""
    stage = tokens.stage
    for agency, rows in tokens.lists.rows.items():
        lists.write(tokens.folder(agency) / "list.csv", rows, NUMBERS[agency])
    stage.say(
        "The tax office knows every resident by the NIK, beside its own taxpayer number. One call a row, a match each:"
    )
    for agency in (TAX, HEALTH, RICE, CASH):
        _issue(tokens, agency)
    stage.run(TAX, "head -3 tokens.csv")
    stage.say(
        "The numbers are of no use any more. Whoever steals what is left learns nobody's name or number."
    )
    for agency in (TAX, HEALTH, RICE, CASH):
        stage.run(agency, "rm list.csv")
    columns = {agency: {row["token"] for row in tokens.kept(agency)} for agency in (TAX, HEALTH)}
    people = {agency: {person.nik for person in tokens.lists.rows[agency]} for agency in (TAX, HEALTH)}
    stage.say(
        f"Tax office and insurance have {len(people[TAX] & people[HEALTH]):,} people in common, and of their tokens:"
    )
    stage.expect("no value in common", columns[TAX] & columns[HEALTH], set())
    row = tokens.kept(TAX)[0]
    person = tokens.lists.rows[TAX][0]
    stage.say("A taxpayer comes to the desk. From now on the token is asked with, and no number is typed:")
    tokens.verify(
        TAX,
        "visit",
        {"token": row["token"], "claims": {"name": person.name}},
        options=tokens.asking(TAX),
    )


def _issue(tokens: Tokens, agency: str) -> None:
    stage, clock = tokens.stage, Clock()
    number, count = NUMBERS[agency], len(tokens.lists.rows[agency])
    stage.run(agency, "head -2 list.csv")
    stage.run(
        agency,
        f"padan token issue list.csv -o tokens.csv --keep {number} {tokens.asking(agency, 'take-over')}",
        live=True,
    )
    tokens.answered[agency] += count
    kept = tokens.kept(agency)
    stage.expect("a token for every row", sum(bool(row["token"]) for row in kept), count)
    stage.expect("each another one", len({row["token"] for row in kept}), count)
    stage.figure(f"tokens issued to {agency}", f"{count / clock.seconds:,.0f}/s, {count:,} in all")
