"""A programme ends: its agreement is over, its domain is ended, and what its database holds leads to nobody."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from deploy.demo.installation import AUDITOR, OPERATOR
from deploy.demo.stage import Clock, ExpectationError
from deploy.tokens.tokens import CASH, DOMAINS

if TYPE_CHECKING:
    from deploy.tokens.tokens import Tokens

TITLE = "the cash programme ends: its tokens are shredded where they lie"
_REFUSED = 4
_SECONDS = 120.0
_SIGN = "padan-server agreement sign {0} --key signer.key && padan-server agreement activate {0}"


def play(tokens: Tokens) -> None:
    """End the agreement, then the domain; not even a new agreement brings the old tokens back."""
    stage, person = tokens.stage, tokens.lists.rows[CASH][0]
    question = {"token": tokens.kept(CASH)[0]["token"], "claims": {"name": person.name}}
    tokens.verify(CASH, "before", question, options=tokens.asking(CASH))
    stage.say("The next version of the agreement names no token domain:")
    without = "-e 's/^version = 1/version = 2/' -e '/^token_domain/,$d'"
    stage.run(OPERATOR, f"sed {without} agreements/{CASH}.toml > agreements/{CASH}-2.toml")
    stage.run(OPERATOR, _SIGN.format(f"agreements/{CASH}-2.toml"))
    _wait_for_domains(tokens, [])
    tokens.verify(CASH, "over", question, options=tokens.asking(CASH), code=_REFUSED, refused=True)
    stage.run(OPERATOR, "padan-server token status")
    stage.say("One custodian decides here; several sign a proposal. It cannot be taken back.")
    before = datetime.now(UTC) - timedelta(seconds=2)
    stage.run(OPERATOR, f"padan-keys end-domain {DOMAINS[CASH]} --yes")
    stage.say("A process that held the key may have it in its memory until it ends:")
    tokens.service.stop()
    tokens.service.start()
    stage.say(
        "Its database is sold with an old server. Even to a programme that may use the name again it says nothing:"
    )
    again = "-e 's/^version = 1/version = 3/'"
    stage.run(OPERATOR, f"sed {again} agreements/{CASH}.toml > agreements/{CASH}-3.toml")
    stage.run(OPERATOR, _SIGN.format(f"agreements/{CASH}-3.toml"))
    _wait_for_domains(tokens, [DOMAINS[CASH]])
    tokens.verify(CASH, "after", question, options=tokens.asking(CASH), code=_REFUSED, refused=True)
    stage.say("The log says so, for ever:")
    since = f"--agency {CASH} --from {before:%Y-%m-%dT%H:%M:%S}"
    done = stage.run(AUDITOR, f"padan-audit list {since} --timeout 10 --json | grep DOMAIN_ENDED")
    entries = [json.loads(line) for line in done.out.splitlines()]
    stage.expect("one entry", [entry["kind"] for entry in entries], ["TOKEN_DOMAIN_ENDED"])


def _wait_for_domains(tokens: Tokens, names: list[str]) -> None:
    """Wait until the service has followed the agreement, as its caller sees."""
    clock = Clock()
    while clock.seconds < _SECONDS:
        told = json.loads(tokens.printed(CASH, "padan info --json --timeout 10") or "{}")
        if [domain["name"] for domain in told.get("token_domains", ({"name": ""},))] == names:
            return
        time.sleep(0.5)
    raise ExpectationError("the service did not follow the agreement")
