"""How a list of tokens is handed in to be converted: the main path.

1 read the list once: which rows are bad, and how long what travels along is
2 open the part file: of a new run, or of the one that ended early
3 hand in the parts that are not done yet, each with what travels along, sealed
4 keep what became of each row, a part at a time, on the disk
5 close the job, write the job file, and take the part file away

Parts are cut from the good rows in the order of the list, so they are the same whenever the command is run again.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from padan import sealing
from padan.conversion import MOST_PARTS, Carried, HandIn, fitting
from padan.converting.jobfile import JobFile
from padan.errors import PadanError
from padan.issuing.issue import part_of
from padan.issuing.pace import Pace
from padan.issuing.part import BAD_ROW, Answered, Part
from padan.payload import Envelope
from padan.table.errors import TableError
from padan.table.file import Stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from padan.conversion import HandedIn
    from padan.converting.shipment import Columns, Shipped
    from padan.issuing.issue import Meter
    from padan.issuing.run import Terms
    from padan.table.file import Table

    Metering = Callable[[int, int], Meter]

HANDED_IN: Final = "HANDED_IN"
_RATE: Final = "RATE_LIMITED"


class Sender(Protocol):
    """A client."""

    def convert_tokens(self, part: HandIn) -> HandedIn:
        """Hand in a part."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A list, to whom it goes, and under what.

    Attributes:
        table: the list.
        output: the job file; the part file stands beside it.
        registry: id and environment of the registry.
        agency: as whom the service knows the caller.
        source: the token domain of the list.
        target: the one to convert to.
        terms: under what is asked.
        consent_receipt: id of the consent receipt; empty for none.
        columns: of the list.
        public_key: of the other agency, 32 bytes; empty where nothing travels along.
    """

    table: Table
    output: Path
    registry: str
    agency: str
    source: str
    target: str
    terms: Terms
    consent_receipt: str
    columns: Columns
    public_key: bytes

    @property
    def key_id(self) -> str:
        """Thumbprint of the key; empty where there is none."""
        return sealing.key_id(self.public_key) if self.public_key else ""

    def told(self) -> dict[str, str]:
        """Say what a run must have in common with the one that it goes on with."""
        return {
            "registry": self.registry,
            "agency": self.agency,
            "token domain": self.source,
            "domain to convert to": self.target,
            "purpose": self.terms.purpose,
            "officer": self.terms.officer,
            "legal basis": self.terms.legal_basis,
            "consent receipt": self.consent_receipt,
            "columns": repr((self.columns.token, self.columns.carried)),
            "recipient": self.key_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a list.

    Attributes:
        rows: how many it has.
        before: rows that an earlier run had done.
        handed_in: rows whose tokens were taken.
        refused: rows that are bad, or whose tokens were refused.
        bad: the first of those.
        job: the job; None where it is not closed yet.
    """

    rows: int
    before: int
    handed_in: int
    refused: int
    bad: tuple[Answered, ...]
    job: JobFile | None


class Conversion:
    """Hands a list in; after any end, again on the same list, goes on.

    Args:
        order: what is done.
        sender: the client.
        clock: monotonic seconds.
    """

    def __init__(self, order: Order, sender: Sender, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._order = order
        self._sender = sender
        self._clock = clock
        self._pace = Pace()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Begin no further part; the one under way is waited for."""
        self._stopped.set()

    def run(
        self,
        meter: Callable[[int, int], Meter],
        report: Callable[[Summary, Part], object],
        *,
        shown: int = 20,
    ) -> Summary:
        """Hand it in.

        Args:
            meter: makes what is told how far the run is, from the number of rows and of those done before.
            report: is told how it ended, also when an error ends it.
            shown: bad rows that a summary names at most.

        Raises:
            TableError: the list cannot be read, was changed meanwhile, or is too long.
            KeptFileError: the part file is damaged, in use, or of another run.
            PadanError: handing in failed; what was handed in is kept.
        """
        order = self._order
        stamp = Stamp.of(order.table.path)
        rows, longest, bad = self._survey()  # 1
        part = Part.open(part_of(order.output), order, order.table.path)  # 2
        job, before = None, 0
        try:
            marks = part.marks(rows)
            before = marks.count(1)
            progress = meter(rows, before)
            part.keep(each for each in bad if not marks[each.row])
            progress.add(sum(not marks[each.row] for each in bad))
            parts = self._hand_in(part, marks, longest, stamp, progress)  # 3
            if parts is not None:
                job = self._close(part, parts, longest)  # 5
        finally:
            counts = part.counts()
            summary = Summary(
                rows=rows,
                before=before,
                handed_in=counts.get(HANDED_IN, 0),
                refused=counts.get(BAD_ROW, 0),
                bad=tuple(part.bad(shown)),
                job=job,
            )
            report(summary, part)
            if job is not None:
                part.remove()
            else:
                part.close()
        return summary

    def _survey(self) -> tuple[int, int, list[Answered]]:
        """Read the list once: its rows, the longest data, and the bad rows."""
        rows, longest, bad = 0, 0, []
        for each in self._read():
            rows += 1
            if each.rule:
                bad.append(Answered(row=each.row, outcome=f"{BAD_ROW}: {each.rule}"))
            else:
                longest = max(longest, len(each.data))
        return rows, longest, bad

    def _read(self) -> Iterator[Shipped]:
        return self._order.columns.read(self._order.table, self._order.source)

    def _hand_in(
        self, part: Part, marks: bytearray, longest: int, stamp: Stamp, progress: Meter
    ) -> int | None:
        """Hand in what is not done; gives how many parts there are, or None where the run was stopped."""
        envelope, number = self._envelope(part, longest), 0
        for number, rows in enumerate(self._parts(envelope), 1):
            if number > MOST_PARTS:
                raise TableError(
                    "the list is too long for one job",
                    reason="rows",
                    next_step="cut it into lists of a million rows, each converted by itself",
                )
            if all(marks[each.row] for each in rows):
                continue
            _require_unchanged(self._order.table, stamp)
            taken = self._send(self._built(part, number, self._sealed(envelope, rows)))
            if taken is None:
                return None
            part.keep(  # 4
                Answered(
                    row=each.row,
                    outcome=f"{BAD_ROW}: {taken.refused[place]}" if place in taken.refused else HANDED_IN,
                )
                for place, each in enumerate(rows)
            )
            progress.add(len(rows))
        _require_unchanged(self._order.table, stamp)
        return number

    def _parts(self, envelope: Envelope) -> Iterator[list[Shipped]]:
        """Cut the good rows into parts."""
        carried = envelope.size if self._order.public_key else 0
        size = 0
        rows: list[Shipped] = []
        for each in self._read():
            if each.rule:
                continue
            size = size or fitting(carried, len(each.token))
            rows.append(each)
            if len(rows) == size:
                yield rows
                rows = []
        if rows:
            yield rows

    def _envelope(self, part: Part, longest: int) -> Envelope:
        order = self._order
        return Envelope.of(
            registry=order.registry,
            source=order.source,
            target=order.target,
            job_id=_job_id(part),
            longest=longest,
        )

    def _sealed(self, envelope: Envelope, rows: list[Shipped]) -> list[Carried]:
        key = self._order.public_key
        return [
            Carried(token=each.token, payload=envelope.seal(each.data, key) if key else b"") for each in rows
        ]

    def _built(self, part: Part, number: int, items: list[Carried], *, last: bool = False) -> HandIn:
        terms = self._order.terms
        return HandIn.build(
            items,
            to=self._order.target,
            job_id=_job_id(part),
            part=number,
            last=last,
            purpose=terms.purpose,
            officer=terms.officer,
            legal_basis=terms.legal_basis,
            consent_receipt=self._order.consent_receipt,
        )

    def _send(self, handed: HandIn) -> HandedIn | None:
        """Hand in one part, at the pace that the service allows; None where the run was stopped."""
        while not self._stopped.wait(self._pace.wait(self._clock())):
            try:
                found = self._sender.convert_tokens(handed)
            except PadanError as error:
                if error.reason != _RATE:
                    raise
                self._pace.refused(self._clock(), error.retry_after)
                continue
            self._pace.answered()
            return found
        return None

    def _close(self, part: Part, parts: int, longest: int) -> JobFile | None:
        closed = self._send(self._built(part, parts, [], last=True))
        if closed is None:
            return None
        order = self._order
        job = JobFile(
            registry=order.registry,
            job=_job_id(part),
            source=order.source,
            target=order.target,
            columns=order.columns.carried,
            longest=longest,
            key=order.key_id,
            tokens=closed.taken,
        )
        job.write(order.output)
        return job


def _job_id(part: Part) -> str:
    return part.run.request_id(0)


def _require_unchanged(table: Table, stamp: Stamp) -> None:
    if Stamp.of(table.path) != stamp:
        raise TableError(
            f"{table.path} was changed while it was read",
            reason="changed",
            next_step="put the list back as it was and run the same command; what was handed in is kept",
        )
