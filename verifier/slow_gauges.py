"""Gauges of what changes slowly: the log's length and its tree's, disputes, the room on the disk, what ends when."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING

from verifier import expiry
from verifier.dispute.table import DisputeTable
from verifier.tree import standing
from verifier.tree.folder import TreeFolder

if TYPE_CHECKING:
    from keys.agent import LocalKeyAgent
    from verifier.config import Settings
    from verifier.directory import Directory
    from verifier.log.store import LogStore
    from verifier.metrics import Metrics


class SlowGauges:
    """Looks, and shows."""

    def __init__(
        self,
        settings: Settings,
        *,
        log: LogStore,
        directory: Directory,
        agent: LocalKeyAgent,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._log = log
        self._directory = directory
        self._agent = agent
        self._metrics = metrics

    def show_standing(self) -> None:
        """Show the log's length, its tree's, disputes, and the room on the disk."""
        metrics, settings = self._metrics, self._settings
        metrics.log_entries.set(self._log.head().sequence)
        size, unmerged = standing.of_tree(TreeFolder(settings.tree_folder), self._log, now=time.time())
        metrics.tree_size.set(size)
        metrics.tree_unmerged.set(unmerged)
        open_ones, overdue = DisputeTable(self._directory).count_open(int(time.time() * 1000))
        metrics.disputes_open.set(open_ones)
        metrics.disputes_overdue.set(overdue)
        with contextlib.suppress(FileNotFoundError):  # databases elsewhere: there may be no folder
            metrics.disk_free.set(shutil.disk_usage(settings.data_dir).free)

    def show_expiry(self) -> None:
        """Show when the first of each kind of thing ends."""
        ring, now = self._agent.keyring, time.time()
        deadlines = [*expiry.of_files(self._settings), *expiry.of_directory(self._directory)]
        deadlines += expiry.of_keyring(ring)
        deadlines += expiry.of_domains(
            self._directory, ring, grace_days=self._settings.token_end_grace_days, now=now
        )
        self._metrics.show_expiry(expiry.seconds_left(deadlines, now=now))
