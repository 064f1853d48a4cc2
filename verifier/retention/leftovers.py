"""What else goes when its time is over: rows of retired epochs, and what loads and checks left in the data folder.

An epoch's time begins when retention first sees it retired, and begins anew where it was active again in between; that
of one that is dropped is over. The entry that says what goes is committed before it goes.
"""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind, Field
from verifier import admin_entry
from verifier.consistency.plan import FOLDER as CHECKS_FOLDER
from verifier.projector import plan as plans
from verifier.projector.errors import LoadBusyError
from verifier.projector.reservation import LOADS_FOLDER, abandon
from verifier.retention.classes import DAY_MS
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from verifier.config import Settings
    from verifier.log.store import LogStore, LogTransaction
    from verifier.projector.plan import Plan
    from verifier.vault.writer import VaultWriter

RETIRED: Final = "retention_epochs"
"""The setting in the log's database that says since when each retired epoch was seen so."""
_LISTS: Final = ("rejects-epoch-*.csv", "check-*.rows.csv")
"""Lists of rows, by number: those that loads rejected, and those that checks found to differ."""


class Leftovers:
    """Removes old epochs and old files."""

    def __init__(self, settings: Settings, log: LogStore) -> None:
        self._settings = settings
        self._log = log
        self._loads = settings.data_dir / LOADS_FOLDER
        self._checks = settings.data_dir / CHECKS_FOLDER

    def remove(
        self, now_ms: int, fence: Callable[[LogTransaction], object] = lambda _transaction: None
    ) -> dict[str, list[str]]:
        """Remove what is over; returns names by what they are: epochs, loads, checks, files.

        Args:
            now_ms: log time.
            fence: is called first in the transaction that takes up which epochs are retired.

        Raises:
            LeaderLostError: the fence says so; nothing was removed.
            VaultUnavailableError: the vault is away, or may not be written by this process.
            LogUnavailableError: the log cannot be written; nothing was removed.
        """
        removed: dict[str, list[str]] = {"epochs": [], "loads": [], "checks": [], "files": []}
        for number in self._epochs_over(self._seen(now_ms, fence), now_ms):
            self._record({"epoch": str(number)}, now_ms, epoch=number)
            self._drop(number)
            removed["epochs"].append(str(number))
        removed["loads"] = self._abandon(now_ms)
        removed["checks"] = self._abandon_checks(now_ms)
        for file in self._files_over(now_ms):
            self._record({"file": file.name}, now_ms)
            file.unlink(missing_ok=True)
            removed["files"].append(file.name)
        return {what: names for what, names in removed.items() if names}

    def over(self, now_ms: int) -> dict[str, list[str]]:
        """Name what `remove` would remove, and change nothing."""
        with self._log.transaction() as transaction:
            since = _parse(transaction.setting(RETIRED))
        found = {
            "epochs": [str(number) for number in self._epochs_over(since, now_ms)],
            "loads": [str(plan.epoch) for plan in self._loads_over(now_ms)],
            "checks": [folder.name for folder in self._checks_over(now_ms)],
            "files": [file.name for file in self._files_over(now_ms)],
        }
        return {what: names for what, names in found.items() if names}

    def _epochs_over(self, since: Mapping[int, int], now_ms: int) -> list[int]:
        kept_ms = self._settings.retention_epoch_days * DAY_MS
        over = [number for number in self._retired() if now_ms - since.get(number, now_ms) >= kept_ms]
        return [*self._half_dropped(), *over]

    def _files_over(self, now_ms: int) -> list[Path]:
        files = sorted(file for pattern in _LISTS for file in self._settings.data_dir.glob(pattern))
        return [file for file in files if self._is_old(file, now_ms)]

    def _half_dropped(self) -> list[int]:
        """List epochs of which a command that was cut off left rows, but for those that a rotation still works on."""
        with closing(open_writer(self._settings.vault_database)) as writer:
            kept = _rotating(writer)
            return [number for number in writer.left() if number not in kept]

    def _retired(self) -> list[int]:
        with closing(open_writer(self._settings.vault_database)) as writer:
            kept = _rotating(writer)
            return [
                epoch.number
                for epoch in writer.epochs()
                if epoch.state is EpochState.RETIRED and epoch.number not in kept
            ]

    def _seen(self, now_ms: int, fence: Callable[[LogTransaction], object]) -> dict[int, int]:
        """Say since when each retired epoch has been retired, and write down what is new."""
        retired = self._retired()
        with self._log.transaction() as transaction:
            fence(transaction)
            text = transaction.setting(RETIRED)
            before = _parse(text)
            since = {number: min(before.get(number, now_ms), now_ms) for number in retired}
            if since != before:
                transaction.set_setting(RETIRED, json.dumps(since))
        return since

    def _drop(self, number: int) -> None:
        with closing(open_writer(self._settings.vault_database)) as writer:
            writer.drop(number)

    def _abandon(self, now_ms: int) -> list[str]:
        """Abandon the killed loads that nobody has gone on with for long; none while a load is running."""
        if not self._loads.exists():
            return []
        try:
            with plans.alone(self._loads):
                old = self._loads_over(now_ms)
                for plan in old:
                    self._record({"load": str(plan.epoch)}, now_ms, epoch=plan.epoch)
                    abandon(self._settings, plan)
        except LoadBusyError:
            return []
        return [str(plan.epoch) for plan in old]

    def _abandon_checks(self, now_ms: int) -> list[str]:
        """Throw away the killed checks that nobody has gone on with for long; none while a check is running."""
        if not self._checks.exists():
            return []
        try:
            with plans.alone(self._checks, what="check"):
                old = self._checks_over(now_ms)
                for folder in old:
                    self._record({"check": folder.name}, now_ms)
                    shutil.rmtree(folder)
        except LoadBusyError:
            return []
        return [folder.name for folder in old]

    def _checks_over(self, now_ms: int) -> list[Path]:
        folders = sorted(path for path in self._checks.glob("*") if path.is_dir())
        return [folder for folder in folders if self._is_old(folder, now_ms)]

    def _loads_over(self, now_ms: int) -> list[Plan]:
        return [plan for plan in plans.unfinished(self._loads) if self._is_old(plan.folder, now_ms)]

    def _is_old(self, path: Path, now_ms: int) -> bool:
        newest = max(each.stat().st_mtime for each in (path, *path.glob("*")))
        return now_ms - newest * 1000 > self._settings.retention_file_days * DAY_MS

    def _record(self, detail: Mapping[str, str], now_ms: int, *, epoch: int = 0) -> None:
        fields: dict[int, bytes] = {Field.EPOCH: epoch.to_bytes(4, "big")} if epoch else {}
        admin_entry.append(self._log, EntryKind.RETENTION_APPLIED, detail, now_ms=now_ms, fields=fields)


def _parse(text: str) -> dict[int, int]:
    return {int(number): int(since_ms) for number, since_ms in json.loads(text or "{}").items()}


def _rotating(writer: VaultWriter) -> tuple[int, ...]:
    there = writer.rotation()
    return () if there is None else (there.source, there.target)
