"""An exchange between two agencies: tokens of the one become tokens of the other, with a sealed word about each."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from deploy.demo.stage import Clock
from deploy.tokens.tokens import HEALTH, TAX

if TYPE_CHECKING:
    from deploy.tokens.tokens import Tokens

TITLE = "tax office to health insurance: who pays which contribution"
_CLASSES = ("low", "middle", "high")
_CHANCE = 0.1
"""How far two orders may agree, which share nothing: with a thousand rows three times the deviation of chance."""


def play(tokens: Tokens) -> None:
    """Hand in tokens with the income class of each; the insurance joins them to its members, and to nobody else."""
    stage = tokens.stage
    incomes = _write_list(tokens)
    stage.say("The insurance makes a key to which others seal; its public part goes to the tax office once.")
    stage.run(HEALTH, f"padan token keypair -o exchange && cp exchange.pub ../{TAX}/")
    stage.run(TAX, "head -2 incomes.csv")
    clock = Clock()
    stage.run(
        TAX,
        "padan token convert incomes.csv --to health --recipient exchange.pub --columns income -o job.json"
        f" {tokens.asking(TAX, 'exchange')}",
        live=True,
    )
    stage.run(TAX, f"cat job.json && mv job.json ../{HEALTH}/")
    stage.run(
        HEALTH,
        f"padan token collect job.json --private-key exchange.key -o incomes.csv {tokens.asking(HEALTH)}",
        live=True,
    )
    count = len(incomes)
    stage.figure("tokens converted and collected", f"{count / clock.seconds:,.0f}/s, {count:,} in all")
    stage.run(HEALTH, "head -2 incomes.csv")
    _judge(tokens, incomes)


def _write_list(tokens: Tokens) -> dict[str, str]:
    """Write what the tax office knows, and give it by number, which nobody has any more."""
    people = tokens.lists.rows[TAX]
    incomes = {person.nik: _CLASSES[place % 7 % 3] for place, person in enumerate(people)}
    with (
        closing(sqlite3.connect(tokens.folder(TAX) / "tax.db")) as database,
        (tokens.folder(TAX) / "incomes.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        out = csv.writer(file)
        out.writerow(["token", "income"])
        rows = database.execute("SELECT token FROM taxpayers ORDER BY taxpayer")
        for (token,), person in zip(rows, people, strict=True):
            out.writerow([token, incomes[person.nik]])
    return incomes


def _judge(tokens: Tokens, incomes: dict[str, str]) -> None:
    stage = tokens.stage
    members = {
        row["token"]: person.nik
        for row, person in zip(tokens.kept(HEALTH), tokens.lists.rows[HEALTH], strict=True)
    }
    came = tokens.kept(HEALTH, "incomes.csv")
    found = {members[row["token"]]: row["income"] for row in came if row["token"] in members}
    stage.expect("every member's income class is there", found.keys(), set(members.values()))
    stage.expect("and it is the right one", [nik for nik in found if found[nik] != incomes[nik]], [])
    stage.say(
        f"{len(came) - len(found):,} rows are tokens that the insurance has no member for: it cannot tell whose."
    )
    sent = {nik: place for place, nik in enumerate(incomes)}
    orders = [
        (sent[members[row["token"]]], place) for place, row in enumerate(came) if row["token"] in members
    ]
    agreement = _agreement(orders)
    stage.figure("how far the two files' orders agree (0 not at all, 1 wholly)", f"{agreement:.3f}")
    stage.expect("their orders say nothing of each other", agreement < max(_CHANCE, 3 / len(orders) ** 0.5))


def _agreement(orders: list[tuple[int, int]]) -> float:
    """Give the size of the rank correlation of two orders (Spearman 1904)."""
    count = len(orders)
    ranks = [{each: rank for rank, each in enumerate(sorted(side))} for side in zip(*orders, strict=True)]
    apart = sum((ranks[0][one] - ranks[1][two]) ** 2 for one, two in orders)
    return abs(1 - 6 * apart / (count * (count * count - 1)))
