"""Answers ListEntries: an agency reads its own entries, an auditor what it was granted; each reading is an entry.

A reading that is refused is an entry too. What may be read bounds the query, and each entry that it found is judged
again. Alert entries carry no agency in their row, so that an agency never reads what was noted about it for auditors.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from padan import canonical
from padan.entry import EntryKind
from padan.v1 import audit_pb2
from verifier import admin_entry, validate
from verifier.auditor.reach import Reach
from verifier.errors import (
    CallerError,
    InvalidFieldError,
    InvalidPageTokenError,
    MalformedMessageError,
    MethodNotAllowedError,
)
from verifier.log.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.call import Call, Now
    from verifier.identity import Peer
    from verifier.log.store import LogStore, StoredEntry
    from verifier.ports import Gate, Grants, Journal

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
_TAG_SIZE = 8
_LAST_PLACE = 2**63 - 1
_FILTER = re.compile(r"[a-z0-9._-]{1,64}")


class Audit:
    """Reads the log for those who may."""

    def __init__(
        self, *, gate: Gate, grants: Grants, store: LogStore, journal: Journal, now: Callable[[], Now]
    ) -> None:
        self._gate = gate
        self._grants = grants
        self._store = store
        self._journal = journal
        self._now = now

    def list_entries(self, call: Call) -> bytes:
        """Answer one ListEntries, serialised.

        Raises:
            VerifierError: the caller may not, or the request is malformed.
            LogUnavailableError: the log cannot be read, or the reading or its refusal not be logged.
        """
        now, peer = self._now().wall, None
        try:
            peer = self._gate.admit(call.certificate, now)
            return self._list(peer, _parse(call.raw), now)
        except CallerError as error:
            self._journal.commit([admin_entry.refused("ListEntries", peer, error)])
            raise

    def _list(self, peer: Peer, request: audit_pb2.ListEntriesRequest, now: float) -> bytes:
        reach = self._reach(peer, now)
        from_ms, until_ms = _milliseconds(request, "from_time"), _milliseconds(request, "until_time")
        reach.require(agency=request.agency, purpose=request.purpose, from_ms=from_ms, until_ms=until_ms)
        size = min(request.page_size or DEFAULT_PAGE, MAX_PAGE)
        found, place = walk(
            self._store,
            _position(peer, request),
            size,
            agency=request.agency or None,
            purpose=request.purpose or None,
            outcome=request.outcome or None,
            from_ms=reach.start(from_ms),
            until_ms=until_ms,
            scope=reach.scope(),
        )
        entries = [entry for entry in found if reach.shows(entry)]
        listed = admin_entry.intend(
            EntryKind.ENTRIES_LISTED,
            {
                "reader": f"{peer.kind}/{peer.id}",
                "agency": request.agency or (peer.id if peer.kind == "agency" else "all"),
                "count": str(len(entries)),
            },
            agency=peer.id if peer.kind == "agency" else "",
        )
        self._journal.commit([listed])
        return audit_pb2.ListEntriesResponse(
            entries=[_message(entry) for entry in entries],
            next_page_token="" if place is None else _token(peer, request, place),
        ).SerializeToString()

    def _reach(self, peer: Peer, now: float) -> Reach:
        if peer.kind == "auditor":
            return self._grants.in_force(peer.id, now).reach
        if peer.kind == "agency":
            return Reach.of_agency(peer.id)
        raise MethodNotAllowedError("only agencies and auditors may read entries")


def _parse(raw: bytes) -> audit_pb2.ListEntriesRequest:
    try:
        request = audit_pb2.ListEntriesRequest.FromString(raw)
    except DecodeError:
        raise MalformedMessageError("the bytes are no ListEntriesRequest") from None
    validate.refuse_unknown(request)
    if request.page_size > MAX_PAGE:
        raise InvalidFieldError(f"at most {MAX_PAGE}", field="page_size")
    for name in ("agency", "purpose"):
        text = getattr(request, name)
        if text and not _FILTER.fullmatch(text):
            raise InvalidFieldError("1 to 64 of a-z 0-9 . _ -", field=name)
    return request


def _milliseconds(request: audit_pb2.ListEntriesRequest, name: str) -> int | None:
    """Read a bound of log time; None where it is not given."""
    if not request.HasField(name):  # type: ignore[arg-type]  # one of two names, both of the message
        return None
    try:
        milliseconds: int = getattr(request, name).ToMilliseconds()
    except ValueError:
        raise InvalidFieldError("a time of the years 1 to 9999", field=name) from None
    return milliseconds


def _filter_tag(peer: Peer, request: audit_pb2.ListEntriesRequest) -> bytes:
    """Bind a page token to its caller and its filters, so that a token of another list is noticed."""
    kept = audit_pb2.ListEntriesRequest()
    kept.CopyFrom(request)
    kept.page_token = ""
    kept.page_size = 0
    label = canonical.prefixed("padan/page/1", peer.kind, peer.id)
    return hashlib.sha256(label + kept.SerializeToString(deterministic=True)).digest()[:_TAG_SIZE]


def _token(peer: Peer, request: audit_pb2.ListEntriesRequest, sequence: int) -> str:
    return base64.urlsafe_b64encode(sequence.to_bytes(8, "big") + _filter_tag(peer, request)).decode()


def _position(peer: Peer, request: audit_pb2.ListEntriesRequest) -> int:
    if not request.page_token:
        return 0
    try:
        raw = base64.b64decode(request.page_token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    sequence = int.from_bytes(raw[:8], "big")
    # The tag is no secret: whoever makes one reads only what it may, but from a place that a database can hold.
    if len(raw) != 8 + _TAG_SIZE or raw[8:] != _filter_tag(peer, request) or sequence > _LAST_PLACE:
        raise InvalidPageTokenError("begin again without page_token, or keep the filters", field="page_token")
    return sequence


def _message(entry: StoredEntry) -> audit_pb2.LogEntry:
    return audit_pb2.LogEntry(sequence=entry.sequence, entry=entry.entry, salt=entry.salt, leaf=entry.leaf)
