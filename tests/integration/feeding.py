"""How the tests of feeds write changes, and what they hold an epoch against."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from keys.signing import Signer
from padan import nik as nik_grammar
from padan.entry import EntryKind, Field, decode
from tests.people import AS_OF, BUDI
from tokenizer.attribute import SLOTS
from tokenizer.record import Record
from verifier.feed import document, following
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.log.open import open_log
from verifier.projector.projection import Projection
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tests.installation import Installation
    from verifier.feed.sync import Summary

SIGNER = Signer(bytes(range(32)))
NEWCOMER = {**BUDI, "NIK": "3273010505209005", "NAMA_LGKP": "WAYAN SUKERTI"}
Row = dict[str, str]
KINDS = ("changed", "deceased", "new", "withdrawn", "nik_changed", "erased")
WEIGHTS = (12, 2, 4, 2, 2, 1)


def feed(
    made: Installation,
    after: int,
    *changes: dict[str, Any],
    source: str = "registry-1",
    as_of: str = "2026-06-02T05:00:00Z",
    signer: Signer = SIGNER,
) -> bytes:
    """Write and sign a file; positions follow each other."""
    head = {
        "format": 1, "use": "feed", "registry_id": made.realm.registry_id, "environment": made.realm.environment,
        "source": source, "after": after, "as_of": as_of,
    }  # fmt: skip
    numbered = [{"position": after + number, **change} for number, change in enumerate(changes, 1)]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (head, *numbered))
    return document.sign(made.realm, body, signer)


def changed(name: str) -> dict[str, Any]:
    """Change a person's name."""
    return {"change": "changed", "row": {**BUDI, "NAMA_LGKP": name}}


def publish(made: Installation, where: str, data: bytes) -> bool:
    """Publish a block to a table or a stream, which is made where there is none."""
    parsed = document.parse(made.realm, data, following.signers_of(made.settings))
    with closing(open_source(where, create=True)) as target:
        return target.publish(parsed, data)


def take_in(made: Installation, where: str, *, begin: bool = False) -> list[Summary]:
    """Take in what a table or a stream has now, and purge whom that erases."""
    with closing(Follower(made.settings, open_source(where), begin=begin)) as follower:
        summaries = list(iter(follower.step, None))
        follower.purge()
    return summaries


def details(made: Installation, kind: EntryKind) -> list[dict[str, str]]:
    """Read the details of the log's entries of a kind."""
    with closing(open_log(made.settings.log_database)) as log:
        found = [decode(row.entry) for row in log.entries(0, 10_000) if row.kind == kind]
    return [dict(text.split("=", 1) for text in entry.texts(Field.DETAIL)) for entry in found]


def people(count: int) -> dict[str, Row]:
    """Make people."""
    days = [(day, month, year) for year in range(60, 99) for month in range(1, 13) for day in range(1, 29)]
    made = {}
    for number, (day, month, year) in enumerate(days[:count]):
        nik = f"327301{day:02}{month:02}{year:02}{9000 + number % 900:04}"
        made[nik] = {
            **BUDI,
            "NIK": nik,
            "NAMA_LGKP": f"BUDI {'ABCDEFGHIJ'[number % 10]}NTO",
            "AGAMA": str(number % 6 + 1),
        }
    return made


def history(
    source: random.Random, held: dict[str, Row], spare: list[str], count: int
) -> list[dict[str, Any]]:
    """Draw changes, and leave in `held` what is true after them."""
    changes: list[dict[str, Any]] = []
    order = sorted(held)
    for number in range(count):
        kind = source.choices(KINDS, WEIGHTS)[0]
        if not spare and kind in {"new", "nik_changed"}:
            kind = "changed"
        at = source.randrange(len(order))
        nik, change = order[at], {"change": kind}
        row = {**held[nik], "NAMA_LGKP": f"{held[nik]['NAMA_LGKP'].split()[0]} K{'AEIOU'[number % 5]}NTO"}
        if kind == "deceased":
            row["STATUS_HIDUP"] = "2"
        elif kind in {"new", "nik_changed"}:
            row["NIK"] = spare.pop(source.randrange(len(spare)))
            order.append(row["NIK"])
        if kind in {"withdrawn", "nik_changed", "erased"}:
            del held[nik]
            if kind == "withdrawn":  # nobody has the others again: a number is a person's for life
                spare.append(nik)
            order[at] = order[-1]
            order.pop()
        if kind in {"withdrawn", "erased"}:
            changes.append(change | {"nik": nik})
            continue
        held[row["NIK"]] = row
        changes.append(change | {"row": row} | ({"was": [nik]} if kind == "nik_changed" else {}))
    return changes


def comparable(installation: Installation, numbers: Sequence[str]) -> dict[str, object]:
    """Read what the epoch in use holds of each number, without what is random in it."""
    agent = installation.agent()
    with closing(agent), closing(open_changer(installation.settings.vault_database)) as vault:
        epoch = vault.epoch()
        projection = Projection.of(agent, epoch=epoch.number, as_of=AS_OF, keys=epoch.key_ids)
        inner, outer = projection.inner, projection.outer
        names = {nik: inner.record_id(nik_grammar.parse(nik, AS_OF)) for nik in numbers}
        boxes = vault.boxes(epoch, [outer.token(r) for r in names.values()])
        found: dict[str, object] = {}
        for nik, r in names.items():
            token = outer.token(r)
            record = Record.unpack(outer.open(token, boxes[token])) if token in boxes else None
            if record is None or record.r != r:
                found[nik] = None
                continue
            exact = [record.exact(slot) for slot in range(SLOTS) if record.holds(slot)]
            found[nik] = (record.presence, exact, record.active, record.handles)
    return found
