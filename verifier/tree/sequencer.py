"""The sequencer: the leader's duty that takes committed leaves into the tree and publishes what it has come to.

One turn:
 1 resume: what the folder holds must be what head and checkpoint say (verifier/tree/resume.py); once, and after a fault
 2 read the entries behind the tree, without a gap, and hash each one again that still has its salt; as far as the head
   has seen them, they are the same ones
 3 write tiles and bundles, durably; of a busy log only whole ones (docs/adr/0052)
 4 be the leader still, and move the head on: compare and swap, in a store apart
 5 sign, and let witnesses sign
 6 publish the checkpoint, and remove partial files whose full ones stand
A leaf's index is its entry's place less one. A process that dies at any step leaves what the next one goes on from: the
files of 3 are the same whoever writes them, a head that was moved on is published before anything else, and the
signature is the same for the same text.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from padan.tlog import checkpoint, note
from padan.tlog.tile import WIDTH
from verifier.errors import ServiceError
from verifier.headfile import Extent, HeadConflictError
from verifier.leader import LeaderDuty
from verifier.log.store import LeaderLostError
from verifier.tree import places, resume
from verifier.tree.cosigner import Asked, asking_again, proving, renewed
from verifier.tree.errors import TreeBusyError, TreeError, TreeForkedError
from verifier.tree.folder import full_tiles
from verifier.tree.leaves import committed
from verifier.tree.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.edge import Edge, File
    from padan.tlog.frontier import Frontier
    from padan.tlog.note import Line
    from verifier.headfile import HeadFile
    from verifier.leader import Mandate
    from verifier.log.store import Head, LogStore
    from verifier.tree.cosigner import Cosigner
    from verifier.tree.folder import TreeFolder
    from verifier.tree.signing import CheckpointSigner

EVERY: Final = 0.6
"""Seconds from a turn's begin to the next one's. What just missed a turn is published at the end of the next one, so
within a second as long as a turn takes no more than 0.4 s."""
COSIGN_SECONDS: Final = 0.4
"""How long a checkpoint waits for the signatures of others."""
SLOW_COSIGN_SECONDS: Final = 2.0
"""The same where they have come late: a second is then given up, and a receipt's merge delay is far away."""
SPARE_SECONDS: Final = 0.25
"""Entries wait for the next turn, where this one fills tiles and they fill none, if their age and the time of this
turn and the next one are no more than that: with EVERY it is less than a second."""
AHEAD_SECONDS: Final = 0.05
"""How far the log's clock may be ahead of this process's where the age of an entry is believed."""
_STEP: Final = 262_144
"""Leaves that one turn takes at most: a log that is older than its tree is caught up with in turns."""
_SWAPS: Final = 8

_LOGGER = logging.getLogger("padan.tree")


class Gauges(Protocol):
    """Where the sequencer shows what it did; verifier.metrics has one."""

    def show_merge(self, delay: float) -> None:
        """Take the delay of a checkpoint's oldest new entry, in seconds."""
        ...

    def show_tree_fault(self, *, faulty: bool) -> None:
        """Take whether the tree, the head or the log are at odds, so that nothing is signed."""
        ...


class Sequencer:
    """Keeps one log's tree. For one thread at a time."""

    def __init__(
        self,
        *,
        log: LogStore,
        head: HeadFile,
        folder: TreeFolder,
        signer: CheckpointSigner,
        require: Callable[[int], None],
        cosign: Cosigner | None = None,
        gauges: Gauges | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Bring together what it works with.

        Args:
            log: where entries commit.
            head: moved on before anything is signed.
            folder: where the tree is published.
            signer: of the log.
            require: raises LeaderLostError where a term is over.
            cosign: collects the signatures of witnesses.
            gauges: is shown delays and faults.
            now: seconds of the Unix epoch, as log time has them.
        """
        self._log = log
        self._head = head
        self._folder = folder
        self._signer = signer
        self._require = require
        self._waiting = Waiting(cosign, seconds=COSIGN_SECONDS, at_most=SLOW_COSIGN_SECONDS)
        self._gauges = gauges
        self._now = now
        self._edge: Edge | None = None
        self._mandate: Mandate | None = None
        self._said = ""
        self._shown: tuple[Asked, tuple[Line, ...]] | None = None
        self._standing: tuple[bytes, Checkpoint] | None = None
        self._took = 0.0

    def act(self, mandate: Mandate) -> None:
        """Take a turn as a duty: what stops it is told once, and tried again at the next turn.

        Raises:
            LeaderLostError: another process leads.
        """
        try:
            self.turn(mandate)
        except LeaderLostError:
            raise
        except (TreeError, ServiceError) as error:
            if str(error) != self._said:
                _LOGGER.error("nothing is published", extra={"reason": str(error)})  # noqa: TRY400 - the cause is said
            self._said = str(error)
            return
        if self._said:
            _LOGGER.info("the tree is published again")
        self._said = ""

    def turn(self, mandate: Mandate) -> bool:
        """Publish what was committed since the last turn; returns whether a checkpoint was published.

        Args:
            mandate: the leader's.

        Raises:
            LeaderLostError: another process leads.
            LogUnavailableError, HeadStoreError: log, folder or head cannot be used now; the next turn tries again.
            TreeError: they are at odds; nothing is signed until that is mended.
        """
        if mandate != self._mandate:  # another process may have published between two terms of this one
            self._edge, self._mandate = None, mandate
        began = self._now()
        try:
            published = self._turn(mandate)
        except BaseException as error:
            self._edge = None
            if isinstance(error, TreeError):
                self._show_fault(faulty=True)
            raise
        finally:
            self._took = max(0.0, self._now() - began)
        self._show_fault(faulty=False)
        return published

    def _turn(self, mandate: Mandate) -> bool:
        resumed = False
        if self._edge is None:
            self._edge, resumed = self._resumed(mandate)  # 1
            if self._edge is None:
                return False
        edge, head = self._edge, self._head.read()
        seen = edge.frontier if head is None else head.tree
        last = self._log.head()  # after the head, which is behind it
        if last.sequence < max(edge.size, seen.size):
            raise TreeForkedError(
                f"the log has {last.sequence} entries; its head has seen {seen.size}, and {edge.size} are published"
            )
        if last.sequence == edge.size:
            return resumed or self._add_late_lines(mandate)
        old, end = edge.size, self._worthwhile(edge.size, seen.size, last)
        trees, oldest = self._grow(edge, end, seen)
        self._write_places(old, edge.size)
        self._publish(mandate, Extent.of(trees[-1]), old, trees)
        if self._gauges is not None:
            self._gauges.show_merge(max(0.0, self._now() - oldest / 1000))
        return True

    def _worthwhile(self, old: int, seen: int, last: Head) -> int:
        """Say how far to go: a busy log has something for the next turn, and partial files cost as whole ones.

        What the head has seen is taken in now, since it can be held against that only as a whole; a tree that is behind
        it by more than _STEP comes to where it is compared in several turns.
        """
        end = min(last.sequence, old + _STEP)
        whole = end - end % WIDTH
        if not max(old + 1, seen) <= whole < end:
            return end
        now, rest = self._now(), self._log.blind_rows(whole, 1)
        is_in_time = bool(rest) and now - rest[0][1] / 1000 + 2 * self._took <= SPARE_SECONDS
        return whole if is_in_time and last.log_time_ms / 1000 - now <= AHEAD_SECONDS else end

    def _grow(self, edge: Edge, end: int, seen: Frontier) -> tuple[list[Frontier], int]:
        """Take what was committed up to a place into the tree; the trees on the way, and the first one's log time."""
        trees: list[Frontier] = []
        oldest = 0
        for stop in sorted({min(seen.size, end), end}):
            files: list[File] = []
            for rows in committed(self._log, edge.size, stop):  # 2
                oldest = oldest or rows[0][1]
                files += edge.grow([leaf for _, _, leaf, _, _ in rows])
                trees.append(edge.frontier)
            if stop == end:
                files += edge.partial_files
            if trees and seen.size == edge.size and trees[-1] != seen:
                raise TreeForkedError(
                    f"the log's first {seen.size} entries are not those that the head has seen: one was changed since"
                )
            self._folder.write(files)  # 3
        return trees, oldest

    def _resumed(self, mandate: Mandate) -> tuple[Edge | None, bool]:
        """Find where to go on, and publish what the head has and no checkpoint says yet; whether there was such."""
        head = self._head.read()
        if head is None or head.before is not None:
            return None, False  # whoever writes the log writes the head first
        self._folder.sweep()
        found = resume.resume(head, folder=self._folder, signer=self._signer, log=self._log)
        self._write_places(0, found.edge.size)
        if found.pending is not None:
            self._publish(mandate, found.pending, found.published)
        elif found.standing is not None:  # it may wait for lines still
            lines = found.standing.lines
            self._shown = asking_again(found.standing, self._folder.read), lines
            self._waiting.published(*self._shown)
        return found.edge, found.pending is not None

    def _write_places(self, old: int, new: int) -> None:
        for number in places.missing(self._folder, old, new):
            self._folder.write([places.make(self._folder, number)])

    def _publish(self, mandate: Mandate, extent: Extent, old: int, trees: Sequence[Frontier] = ()) -> None:
        self._require(mandate.term)  # 4
        self._move_head(extent, trees)
        text = self._signer.text(*extent)  # 5
        lines = self._signer.sign(text)
        prove = proving(extent.entries, self._folder.read)
        asked = Asked(text, note.join(text, lines), extent.entries, prove)
        others = self._waiting.ask(asked)
        self._require(mandate.term)  # 6
        self._show(extent, asked, (*lines, *others))
        self._folder.drop_partials(full_tiles(old, extent.entries))

    def _move_head(self, extent: Extent, trees: Sequence[Frontier]) -> None:
        for _ in range(_SWAPS):
            head = self._head.read()
            if head is None or (head.published is not None and head.published.entries > extent.entries):
                raise TreeBusyError("the head was moved by another process; this one looks again")
            if head.published == extent:
                return
            try:
                self._head.swap(head, dataclasses.replace(head.moved(trees), published=extent))
            except HeadConflictError:  # whoever writes the log has moved its part on
                continue
            return
        raise TreeBusyError("the head moves all the time; this process looks again")

    def _show(self, extent: Extent, asked: Asked, lines: tuple[Line, ...]) -> None:
        def may_replace(before: bytes | None) -> bool:
            if before is None:
                return True
            own = self._standing
            stated = own[1] if own is not None and own[0] == before else self._signer.read(before)
            if stated.size > extent.entries:
                return False
            if stated.size == extent.entries and stated.root != extent.root:
                raise TreeForkedError(f"the published checkpoint has another root for {stated.size} leaves")
            return True

        data = note.join(asked.text, lines)
        if not self._folder.publish(data, may_replace=may_replace):
            raise TreeBusyError(f"{self._folder.path}: another process has published, or publishes just now")
        self._shown, self._standing = (asked, lines), (data, checkpoint.parse_text(asked.text))
        self._waiting.published(asked, lines)

    def _add_late_lines(self, mandate: Mandate) -> bool:
        """Publish the last checkpoint again where witnesses have answered after their time, or once more."""
        if self._shown is None or self._edge is None:
            return False
        asked, lines = self._shown
        others = self._waiting.late(asked.text)
        if not others:
            return False
        newest = renewed(lines, others)
        if newest == lines:
            self._waiting.published(asked, lines)
            return False
        self._require(mandate.term)
        self._show(Extent(self._edge.size, self._edge.root), asked, newest)
        return True

    def _show_fault(self, *, faulty: bool) -> None:
        if self._gauges is not None:
            self._gauges.show_tree_fault(faulty=faulty)


def duty(tree: Sequencer) -> LeaderDuty:
    """Make the leader's duty of a sequencer, at the pace that keeps every leaf's second."""
    return LeaderDuty(name="tree", every=EVERY, act=tree.act, alone=True, steady=True)
