"""The stretch of log time that a trail is about, and the periods whose keys it takes.

A period's key opens the whole period, for whoever has it and for any resident whose handles they have. So an auditor
gives a part only of periods that are needed: those under which an entry about somebody stands within the stretch. A
period without such an entry, such as one whose entries were erased, is spared.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from padan import times
from padan.audit import search
from padan.entry import EntryError, EntryKind, Field, decode
from padan.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from padan.audit.entries import Entries, Item
    from padan.auditors import AuditorsKey
    from padan.entry import Entry
    from padan.envelope import Envelope

_SINCE, _UNTIL = 4, 5
"""Fields of a part, behind those of its proofs."""
_TIME: Final = struct.Struct(">Q")
_LATEST: Final = 253_402_300_799_000
"""The last second of the year 9999, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of log time.

    Args:
        since: its first moment, milliseconds of the Unix epoch; None from the log's beginning.
        until: the first moment after it; None to the log's end.

    Raises:
        ValueError: nothing lies in it.
    """

    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        for moment in (self.since, self.until):
            if moment is not None and not 0 <= moment <= _LATEST:
                raise ValueError("a time that does not exist")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("it ends before it begins")

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the log."""
        return self.since is None and self.until is None

    def holds(self, moment: int) -> bool:
        """Say whether a moment, milliseconds of the Unix epoch, lies in it."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def meet(self, other: Span) -> Span:
        """Give what lies in both.

        Raises:
            ValueError: nothing does.
        """
        since = [each for each in (self.since, other.since) if each is not None]
        until = [each for each in (self.until, other.until) if each is not None]
        return Span(since=max(since, default=None), until=min(until, default=None))

    @property
    def fields(self) -> dict[int, bytes]:
        """Its fields in a part: u64 each, none for an open end."""
        bounds = {_SINCE: self.since, _UNTIL: self.until}
        return {number: _TIME.pack(moment) for number, moment in bounds.items() if moment is not None}

    @property
    def bounds(self) -> dict[str, str]:
        """Its ends as documents have them, by `from` and `until`: RFC 3339, empty for an open one."""
        ends = {"from": self.since, "until": self.until}
        return {name: "" if at is None else moment_text(at) for name, at in ends.items()}

    @classmethod
    def read(cls, fields: Mapping[int, bytes]) -> Span:
        """Read it from a part's fields; a part of an earlier release has none, and is about all of the log.

        Raises:
            ValueError: malformed.
        """
        try:
            found = {
                number: _TIME.unpack(fields[number])[0] for number in (_SINCE, _UNTIL) if number in fields
            }
        except struct.error:
            raise ValueError("a time of another size") from None
        return cls(since=found.get(_SINCE), until=found.get(_UNTIL))

    def __str__(self) -> str:
        since = "the log's beginning" if self.since is None else moment_text(self.since)
        until = "the log's end" if self.until is None else moment_text(self.until)
        return f"from {since} until {until}"


WHOLE: Final = Span()
"""All of the log."""


def common(spans: Iterable[Span]) -> Span:
    """Give what lies in all of them.

    Raises:
        AuditError: nothing does.
    """
    found = WHOLE
    try:
        for each in spans:
            found = found.meet(each)
    except ValueError:
        raise AuditError(
            "the parts are for times that have nothing in common",
            reason="part",
            next_step="have them given with the same --from and --until",
        ) from None
    return found


def moment_text(moment: int) -> str:
    """Write a moment, milliseconds of the Unix epoch, as RFC 3339 in UTC."""
    return times.text(datetime.fromtimestamp(moment // 1000, tz=UTC))


class Within:
    """The entries of a source that lie in a span. One that was erased has no time, and goes with the one before it."""

    def __init__(self, source: Entries, span: Span) -> None:
        self._source = source
        self._span = span

    def __iter__(self) -> Iterator[Item]:
        """Give them in the order of the log.

        Raises:
            AuditError: an entry is malformed.
        """
        if self._span.is_whole:
            yield from self._source
            return
        inside = self._span.since is None
        for item in self._source:
            if item.entry:
                inside = self._span.holds(_opened(item).number(Field.LOG_TIME))
            if inside:
                yield item


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """The periods that a trail takes.

    Attributes:
        envelopes: theirs.
        spared: periods sealed to the same key that it does not take.
        foreign: periods sealed to another key.
        first: log time of the first entry about somebody under the periods that it takes, inside the span or not,
            milliseconds; 0 where there is none.
        last: of the last one.
    """

    envelopes: tuple[Envelope, ...]
    spared: int
    foreign: int
    first: int
    last: int


def needed(source: Iterable[Item], key: AuditorsKey, span: Span) -> Needed:
    """Find the periods that a trail over a span takes, in one go through the entries.

    Raises:
        AuditError: an entry or an envelope is malformed.
    """
    noted: dict[bytes, tuple[int, int]] = {}
    inside: set[bytes] = set()

    def noting() -> Iterator[Item]:
        for item in source:
            if item.entry and item.kind != EntryKind.PERIOD_OPENED:
                fields = _opened(item)
                period = fields.fields.get(Field.PERIOD)
                if period is not None and Field.SUBJECT in fields.fields:
                    at = fields.number(Field.LOG_TIME)
                    first, last = noted.get(period, (at, at))
                    noted[period] = min(first, at), max(last, at)
                    if span.holds(at):
                        inside.add(period)
            yield item

    found, foreign = search.envelopes(noting(), key)
    taken = tuple(each for each in found if each.period_id in inside)
    told = [noted[each.period_id] for each in taken]
    return Needed(
        envelopes=taken,
        spared=len(found) - len(taken),
        foreign=foreign,
        first=min((first for first, _ in told), default=0),
        last=max((last for _, last in told), default=0),
    )


def _opened(item: Item) -> Entry:
    try:
        return decode(item.entry)
    except EntryError as error:
        raise AuditError(f"entry {item.sequence}: {error}", reason="entry") from None
