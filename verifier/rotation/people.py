"""The people: the vault's main table, which every installation has.

1 move part by part in worker processes, keeping runs that are there  2 merge the runs into the new epoch, in the order
of its tokens  3 make it ready; from then on 4 noted changes are carried over, a batch in one transaction with its notes
"""

from __future__ import annotations

import hmac
import secrets
import time
from array import array
from contextlib import closing
from typing import TYPE_CHECKING, Final

from verifier import host_keys
from verifier.projector import merge, runs
from verifier.projector.errors import RunError
from verifier.projector.pool import Pool
from verifier.rotation import parts
from verifier.rotation.errors import MovedPartError
from verifier.rotation.mover import Mover, MoverSpec, work
from verifier.rotation.pace import Pace
from verifier.rotation.parts import Part
from verifier.rotation.rotatable import Sampled
from verifier.rotation.step import Step
from verifier.vault import rotation
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_rows, open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from verifier.projector.runs import RunHeader
    from verifier.rotation.means import Means
    from verifier.rotation.translation import Translation
    from verifier.vault.changer import VaultChanger
    from verifier.vault.epoch import Epoch
    from verifier.vault.rotation import Change
    from verifier.vault.rows import VaultRows
    from verifier.vault.store import Row

BATCH: Final = 2_000
"""Changes that are carried over together."""
_SHOW_SECONDS: Final = 1.0
_HEADS: Final = 1 << 64
_NEIGHBOURS: Final = 4
"""Rows that a draw finds on average, of which it takes the first."""


class People:
    """The people of a rotation's two epochs."""

    name = "people"

    def __init__(self, means: Means) -> None:
        self._means = means
        self._kept_rows = self._done = 0
        self._began = self._said = time.monotonic()

    def before_flip(self, pairs: Iterable[tuple[bytes, bytes]] | None = None) -> int:
        """Carry over what is noted."""
        del pairs
        return self.carry()

    def settle(self) -> None:
        """Do nothing: whoever changes rows does so in both epochs."""

    def drop(self) -> int:
        """Drop nothing: the old epoch goes as a whole."""
        return 0

    def move(self) -> None:
        """Move every row of the old epoch into the new one."""
        means = self._means
        if means.epoch(means.there.target).state is not EpochState.LOADING:
            return  # killed when it was ready, before the rotation said so
        moved = parts.cut(means.there.parts, means.folder)
        headers = self._move_parts(moved)  # 1
        means.reached(Step.PARTS_MOVED)
        self._load(moved, sum(header.kept for header in headers))  # 2, 3

    def _move_parts(self, moved: Sequence[Part]) -> list[RunHeader]:
        means, there = self._means, self._means.there
        means.meter.stage("moving", there.total)
        headers = {part.number: header for part in moved if (header := self._kept(part)) is not None}
        self._kept_rows = self._done = sum(header.kept for header in headers.values())
        missing = [part for part in moved if part.number not in headers]
        spec = MoverSpec(
            keyring=means.settings.keyring,
            kek=means.settings.kek,
            passphrase=means.passphrase,
            socket=host_keys.agent_socket(means.settings),
            database=means.settings.vault_database,
            before=means.epoch(there.source),
            after=means.epoch(there.target),
            rate=means.rate / means.workers,
        )
        for header in self._moved(spec, missing):
            headers[header.index] = header
            self._done += header.kept
            self._show(len(headers) == len(moved))
            means.reached(Step.PART_MOVED)
        return [headers[part.number] for part in moved]

    def _moved(self, spec: MoverSpec, missing: Sequence[Part]) -> Iterator[RunHeader]:
        """Move parts, in worker processes if there is work for several; yield their headers as they come."""
        workers = min(self._means.workers, len(missing))
        if workers <= 1:
            with closing(open_rows(spec.database)) as vault:
                yield from map(Mover.of(spec, self._means.translation, vault).move, missing)
            return
        with Pool[MoverSpec, Part](work, spec, workers=workers) as pool:
            for done in pool.results(iter(missing)):
                yield done.header

    def _kept(self, part: Part) -> RunHeader | None:
        """Read the header of a run that a killed command left, if it is the part's."""
        if not part.path.exists():
            return None
        try:
            header = runs.read_header(part.path)
        except RunError:
            return None
        same = (header.epoch, header.index) == (self._means.there.target, part.number)
        return header if same else None

    def _show(self, is_last: bool) -> None:  # noqa: FBT001 - called once
        """Tell how far it is: here at once, in the catalogue once a second."""
        self._means.meter.advance(done=self._done, people=self._done)
        now = time.monotonic()
        if now - self._said < _SHOW_SECONDS and not is_last:
            return
        self._said = now
        rate = (self._done - self._kept_rows) / max(now - self._began, 0.001)
        self._means.rotations.show_done(self._means.there.target, self._done, rate=int(rate))

    def _load(self, moved: Sequence[Part], expected: int) -> None:
        means, doubled = self._means, array("Q")
        means.meter.stage("writing", expected)
        with closing(open_writer(means.settings.vault_database)) as writer:
            try:
                narrow = merge.narrow([part.path for part in moved], means.folder)
                writer.begin(means.epoch(means.there.target))
                means.reached(Step.LOAD_BEGUN)
                rows = merge.unique(narrow, doubled)
                loaded = writer.load_sorted(self._counted(Pace(means.rate).keep(rows)))
            except RunError as error:
                raise MovedPartError(str(error).partition(";")[0]) from error
            if doubled or loaded != expected:
                raise MovedPartError(f"{expected} rows were moved, but {loaded} loaded")
            means.reached(Step.ROWS_LOADED)
            writer.finish()
        means.reached(Step.EPOCH_READY)

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for count, row in enumerate(rows):
            if count % BATCH == 0:
                self._means.meter.advance(done=count, people=count)
            yield row

    def carry(self) -> int:
        """Bring noted changes into the other epoch, until none is noted; others may change the vault in between."""
        carried = 0
        while self._means.rotations.is_behind(self._means.there.in_use):
            with self._means.changer() as vault:
                carried += self._carry_batch(vault)
        return carried

    def _carry_batch(self, vault: VaultChanger) -> int:
        """Bring up to `BATCH` noted changes into the other epoch; returns how many."""
        means, there = self._means, self._means.there
        noted = means.rotations.noted(there.in_use, BATCH)
        if not noted:
            return 0
        translation, epochs = self._translation, {each.number: each for each in vault.epochs()}
        before, after = epochs[there.in_use], epochs[there.other]
        boxes = vault.boxes(before, [change.token for change in noted])
        rows = sorted(translation.rows(sorted(boxes.items())))
        held = vault.boxes(after, [token for token, _ in rows])
        means.reached(Step.CHANGES_READ)
        vault.carry(after, rows, added=len(rows) - len(held), write=_forgetting(before.number, noted))
        means.reached(Step.CHANGES_CARRIED)
        return len(noted)

    @property
    def _translation(self) -> Translation:
        """From the epoch in use to the other one."""
        there, translation = self._means.there, self._means.translation
        return translation if there.in_use == there.source else translation.reversed()

    def sample(self, people: int) -> Sampled:
        """Draw rows of either epoch by turns, open them in both, and compare what is in them."""
        there = self._means.there
        ways = (
            (there.in_use, there.other, self._translation, people - people // 2),
            (there.other, there.in_use, self._translation.reversed(), people // 2),
        )
        drawn = differing = 0
        with closing(open_rows(self._means.settings.vault_database)) as vault:
            for here, other, translation, count in ways:
                tokens = _draw(vault, self._means.epoch(here), count)
                drawn += len(tokens)
                differ = _differing(vault, tokens, translation, here, other)
                if differ:  # they may have changed a moment ago
                    self.carry()
                    differing += len(_differing(vault, differ, translation, here, other))
        self._means.reached(Step.SAMPLED)
        return Sampled(drawn=drawn, differing=differing)

    def rename(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Do nothing: a fresh projection writes every person's row under the new record id itself."""
        del pairs
        return 0


def _draw(vault: VaultRows, epoch: Epoch, count: int) -> list[bytes]:
    """Draw rows at random, by their tokens."""
    width = min(_HEADS - 1, _NEIGHBOURS * _HEADS // max(1, epoch.rows))
    drawn: set[bytes] = set()
    for _ in range(count):
        first = secrets.randbelow(_HEADS - width)
        drawn.update(token for token, _ in vault.between(epoch.number, first, first + width)[:1])
    return sorted(drawn)


def _differing(
    vault: VaultRows, tokens: Sequence[bytes], translation: Translation, here: int, other: int
) -> list[bytes]:
    """List the rows that are not in another epoch what they are here."""
    moved = translation.tokens(tokens)
    ours, theirs = vault.boxes(here, tokens), vault.boxes(other, moved)
    return [
        token
        for token, new in zip(tokens, moved, strict=True)
        if new not in theirs
        or not hmac.compare_digest(
            translation.open_before(token, ours[token]), translation.open_after(new, theirs[new])
        )
    ]


def _forgetting(number: int, noted: Sequence[Change]) -> Callable[[Connection], None]:
    def forget(connection: Connection) -> None:
        rotation.forget(connection, number, noted)

    return forget
