"""Rows for tests of the log's store, told apart by a number."""

from __future__ import annotations

from verifier.log.store import EntryRow, ReplayKey, ReplayRow

DAY = 20_000


def key(number: int) -> bytes:
    """Make a counter's key."""
    return number.to_bytes(2, "big") * 8


def request(number: int, agency: str = "agency-1") -> ReplayKey:
    """Make a request's key."""
    return agency, number.to_bytes(16, "big")


def entry(
    number: int,
    *,
    kind: int = 1,
    agency: str = "agency-1",
    purpose: str = "purpose-1",
    outcome: int = 1,
    log_time_ms: int | None = None,
) -> EntryRow:
    """Make an entry."""
    return EntryRow(
        kind=kind,
        agency=agency,
        purpose=purpose,
        outcome=outcome,
        log_time_ms=1_000_000_000 + 60_000 * number if log_time_ms is None else log_time_ms,
        entry=b"entry" + number.to_bytes(4, "big"),
        salt=number.to_bytes(32, "big"),
        leaf=b"\x01" + number.to_bytes(32, "big"),
    )


def answer(number: int, *, agency: str = "agency-1", day: int = DAY, body: bytes | None = None) -> ReplayRow:
    """Make an answer to be kept."""
    return ReplayRow(
        key=request(number, agency),
        digest=number.to_bytes(32, "little"),
        body=b"body" + number.to_bytes(4, "big") if body is None else body,
        day=day,
    )
