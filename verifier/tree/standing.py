"""How the published tree stands, for any process to tell: its size, and the age of what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan.errors import LogError
from padan.tlog import checkpoint, note
from verifier.tree.errors import TreeStoreError

if TYPE_CHECKING:
    from verifier.log.store import LogStore
    from verifier.tree.folder import TreeFolder


def of_tree(folder: TreeFolder, log: LogStore, *, now: float) -> tuple[int, float]:
    """Give the leaves of the published checkpoint, and the age of the oldest entry behind it, in seconds.

    Args:
        folder: of the tree.
        log: of the entries.
        now: seconds of the Unix epoch.

    Raises:
        LogUnavailableError: the log cannot be read.
    """
    size = published_size(folder)
    behind = log.blind_rows(size, 1)
    return size, max(0.0, now - behind[0][1] / 1000) if behind else 0.0


def published_size(folder: TreeFolder) -> int:
    """Give the leaves of the published checkpoint; 0 where there is none, or none that can be read."""
    try:
        data = folder.checkpoint()
        return 0 if data is None else checkpoint.parse_text(note.parse(data).text).size
    except (LogError, TreeStoreError):
        return 0
