"""Times of the wire as Python's, always UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from padan.errors import InternalError

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp


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
