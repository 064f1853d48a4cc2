"""Log entries of the people who run the registry: what was loaded, enrolled, activated, revoked, listed.

They go through the same store and the same blind leaves as the questions about residents: a running service sends them
through its journal, a command writes them itself.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from padan import canonical, entry
from padan.v1 import error_pb2
from verifier import logtime
from verifier.failure import Failure
from verifier.intent import Intent
from verifier.log.store import EntryRow, LogStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from verifier.errors import CallerError
    from verifier.identity import Peer
    from verifier.intent import DisputeOpening, Question
    from verifier.log.beside import Kept
    from verifier.log.store import LogStore, LogTransaction

_PATIENCE_SECONDS = 30.0
"""How long a command waits for the log's write lock."""


def build(
    kind: entry.EntryKind,
    detail: Mapping[str, str],
    *,
    now_ms: int,
    agency: str = "",
    fields: Mapping[int, bytes] | None = None,
) -> EntryRow:
    """Build the row of an entry about the running of the service.

    Args:
        kind: the entry's kind.
        detail: names and values, none of them about a resident.
        now_ms: log time, milliseconds of the Unix epoch.
        agency: the agency that it concerns; empty where none.
        fields: further head fields.
    """
    data = entry.encode(
        _head(kind, detail, agency=agency, fields=fields),
        {entry.Field.LOG_TIME: now_ms.to_bytes(8, "big"), entry.Field.CLOCK_FLAG: b"\0"},
    )
    salt = os.urandom(entry.SALT_SIZE)
    return EntryRow(
        kind=int(kind),
        agency=agency,
        purpose="",
        outcome=0,
        log_time_ms=now_ms,
        entry=data,
        salt=salt,
        leaf=entry.leaf(salt, data),
    )


def intend(
    kind: entry.EntryKind,
    detail: Mapping[str, str],
    *,
    agency: str = "",
    officer: str = "",
    fields: Mapping[int, bytes] | None = None,
    opening: DisputeOpening | None = None,
    kept: tuple[Kept, ...] = (),
    question: Question | None = None,
) -> Intent:
    """Build the same entry for the journal of a running service, which adds log time; arguments as for `build`.

    Args:
        officer: the agency's pseudonym of the person who acts; empty where nobody does.
        opening: the dispute that is opened with it.
        kept: rows beside the log that are written with it.
        question: what of it is stored and answered again; None for what is only noted.
    """
    return Intent(
        kind=int(kind),
        agency=agency,
        officer=officer,
        purpose="",
        head=_head(kind, detail, agency=agency, fields=fields),
        salt=os.urandom(entry.SALT_SIZE),
        question=question,
        opening=opening,
        kept=kept,
    )


def refused(method: str, peer: Peer | None, error: CallerError) -> Intent:
    """Build the entry of a refused reading or step: who tried what, and why it was refused.

    Args:
        method: name of the RPC.
        peer: the caller; None where the certificate names none.
        error: why.
    """
    reason = error_pb2.ErrorReason.Value(f"ERROR_REASON_{error.reason}")
    return intend(
        entry.EntryKind.REFUSED,
        {"method": method, "reader": f"{peer.kind}/{peer.id}" if peer else "unknown"},
        agency=peer.id if peer and peer.kind == "agency" else "",
        fields={entry.Field.REASON: reason.to_bytes(2, "big")},
    )


def _head(
    kind: entry.EntryKind,
    detail: Mapping[str, str],
    *,
    agency: str,
    fields: Mapping[int, bytes] | None,
) -> bytes:
    head: dict[int, bytes] = {
        entry.Field.KIND: int(kind).to_bytes(2, "big"),
        entry.Field.DETAIL: canonical.encode_list(
            f"{name}={value}".encode() for name, value in detail.items()
        ),
        **(fields or {}),
    }
    if agency:
        head[entry.Field.AGENCY] = agency.encode()
    return canonical.encode(head)


def log_time(transaction: LogTransaction, wall_ms: int | None = None) -> int:
    """Fix the log time of an entry that is written beside the service, milliseconds of the Unix epoch.

    Args:
        transaction: the one that writes the entry, so that nothing comes in between.
        wall_ms: the wall clock; default that of now.

    Raises:
        LogUnavailableError: the log cannot be read.
    """
    wall_ms = int(time.time() * 1000) if wall_ms is None else wall_ms
    return logtime.beside(wall_ms=wall_ms, last_ms=transaction.last_ms())


def append(
    store: LogStore,
    kind: entry.EntryKind,
    detail: Mapping[str, str],
    *,
    now_ms: int | None = None,
    agency: str = "",
    fields: Mapping[int, bytes] | None = None,
    beside: Callable[[LogTransaction], None] = lambda _transaction: None,
) -> None:
    """Commit one such entry from a command of the operator's, beside the service that may be running.

    Log time never goes back: where the wall clock is behind the last entry, or far ahead of it, the entry takes that
    one's time. Arguments as for `build`, and

    Args:
        store: the log.
        beside: writes what stands or falls with the entry; called again where the log's lock was not had.

    Raises:
        LogUnavailableError: the log cannot be written.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with store.transaction() as transaction:
                at = log_time(transaction, now_ms)
                row = build(kind, detail, now_ms=at, agency=agency, fields=fields)
                beside(transaction)
                transaction.write({}, at // 86_400_000, [row], [])
        except LogStoreError as error:
            # The lock was never had, so nothing was written. Nobody waits for an answer here, as callers of the service
            # do; a disk that stalls for some seconds is no reason to give a command up.
            if error.failure is not Failure.BUSY or time.monotonic() > until:
                raise
        else:
            return
