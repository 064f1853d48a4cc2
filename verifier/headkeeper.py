"""Keeps the head apart from the log, and refuses a log or a keyring that is older than the head.

At the start, before anything is written:
 1 read the head  2 the keyring's counter is not below it, nor below the one that the log itself has seen
 3 the log has as many entries  4 they are the same ones, by the tree from the head's first checkpoint on, so that a
   start reads some thousand leaves and not the whole log
Then the sequencer moves the head on with the tree, and where none does, a duty each second: what a rollback within the
last two seconds loses, the head does not show.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Final

from padan.tlog.frontier import Frontier
from verifier import chain, keyring_events
from verifier.errors import LogUnavailableError, OperatorError
from verifier.folders import make_folder
from verifier.headfile import (
    MOST_CHECKPOINTS,
    WINDOW,
    Head,
    HeadConflictError,
    HeadFile,
    HeadFormatError,
    HeadStoreError,
)
from verifier.housekeeping import Duty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from keys.realm import Realm
    from verifier.config import Settings
    from verifier.directory import Directory
    from verifier.log.store import LogStore

EVERY: Final = 1.0
"""Seconds between two heads."""
_STEP: Final = 65_536
"""Leaves that one turn reads at most: a log that is older than its head store is caught up with in turns."""
_PAGE: Final = 4_096
_BEGUN: Final = "head.begun"
"""Setting of the directory: there is a head, so that its absence shows."""

_LOGGER = logging.getLogger("padan.head")


class RolledBackError(OperatorError):
    """Log or keyring are older than the head, or another log's; or the head is gone."""


def keep(
    opened: contextlib.ExitStack, settings: Settings, agent: KeyAgent, log: LogStore, directory: Directory
) -> Duty:
    """Check the head before a process writes; what is returned moves it on, and so does the closing of `opened`.

    Raises:
        RolledBackError, HeadFormatError, HeadStoreError, LogUnavailableError: as for `HeadKeeper.check`.
    """
    if settings.head_store is None:
        # With both databases elsewhere nothing else may have made it yet.
        make_folder(settings.data_dir)
    keeper = HeadKeeper(
        file=HeadFile(settings.head_file, agent.realm),
        log=log,
        directory=directory,
        realm=agent.realm,
        keyring=agent.keyring_counter,
    )
    keeper.check()
    keeper.begin()
    opened.callback(keeper.finish)

    def advance() -> None:
        keeper.see_keyring(agent.keyring_counter)
        keeper.advance()

    return Duty(name="head", every=EVERY, act=advance)


class HeadKeeper:
    """Checks and moves on one installation's head. For one thread at a time."""

    def __init__(
        self, *, file: HeadFile, log: LogStore, directory: Directory, realm: Realm, keyring: int
    ) -> None:
        """Bring together what it compares.

        Args:
            file: the head, apart from the log.
            log: the log.
            directory: the log's database, which remembers that there is a head, and the keyring's counter too.
            realm: the registry and environment.
            keyring: the counter of the keyring in use.
        """
        self._file = file
        self._log = log
        self._directory = directory
        self._realm = realm
        self._keyring = keyring
        self._is_noted = False
        self._seen = 0

    def check(self) -> None:
        """Refuse to begin on less than the head.

        Raises:
            RolledBackError: the keyring or the log is older, or the log another one; or the head is gone.
            HeadFormatError: the head cannot be understood.
            HeadStoreError, LogUnavailableError: the head or the log cannot be read.
        """
        head = self._file.read()  # 1
        if head is None:
            if self._directory.setting(_BEGUN):
                raise RolledBackError(
                    f"{self._file.path}: the head is gone, and the log says that there was one;"
                    " on a further host of this log, copy the file from another one first"
                )
            self._require_keyring("the log", keyring_events.known_counter(self._directory))
            return
        self._require_keyring(self._file.path, head.keyring)  # 2
        self._require_keyring("the log", keyring_events.known_counter(self._directory))
        entries = self._log.head().sequence
        seen = head.extent.entries
        if entries < seen:  # 3
            raise RolledBackError(
                f"the log has {entries} entries, but {self._file.path} has seen {seen}:"
                f" {seen - entries} are missing"
            )
        if not self._is_of_one_history(head):  # 4
            raise RolledBackError(
                f"the log has other entries than those that {self._file.path} has seen: it is another log,"
                " or an older copy that went on by itself"
            )

    def see_keyring(self, counter: int) -> None:
        """Take notice of the keyring that is in use now."""
        self._keyring = max(self._keyring, counter)

    def begin(self) -> None:
        """Write the first head where there is none: a machine that is lost within a second of its first start has one.

        Raises:
            RolledBackError, HeadFormatError, HeadStoreError, LogUnavailableError: as for `check`.
        """
        if self._file.read() is None:
            self.advance()

    def advance(self) -> bool:
        """Move the head on, as far as one turn goes; returns whether it has reached the log's end.

        Raises:
            RolledBackError: the log is shorter than the head.
            HeadFormatError, HeadStoreError, LogUnavailableError: as for `check`.
        """
        before = self._file.read()
        head = before or Head(tree=Frontier(), keyring=0)
        left, self._seen = self._seen, head.extent.entries
        # Whoever publishes the tree keeps the head too, by the leaves that it has read anyway, and not the keyring.
        if self._is_noted and self._seen > left and head.before is None:
            self._move_keyring(head)
            return False
        entries, seen = self._log.head().sequence, self._seen
        if entries < seen:
            raise RolledBackError(f"the log has {entries} entries, and had {seen} a moment ago")
        # A head of format 1 has no tree, so that its successor takes the whole log at once.
        until = entries if head.before is not None else min(entries, seen + _STEP)
        after = self._moved(head, until)
        if after != before:
            with contextlib.suppress(HeadConflictError):  # the other process has moved it on
                self._file.swap(before, after)
                self._seen = after.extent.entries
        if not self._is_noted:
            if not self._directory.setting(_BEGUN):
                self._directory.set_setting(_BEGUN, "1")
            self._is_noted = True
        return until == entries

    def finish(self) -> None:
        """Move the head to the log's end, at the end of a process; what fails is told and left."""
        try:
            while not self.advance():
                pass
        except (RolledBackError, HeadFormatError, HeadStoreError, LogUnavailableError) as error:
            _LOGGER.error("the head was not moved on", extra={"reason": str(error)})  # noqa: TRY400 - the cause is said

    def tree_at(self, entries: int) -> Frontier:
        """Compute the tree over the log's first entries from the beginning, which reads all of them.

        Raises:
            RolledBackError: there are fewer.
            LogUnavailableError: the log cannot be read.
        """
        return self._extended(Frontier(), entries)

    def _require_keyring(self, witness: Path | str, counter: int) -> None:
        if self._keyring < counter:
            raise RolledBackError(
                f"the keyring has counter {self._keyring}, but {witness} has seen {counter}:"
                " the keyring is an older copy"
            )

    def _is_of_one_history(self, head: Head) -> bool:
        if head.before is not None:
            checkpoints = head.before.checkpoints
            begin = checkpoints[0] if len(checkpoints) == MOST_CHECKPOINTS else chain.start(self._realm)
            for leaves in self._pages(begin.entries, head.before.chain.entries):
                begin = chain.extend(begin, leaves)
            return begin == head.before.chain
        # Of two, so that a whole window lies between it and the head.
        base = head.checkpoints[0] if len(head.checkpoints) == MOST_CHECKPOINTS else Frontier()
        return self._extended(base, head.tree.size) == head.tree

    def _move_keyring(self, head: Head) -> None:
        """Move on the keyring's counter alone."""
        if head.keyring < self._keyring:
            with contextlib.suppress(HeadConflictError):  # moved on just now: the next turn tries again
                self._file.swap(head, dataclasses.replace(head, keyring=self._keyring))

    def _moved(self, head: Head, until: int) -> Head:
        trees = [head.tree]
        while trees[-1].size < until:
            trees.append(self._extended(trees[-1], min(until, (trees[-1].size // WINDOW + 1) * WINDOW)))
        keyring = max(head.keyring, self._keyring)
        return dataclasses.replace(head.moved(trees), keyring=keyring, before=None)

    def _extended(self, tree: Frontier, until: int) -> Frontier:
        for leaves in self._pages(tree.size, until):
            tree = tree.extend(leaves)
        return tree

    def _pages(self, after: int, until: int) -> Iterator[list[bytes]]:
        while after < until:
            leaves = self._log.leaves(after, min(_PAGE, until - after))
            if not leaves:
                raise RolledBackError(f"entry {after + 1} is missing in the log")
            yield leaves
            after += len(leaves)
