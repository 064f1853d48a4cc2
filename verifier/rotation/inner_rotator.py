"""The steps of an inner rotation: everybody is projected anew, under new keys, or by a new normaliser or suite.

 project  1 keep others out  2 unlock the keys, and make new ones where that was asked for  3 reserve the new epoch, log
          it, and write down the rotation with what the new epoch lacks of each feed; from then on changes go to both
          4 project the source, as a load does  5 rename what no feed holds  6 carry over what a feed brought
          7 count the numbers of the old epoch that nothing has brought
 replay   1 log it  2 keep a feed's older changes for the new epoch  3 rename and carry them over  4 count again

Sample, flip, revert, finish and abandon are those of every rotation. The same command after a kill goes on where it
was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from padan.entry import EntryKind
from tokenizer.normalise import VERSION
from tokenizer.suite import SUITE
from verifier.projector import plan as plans
from verifier.projector import reservation
from verifier.projector.load import Load
from verifier.projector.pairing import Pairing
from verifier.rotation import inner_keys, outer_keys, tables, workplace
from verifier.rotation.backlog import replay
from verifier.rotation.errors import OtherProjectionError, UnsaidPositionError
from verifier.rotation.inner_people import InnerPeople
from verifier.rotation.rotator import Done, Rotator
from verifier.rotation.standing import require
from verifier.rotation.step import Step
from verifier.rotation.telling import Telling
from verifier.vault.epoch import EpochState
from verifier.vault.pairs import Behind
from verifier.vault.rotation import Rotation, RotationKind, RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verifier.feed.document import Feed
    from verifier.feed.sync import Summary
    from verifier.projector.order import Order
    from verifier.projector.plan import Plan
    from verifier.rotation.means import Means
    from verifier.vault.epoch import Epoch
    from verifier.vault.rotations import Rotations


class InnerRotator(Rotator):
    """Takes the steps that an inner rotation has of its own; see `Rotator`."""

    def project(self, order: Order, *, holds: Mapping[str, int], make_keys: bool = False) -> Done:
        """Begin an inner rotation, or go on with one that was killed, until everybody is in the new epoch.

        Args:
            order: the source, and how it is read.
            holds: position of each feed up to which the source holds the feed's changes.
            make_keys: make new inner keys where the keyring's newest are those of the epoch.

        Raises:
            RotationBusyError: another command works on it.
            RotationStateError: it is past this, or another kind of rotation.
            SameProjectionError: people would become what they are.
            UnsaidPositionError: `holds` does not name the feeds that the epoch in use has followed.
            OtherProjectionError: the rotation began with another source, field map or keys.
            ProjectorError: the source cannot be used.
            CustodianError: the keyring cannot be used.
            ServiceError: a database is away; what was projected is kept.
        """
        with workplace.alone(self._settings), self._catalogue() as rotations:  # 1
            there = rotations.rotation()
            resumed = there is not None
            if there is None:
                old = self._active(rotations)
                self._prepare(rotations, old, holds, make_keys=make_keys)
            else:
                _require_inner(there)
                old = next(each for each in rotations.epochs() if each.number == there.source)
            if there is None or (
                there.state is RotationState.MOVING and not self._is_loaded(rotations, there)
            ):
                there = self._project(rotations, old, order, holds)
            with self._means(rotations, there) as means:
                carried = self._complete(means)
            return Done(there=self._now(rotations, there), carried=carried, resumed=resumed)

    def _prepare(
        self, rotations: Rotations, old: Epoch, holds: Mapping[str, int], *, make_keys: bool
    ) -> None:
        _require_said(rotations.positions(old.number), holds)
        if make_keys and outer_keys.make(self._settings, old, self._ask, inner_keys.INNER_PURPOSES):  # 2
            self._reached(Step.KEYS_MADE)
        agent = self._unlock()
        try:
            outer_keys.require_taken_up(self._settings, agent)
            inner_keys.require_other(agent, old)
            ids = {purpose.value: agent.key_id(purpose) for purpose in outer_keys.EPOCH_PURPOSES}
        finally:
            agent.close()
        outer_keys.require_served(self._settings, replace(old, key_ids={**old.key_ids, **ids}))

    def _project(self, rotations: Rotations, old: Epoch, order: Order, holds: Mapping[str, int]) -> Rotation:
        meter = Telling(self._meter, rotations, rate=self._rate, reached=self._reached)

        def begun(plan: Plan, new: Epoch) -> Pairing:
            there = rotations.rotation()
            if there is None:
                self._begin(rotations, old, new, holds)  # 3
            elif there.target != new.number:
                reservation.abandon(self._settings, plan)
                raise OtherProjectionError(f"{there.name} began with another source, field map or keys")
            meter.of(new.number)
            folder = workplace.folder_of(self._settings, new.number)
            return Pairing(epoch=old.number, keys=old.key_ids, folder=folder)

        order = replace(order, activate=False, fresh=False, replaces=old.number)
        summary = Load(self._settings, order, meter, prompt=self._ask, begun=begun).run()  # 4
        there = require(rotations, RotationState.MOVING)
        rotations.show_done(there.target, summary.read, rate=int(summary.rate))
        self._reached(Step.PROJECTED)
        return there

    def _is_loaded(self, rotations: Rotations, there: Rotation) -> bool:
        """Say whether the new epoch was ready when the command was killed, and nothing of its load is left to do."""
        new = next(each for each in rotations.epochs() if each.number == there.target)
        folder = plans.folder_of(self._settings.data_dir / reservation.LOADS_FOLDER, there.target)
        return new.state is not EpochState.LOADING and not folder.exists()

    def _begin(self, rotations: Rotations, old: Epoch, new: Epoch, holds: Mapping[str, int]) -> None:
        there = Rotation(
            target=new.number,
            source=old.number,
            state=RotationState.MOVING,
            operator=workplace.operator(),
            parts=0,
            total=max(0, old.rows - old.decoys),
            done=0,
            rate=0,
            begun_ms=self._now_ms(),
            kind=RotationKind.INNER,
        )
        keys = {str(purpose): str(key_id) for purpose, key_id in outer_keys.old_ones(new, old)}
        held = {f"holds.{source}": str(position) for source, position in sorted(holds.items())}
        detail = {"operator": there.operator, "kind": there.kind.value, **keys, **held}
        self._log(
            EntryKind.ROTATION_BEGUN, there, {**detail, "normaliser": VERSION, "suite": str(SUITE.number)}
        )
        self._reached(Step.BEGIN_LOGGED)
        followed = rotations.positions(old.number)
        behind = {source: Behind(holds[source], position) for source, position in followed.items()}
        rotations.begin_rotation(there, new, behind=behind)
        self._reached(Step.BEGUN)

    def _complete(self, means: Means) -> int:
        rotations, there = means.rotations, means.there
        people = InnerPeople(means, tables.held(means))
        people.settle()  # 5
        if there.state is RotationState.MOVING:
            rotations.moved(there.target, now_ms=self._now_ms())
            self._reached(Step.MOVED)
        carried = people.carry()  # 6
        rotations.missing(there.target, people.count_missing())  # 7
        self._reached(Step.MISSING_COUNTED)
        return carried

    def replay(self, feeds: Iterable[Feed]) -> tuple[Done, list[Summary]]:
        """Bring changes into the new epoch that the old one followed before the rotation, and the source lacks.

        Args:
            feeds: the registry's documents, signatures checked, in their order.

        Raises:
            RotationStateError: no inner rotation is ready, or nothing of that feed is lacking.
            FeedGapError: changes before a document's first are missing.
            ServiceError: a database is away; the same documents go on later.
        """
        with self._working(RotationState.READY) as means:
            _require_inner(means.there)
            found: list[Summary] = []
            for feed in feeds:
                detail = {
                    "operator": workplace.operator(),
                    "source": feed.source,
                    "digest": feed.digest.hex(),
                    "after": str(feed.after),
                    "end": str(feed.end),
                }
                self._log(EntryKind.ROTATION_REPLAYED, means.there, detail)  # 1
                found.append(replay(means, feed, meter=self._meter))  # 2
            carried = self._complete(means)  # 3, 4
            return Done(there=self._now(means.rotations, means.there), carried=carried), found


def _require_inner(there: Rotation) -> None:
    if not there.is_inner:
        raise RotationStateError(f"{there.name} is one of the outer keys")
    if there.state not in {RotationState.MOVING, RotationState.READY}:
        raise RotationStateError(f"{there.name} is {there.state.value}")


def _require_said(followed: Mapping[str, int], holds: Mapping[str, int]) -> None:
    if unsaid := sorted(followed.keys() - holds.keys()):
        names = ", ".join(f"{source} (to {followed[source]})" for source in unsaid)
        raise UnsaidPositionError(
            f"the epoch in use has followed {names}: how much of it does the source hold?"
        )
    if unknown := sorted(holds.keys() - followed.keys()):
        raise UnsaidPositionError(f"the epoch in use has not followed {', '.join(unknown)}")
