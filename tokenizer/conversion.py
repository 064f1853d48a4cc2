"""Tokens on their way to another domain: what a job of conversion keeps until the other agency has collected it.

    job  = u16 day | HMAC(index key, prefix("conversion") | u32 length | u16 length | source domain | job id)[:14]
    rest = u16 day | HMAC(seed, "job")[:5] | HMAC(seed, u8 kind | u32 part | u16 place)[:9]

A job has one row that names it, with a random seed inside; one for each part; one for each token; and one that closes
it. The names of tokens come from the seed: they stand in an order that nobody outside can foresee and that stays what
it is while keys are replaced, and a part that is handed in again has the same ones. Every row of a job has 208 bytes
and the size of its payloads. The day, of the Unix epoch, is that on which the job was opened; it is in the clear, so
that what is over can go without a key. The rows are those of `tokenizer.besiderow`, of construction "conversion".
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, Self

from keys.mac import hmac_once
from keys.purpose import Purpose
from keys.secret import Secret
from padan.canonical import prefixed
from padan.value import value
from tokenizer.besiderow import CONTENT_SIZE, NAME_SIZE, BesideRows
from tokenizer.errors import RecordError
from tokenizer.tokenrow import MAKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keys.realm import Realm
    from keys.tokenkeys import TokenKeys
    from tokenizer.token import Quotients

TABLE: Final = "conversion"
SEED_SIZE: Final = 32
PLACES: Final = 500
"""Tokens in a part."""
_FORMAT: Final = 1
_JOB, _PART, _CLOSED, _ITEM = range(1, 5)
_DAY: Final = struct.Struct(">H")
_SHARED: Final = 5
_OWN: Final = NAME_SIZE - _DAY.size - _SHARED
_MARKS: Final = (PLACES + 7) // 8
_ROW: Final = struct.Struct(">BIH")
_HEAD: Final = struct.Struct(">BB16s")
_JOB_BODY: Final = struct.Struct(f">{SEED_SIZE}sHH64p64p")
_PART_BODY: Final = struct.Struct(f">I32sH{_MARKS}s{_MARKS}s")
_CLOSED_BODY: Final = struct.Struct(">IQ")
_ITEM_BODY: Final = struct.Struct(">I?32s")


@value
class Job:
    """What a job is.

    Attributes:
        job_id: 16 bytes, which the agency that hands it in has chosen.
        seed: 32 random bytes, from which its rows have their names.
        day: on which it was opened, of the Unix epoch.
        size: bytes of each payload.
        source: token domain of the agency that hands it in.
        target: token domain of the one that collects it.
    """

    job_id: bytes
    seed: bytes
    day: int
    size: int
    source: str
    target: str

    @property
    def front(self) -> bytes:
        """How the names of its rows begin, 7 bytes; that of the row of the job itself begins otherwise."""
        return _DAY.pack(self.day) + hmac_once(self.seed, b"job")[:_SHARED]

    @property
    def closing(self) -> bytes:
        """Name of the row that closes it."""
        return self._name(_CLOSED, 0, 0)

    def part(self, part: int) -> bytes:
        """Name the row of a part."""
        return self._name(_PART, part, 0)

    def item(self, part: int, place: int) -> bytes:
        """Name the row of a token."""
        return self._name(_ITEM, part, place)

    def bounds(self, after: bytes = b"") -> tuple[bytes, bytes]:
        """Give the name after which rows follow a place, and the last name that one can have."""
        front = self.front
        return front + after.ljust(_OWN, b"\0")[:_OWN], front + b"\xff" * _OWN

    def place(self, name: bytes) -> bytes:
        """Cut a row's place in the order out of its name, 9 bytes."""
        return name[-_OWN:]

    def _name(self, kind: int, part: int, place: int) -> bytes:
        return self.front + hmac_once(self.seed, _ROW.pack(kind, part, place))[:_OWN]

    def __repr__(self) -> str:
        return f"Job({self.source} to {self.target})"


@value
class Part:
    """That a part was taken, and how it was answered.

    Attributes:
        job_id: of its job.
        part: its number.
        digest: of the tokens that it had, 32 bytes.
        taken: tokens that were taken.
        refused: places of tokens that were refused.
        outdated: places of tokens whose version was over.
    """

    job_id: bytes
    part: int
    digest: bytes
    taken: int
    refused: tuple[int, ...] = ()
    outdated: tuple[int, ...] = ()


@value
class Closed:
    """That a job is whole.

    Attributes:
        job_id: of the job.
        parts: how many it has.
        taken: tokens in all of them.
    """

    job_id: bytes
    parts: int
    taken: int


@value
class Item:
    """One token on its way.

    Attributes:
        job_id: of its job.
        part: number of its part.
        there: whether its resident is told; else it is kept like the others, and goes nowhere.
        element: M, 32 bytes.
        payload: what travels along.
    """

    job_id: bytes
    part: int
    there: bool
    element: bytes
    payload: bytes

    def __repr__(self) -> str:
        return "Item(<redacted>)"


@value
class Standing:
    """A row and where it stands.

    Attributes:
        name: 16 bytes.
        size: bytes of a payload of its job.
        row: what it says.
    """

    name: bytes
    size: int
    row: Job | Part | Closed | Item

    def __repr__(self) -> str:
        return f"Standing({type(self.row).__name__})"


def lapsed(day: int) -> bytes:
    """Name the bound below which all rows are of jobs that were opened before a day."""
    return _DAY.pack(max(0, day)).ljust(NAME_SIZE, b"\0")


class Conversions(Secret):
    """Names, opens and seals the rows of jobs.

    Args:
        rows: of the table.
    """

    __slots__ = ("_rows", "is_current")

    def __init__(self, rows: BesideRows) -> None:
        self._rows = rows
        self.is_current = rows.is_current

    @classmethod
    def of(cls, realm: Realm, held: TokenKeys, quotients: Quotients) -> Self:
        """Take the keys from a key agent.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        return cls(
            BesideRows(
                realm,
                TABLE,
                match=held.match(),
                index=held.macs(Purpose.TOKEN_INDEX),
                seal=held.table(TABLE),
                quotients=quotients,
                makes=held.makes(*MAKING),
            )
        )

    def names(self, source: str, job_id: bytes, days: Iterable[int]) -> list[bytes]:
        """Compute under which names the row of a job may stand.

        Args:
            source: token domain of the agency that hands it in.
            job_id: 16 bytes.
            days: on which it may have been opened.
        """
        tags = self._tags(source, job_id)
        return [_DAY.pack(day) + tag for day in days for tag in tags]

    def seal(self, row: Standing) -> tuple[bytes, bytes]:
        """Seal a row whose element is of the primary match key; gives its name and the box.

        The row of a job gets the name for new ones; what has its name from the seed keeps it.

        Raises:
            IssuingOverError: the time of a key to make new rows is over.
        """
        name = self.name(row.row) if isinstance(row.row, Job) else row.name
        return name, self._rows.seal_as(name, _encode(row.row, row.size))

    def name(self, job: Job) -> bytes:
        """Name the row of a job that is new."""
        return _DAY.pack(job.day) + self._tags(job.source, job.job_id)[0]

    def open(self, name: bytes, box: bytes) -> Standing:
        """Open a row, whose element is given under the primary match key.

        Raises:
            BoxError: it does not open, or names a key that is no more.
            RecordError: it is of another format.
        """
        content, turn = self._rows.open(name, box)
        row = _decode(content)
        if isinstance(row, Item):
            row = Item(
                job_id=row.job_id,
                part=row.part,
                there=row.there,
                element=turn(row.element),
                payload=row.payload,
            )
        return Standing(name=name, size=len(content) - CONTENT_SIZE, row=row)

    def _tags(self, source: str, job_id: bytes) -> list[bytes]:
        return [tag[: NAME_SIZE - _DAY.size] for tag in self._rows.tags(prefixed(source) + job_id)]


def join(newer: Standing, older: Standing) -> Standing:
    """Make one of two rows of one name: two processes opened the same job under two keys, and both go on with one."""
    return newer if isinstance(newer.row, Job) else older


def _encode(row: Job | Part | Closed | Item, size: int) -> bytes:
    kind, body = _body(row)
    content = _HEAD.pack(_FORMAT, kind, row.job_id) + body
    content += os.urandom(CONTENT_SIZE - len(content))
    return content + (row.payload if isinstance(row, Item) else os.urandom(size))


def _body(row: Job | Part | Closed | Item) -> tuple[int, bytes]:
    if isinstance(row, Job):
        names = row.source.encode(), row.target.encode()
        return _JOB, _JOB_BODY.pack(row.seed, row.day, row.size, *names)
    if isinstance(row, Part):
        marks = _marks(row.refused), _marks(row.outdated)
        return _PART, _PART_BODY.pack(row.part, row.digest, row.taken, *marks)
    if isinstance(row, Closed):
        return _CLOSED, _CLOSED_BODY.pack(row.parts, row.taken)
    return _ITEM, _ITEM_BODY.pack(row.part, row.there, row.element)


def _decode(content: bytes) -> Job | Part | Closed | Item:
    if len(content) < CONTENT_SIZE or content[0] != _FORMAT:
        raise RecordError("a row of a conversion is of another format")
    _, kind, job_id = _HEAD.unpack_from(content)
    at = _HEAD.size
    if kind == _ITEM:
        part, there, element = _ITEM_BODY.unpack_from(content, at)
        return Item(job_id=job_id, part=part, there=there, element=element, payload=content[CONTENT_SIZE:])
    if kind == _PART:
        part, digest, taken, refused, outdated = _PART_BODY.unpack_from(content, at)
        return Part(
            job_id=job_id,
            part=part,
            digest=digest,
            taken=taken,
            refused=_places(refused),
            outdated=_places(outdated),
        )
    if kind == _CLOSED:
        parts, taken = _CLOSED_BODY.unpack_from(content, at)
        return Closed(job_id=job_id, parts=parts, taken=taken)
    if kind == _JOB:
        seed, day, size, source, target = _JOB_BODY.unpack_from(content, at)
        return Job(
            job_id=job_id, seed=seed, day=day, size=size, source=source.decode(), target=target.decode()
        )
    raise RecordError("a row of a conversion is of another kind")


def _marks(places: Iterable[int]) -> bytes:
    marked = bytearray(_MARKS)
    for place in places:
        marked[place // 8] |= 1 << place % 8
    return bytes(marked)


def _places(marks: bytes) -> tuple[int, ...]:
    return tuple(place for place in range(len(marks) * 8) if marks[place // 8] >> place % 8 & 1)
