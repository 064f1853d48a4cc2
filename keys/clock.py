"""The wall clock by which keys come of age."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Tell the time, UTC."""
    return datetime.now(UTC)
