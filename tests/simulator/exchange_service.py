"""A service that takes parts and gives pages as it is told, and lists for it: for tests of both agencies' commands."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from padan.conversion import Carried, Collect, HandedIn, HandIn, Page
from padan.converting import collect, convert
from padan.converting.shipment import Columns
from padan.issuing.run import Terms
from padan.sealing import Recipient
from padan.table.file import open_table
from padan.token import Token
from padan.v1 import token_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from padan.converting.jobfile import JobFile


TERMS = Terms(purpose="exchange", officer="batch-1", legal_basis="public_task")
OWN = Recipient(bytes(range(1, 33)))
COUNT = 1_300


def token(number: int, domain: str = "tax") -> bytes:
    """Make up a token."""
    source = random.Random(f"{domain} {number}")
    return Token(domain=domain, version=1, element=source.randbytes(32), tag=source.randbytes(16)).encode()


class Killed(BaseException):
    """The process dies."""


@dataclass
class Service:
    """Takes parts and gives pages; dies, is away or too busy when told."""

    refused: set[bytes] = field(default_factory=set)
    parts: dict[int, list[Carried]] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    calls: int = 0
    closed: int | None = None
    deleted: int = 0

    def convert_tokens(self, part: HandIn) -> HandedIn:
        """Take a part."""
        self.calls += 1
        message = token_pb2.ConvertTokensRequest.FromString(part.body)
        assert len(part.body) <= 65_536
        self.ids.add(message.circumstances.request_id)
        items = [Carried(token=item.token, payload=item.payload) for item in message.items]
        refused = {place: "TOKEN_REFUSED" for place, item in enumerate(items) if item.token in self.refused}
        if items:
            known = self.parts.setdefault(message.part, items)
            assert [each.token for each in known] == [each.token for each in items]
        if self.failures:
            raise self.failures.pop()
        taken = sum(each.token not in self.refused for part in self.parts.values() for each in part)
        if message.last:
            assert sorted(self.parts) == list(range(1, message.part + 1))
            self.closed = taken
        return HandedIn(taken=taken, refused=refused, closed=message.last)

    def collect_converted(self, page: Collect) -> Page:
        """Give a page, in an order of its own."""
        message = token_pb2.CollectConvertedRequest.FromString(page.body)
        self.calls += 1
        if self.failures:
            raise self.failures.pop()
        if message.delete:
            self.deleted += 1
            return Page(items=(), next=b"more" if self.deleted < 3 else b"", handed_in=0)
        items = [
            Carried(token=token(int(each.token[-1]) * 256 + each.token[-2], "aid"), payload=each.payload)
            for part in self.parts.values()
            for each in part
            if each.token not in self.refused
        ]
        random.Random(1).shuffle(items)
        at = int(message.after or b"0")
        after = b"%d" % (at + 500) if at + 500 < len(items) else b""
        return Page(items=tuple(items[at : at + 500]), next=after, handed_in=len(items))


class Meter:
    """Counts."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, rows: int, before: int) -> Meter:
        """Begin."""
        self.seen += [rows, before]
        return self

    def add(self, count: int) -> None:
        """Count rows."""
        self.seen.append(count)


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write a list."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "token", "amount", "note"], *rows])
    return path


def read(path: Path) -> list[list[str]]:
    """Read a result."""
    return list(csv.reader(path.read_text().splitlines()))


def text(data: bytes) -> str:
    """Write a token as text."""
    return Token.parse(data).text


def order(people: Path, *, carried: tuple[str, ...] = ("amount", "note"), **changed: Any) -> convert.Order:
    """Make an order."""
    made = convert.Order(
        table=open_table(people),
        output=people.with_name("job.json"),
        registry="id-test/development",
        agency="tax-office",
        source="tax",
        target="aid",
        terms=TERMS,
        consent_receipt="",
        columns=Columns(token="token", carried=carried),
        public_key=OWN.public_key if carried else b"",
    )
    return replace(made, **changed)


def hand_in(made: convert.Order, service: Service) -> convert.Summary:
    """Run it."""
    return convert.Conversion(made, service).run(Meter(), lambda _summary, _part: None)


def collection(job: JobFile, output: Path, service: Service, **changed: Any) -> collect.Summary:
    """Collect it."""
    made = collect.Order(job=job, output=output, terms=TERMS, consent_receipt="", recipient=OWN, keep=False)
    return collect.Collection(replace(made, **changed), service).run(Meter(), lambda _summary: None)
