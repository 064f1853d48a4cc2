"""The people of an inner rotation: the registry projects them anew, and a feed brings its changes to both epochs.

1 what a feed brought for the other epoch is carried over, a batch in one transaction with its note; who was erased
meanwhile is held no longer  2 numbers of the old epoch that nothing has brought are counted  3 what no feed holds gets
both record ids: once, when the projection is done, and whenever a sample is asked for, since whoever writes of it gives
both from the beginning of the rotation; nothing of it waits at a flip  4 for a sample, people are
drawn by the pairs that the projection and the feed have left, and how they stand is compared: whether they are held,
under which handles, what is held of them, and whether they are active. The values themselves cannot be compared: they
are under other keys. `padan-server registry check` holds them against the registry.
"""

from __future__ import annotations

import secrets
from array import array
from contextlib import closing
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose
from tokenizer.inner import Inner
from tokenizer.record import Record
from verifier.directory import Directory
from verifier.projector import merge, runs
from verifier.projector.errors import RunError
from verifier.projector.pairing import PATTERN
from verifier.projector.runs import KEY_SIZE, TOKEN_SIZE
from verifier.resident.table import MarkTable
from verifier.rotation.errors import (
    AheadError,
    BehindError,
    MissingPeopleError,
    MovedPartError,
    PeopleDifferError,
    UntakenChangesError,
)
from verifier.rotation.people import BATCH
from verifier.rotation.rotatable import Sampled
from verifier.rotation.step import Step
from verifier.rotation.translation import outer_of
from verifier.vault import pairs, ranges
from verifier.vault.open import open_rows
from verifier.vault.rotation import RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from tokenizer.record import Flag, Handles
    from verifier.rotation.means import Means
    from verifier.rotation.rotatable import Rotatable
    from verifier.vault.changer import VaultChanger
    from verifier.vault.epoch import Epoch
    from verifier.vault.pairs import Pair
    from verifier.vault.rows import VaultRows

_FILES: Final = 16
"""Chunks of the projection of which people are drawn."""
_SHARE: Final = 4
"""One in so many of who is drawn was named by a feed."""
_Tokens = tuple[bytes, bytes]
"""Of one number, in the old epoch and in the new one."""


class InnerPeople:
    """The people of a rotation's two epochs, under two record ids each.

    Args:
        means: what is worked with.
        held: the tables that no feed holds, which are renamed.
    """

    name = "people"

    def __init__(self, means: Means, held: Sequence[Rotatable] = ()) -> None:
        self._means = means
        self._held = held
        there = means.there
        self._outers = {
            number: outer_of(means.agent, means.epoch(number)) for number in (there.source, there.target)
        }

    def move(self) -> None:
        """Refuse: nobody becomes another by being moved.

        Raises:
            RotationStateError: always.
        """
        raise RotationStateError(
            f"{self._means.there.name} is not moved: padan-server rotation project goes on with it"
        )

    def rename(self, pairs: Iterable[_Tokens]) -> int:
        """Do nothing: the projection and the feed write every person under the new record id themselves."""
        del pairs
        return 0

    def rename_held(self) -> int:
        """Give what no feed holds both record ids, of everyone whom the projection and the feed have brought."""
        return sum(table.rename(_Pairs(self._record_ids)) for table in self._held)

    def before_flip(self, pairs: Iterable[_Tokens] | None = None) -> int:
        """Carry over, and let what no feed holds come along with those whom a feed has brought since the projection."""
        del pairs
        for table in self._held:
            table.before_flip(_Pairs(self._record_ids))
        return self.carry()

    def settle(self) -> None:
        """Give what no feed holds both record ids, once every process knows of the rotation; may take hours."""
        for table in self._held:
            table.settle()
        self.rename_held()

    def drop(self) -> int:
        """Delete what leads to nobody in the new epoch, of what no feed holds."""
        self.rename_held()
        return sum(table.drop() for table in self._held)

    def _record_ids(self) -> Iterator[_Tokens]:
        """Go through the record ids of everyone, old and new."""
        there = self._means.there
        old, new = self._outers[there.source], self._outers[there.target]
        for found in self._tokens():
            yield from zip(
                old.record_ids([source for source, _ in found]),
                new.record_ids([target for _, target in found]),
                strict=True,
            )

    def _tokens(self) -> Iterator[list[_Tokens]]:
        for path in self._files():
            yield [_tokens(record) for record in _read(path)]
        first = bytes(TOKEN_SIZE)
        while found := self._means.rotations.drawn(first, BATCH):
            yield found
            first = (int.from_bytes(found[-1][1], "big") + 1).to_bytes(TOKEN_SIZE + 1, "big")[-TOKEN_SIZE:]
            if not any(first):
                return

    def carry(self) -> int:
        """Bring what a feed brought into the other epoch."""
        carried = 0
        while batch := self._means.rotations.waiting(self._means.there, BATCH):
            with self._means.changer() as vault:
                self._carry_batch(vault, batch)
            carried += len(batch)
        return carried

    def _carry_batch(self, vault: VaultChanger, batch: Sequence[Pair]) -> None:  # 1
        means, there = self._means, self._means.there
        is_source = there.in_use == there.source
        after = next(each for each in vault.epochs() if each.number == there.other)
        outer, inner = self._outers[after.number], self._inner(after)
        held = vault.boxes(after, [pair.other for pair in batch])
        erased, rows = _erased(means), list[tuple[bytes, bytes]]()
        for pair in sorted(batch, key=lambda each: each.other):
            box, record = pair.box, Record.unpack(outer.open(pair.other, pair.box))
            before = held.get(pair.other)
            if before is not None and _revision(outer.open(pair.other, before)) > pair.revision:
                continue
            if record.handles.budget_subject in erased:
                box = outer.seal(pair.other, inner.withdrawn(revision=pair.revision).pack())
            rows.append((pair.other, box))
        means.reached(Step.CHANGES_READ)
        if rows:
            added = sum(token not in held for token, _ in rows)
            vault.carry(after, rows, added=added, write=_taking(batch, from_source=is_source))
        else:
            means.rotations.taken(there, batch)
        means.reached(Step.CHANGES_CARRIED)

    def _inner(self, epoch: Epoch) -> Inner:
        keys = epoch.key_ids
        return Inner.of_agent(
            self._means.agent, index_id=keys[Purpose.INDEX], attribute_id=keys[Purpose.ATTRIBUTE]
        )

    def count_missing(self) -> int:
        """Count the numbers under which the old epoch holds somebody and that nothing has brought into the new one."""
        means = self._means
        old = means.epoch(means.there.source)
        outer, inner = self._outers[old.number], self._inner(old)
        decoys = frozenset(outer.tokens([inner.decoy_id(number) for number in range(old.decoys)]))
        cut, erased, missing, done = [*ranges.heads(ranges.count_for(old.rows))], _erased(means), 0, 0
        brought = _by_part(self._brought(), [last for _, last in cut])
        means.meter.stage("counting", old.rows)
        with closing(open_rows(means.settings.vault_database)) as vault:
            for (first, last), tokens in zip(cut, brought, strict=True):
                rows = vault.between(old.number, first, last)
                left = {token: box for token, box in rows if token not in tokens and token not in decoys}
                for token in means.rotations.named(sorted(left)):
                    del left[token]
                ids = outer.record_ids(list(left)) if left else []
                records = [Record.unpack(outer.open(token, box)) for token, box in left.items()]
                missing += sum(
                    record.r == r and record.handles.budget_subject not in erased
                    for r, record in zip(ids, records, strict=True)
                )
                done += len(rows)
                means.meter.advance(done=done, people=done)
        return missing

    def sample(self, people: int) -> Sampled:
        """Draw people by their pairs, and compare how they stand in both epochs.

        Raises:
            BehindError: the new epoch lacks changes.
            AheadError: the source was newer than what the epoch in use has followed.
            MissingPeopleError: numbers of the old epoch are not in the new one.
            UntakenChangesError: the old epoch could not take the changes since the flip.
            PeopleDifferError: they do not stand the same.
        """
        means = self._means
        _require_whole(means)
        drawn = self._draw(people)
        with closing(open_rows(means.settings.vault_database)) as vault:
            differ = self._differing(vault, drawn)
            if differ:  # they may have changed a moment ago
                self.carry()
                differ = self._differing(vault, differ)
        if differ:
            raise PeopleDifferError(
                f"{len(differ)} of {len(drawn)} people drawn do not stand the same in both epochs"
            )
        means.reached(Step.SAMPLED)
        return Sampled(drawn=len(drawn), differing=0)

    def _draw(self, people: int) -> list[_Tokens]:
        chance = secrets.SystemRandom()
        found = self._means.rotations.drawn(secrets.token_bytes(TOKEN_SIZE), people // _SHARE)
        files = self._files()
        files = chance.sample(files, min(_FILES, len(files)))
        left = people - len(found)
        for place, path in enumerate(files):
            records = list(_read(path))
            count = -(-left // (len(files) - place))
            chosen = chance.sample(records, min(count, len(records)))
            left -= len(chosen)
            found += map(_tokens, chosen)
        return found

    def _differing(self, vault: VaultRows, drawn: Sequence[_Tokens]) -> list[_Tokens]:
        there, differ = self._means.there, list[_Tokens]()
        ours = self._standing(vault, there.source, [source for source, _ in drawn])
        theirs = self._standing(vault, there.target, [target for _, target in drawn])
        for tokens, old, new in zip(drawn, ours, theirs, strict=True):
            if old == new:
                continue
            is_other = old is not None and new is not None and old[0] != new[0]
            if is_other or not self._means.newer:
                differ.append(tokens)
        return differ

    def _standing(
        self, vault: VaultRows, number: int, tokens: Sequence[bytes]
    ) -> list[tuple[Handles, Flag, int] | None]:
        """Say how numbers stand in an epoch; None where nobody is held."""
        outer, boxes = self._outers[number], vault.boxes(number, tokens)
        found: list[tuple[Handles, Flag, int] | None] = []
        for token, r in zip(tokens, outer.record_ids(tokens) if tokens else [], strict=True):
            record = Record.unpack(outer.open(token, boxes[token])) if token in boxes else None
            is_held = record is not None and record.r == r
            found.append((record.handles, record.flags, record.presence) if record and is_held else None)
        return found

    def _files(self) -> list[Path]:
        return sorted(self._means.folder.glob(PATTERN))

    def _brought(self) -> Iterator[bytes]:
        """Read the old tokens of everyone whom the projection has brought, ascending."""
        files = self._files()
        if not files:
            return
        try:
            for token, _ in merge.unique(merge.narrow(files, self._means.folder), array("Q")):
                yield token
        except RunError as error:
            raise _damaged(error) from error


class _Pairs:
    """Everyone's record ids, from the beginning each time."""

    def __init__(self, source: Callable[[], Iterator[_Tokens]]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[_Tokens]:
        return self._source()


def _require_whole(means: Means) -> None:
    """See that both epochs can be compared."""
    there = means.there
    if there.state is RotationState.FLIPPED:
        if there.untaken:
            raise UntakenChangesError(
                f"epoch {there.source}, of another normaliser or suite, lacks {there.untaken} changes since the flip"
            )
        return
    followed = means.rotations.positions(there.source)
    for source, lack in means.rotations.behind().items():
        if lack.position < lack.until:
            raise BehindError(
                f"epoch {there.target} lacks the changes of {source} after {lack.position}, to {lack.until}"
            )
        if followed.get(source, 0) < lack.position and not means.newer:
            raise AheadError(
                f"the source holds {source} to {lack.position}, and epoch {there.source} has followed it to"
                f" {followed.get(source, 0)} only"
            )
    if there.missing is None:
        raise RotationStateError(
            f"{there.name} is not complete: padan-server rotation project goes on with it"
        )
    if there.missing and not means.newer:
        raise MissingPeopleError(
            f"{there.missing} numbers of epoch {there.source} are in neither the source nor the feed"
        )


def _by_part(tokens: Iterator[bytes], ends: Sequence[int]) -> Iterator[frozenset[bytes]]:
    """Cut ascending tokens into parts, by the number that their first 8 bytes are at most."""
    head = next(tokens, None)
    for last in ends:
        found: set[bytes] = set()
        while head is not None and int.from_bytes(head[:8], "big") <= last:
            found.add(head)
            head = next(tokens, None)
        yield frozenset(found)


def _read(path: Path) -> Iterator[bytes]:
    try:
        yield from runs.read(path)
    except (RunError, OSError) as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> MovedPartError:
    return MovedPartError(str(error).partition(";")[0])


def _tokens(record: bytes) -> _Tokens:
    return record[:TOKEN_SIZE], record[KEY_SIZE:]


def _revision(plain: bytes) -> int:
    return Record.unpack(plain).revision


def _erased(means: Means) -> frozenset[bytes]:
    with closing(Directory(means.settings.log_database)) as directory:
        return MarkTable(directory).erased_handles()


def _taking(batch: Sequence[Pair], *, from_source: bool) -> Callable[[Connection], None]:
    def take(connection: Connection) -> None:
        pairs.taken(connection, batch, from_source=from_source)

    return take
