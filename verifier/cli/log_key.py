"""What is left to do while the log has two keys: the new one is handed out, then the old one is deactivated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from keys import cryptoperiod
from keys.cryptoperiod import Use
from keys.purpose import Purpose
from keys.ringformat import moment
from padan.tlog.note import Algorithm, VerifierKey
from verifier.tree.signing import origin_of

if TYPE_CHECKING:
    from keys.keyset import Keyring

NEXT: Final = (
    "once every witness, auditor and agency has the new key: padan-keys deactivate log-signing {old}"
)
"""The step that ends it; docs/operate.md says how they get the key."""


def outgoing(ring: Keyring) -> list[dict[str, Any]]:
    """Describe each log key that stands beside the new one: both ids, its end, and the new key's verifier key."""
    old = [key for name, key in cryptoperiod.outgoing(ring) if name == Purpose.LOG_SIGNING]
    if not old:
        return []
    new, now = ring.primary(Purpose.LOG_SIGNING), datetime.now(UTC)
    vkey = str(VerifierKey(origin_of(ring.realm), Algorithm.LOG, new.public))
    return [
        {
            "key_id": key.key_id,
            "beside": new.key_id,
            "signs": cryptoperiod.may_protect(Purpose.LOG_SIGNING, key, now=now),
            "until": None
            if (at := cryptoperiod.end(Purpose.LOG_SIGNING, key, Use.PROTECT)) is None
            else moment(at),
            "new_vkey": vkey,
        }
        for key in old
    ]


def tell(ring: Keyring) -> None:
    """Print it, with what is next; nothing where the log has one key."""
    found = outgoing(ring)
    for each in found:
        key, new, until = each["key_id"], each["beside"], each["until"]
        typer.echo(
            f"two keys sign: the log-signing key {key} beside {new}, until {until}"
            if each["signs"]
            else f"the log-signing key {key} signed beside {new} until {until}, and signs no more"
        )
        typer.echo(f"next:     {NEXT.format(old=key)}")
    if found:
        typer.echo(f"new key:  {found[0]['new_vkey']}")
