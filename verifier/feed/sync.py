"""Follows a source: the changes of a feed file go into the epoch in use, in batches, each whole or not at all.

 1 read how far the source was followed; a gap stops, what was applied is passed over
 2 read each change; one that breaks a rule is a reject, the rest goes on
 3 heed residents' rights: who was erased is a reject, and what is still held of them goes; marks go along once to a
   new number, or to whom a number was merged into where the batch does not part them again, and are written down first
 4 read the revision of each row: the position that wrote it, or more, where another source had written it before; in a
   replay a change that is not above it is passed over
 5 project, seal, and apply the batch together with the position, with their biometric references, and with the rows of
   the other epoch while the inner keys are rotated; what stands under numbers that change hands follows just before
 6 take back the rows of whoever officers have erased meanwhile

Killed anywhere, the same file goes on where it was. Shuffled across people or delivered twice, it comes out the same,
because rows and position change together. Of several sources, whose positions say nothing of each other, what comes
later counts; a row's revision grows all the same, and so orders its changes wherever they come to again.

Killed between a person's erasure and the batch that brings it, the batch then meets the mark at every change of theirs;
so a refused change takes back what is held. Whoever had the number for a while within the batch is not bound by it: the
erasure came later.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tokenizer.record import Record
from verifier.epoch import REGISTRY_ZONE
from verifier.feed import beside
from verifier.feed.document import ERASED, WITHDRAWN
from verifier.feed.errors import FeedEpochError, FeedGapError
from verifier.feed.hands import NOBODY, Hands
from verifier.feed.reading import Read, Write, read
from verifier.feed.surroundings import Nothing, at_once
from verifier.projector import rejects
from verifier.projector.progress import Silence
from verifier.projector.rejects import Reject
from verifier.reference.errors import StandingMovedError
from verifier.token.transfer import Hand, Transfer
from verifier.vault.epoch import Followed
from verifier.vault.rotation import RotationBegunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from verifier.feed.document import Change, Feed
    from verifier.feed.surroundings import Changed, Follows, Joins
    from verifier.projector.progress import Meter
    from verifier.projector.projection import Projection
    from verifier.resident.rights import Batch, Rights
    from verifier.vault.epoch import Epoch
    from verifier.vault.pairs import Beside

BATCH: Final = 2_000
"""Changes that become visible together."""
_ATTEMPTS: Final = 20
UNKNOWN: Final = "person.unknown"
"""A remark, not a fault: the change was applied, but the vault did not hold the person before it."""


@dataclass(slots=True, kw_only=True)
class Summary:
    """What became of a file.

    Attributes:
        source: whose changes.
        epoch: number of the epoch in use.
        begun: the position before.
        position: the position now.
        applied: changes of which a row was written.
        older: changes of a replay that were passed over, because the person's row is as new or newer.
        known: changes that were passed over, because the source was followed past them before.
        erased: numbers that were erased.
        rejects: position, field and rule of changes that were not applied.
        remarks: position and rule of changes that were applied all the same.
    """

    source: str
    epoch: int
    begun: int
    position: int
    applied: int = 0
    older: int = 0
    known: int = 0
    erased: int = 0
    rejects: list[Reject] = field(default_factory=list)
    remarks: list[Reject] = field(default_factory=list)


_OF_KNOWN: Final = frozenset({"changed", "deceased", "moved", WITHDRAWN, ERASED})


class Sync:
    """Follows sources."""

    def __init__(
        self,
        agent: KeyAgent,
        vault: Changed,
        rights: Rights,
        *,
        tokens: Follows | None = None,
        references: Joins | None = None,
        meter: Meter | None = None,
        seen: Callable[[], object] = at_once,
        is_replay: bool = False,
    ) -> None:
        """Bring together what is needed.

        Args:
            agent: holds the keys.
            vault: is changed.
            rights: says who may not be brought back.
            tokens: what follows numbers that change hands; None for nothing, where changes come again.
            references: likewise, in the transaction that applies a batch.
            meter: where progress is told.
            seen: waits until whoever answers has seen the marks that were written before.
            is_replay: rows may have newer changes of the source already.
        """
        self._seen = seen
        self._is_replay = is_replay
        self._agent = agent
        self._vault = vault
        self._rights = rights
        self._tokens = tokens or Nothing()
        self._references = references or Nothing()
        self._meter = meter or Silence()
        self._other = beside.NONE

    def run(self, feed: Feed, *, begin: bool = False, held: int = 0) -> Summary:
        """Apply a file.

        Args:
            feed: the file.
            begin: what was loaded holds everything before the file.
            held: what was loaded holds the source's changes up to this position. Both count only where the epoch has
                followed nothing of the source yet.

        Raises:
            FeedGapError: changes before its first are missing.
            FeedEpochError: the epoch in use was made by another normaliser or suite.
            VaultUnavailableError: the vault failed; the same file goes on later.
            LogUnavailableError: the log's database failed; likewise.
            KeysError: a key may not be used.
        """
        epoch = self._vault.epoch()
        if not beside.is_ours(epoch):
            raise FeedEpochError("the epoch in use was made by another normaliser or suite")
        followed = self._vault.position(epoch, feed.source)  # 1
        position = followed or held
        if begin and not position:
            position = feed.after
        if feed.after > position:
            raise FeedGapError.between(feed.source, position, feed.after)
        summary = Summary(source=feed.source, epoch=epoch.number, begun=position, position=followed)
        fresh = [change for change in feed.changes if change.position > position]
        summary.known = len(feed.changes) - len(fresh)
        today = datetime.fromtimestamp(feed.as_of_ms / 1000, UTC).astimezone(REGISTRY_ZONE).date()
        projection = beside.projection_of(self._agent, epoch, today)
        self._other = self._find_other(epoch, projection)
        self._meter.stage("changes", len(fresh))
        for start in range(0, len(fresh), BATCH):
            batch = fresh[start : start + BATCH]
            last = start + len(batch) == len(fresh)
            epoch = self._apply(
                epoch,
                batch,
                projection,
                summary,
                after=feed.end if last else batch[-1].position,
                # What is not in yet may be older than the file says: only its end makes the epoch as new as it.
                as_of_ms=feed.as_of_ms if last else 0,
                source=feed.source,
            )
            self._meter.advance(done=start + len(batch), people=start + len(batch))
        if not fresh:
            self._apply(
                epoch, [], projection, summary,
                after=max(feed.end, position), as_of_ms=feed.as_of_ms, source=feed.source,
            )  # fmt: skip
        return summary

    def _apply(
        self,
        epoch: Epoch,
        batch: Sequence[Change],
        projection: Projection,
        summary: Summary,
        *,
        after: int,
        as_of_ms: int,
        source: str,
    ) -> Epoch:
        told = [
            found for change in batch if (found := read(change, projection, summary.rejects)) is not None
        ]  # 2
        parted = {found.own: found.change.position for found in told if found.person is not None}
        rights = self._rights.batch(projection.inner, {nik for found in told for nik in found.numbers})
        writes = [write for found in told for write in _heed(found, rights, summary, parted)]  # 3
        self._rights.keep(rights)
        if rights.are_marks_carried:
            self._seen()  # else rows would lead to somebody whose mark is not known yet
        ids = [projection.inner.record_id(write.under) for write in writes]
        tokens = projection.outer.tokens(ids)
        before = self._opened(epoch, tokens, projection)  # 4
        stood = {token: record.revision for token, record in before.items()}
        reached = dict(stood) if self._is_replay else dict[bytes, int]()
        hands = Hands(_standing(dict(zip(tokens, ids, strict=True)), before), rights.names)
        held = set(before)
        chosen: dict[bytes, tuple[Write, int]] = {}
        fresh: set[int] = set()
        for token, write in zip(tokens, writes, strict=True):
            if write.is_refused and token not in held:
                continue
            position = write.change.position
            if position > reached.get(token, -1):
                reached[token] = position
                chosen[token] = write, max(position, stood.get(token, -1) + 1)
                hands.take(token, write)
                if not write.is_refused:
                    fresh.add(position)
            if token not in held and write.change.name in _OF_KNOWN and write.is_own:
                summary.remarks.append(Reject(position, "", UNKNOWN))
            held.add(token)
        positions = {write.change.position for write in writes if not write.is_refused}
        summary.applied += len(fresh)
        summary.older += len(positions - fresh)
        rows = [  # 5
            (token, projection.outer.seal(token, write.record(projection, revision).pack()))
            for token, (write, revision) in sorted(chosen.items(), key=operator.itemgetter(0))
        ]

        def apply() -> Epoch:
            return self._vault.apply(
                epoch,
                rows,
                added=len(chosen.keys() - before.keys()),
                source=source,
                before=summary.position,
                after=after,
                as_of_ms=as_of_ms,
                beside=self._beside(chosen),
                also=self._following(hands.transfers, projection),
            )

        changed = self._until_unmoved(apply, epoch, projection)
        summary.position = after
        held_now = [write.under for write, _ in chosen.values() if write.person is not None]
        self._take_back(changed, rights, held_now, projection)  # 6
        return changed

    def _following(
        self, transfers: Sequence[Transfer], projection: Projection
    ) -> Callable[[Connection], None]:
        """Let what stands under numbers follow when the rows are written and not yet visible.

        What stands in the log's database is last: a vault that cannot be written leaves it where it was.
        """
        joining = self._references.joining(transfers)

        def follow(connection: Connection) -> None:
            if joining is not None:
                joining(connection)
            self._tokens.take(transfers, self._inners(projection))

        return follow

    def _until_unmoved(self, apply: Callable[[], Epoch], epoch: Epoch, projection: Projection) -> Epoch:
        """Apply a batch, and again where other epochs take changes or references by then."""
        for _ in range(_ATTEMPTS):
            try:
                return apply()
            except (RotationBegunError, StandingMovedError):
                self._other = self._find_other(epoch, projection)
        return apply()

    def _opened(self, epoch: Epoch, tokens: Iterable[bytes], projection: Projection) -> dict[bytes, Record]:
        return {
            token: Record.unpack(projection.outer.open(token, box))
            for token, box in sorted(self._vault.boxes(epoch, tokens).items())
        }

    def _inners(self, projection: Projection) -> list[Inner]:
        other = self._other.projection
        return [projection.inner, *([] if other is None else [other.inner])]

    def _find_other(self, epoch: Epoch, projection: Projection) -> beside.Other:
        """Take the keys of the epoch that takes the changes besides, if there is one."""
        other = self._vault.other(epoch)
        if other is None:
            return beside.NONE
        return beside.Other(
            projection=beside.projection_of(self._agent, other, projection.as_of), takes=beside.is_ours(other)
        )

    def _beside(self, chosen: Mapping[bytes, tuple[Write, int]]) -> Beside | None:
        """Make the rows of the other epoch."""
        there = self._other.projection
        if there is None:
            return None
        tokens = self._other.tokens([write.under for write, _ in chosen.values()])
        writes = list(chosen.values()) if self._other.takes else []
        records = {
            token: write.record(there, revision)
            for token, (write, revision) in zip(tokens, writes, strict=False)
        }
        return self._other.beside(dict(zip(chosen, tokens, strict=True)), records)

    def _take_back(self, epoch: Epoch, rights: Batch, numbers: Sequence[Nik], projection: Projection) -> None:
        late = self._rights.late(rights, numbers)
        gone_with = [Transfer(hand=Hand.ERASED, number=nik, own=nik) for nik in late]
        self._tokens.take(gone_with, [projection.inner])
        self._references.take(gone_with)
        tokens = projection.outer.tokens([projection.inner.record_id(nik) for nik in late])
        gone = [
            (token, projection.outer.seal(token, projection.inner.withdrawn(revision=record.revision).pack()))
            for token, record in self._opened(epoch, tokens, projection).items()
        ]
        if gone:
            self._vault.replace(epoch, gone)


def _standing(ids: Mapping[bytes, bytes], before: Mapping[bytes, Record]) -> dict[bytes, bytes]:
    """Say by its budget handle whom each row held."""
    return {
        token: record.handles.budget_subject if record.r == ids[token] else NOBODY
        for token, record in before.items()
    }


def _heed(told: Read, rights: Batch, summary: Summary, parted: Mapping[Nik, int]) -> list[Write]:
    """Heed residents' rights, and list the rows that a change may write.

    Args:
        parted: the last position in the batch at which a number is its holder's own: of one that was merged before it,
            whatever binds that holder does not bind whom it was merged into.
    """
    change = told.change
    at = Followed(change.position, change.as_of_ms)
    if change.name == ERASED:
        rights.erase(told.own, told.also, at=at)
        summary.erased += len(told.numbers)
    if told.person is None:
        return told.writes()
    rights.part(told.own, at=at)
    binding = [nik for nik in told.also if parted.get(nik, at.position) <= at.position]
    apart = rights.carry(told.own, was=told.was, also=binding, at=at)
    if apart is None:
        summary.rejects.append(Reject(change.position, "NIK", rejects.ERASED))
        return told.refused()
    return told.writes({*apart, *(nik for nik in told.also if rights.is_erased(nik))})
