"""The steps of an outer rotation that an operator takes. Each is logged before it is done, and may be killed anywhere.

 begin   1 keep others out  2 unlock the keys, and make new ones where that was asked for  3 log it  4 write down the
         rotation with its new epoch; from then on changes are noted  5 move every table  6 carry over what was noted
 sample  1 complete what processes wrote that knew nothing of the rotation  2 carry over what was noted  3 draw people
         and compare
 flip    1 carry over what was noted  2 keep changes out  3 carry over the rest  4 draw people and compare  5 log it
         6 move the pointer, while nothing is noted
 revert  the same, back
 finish  1 log it  2 cut off: no way back, the old epoch is dropped  3 delete its rows  4 destroy its keys, and renew
         the KEK  5 write down that it is over; processes that held the keys are to end

The same command after a kill goes on where it was: parts that were moved are not moved again.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from keys.provider import ask
from padan.entry import EntryKind, Field
from verifier import admin_entry, host_keys
from verifier.log.open import open_log
from verifier.projector.progress import Silence
from verifier.rotation import outer_keys, tables, workplace
from verifier.rotation.errors import ChangesPendingError, CutOffError, SampleDiffersError
from verifier.rotation.means import Means
from verifier.rotation.standing import half_abandoned, require
from verifier.rotation.step import Step
from verifier.rotation.translation import OUTER_PURPOSES, Translation
from verifier.vault import ranges
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_rotations, open_writer
from verifier.vault.rotation import Rotation, RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from keys.agent import LocalKeyAgent
    from keys.ceremonyfile import CeremonyFile
    from keys.provider import Prompt
    from verifier.config import Settings
    from verifier.projector.progress import Meter
    from verifier.rotation.rotatable import Sampled
    from verifier.vault.epoch import Epoch
    from verifier.vault.rotations import Rotations

PEOPLE: Final = 200
"""How many are drawn for a sample."""
HOURS: Final = 24
"""How long a flip is kept reversible."""
_ATTEMPTS: Final = 100
_HOUR_MS: Final = 3_600_000


def _now_ms() -> int:
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a step came to.

    Attributes:
        there: the rotation, as it is now.
        carried: changes that were carried over.
        sampled: what the sample found; None where none was taken.
        resumed: the command went on with what a killed one had begun.
    """

    there: Rotation
    carried: int = 0
    sampled: Sampled | None = None
    resumed: bool = False


class Rotator:
    """Takes the steps, for one operator.

    Args:
        settings: the installation's.
        meter: where progress is told.
        workers: processes that move rows.
        rate: rows a second at most; 0 for no limit.
        newer: the source of an inner rotation is newer than the epoch in use, so that people differ and are missing.
        prompt: asks for a passphrase where the keyring's provider needs one.
        reached: is told each step.
        now_ms: wall clock, milliseconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        meter: Meter | None = None,
        workers: int = 1,
        rate: int = 0,
        newer: bool = False,
        prompt: Prompt = ask,
        reached: Callable[[Step], object] = lambda _step: None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._settings = settings
        self._meter = meter or Silence()
        self._workers = workers
        self._rate = rate
        self._newer = newer
        self._prompt = prompt
        self._typed: dict[str, str] = {}
        self._reached = reached
        self._now_ms = now_ms

    def begin(self, *, make_keys: bool = False) -> Done:
        """Begin a rotation, or go on with one that was killed, until everything is in the new epoch.

        Args:
            make_keys: make new outer keys where the keyring's newest are those of the epoch.

        Raises:
            RotationBusyError: another command works on it.
            RotationStateError: it is past this.
            SameKeysError: there are no new keys.
            CustodianError: the keyring cannot be used.
            ServiceError: a database is away; what was moved is kept.
        """
        with workplace.alone(self._settings), self._catalogue() as rotations:  # 1
            there = rotations.rotation()
            resumed = there is not None
            if there is None:
                there = self._reserve(rotations, make_keys=make_keys)
            if there.is_inner:
                raise RotationStateError(f"{there.name} goes on with padan-server rotation project")
            if there.state not in {RotationState.MOVING, RotationState.READY}:
                raise RotationStateError(f"{there.name} is {there.state.value}")
            with self._means(rotations, there) as means:
                carried = self._move(means)
            return Done(there=self._now(rotations, there), carried=carried, resumed=resumed)

    def _reserve(self, rotations: Rotations, *, make_keys: bool) -> Rotation:
        old = self._active(rotations)
        if make_keys and outer_keys.make(self._settings, old, self._ask):  # 2
            self._reached(Step.KEYS_MADE)
        with contextlib.closing(self._unlock()) as agent:
            outer_keys.require_taken_up(self._settings, agent)
            keys = outer_keys.key_ids(agent, old)
        number = rotations.next_number()
        new = replace(old, number=number, key_ids=keys, rows=0, layers=(), state=EpochState.LOADING)
        there = Rotation(
            target=number,
            source=old.number,
            state=RotationState.MOVING,
            operator=workplace.operator(),
            parts=ranges.count_for(old.rows),
            total=old.rows,
            done=0,
            rate=0,
            begun_ms=self._now_ms(),
        )
        names = {str(purpose): str(keys[purpose]) for purpose in OUTER_PURPOSES}
        self._log(EntryKind.ROTATION_BEGUN, there, {"operator": there.operator, **names})  # 3
        self._reached(Step.BEGIN_LOGGED)
        rotations.begin_rotation(there, new)  # 4
        self._reached(Step.BEGUN)
        return there

    def _move(self, means: Means) -> int:
        if means.there.state is RotationState.MOVING:
            for table in tables.of(means):  # 5
                table.move()
            means.rotations.moved(means.there.target, now_ms=self._now_ms())
            self._reached(Step.MOVED)
        workplace.clear(self._settings, means.there.target)
        return sum(table.carry() for table in tables.of(means))  # 6

    def sample(self, people: int = PEOPLE) -> Done:
        """Draw people, open them in both epochs, and compare.

        Raises:
            SampleDiffersError: they are not the same.
            RotationStateError: there are no two epochs to compare.
        """
        with self._working(RotationState.READY, RotationState.FLIPPED) as means:
            moved = tables.of(means)
            for table in moved:
                table.settle()  # 1
            carried = sum(table.carry() for table in moved)  # 2
            sampled = self._sampled(means, people)  # 3
            return Done(there=self._now(means.rotations, means.there), carried=carried, sampled=sampled)

    def _sampled(self, means: Means, people: int) -> Sampled:
        found = [table.sample(people) for table in tables.of(means)]
        drawn, differing = sum(each.drawn for each in found), sum(each.differing for each in found)
        if differing:
            raise SampleDiffersError(f"{differing} of {drawn} rows drawn are not the same in both epochs")
        means.rotations.sampled(means.there.target, now_ms=self._now_ms())
        return replace(found[0], drawn=drawn)

    def flip(self, *, people: int = PEOPLE, hours: float = HOURS) -> Done:
        """Answer from the new epoch, if a sample agrees.

        Args:
            people: how many are drawn.
            hours: how long it is to be kept reversible.

        Raises:
            SampleDiffersError: the epochs differ; the old one goes on answering.
            KeysNotServedError: the key agent has to be given the new keys first.
            ChangesPendingError: so many changes come in that there is no moment without one.
            RotationStateError: the rotation does not stand there.
        """
        with self._working(RotationState.READY) as means:
            there = means.there
            outer_keys.require_served(self._settings, means.epoch(there.target))

            def flip() -> bool:
                now = self._now_ms()
                return means.rotations.flip(there.target, now_ms=now, until_ms=now + int(hours * _HOUR_MS))

            kind = EntryKind.ROTATION_FLIPPED
            return self._exchange(
                means, flip, people=people, kind=kind, steps=(Step.FLIP_LOGGED, Step.FLIPPED)
            )

    def revert(self, *, people: int = PEOPLE) -> Done:
        """Answer from the old epoch again; errors as `flip`."""
        with self._working(RotationState.FLIPPED) as means:
            outer_keys.require_served(self._settings, means.epoch(means.there.source))
            return self._exchange(
                means,
                lambda: means.rotations.revert(means.there.target),
                people=people,
                kind=EntryKind.ROTATION_REVERTED,
                steps=(Step.REVERT_LOGGED, Step.REVERTED),
            )

    def _exchange(
        self,
        means: Means,
        exchange: Callable[[], bool],
        *,
        people: int,
        kind: EntryKind,
        steps: tuple[Step, Step],
    ) -> Done:
        carried = sum(table.before_flip() for table in tables.of(means))  # 1
        with means.changer() as vault:  # 2
            held = replace(means, changer=workplace.lending(vault))
            moved = tables.of(held)
            carried += sum(table.carry() for table in moved)  # 3
            sampled = self._sampled(held, people)  # 4
            detail = {"operator": workplace.operator(), "sampled": str(sampled.drawn)}
            self._log(kind, means.there, detail)  # 5
            self._reached(steps[0])
            for _ in range(_ATTEMPTS):
                if exchange():  # 6
                    self._reached(steps[1])
                    break
                carried += sum(table.carry() for table in moved)
            else:
                raise ChangesPendingError("changes come in faster than they are carried over")
        return Done(there=self._now(means.rotations, means.there), carried=carried, sampled=sampled)

    def finish(
        self, *, now: bool = False, keep_keys: bool = False, agreed: CeremonyFile | None = None
    ) -> Done:
        """Drop the old epoch and destroy its keys; there is no way back.

        Where there is a roster of custodians, they have agreed to that, or sit here and type their passphrases.

        Args:
            now: before the time is over for which the rotation is kept reversible.
            keep_keys: leave it to the custodians to destroy the keys.
            agreed: the ceremony by which they have agreed on it.

        Raises:
            CutOffError: that time is not over.
            KeysInUseError: another epoch stands under the keys.
            RotationStateError: the rotation does not stand there.
            KeyProposalError: the custodians have agreed on something else.
            CustodianError: the keys cannot be destroyed; the same command goes on later.
        """
        with workplace.alone(self._settings), self._catalogue() as rotations:
            there = require(rotations, RotationState.FLIPPED, RotationState.FINISHING)
            epochs = {each.number: each for each in rotations.epochs()}
            old, keys = epochs[there.source], outer_keys.old_ones(epochs[there.source], epochs[there.target])
            if there.state is RotationState.FLIPPED and not now and self._now_ms() < (there.until_ms or 0):
                left = ((there.until_ms or 0) - self._now_ms()) / _HOUR_MS
                raise CutOffError(f"{there.name} is kept reversible for {left:.1f} hours more")
            destroy = None
            if keys and not keep_keys:
                outer_keys.require_unused(epochs.values(), old, keys)
                destroy = outer_keys.destruction(self._settings, old, keys, self._ask, agreed)
            detail = {"operator": workplace.operator(), "keys": "kept" if keep_keys else "destroyed"}
            if there.is_inner and there.state is RotationState.FLIPPED:
                with self._means(rotations, there) as means:
                    detail["dropped"] = str(sum(table.drop() for table in tables.of(means)))
            self._log(EntryKind.ROTATION_FINISHED, there, detail)  # 1
            self._reached(Step.FINISH_LOGGED)
            rotations.cut_off(there.target)  # 2
            self._reached(Step.CUT_OFF)
            self._delete(there.source)  # 3
            self._reached(Step.ROWS_DROPPED)
            if destroy is not None:
                destroy()  # 4
                self._reached(Step.KEYS_DESTROYED)
            rotations.finished(there.target, now_ms=self._now_ms())  # 5
            workplace.clear(self._settings, there.target)
            self._reached(Step.FINISHED)
            return Done(there=self._now(rotations, there))

    def abandon(self) -> Done:
        """Give up a rotation that was not flipped: the new epoch goes, the old one goes on answering.

        The same command goes on where it was cut off.

        Raises:
            RotationStateError: the rotation does not stand there.
        """
        with workplace.alone(self._settings), self._catalogue() as rotations:
            there = half_abandoned(self._settings, rotations)
            if there is None:
                there = require(rotations, RotationState.MOVING, RotationState.READY)
                self._log(EntryKind.ROTATION_ABANDONED, there, {"operator": workplace.operator()})
                rotations.abandon(there.target, now_ms=self._now_ms())
                self._reached(Step.ABANDONED)
            self._delete(there.target)
            rotations.forget_notes()
            workplace.clear(self._settings, there.target)
            return Done(there=self._now(rotations, there))

    def _delete(self, number: int) -> None:
        with contextlib.closing(open_writer(self._settings.vault_database)) as writer:
            writer.delete_rows(number)

    @contextlib.contextmanager
    def _working(self, *states: RotationState) -> Iterator[Means]:
        with (
            workplace.alone(self._settings),
            self._catalogue() as rotations,
            self._means(rotations, require(rotations, *states)) as means,
        ):
            yield means

    @contextlib.contextmanager
    def _catalogue(self) -> Iterator[Rotations]:
        with contextlib.closing(open_rotations(self._settings.vault_database)) as rotations:
            yield rotations

    @contextlib.contextmanager
    def _means(self, rotations: Rotations, there: Rotation) -> Iterator[Means]:
        epochs = {each.number: each for each in rotations.epochs()}
        with contextlib.closing(self._unlock()) as agent:
            yield Means(
                settings=self._settings,
                rotations=rotations,
                there=there,
                agent=agent,
                passphrase=next(iter(self._typed.values()), None),
                folder=workplace.folder_of(self._settings, there.target),
                meter=self._meter,
                workers=self._workers,
                rate=self._rate,
                changer=lambda: workplace.changing(self._settings),
                reached=self._reached,
                translation=Translation.of(agent, epochs[there.source], epochs[there.target]),
                newer=self._newer,
            )

    def _unlock(self) -> LocalKeyAgent:
        return host_keys.unlock_for_projection(self._settings, self._ask)

    def _ask(self, question: str) -> str:
        """Ask each question once; custodians who sit together are asked one after the other."""
        if question not in self._typed:
            self._typed[question] = self._prompt(question)
        return self._typed[question]

    def _log(self, kind: EntryKind, there: Rotation, detail: dict[str, str]) -> None:
        with contextlib.closing(open_log(self._settings.log_database)) as log:
            admin_entry.append(
                log,
                kind,
                {"from": str(there.source), "to": str(there.target), **detail},
                fields={Field.EPOCH: there.target.to_bytes(4, "big")},
            )

    @staticmethod
    def _active(rotations: Rotations) -> Epoch:
        active = rotations.active()
        if active is None:
            raise RotationStateError("no epoch is active: there is nothing to rotate")
        return active

    @staticmethod
    def _now(rotations: Rotations, there: Rotation) -> Rotation:
        newest = rotations.newest_rotation()
        return newest if newest is not None and newest.target == there.target else there
