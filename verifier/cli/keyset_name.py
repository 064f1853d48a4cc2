"""The argument that names a keyset: a purpose, or "token-domain/DOMAIN"."""

from __future__ import annotations

from typing import Annotated

import typer

from keys.purpose import RULES, KeysetName, parse


def _read(text: str) -> KeysetName:
    try:
        return parse(text)
    except ValueError:
        names = ", ".join(
            f"{purpose}/DOMAIN" if rules.scoped else str(purpose) for purpose, rules in RULES.items()
        )
        raise typer.BadParameter(f"{text}: a key is for one of {names}") from None


PurposeOf = Annotated[
    KeysetName,
    typer.Argument(
        parser=_read,
        metavar="PURPOSE",
        help="What the key is for, as padan-keys status shows it; token-domain/DOMAIN for a domain's tokens.",
        show_default=False,
    ),
]
