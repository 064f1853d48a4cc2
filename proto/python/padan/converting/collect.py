"""How the file of a conversion is made at the agency that collects: the main path.

1 open the part file: of a new collection, or of the one that ended early
2 ask for page after page, and keep each on the disk
3 open what travelled along, and write the file whole
4 have the service delete what is safe now
5 take the part file away
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from padan.conversion import Collect
from padan.converting.pages import Pages
from padan.converting.shipment import TOKEN, decode
from padan.errors import ConfigError, InternalError, PadanError
from padan.issuing.issue import part_of
from padan.issuing.pace import Pace
from padan.payload import Envelope, PayloadError
from padan.table.sink import writing
from padan.token import Token, TokenError
from padan.v1 import token_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from padan.conversion import Page
    from padan.converting.jobfile import JobFile
    from padan.issuing.issue import Meter
    from padan.issuing.run import Terms
    from padan.sealing import Recipient

_RATE: Final = "RATE_LIMITED"
_GONE: Final = "UNKNOWN_CONVERSION"


class Source(Protocol):
    """A client."""

    def collect_converted(self, page: Collect) -> Page:
        """Collect a page, or delete."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job, and where its file goes.

    Attributes:
        job: what the other agency told.
        output: the file.
        terms: under what is asked.
        consent_receipt: id of the consent receipt; empty for none.
        recipient: opens what travelled along; None where nothing did.
        keep: leave it with the service.
    """

    job: JobFile
    output: Path
    terms: Terms
    consent_receipt: str
    recipient: Recipient | None
    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came.

    Attributes:
        handed_in: tokens that the other agency handed in.
        collected: tokens that came.
        unopened: of those, how many had something along that does not open.
        written: whether the file stands.
        deleted: whether the service has deleted them.
    """

    handed_in: int
    collected: int
    unopened: int
    written: bool
    deleted: bool


class Collection:
    """Collects a job; after any end goes on where it was.

    Args:
        order: what is done.
        source: the client.
        clock: monotonic seconds.
    """

    def __init__(self, order: Order, source: Source, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._order = order
        self._source = source
        self._clock = clock
        self._pace = Pace()
        self._stopped = threading.Event()
        self._unopened = 0

    def stop(self) -> None:
        """Ask for no further page; the one under way is waited for."""
        self._stopped.set()

    def run(self, meter: Callable[[int, int], Meter], report: Callable[[Summary], object]) -> Summary:
        """Collect it.

        Args:
            meter: makes what is told how far the run is, from the number of tokens and of those that came before.
            report: is told how it ended, also when an error ends it.

        Raises:
            KeptFileError: the part file cannot be used, is in use, or of another collection.
            TableError: the file cannot be written.
            ConfigError: nothing that travelled along opens with this key.
            PadanError: asking failed; what came is kept.
        """
        order, job = self._order, self._order.job
        told = {"registry": job.registry, "job": job.job, "from": job.source, "to": job.target}
        pages = Pages.open(part_of(order.output), told)  # 1
        written = deleted = False
        try:
            self._collect(pages, meter)  # 2
            if pages.next == b"":
                self._write(pages)  # 3
                written = True
                deleted = not order.keep and self._delete()  # 4
        finally:
            summary = Summary(
                handed_in=job.tokens,
                collected=pages.count,
                unopened=self._unopened,
                written=written,
                deleted=deleted,
            )
            report(summary)
            if written and (deleted or order.keep):
                pages.remove()  # 5
            else:
                pages.close()
        return summary

    def _collect(self, pages: Pages, meter: Callable[[int, int], Meter]) -> None:
        progress = meter(self._order.job.tokens, pages.count)
        while pages.next != b"":
            found = self._ask(after=pages.next or b"")
            if found is None:
                return
            for item in found.items:
                _require(item.token, self._order.job.target)
            pages.append(
                token_pb2.CollectConvertedResponse(
                    items=[
                        token_pb2.ConvertItem(token=item.token, payload=item.payload) for item in found.items
                    ],
                    next=found.next,
                    handed_in=found.handed_in,
                )
            )
            progress.add(len(found.items))

    def _ask(self, *, after: bytes = b"", delete: bool = False) -> Page | None:
        """Ask at the pace that the service allows; None where the run was stopped."""
        terms = self._order.terms
        while not self._stopped.wait(self._pace.wait(self._clock())):
            asked = Collect.build(
                self._order.job.job,
                purpose=terms.purpose,
                officer=terms.officer,
                legal_basis=terms.legal_basis,
                consent_receipt=self._order.consent_receipt,
                after=after,
                delete=delete,
            )
            try:
                found = self._source.collect_converted(asked)
            except PadanError as error:
                if error.reason != _RATE:
                    raise
                self._pace.refused(self._clock(), error.retry_after)
                continue
            self._pace.answered()
            return found
        return None

    def _write(self, pages: Pages) -> None:
        job, self._unopened = self._order.job, 0
        names = [TOKEN, *job.columns]
        with writing(self._order.output, names, [None] * len(names)) as sink:
            for page in pages:
                rows = [
                    (Token.parse(item.token).text, *self._opened(bytes(item.payload))) for item in page.items
                ]
                if rows:
                    sink.write([list(column) for column in zip(*rows, strict=True)])
            if self._unopened and self._unopened == pages.count:
                raise ConfigError(
                    "nothing that travelled along opens with this key",
                    reason="key",
                    next_step=f"use the private key whose id is {job.key} and the job file as it came",
                )

    def _opened(self, box: bytes) -> tuple[str, ...]:
        """Open what travelled along; empty cells where it does not open."""
        job, recipient = self._order.job, self._order.recipient
        if not job.columns or recipient is None:
            return ("",) * len(job.columns)
        envelope = Envelope.of(
            registry=job.registry,
            source=job.source,
            target=job.target,
            job_id=job.job,
            longest=job.longest,
        )
        try:
            return decode(job.columns, envelope.open(box, recipient))
        except (PayloadError, ValueError):
            self._unopened += 1
            return ("",) * len(job.columns)

    def _delete(self) -> bool:
        """Have it deleted; what is gone already is."""
        while True:
            try:
                found = self._ask(delete=True)
            except PadanError as error:
                if error.reason == _GONE:
                    return True
                raise
            if found is None:
                return False
            if not found.next:
                return True


def _require(token: bytes, domain: str) -> None:
    """Require a token of the domain: another one would be a fault of the service, and is kept by nobody."""
    try:
        found = Token.parse(token).domain
    except TokenError:
        found = ""
    if found != domain:
        raise InternalError("the service gave a token of another domain", reason="WRONG_ANSWER")
