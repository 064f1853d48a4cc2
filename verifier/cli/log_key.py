"""What is left to do while the log has two keys: the new one is handed out, then the old one is deactivated."""

from __future__ import annotations

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
    """Describe each log key that signs beside the new one: both ids, its end, and the new key's verifier key."""
    primary = ring.keysets[Purpose.LOG_SIGNING].primary if Purpose.LOG_SIGNING in ring.keysets else None
    return [
        {
            "key_id": key.key_id,
            "beside": primary,
            "until": None if (at := cryptoperiod.end(name, key, Use.PROTECT)) is None else moment(at),
            "new_vkey": str(
                VerifierKey(origin_of(ring.realm), Algorithm.LOG, ring.primary(Purpose.LOG_SIGNING).public)
            ),
        }
        for name, key in cryptoperiod.outgoing(ring)
        if name == Purpose.LOG_SIGNING
    ]


def tell(ring: Keyring) -> None:
    """Print it, with what is next; nothing where the log has one key."""
    found = outgoing(ring)
    for each in found:
        typer.echo(
            f"two keys sign: the log-signing key {each['key_id']} beside {each['beside']}, until {each['until']}"
        )
        typer.echo(f"next:     {NEXT.format(old=each['key_id'])}")
    for vkey in dict.fromkeys(each["new_vkey"] for each in found):
        typer.echo(f"new key:  {vkey}")
