"""How the tests of checks make sources, changes and damage."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from keys.agent import LocalKeyAgent
from keys.realm import Realm
from padan import nik as nik_grammar
from tests.integration.feeding import SIGNER
from tests.integration.loading import AS_OF, assert_no_canary, install
from verifier import config
from verifier.agreement import signkey
from verifier.consistency.check import Check
from verifier.consistency.order import Order
from verifier.feed import document
from verifier.feed.following import follow
from verifier.projector.columns import COLUMNS
from verifier.projector.progress import Silence
from verifier.projector.projection import Projection
from verifier.synthetic import output
from verifier.vault.open import open_rows
from verifier.vault.rowfile import HEAD, MIDDLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verifier.config import Settings
    from verifier.consistency.report import Report
    from verifier.synthetic.member import Row

Listed = list[tuple[int, str, str]]
"""Row, field and rule."""


def trusting(folder: Path, keyring: Path, url: str = "") -> Settings:
    """Make an installation that trusts the registry's key."""
    install(folder, keyring, url)
    with (folder / "padan.toml").open("a") as file:
        file.write(f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n')
    return config.load(folder / "padan.toml")


def write(path: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = COLUMNS) -> Path:
    """Write a source."""
    output.write(path, columns, rows)
    return path


def check(settings: Settings, source: Path | str, **changes: object) -> Report:
    """Check in small chunks."""
    order = Order(source=str(source), as_of=AS_OF, workers=1, chunk_rows=128)
    return Check(settings, replace(order, **changes), Silence()).run()  # type: ignore[arg-type]  # names as in Order


def listed(report: Report) -> Listed:
    """Read the list of rows."""
    with Path(report.rows_file).open(newline="") as file:
        return [(int(row["row"]), row["field"], row["rule"]) for row in csv.DictReader(file)]


def changed(rows: list[Row], number: int, field: str, value: str) -> None:
    """Change a field of a row, 1 for the first."""
    rows[number - 1] = [
        value if name == field else old for name, old in zip(COLUMNS, rows[number - 1], strict=True)
    ]


def assert_no_canary_but(settings: Settings, source: Path, *texts: str) -> None:
    """Search everything but the source for values of people."""
    source.unlink()
    assert_no_canary(settings, *texts)


def damage(settings: Settings, nik: str) -> None:
    """Flip a bit in the box of a person, behind everybody's back."""
    with closing(LocalKeyAgent.unlock(settings.keyring, settings.kek)) as agent:
        with closing(open_rows(settings.vault_database)) as vault:
            keys = vault.epoch().key_ids
        projection = Projection.of(agent, epoch=1, as_of=AS_OF, keys=keys)
        token = projection.outer.token(projection.inner.record_id(nik_grammar.parse(nik, AS_OF)))
    if settings.vault_database.startswith("postgresql"):
        with psycopg.connect(settings.vault_database) as connection:
            connection.execute(
                "UPDATE epoch_000001 SET box = set_byte(box, 500, get_byte(box, 500) # 1) WHERE token = %s::uuid",
                (token.hex(),),
            )
        return
    head = int.from_bytes(token[:HEAD], "big") - MIDDLE
    with closing(sqlite3.connect(Path(settings.vault_database) / "epoch-000001.sqlite")) as connection:
        (value,) = connection.execute("SELECT rest FROM person WHERE head = ?", (head,)).fetchone()
        broken = value[:500] + bytes([value[500] ^ 1]) + value[501:]
        connection.execute("UPDATE person SET rest = ? WHERE head = ?", (broken, head))
        connection.commit()


def feed(settings: Settings, *changes: Mapping[str, object]) -> None:
    """Sign and apply changes at positions 1, 2, and so on."""
    realm = Realm(registry_id=settings.registry_id, environment=settings.environment)
    head = {
        "format": 1, "use": "feed", "registry_id": realm.registry_id, "environment": realm.environment,
        "source": "registry-1", "after": 0, "as_of": "2026-06-02T05:00:00Z",
    }  # fmt: skip
    lines = [head, *({"position": number, **change} for number, change in enumerate(changes, 1))]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    follow(settings, "f", document.sign(realm, body, SIGNER))
