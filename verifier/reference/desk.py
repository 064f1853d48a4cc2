"""References of one resident, who is present or has asked for it: renewed, upgraded to another extractor, withdrawn.

1 see that the number is the resident's own  2 read the captures  3 see that what is kept allows the step
4 open a period, by which the entry names the resident, and commit the entry  5 make the references and store them, in
one transaction that sees the same as step 3 did
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING

from padan.entry import EntryKind
from tokenizer.biometrics import suites
from tokenizer.biometrics.reference import Reference, extractor_digest
from tokenizer.biometrics.scheme import QualityError, TemplateError
from tokenizer.biometrics.slot import Slot
from tokenizer.biometrics.template import has_elements
from verifier import admin_entry, thresholds
from verifier.reference.enrolment import Capture, enrol, most, read_capture
from verifier.reference.errors import CaptureError, NotEnrolledError, ReferenceStateError
from verifier.reference.rules import RULES
from verifier.resident.naming import trails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.biometrics.calibration import Thresholds
    from verifier.log.store import LogStore
    from verifier.reference.residents import Residents
    from verifier.reference.writer import Batch, ReferenceWriter

_Held = dict[Slot, Reference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of it.

    Attributes:
        modality: of the references.
        stored: references that were stored.
        withdrawn: references that went.
        renewal: how often the position was renewed by now; of the upgraded ones the highest number.
    """

    modality: str
    stored: int
    withdrawn: int
    renewal: int = 0


class ReferenceDesk:
    """Changes one resident's references at a time.

    Args:
        agent: holds the keys.
        writer: stores references.
        residents: says whose number it is.
        log: takes the entries.
        operator: the account of whoever does it.
        calibrated: reads the installation's thresholds; only where captures come, so that a withdrawal needs no file.
    """

    def __init__(
        self,
        agent: KeyAgent,
        writer: ReferenceWriter,
        residents: Residents,
        log: LogStore,
        *,
        operator: str,
        calibrated: Callable[[], Thresholds],
    ) -> None:
        self._agent = agent
        self._writer = writer
        self._residents = residents
        self._log = log
        self._operator = operator
        self._calibrated = calibrated

    def renew(self, nik: Nik, modality: str, extractor: str, templates: Sequence[bytes]) -> Done:
        """Put new captures of one position in the place of its references: another draw, and one renewal more.

        Raises:
            NotEnrolledError: the number is not one of whom references may be kept.
            CaptureError: a capture cannot be used.
            ReferenceStateError: the position is not enrolled, or by another extractor.
            NoBiometricKeyError: there is no biometric key.
            ServiceError: a database failed; nothing was changed.
        """
        self._require_resident(nik)  # 1
        captures = self._read(templates, modality, extractor)  # 2
        positions = {each.position for each in captures}
        if len(positions) != 1:
            raise CaptureError("the captures are of several positions: renew one position at a time")
        (position,) = positions
        digest = extractor_digest(extractor)
        before = {slot: each for slot, each in self._held(nik, modality).items() if slot.position == position}
        if not before:  # 3
            raise ReferenceStateError("the position is not enrolled")
        if any(not compare_digest(each.extractor, digest) for each in before.values()):
            raise ReferenceStateError("the position is enrolled by another extractor")
        renewal = 1 + max(each.renewal for each in before.values())
        made = enrol(
            self._agent.templates(), captures, modality=modality, extractor=extractor, renewal=renewal
        )
        detail = {"step": "renew", "position": str(position), "renewal": str(renewal)}
        self._record(EntryKind.REFERENCE_RENEWED, nik, {"modality": modality, **detail})  # 4
        self._store(nik, modality, before, made, extractor)  # 5
        return Done(modality=modality, stored=len(made), withdrawn=len(before), renewal=renewal)

    def upgrade(self, nik: Nik, modality: str, extractor: str, templates: Sequence[bytes]) -> Done:
        """Put captures by another extractor in the place of every reference of a modality; errors as `renew`."""
        self._require_resident(nik)
        captures = self._read(templates, modality, extractor)
        digest = extractor_digest(extractor)
        held = self._held(nik, modality)
        before = {slot: each for slot, each in held.items() if not compare_digest(each.extractor, digest)}
        if not before:
            raise ReferenceStateError(
                "the references are of this extractor already" if held else "the modality is not enrolled"
            )
        positions = sorted({each.position for each in captures})
        there = {slot.position for slot, each in held.items() if compare_digest(each.extractor, digest)}
        if again := [position for position in positions if position in there]:
            raise ReferenceStateError(f"position {again[0]} is of this extractor already")
        renewal = 1 + max(each.renewal for each in before.values())
        made: _Held = {}
        for position in positions:
            own = [each for each in captures if each.position == position]
            made |= enrol(
                self._agent.templates(), own, modality=modality, extractor=extractor, renewal=renewal
            )
        detail = {"step": "upgrade", "positions": " ".join(map(str, positions)), "extractor": extractor}
        self._record(EntryKind.REFERENCE_RENEWED, nik, {"modality": modality, **detail})
        self._store(nik, modality, before, made, extractor)
        return Done(modality=modality, stored=len(made), withdrawn=len(before), renewal=renewal)

    def withdraw(self, nik: Nik, modality: str, position: int | None = None) -> Done:
        """Delete a resident's references of a modality, or of one position of it.

        Raises:
            NotEnrolledError: the number is not the resident's own.
            ReferenceStateError: there are none.
            ServiceError: a database failed; nothing was changed.
        """
        self._require_resident(nik)
        before = {
            slot: each
            for slot, each in self._held(nik, modality).items()
            if position is None or slot.position == position
        }
        if not before:
            raise ReferenceStateError("no such references are kept of the resident")
        where = {"position": str(position)} if position is not None else {}
        self._record(EntryKind.REFERENCE_WITHDRAWN, nik, {"modality": modality, **where})
        gone = self._writer.change(lambda batch: batch.withdraw([nik], before))
        return Done(modality=modality, stored=0, withdrawn=gone)

    def _read(self, templates: Iterable[bytes], modality: str, extractor: str) -> list[Capture]:
        calibrated = thresholds.elements(self._calibrated(), modality, extractor)
        captures: list[Capture] = []
        for number, data in enumerate(templates, 1):
            try:
                capture = read_capture(data, modality)
            except QualityError:
                raise _broken(number, "template.quality") from None
            except TemplateError as error:
                raise CaptureError(f"capture {number}: {error}") from None
            if not has_elements(capture.template, calibrated):
                raise _broken(number, "template.elements")
            captures.append(capture)
        for position in {each.position for each in captures}:
            if sum(each.position == position for each in captures) > most(modality):
                raise CaptureError(f"{most(modality)} captures of a position are kept at most")
        return captures

    def _require_resident(self, nik: Nik) -> None:
        standing = self._writer.table.standing()
        inner = self._writer.layers(standing)[0].inner
        rule = self._residents.refused(standing.active, inner, [nik]).get(nik)
        if rule:
            raise NotEnrolledError(f"{rule}: {RULES[rule]}")

    def _held(self, nik: Nik, modality: str) -> _Held:
        return self._writer.change(lambda batch: _held(batch, nik, modality))

    def _record(self, kind: EntryKind, nik: Nik, detail: Mapping[str, str]) -> None:
        standing = self._writer.table.standing()
        handle = self._writer.layers(standing)[0].inner.handles(nik).log
        now_ms = int(time.time() * 1000)
        (about,) = trails(self._agent, self._log, [handle], now_ms=now_ms)
        admin_entry.append(
            self._log, kind, {"operator": self._operator, **detail}, now_ms=now_ms, fields=about
        )

    def _store(self, nik: Nik, modality: str, before: _Held, made: _Held, extractor: str) -> None:
        self._writer.lay(suites.enrolling(modality).suite)

        def work(batch: Batch) -> None:
            now = _held(batch, nik, modality)
            if any(now.get(slot) != each for slot, each in before.items()):
                raise ReferenceStateError("somebody else changed the references meanwhile")
            batch.withdraw([nik], before)
            for slot, reference in made.items():
                batch.put(slot, {nik: reference})
            batch.changing.name(extractor_digest(extractor), extractor)

        self._writer.change(work)


def _held(batch: Batch, nik: Nik, modality: str) -> _Held:
    slots = [slot for slot in batch.slots(batch.layers[0]) if slot.modality == modality]
    return {slot: found[nik] for slot in slots if nik in (found := batch.held([nik], slot))}


def _broken(number: int, rule: str) -> CaptureError:
    return CaptureError(f"capture {number}: {rule}: {RULES[rule]}")
