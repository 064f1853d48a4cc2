"""Times of the wire as Python's, always UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from padan.errors import InternalError

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp


_HOUR, _DAY = 3_600, 86_400


def from_timestamp(stamp: Timestamp) -> datetime:
    """Read a Timestamp, to the microsecond.

    Raises:
        InternalError: outside the years 1 to 9999.
    """
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InternalError("a time in the answer does not exist", reason="WRONG_ANSWER") from None


def text(moment: datetime | None) -> str:
    """Write a time as RFC 3339 in UTC with seconds; empty for None."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""


def span(seconds: float) -> str:
    """Write a span of time in its two largest units, for people."""
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // 60} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"
