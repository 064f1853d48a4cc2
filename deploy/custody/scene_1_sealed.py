"""A sealed start: too few custodians, a wrong share, enough; one comes with the sheet instead of the stick."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deploy.demo import installation
from deploy.demo.installation import OPERATOR
from deploy.demo.stage import Clock, ExpectationError

if TYPE_CHECKING:
    from deploy.custody.custody import Custody

TITLE = "a sealed start: the service waits for three of five"
_REFUSED = 4
_SECONDS = 60.0


def play(custody: Custody) -> None:
    """Start sealed, unseal, load the people, answer."""
    stage = custody.stage
    custody.service.launch()
    _wait_until_sealed(custody)
    custody.unseal("ani")
    stage.say(
        "Budi's stick is lost. The sheet is typed in; every line is checked, and the passphrase is another thing."
    )
    stage.run("budi", "rm budi.key.json budi.1.share.json && cp ../operator/custody/quorum.json .")
    stage.run("budi", "grep -E '^ *[0-9]+  ' sheet.txt | sed 's/^ *[0-9]*  //' > typed")
    stage.run("budi", "padan-keys paper read quorum.json --from typed")
    custody.unseal("budi")
    stage.say("Dewi's certificate with eko's share is refused, and the answer names whose it was not:")
    stage.run("dewi", "mkdir wrong && cp ../eko/eko.key.json ../eko/eko.1.share.json ../eko/phrase wrong/")
    stage.run(
        "dewi",
        f"padan-keys unseal --address {custody.listener} --ca ca.pem --cert agency.pem --key agency.key"
        " --keys wrong/eko.key.json --share wrong/eko.1.share.json --passphrase-file wrong/phrase",
        code=_REFUSED,
    )
    stage.run("dewi", "rm -r wrong")
    found = custody.standing("cici")
    stage.expect("still sealed, with two here", (found["sealed"], found["present"]), (True, ["ani", "budi"]))
    custody.unseal("cici")
    stage.expect("open now", not custody.standing("cici")["sealed"])
    stage.heading("the people, loaded with keys that the running agent lends")
    installation.take_in(stage, people=custody.population)
    custody.service.wait_for(1)
    stage.run(OPERATOR, "padan-server status")


def _wait_until_sealed(custody: Custody) -> None:
    """Wait until the agent says what it waits for."""
    clock = Clock()
    while clock.seconds < _SECONDS:
        for message in custody.service.messages():
            if "not ready" in str(message.get("event")):
                custody.stage.show(f"{message['event']}: {message['reason']}")
                return
        time.sleep(0.2)
    raise ExpectationError("the key agent did not say that it is sealed")
