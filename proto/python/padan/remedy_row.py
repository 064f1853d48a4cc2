"""One row of the table of errors: a reason, its cause, who must act, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from padan import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What a reason means and what to do."""

    reason: str
    """Name of the ErrorReason without prefix, or a reason that this package finds by itself."""
    code: str
    """The gRPC status code's name; empty for what is found on the agency's side."""
    error: type[errors.PadanError]
    """The exception that the client raises."""
    cause: str
    next_step: str
    retry: bool = False
    """Whether the same bytes may succeed later without anybody changing anything."""


def row(
    reason: str, code: str, error: type[errors.PadanError], cause: str, next_step: str, *, retry: bool = False
) -> Remedy:
    """Make a row."""
    return Remedy(reason=reason, code=code, error=error, cause=cause, next_step=next_step, retry=retry)
