"""A custodian is lost: the others hand the keyring on to a newcomer, and the old shares open nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.custody.custody import make_home
from deploy.demo.installation import OPERATOR

if TYPE_CHECKING:
    from deploy.custody.custody import Custody

TITLE = "a custodian is lost, and replaced"
LOST, NEWCOMER = "dewi", "fajar"
_REFUSED = 4


def play(custody: Custody) -> None:
    """Let the others and the newcomer agree, deal anew, and try the old share."""
    stage = custody.stage
    make_home(stage, NEWCOMER, custody.port)
    stage.run(NEWCOMER, "padan-keys roster join fajar --passphrase-file phrase")
    stage.run(NEWCOMER, "cp fajar.card.json ../ani/")
    stay = [name for name in custody.names if name != LOST]
    named = " ".join(f"--custodian {name}" for name in stay)
    custody.agree(
        f"roster --threshold 3 {named} --custodian {NEWCOMER}={NEWCOMER}.card.json",
        "roster.json",
        *("ani", "budi", "cici", NEWCOMER),
    )
    stage.say(
        "Three of the old ones open the keyring, and three of the new ones prove their shares before it is written."
    )
    custody.sit_down(("ani", "budi", "cici", NEWCOMER), "padan-keys execute roster.json", joins=(NEWCOMER,))
    custody.names = (*stay, NEWCOMER)
    old = custody.generation
    custody.get_up(dealt=True)
    stage.run(OPERATOR, "padan-keys custodians")
    stage.say(f"Whoever finds {LOST}'s stick, passphrase and certificate:")
    custody.unseal(LOST, generation=old, code=_REFUSED)
    stage.run(OPERATOR, f"padan-server agency revoke {LOST} --role custodian")
    for name in ("ani", "eko", NEWCOMER):
        custody.unseal(name)
    stage.expect("the running agent has the keyring of now", not custody.standing("eko")["behind"])
