"""A domain's key is replaced: old tokens go on, the agency's own table is moved in place, and then the old key ends."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from deploy.demo.installation import OPERATOR
from deploy.demo.stage import Clock
from deploy.tokens.tokens import DOMAINS, NUMBERS, TAX

if TYPE_CHECKING:
    from deploy.tokens.tokens import Tokens

TITLE = "a new key for the tax office: its tokens follow, in place"
_REFUSED = 4
_TABLE = "taxpayers"
_CREATE = "CREATE TABLE taxpayers (taxpayer TEXT PRIMARY KEY, token TEXT UNIQUE NOT NULL)"


def play(tokens: Tokens) -> None:
    """Replace the key, move the agency's table, and end the old key."""
    stage, number = tokens.stage, NUMBERS[TAX]
    old = tokens.kept(TAX)
    stage.say("The tax office keeps its tokens in a table of its own database, which its programs use.")
    with closing(sqlite3.connect(tokens.folder(TAX) / "tax.db")) as database, database:
        database.execute(_CREATE)
        database.executemany(
            "INSERT INTO taxpayers VALUES (?, ?)", [(row[number], row["token"]) for row in old]
        )
    stage.run(OPERATOR, f"padan-keys rotate token-domain/{DOMAINS[TAX]}")
    tokens.wait_for_versions(TAX, 2, 1)
    stage.say("Nothing breaks: a token of the version before is taken as before, for a time of grace.")
    question = {"token": old[1]["token"], "claims": {"name": tokens.lists.rows[TAX][1].name}}
    tokens.verify(TAX, "old", question, options=tokens.asking(TAX))
    stage.say(
        "The office moves its table in its own time: 500 rows a call, and each call brings a proof that the new tokens"
        " are the same residents', which is checked before anything is written."
    )
    clock = Clock()
    line = f"padan token update --database sqlite:///tax.db --table {_TABLE}"
    stage.run(TAX, f"{line} {tokens.asking(TAX, 'mover')}", live=True)
    stage.figure("tokens moved, with proof", f"{len(old) / clock.seconds:,.0f}/s, {len(old):,} in all")
    _compare(tokens, {row[number]: row["token"] for row in old})
    stage.say("Custodians see how far the office is, before they destroy the old key:")
    stage.run(OPERATOR, "padan-server token progress")
    stage.run(OPERATOR, f"padan-keys destroy token-domain/{DOMAINS[TAX]} {tokens.keys(TAX)[0]} --yes")
    tokens.wait_for_versions(TAX, 2)
    stage.say("Whoever stole the old table has nothing:")
    tokens.verify(TAX, "old", question, options=tokens.asking(TAX), code=_REFUSED, refused=True)
    stage.run(TAX, f"{line} --finish")


def _compare(tokens: Tokens, old: dict[str, str]) -> None:
    """Hold the table against what it was: the same rows, every token another one, none twice."""
    stage = tokens.stage
    with closing(sqlite3.connect(tokens.folder(TAX) / "tax.db")) as database:
        new = dict(database.execute("SELECT taxpayer, token FROM taxpayers").fetchall())
    stage.expect("the same rows", new.keys(), old.keys())
    stage.expect("every token is another one", sum(new[each] != old[each] for each in old), len(old))
    stage.expect("each once", len(set(new.values())), len(old))
    place = sorted(new)[2]
    stage.say("A taxpayer comes; the token of the row answers for the same resident:")
    tokens.verify(
        TAX,
        "new",
        {"token": new[place], "claims": {"name": tokens.lists.rows[TAX][2].name}},
        options=tokens.asking(TAX),
    )
