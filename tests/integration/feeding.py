"""How the tests of feeds write changes, and what they hold an epoch against."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

from keys.provider import open_provider
from keys.signing import Signer
from padan import nik as nik_grammar
from padan.entry import EntryKind, Field, decode
from tests.installation import install
from tests.people import AS_OF, BUDI
from tokenizer import record as layout
from tokenizer.attribute import SLOTS, TEXT_ATTRIBUTES, Attribute
from tokenizer.dates import LEVELS
from tokenizer.record import Record
from tokenizer.suite import SUITE
from verifier.agreement import signkey
from verifier.consistency.check import Check
from verifier.consistency.order import Order
from verifier.feed import document, following
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.log.open import open_log
from verifier.projector.columns import COLUMNS
from verifier.projector.progress import Silence
from verifier.projector.projection import Projection
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keys.provider import KekProvider
    from keys.realm import Realm
    from tests.installation import Installation
    from verifier.config import Settings
    from verifier.consistency.report import Report
    from verifier.feed.sync import Summary

SIGNER = Signer(bytes(range(32)))
SIGNED = f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n'
"""A line of the settings: whose feed is trusted."""
NEWCOMER = {**BUDI, "NIK": "3273010505209005", "NAMA_LGKP": "WAYAN SUKERTI"}
Row = dict[str, str]
WEIGHTS = {
    "changed": 10, "moved": 3, "deceased": 2, "new": 4, "withdrawn": 2, "nik_changed": 2, "merged": 2, "parted": 2,
    "erased": 1,
}  # fmt: skip
"""How often something happens; who is parted from a number that was merged is changed, and so is whose it was."""


def twin(made: Installation, folder: Path, url: str = "") -> Installation:
    """Make an installation without people under the same keys, so that their records can be compared."""

    def same(settings: Settings, _realm: Realm) -> KekProvider:
        for kept in (made.root / "kek.json", *made.root.glob("keyring.*")):
            shutil.copy(kept, folder)
        return open_provider(settings.kek)

    return install(
        folder, agencies={}, people=(), log_url=url, vault_url=url, extra=SIGNED, make_keyring=same
    )


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


def take_in(
    made: Installation, where: str, *, begin: bool = False, holds: Mapping[str, int] | None = None
) -> list[Summary]:
    """Take in what a table or a stream has now, and purge whom that erases."""
    source = open_source(where)
    with closing(Follower(made.settings, source, begin=begin, holds=holds or {})) as follower:
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


class History:
    """Draws what happens to a registry's people.

    Args:
        source: of chance.
        held: who is held, by number; what is true after the changes is left in it.
        spare: numbers that nobody has.
        also: numbers that were merged into people, by the people's own; left as it is then. None: nobody is merged.
    """

    def __init__(
        self, source: random.Random, held: dict[str, Row], spare: list[str], also: dict[str, list[str]] | None
    ) -> None:
        self._source, self._held, self._spare = source, held, spare
        self._also: dict[str, list[str]] = {} if also is None else also
        self._order = sorted(held)
        self._drawn = 0
        never = {"merged", "parted"} if also is None else set[str]()
        self._weights = [0 if kind in never else weight for kind, weight in WEIGHTS.items()]

    def draw(self, most: int) -> list[dict[str, Any]]:
        """Draw what happens next, as so many changes at most."""
        kind = self._source.choices([*WEIGHTS], self._weights)[0]
        at = self._source.randrange(len(self._order))
        nik = self._order[at]
        others = self._also.get(nik, [])
        self._drawn += 1
        if kind == "withdrawn" and len(others) < most:
            self._lose(at)
            self._spare.append(nik)  # nobody has the others again: a number is a person's for life
            return [{"change": kind, "nik": each} for each in (nik, *self._also.pop(nik, []))]
        if kind == "erased":
            self._lose(at)
            self._also.pop(nik, None)
            return [{"change": kind, "nik": nik} | ({"also": others} if others else {})]
        if kind == "merged" and len(self._order) > 1:
            return [self._merge(at)]
        if kind == "parted" and others and most > 1:
            return self._part(nik)
        if kind in {"new", "nik_changed"} and self._spare:
            return [self._appear(kind, at)]
        return [self._change(kind if kind in {"deceased", "moved"} else "changed", nik)]

    def _change(self, kind: str, nik: str, own: str = "", **more: list[str]) -> dict[str, Any]:
        """Write down what is true of somebody from now on."""
        was, turn = self._held[nik], self._drawn
        row = {
            **was,
            "NIK": own or nik,
            "NAMA_LGKP": f"{was['NAMA_LGKP'].split()[0]} K{'AEIOU'[turn % 5]}NTO",
        }
        if kind == "deceased":
            row["STATUS_HIDUP"] = "2"
        elif kind == "moved":
            row |= {
                "ALAMAT": f"JL. MAWAR NO. {turn % 89}",
                "NO_KEC": str(turn % 9 + 1),
                "NO_RW": str(turn % 7 + 1),
            }
        others = self._also.get(row["NIK"], [])
        self._held[row["NIK"]] = row
        return {"change": kind, "row": row, **more} | ({"also": list(others)} if others else {})

    def _appear(self, kind: str, at: int) -> dict[str, Any]:
        """Give a spare number to a newcomer, or in the place of the one that somebody had."""
        nik, own = self._order[at], self._spare.pop(self._source.randrange(len(self._spare)))
        if kind == "new":
            self._order.append(own)
            return self._change(kind, nik, own)
        self._order[at] = own
        if nik in self._also:
            self._also[own] = self._also.pop(nik)
        change = self._change(kind, nik, own, was=[nik])
        del self._held[nik]
        return change

    def _merge(self, at: int) -> dict[str, Any]:
        """Let somebody be somebody else."""
        nik = self._order[at]
        other = self._source.choice([*self._order[:at][-9:], *self._order[at + 1 :][:9]])
        joined = [*self._also.get(nik, []), other, *self._also.get(other, [])]
        if len(joined) > document.MAX_ALIASES:
            return self._change("changed", nik)
        self._also.pop(other, None)
        self._lose(self._order.index(other))
        self._also[nik] = joined
        return self._change("merged", nik)

    def _part(self, nik: str) -> list[dict[str, Any]]:
        """Let somebody who was merged by mistake be somebody of their own again."""
        other = self._also[nik].pop()
        self._order.append(other)
        return [self._change("changed", nik, other), self._change("changed", nik)]

    def _lose(self, at: int) -> None:
        del self._held[self._order[at]]
        self._order[at] = self._order[-1]
        self._order.pop()


def history(
    source: random.Random,
    held: dict[str, Row],
    spare: list[str],
    count: int,
    also: dict[str, list[str]] | None = None,
) -> list[dict[str, Any]]:
    """Draw changes; see `History`."""
    drawing = History(source, held, spare, also)
    changes: list[dict[str, Any]] = []
    while len(changes) < count:
        changes += drawing.draw(count - len(changes))
    return changes


def numbers_of(change: dict[str, Any]) -> set[str]:
    """List the numbers that a change names."""
    own = change["row"]["NIK"] if "row" in change else change["nik"]
    return {own, *change.get("also", ()), *change.get("was", ())}


def shuffled(source: random.Random, changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shuffle changes across people: of those that name a number, each stays behind the one before it."""
    last: dict[str, int] = {}
    after: list[list[int]] = [[] for _ in changes]
    missing = [0] * len(changes)
    for at, change in enumerate(changes):
        before = {last[nik] for nik in numbers_of(change) if nik in last}
        missing[at] = len(before)
        for each in before:
            after[each].append(at)
        last |= dict.fromkeys(numbers_of(change), at)
    ready = [at for at, count in enumerate(missing) if not count]
    order: list[dict[str, Any]] = []
    while ready:
        place = source.randrange(len(ready))
        ready[place], ready[-1] = ready[-1], ready[place]
        at = ready.pop()
        order.append(changes[at])
        for each in after[at]:
            missing[each] -= 1
            if not missing[each]:
                ready.append(each)
    return order


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
            found[nik] = (record.presence, exact, record.active, record.handles, keyed(record))
    return found


def keyed(record: Record) -> list[bytes]:
    """List what a record holds besides exact tokens: tolerant forms, guards, filters, and prefixes of the birth day."""
    texts = [text for text in TEXT_ATTRIBUTES if record.holds(text - 1)]
    places = (layout.TOLERANT_AT, layout.GUARD_AT, layout.JOINED_AT)
    values = [record.at(at[text]) for text in texts for at in places if text in at]
    values += [
        record.at(layout.COUNT_AT[text], layout.COUNT_SIZE) for text in texts if text in layout.COUNT_AT
    ]
    values += [record.at(layout.FILTER_AT[text], SUITE.filters[text].size) for text in texts]
    if record.holds(Attribute.BIRTH_DATE - 1):
        values += [record.dyadic(level) for level in range(LEVELS)]
    return values


def checked(made: Installation, held: Mapping[str, Row]) -> Report:
    """Hold the epoch in use against the registry's people, as `registry check` does."""
    path = made.root / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(held.values())
    return Check(made.settings, Order(source=str(path), as_of=AS_OF), Silence()).run()
