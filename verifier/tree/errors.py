"""What can be wrong with the published tree."""

from __future__ import annotations

from verifier.errors import CallerError, LogUnavailableError, OperatorError


class TreeError(OperatorError):
    """The tree's folder, the head or the log say different things; nothing is signed until that is mended."""


class TreeBehindError(TreeError):
    """The folder is lost, or an older copy: it has less than the head says was published."""


class TreeForkedError(TreeError):
    """The folder, the head and the log do not belong together: they are of different histories."""


class LeafMismatchError(TreeError):
    """A stored entry is not the one that its leaf commits to."""


class TreeStoreError(LogUnavailableError):
    """The tree's folder cannot be read or written now."""


class TreeBusyError(TreeStoreError):
    """Another process publishes just now; the next turn looks again."""


class UnknownLeafError(CallerError):
    """No published checkpoint holds a leaf of this hash."""

    reason = "UNKNOWN_LEAF"
