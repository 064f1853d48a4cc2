"""The main paths, and the same with their times taken: beside the core, which knows nothing of it and costs no more."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from verifier.biometric.verifier import BiometricVerifier
from verifier.core import Verifier
from verifier.tracing.span import STEPS, BatchTrace, Name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verifier.biometric.ports import Means
    from verifier.call import Call, Reply
    from verifier.config import Settings
    from verifier.ticket import Ticket
    from verifier.tracing.export import Tracing


class TracedVerifier(Verifier):
    """Answers as the core does; of a share of the batches it says how long each step took."""

    _whole: ClassVar = Name.BATCH
    _tracing: Tracing
    _share: float

    def trace_to(self, tracing: Tracing, *, share: float) -> None:
        """Say where traces go; before the first call.

        Args:
            tracing: takes them.
            share: of the batches that are traced, from 0 to 1.
        """
        self._tracing, self._share = tracing, share
        self._local = threading.local()

    def begin(self, calls: Sequence[Call], answered: Callable[[list[Reply]], object]) -> Ticket | None:
        """Begin to answer calls, as the core does."""
        if random.random() >= self._share:  # noqa: S311 - which batches are looked at is no secret
            return super().begin(calls, answered)
        trace = BatchTrace(len(calls), self._whole)

        def timed(replies: list[Reply]) -> None:
            trace.mark(Name.COMMIT)
            answered(replies)
            trace.mark(Name.ANSWER)
            self._tracing.record(*trace.finish(replies))

        self._local.trace = trace
        try:
            return super().begin(calls, timed)
        finally:
            self._local.trace = None

    def _each(self, batch: list[Any], step: Callable[[Any, Any], None], now: Any) -> None:
        super()._each(batch, step, now)
        self._mark(STEPS[step.__name__])

    def _fetch(self, batch: list[Any]) -> None:
        super()._fetch(batch)
        self._mark(Name.FETCH)

    def _mark(self, name: Name) -> None:
        trace: BatchTrace | None = getattr(self._local, "trace", None)
        if trace is not None:
            trace.mark(name)


class TracedBiometricVerifier(TracedVerifier, BiometricVerifier):
    """Answers questions with captures, and says how long each step took."""

    _whole = Name.BIOMETRIC_BATCH


def main_paths(
    ground: Mapping[str, Any], captures: Means | None, *, settings: Settings, tracing: Tracing | None
) -> tuple[Verifier, BiometricVerifier]:
    """Make what answers questions, and questions with captures, on one ground.

    Args:
        ground: the arguments of `Verifier` but its slot.
        captures: what comparisons stand on; None where there are no references.
        settings: their slots, and the share that is traced.
        tracing: takes traces; None for none.
    """
    slot, longer = settings.slot_ms / 1000, settings.biometric_slot_ms / 1000
    if tracing is None:
        return Verifier(**ground, slot=slot), BiometricVerifier(captures, **ground, slot=longer)
    made = (
        TracedVerifier(**ground, slot=slot),
        TracedBiometricVerifier(captures, **ground, slot=longer),
    )
    for each in made:
        each.trace_to(tracing, share=settings.trace_share)
    return made
