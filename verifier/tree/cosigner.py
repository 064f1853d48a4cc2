"""What adds the signatures of others to a checkpoint before it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

    from padan.tlog.note import Line


class Cosigner(Protocol):
    """Collects signature lines. Called in a thread of its own, one call at a time."""

    def __call__(
        self, text: str, signed: bytes, size: int, consistency: Callable[[int], list[bytes]]
    ) -> list[Line]:
        """Collect the lines of witnesses; what is not there within the bound is published later or not at all.

        Args:
            text: the checkpoint's text, with its last newline.
            signed: the note as the log has signed it.
            size: leaves of the checkpoint.
            consistency: gives the consistency proof from an older size, 0 (then empty) to `size`.
        """
        ...


@runtime_checkable
class LateCosigner(Cosigner, Protocol):
    """A cosigner that goes on by itself for the last checkpoint."""

    def late(self, text: str) -> list[Line]:
        """Give the lines that have come since for a checkpoint, once."""
        ...
