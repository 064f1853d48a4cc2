"""Reads entries of the log over mutual TLS and checks each against its public leaf.

Guarantees: an entry is given on only after its leaf was recomputed from its salt and its bytes, and positions ascend;
else `AuditError`. An entry whose time was over is given on as erased: entries of the kind RETENTION_APPLIED say how
many there are. That the leaves stand in the published tree, and that no entry was left out, the tree's proofs show.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import grpc

from padan import channel
from padan.entry import LEAF_SIZE, Entry, EntryError, decode, leaf
from padan.errors import AuditError
from padan.rpc import from_rpc
from padan.trail import HANDLE_SIZE
from padan.v1 import audit_pb2

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from types import TracebackType

    from padan.vocabulary import Verdict

METHOD: Final = "/padan.v1.AuditService/ListEntries"
OPEN_TRAIL: Final = "/padan.v1.AuditService/OpenTrail"
PAGE: Final = 500
TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries; empty fields ask for all."""

    agency: str = ""
    purpose: str = ""
    outcome: Verdict | None = None
    from_time: datetime | None = None
    """Log time, this moment included."""
    until_time: datetime | None = None
    """Log time, this moment excluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry whose leaf was recomputed and fits; or one that was erased, of which the leaf is left.

    Attributes:
        sequence: its place in the log.
        entry: what it says; None where it was erased, since its time was over.
        leaf: the public leaf, 33 bytes.
    """

    sequence: int
    entry: Entry | None
    leaf: bytes


class AuditClient:
    """Asks AuditService; use as a context manager, or call `close`."""

    def __init__(self, link: grpc.Channel, *, timeout: float = TIMEOUT) -> None:
        """Take over an open channel.

        Args:
            link: mutual TLS to the log's listener.
            timeout: seconds for a page.
        """
        self._link = link
        self._timeout = timeout
        self._list: grpc.UnaryUnaryMultiCallable[
            audit_pb2.ListEntriesRequest, audit_pb2.ListEntriesResponse
        ] = link.unary_unary(
            METHOD,
            request_serializer=audit_pb2.ListEntriesRequest.SerializeToString,
            response_deserializer=audit_pb2.ListEntriesResponse.FromString,
        )
        self._open: grpc.UnaryUnaryMultiCallable[audit_pb2.OpenTrailRequest, audit_pb2.OpenTrailResponse] = (
            link.unary_unary(
                OPEN_TRAIL,
                request_serializer=audit_pb2.OpenTrailRequest.SerializeToString,
                response_deserializer=audit_pb2.OpenTrailResponse.FromString,
            )
        )

    @classmethod
    def from_files(
        cls,
        address: str,
        *,
        ca: str | os.PathLike[str],
        cert: str | os.PathLike[str],
        key: str | os.PathLike[str],
        server_name: str | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Open a client; arguments as in `padan.Client.from_files`.

        Raises:
            ConfigError: a file is not usable.
        """
        link = channel.secure(address, ca=ca, cert=cert, key=key, server_name=server_name)
        return cls(link, timeout=timeout)

    def entries(self, wanted: Filter, *, limit: int | None = None) -> Iterator[Listed]:
        """List entries in the order of the log, page by page, each checked and decoded; errors as `items`."""
        return map(check, self.items(wanted, limit=limit))

    def items(self, wanted: Filter, *, limit: int | None = None) -> Iterator[audit_pb2.LogEntry]:
        """List entries in the order of the log, page by page, as they come; `check` is the caller's.

        Args:
            wanted: which entries.
            limit: most entries; default all.

        Raises:
            AuditError: the order is broken.
            PadanError: the service refuses, or is away.
        """
        request = _request(wanted)
        count, last = 0, 0
        while True:
            request.page_size = PAGE if limit is None else min(PAGE, limit - count)
            page = self._page(request)
            for item in page.entries:
                if item.sequence <= last:
                    raise AuditError("the service's answer is out of order", reason="order")
                last = item.sequence
                yield item
                count += 1
            if not page.next_page_token or count == limit:
                return
            request.page_token = page.next_page_token

    def pages(
        self, token: str = "", *, page_size: int = PAGE
    ) -> Iterator[tuple[str, Sequence[audit_pb2.LogEntry]]]:
        """Read everything that the grant shows, page by page, unchecked: for whoever holds it against a tree.

        Args:
            token: of the page to begin with; empty for the first.
            page_size: most entries of a page, 1 to 1,000.

        Yields:
            The token that asked for a page, with which it can be asked for again, and its entries.

        Raises:
            AuditError: the order is broken.
            PadanError: the service refuses, or is away.
        """
        request = audit_pb2.ListEntriesRequest(page_token=token, page_size=page_size)
        last = 0
        while True:
            page = self._page(request)
            for item in page.entries:
                if item.sequence <= last:
                    raise AuditError("the service's answer is out of order", reason="order")
                last = item.sequence
            yield request.page_token, page.entries
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _page(self, request: audit_pb2.ListEntriesRequest) -> audit_pb2.ListEntriesResponse:
        try:
            return self._list(request, timeout=self._timeout)
        except grpc.RpcError as failure:
            raise from_rpc(failure) from None

    def open_trail(self, request: audit_pb2.OpenTrailRequest) -> tuple[bytes, bytes]:
        """Ask for what names a resident in the log.

        Returns:
            Two handles, 16 bytes each, which may be equal.

        Raises:
            AuditError: the answer is none.
            PadanError: the service refuses, or is away.
        """
        try:
            answer = self._open(request, timeout=self._timeout)
        except grpc.RpcError as failure:
            raise from_rpc(failure) from None
        if [len(handle) for handle in answer.handles] != [HANDLE_SIZE] * 2:
            raise AuditError("the service's answer is malformed", reason="answer")
        first, second = answer.handles
        return first, second

    def close(self) -> None:
        """Close the channel."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check(item: audit_pb2.LogEntry) -> Listed:
    """Recompute an entry's leaf and decode the entry; of an erased one there is the leaf alone.

    Raises:
        AuditError: it does not fit, or is not readable.
    """
    if not item.entry and not item.salt and len(item.leaf) == LEAF_SIZE:
        return Listed(sequence=item.sequence, entry=None, leaf=item.leaf)
    try:
        fits = hmac.compare_digest(leaf(item.salt, item.entry), item.leaf)
        entry = decode(item.entry)
    except EntryError as error:
        raise AuditError(f"entry {item.sequence}: {error}", reason="entry") from None
    if not fits:
        raise AuditError(
            f"entry {item.sequence} does not fit its leaf: it was changed after it was committed",
            reason="leaf",
            next_step="keep what the service sent and show it to the registry's supervisor",
        )
    return Listed(sequence=item.sequence, entry=entry, leaf=item.leaf)


def _request(wanted: Filter) -> audit_pb2.ListEntriesRequest:
    request = audit_pb2.ListEntriesRequest(
        agency=wanted.agency,
        purpose=wanted.purpose,
        outcome=int(wanted.outcome or 0),  # type: ignore[arg-type]  # the same numbers, another type
    )
    if wanted.from_time is not None:
        request.from_time.FromDatetime(wanted.from_time)
    if wanted.until_time is not None:
        request.until_time.FromDatetime(wanted.until_time)
    return request
