"""The main paths with their times taken: each says its own name and its eight steps, and answers as ever."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from padan.v1 import attribute_pb2 as vocabulary
from tests.people import BUDI
from tests.simulator.booth import Booth
from tests.simulator.world import World
from tests.terms import Present, Terms
from verifier.tracing.export import Tracing
from verifier.tracing.span import STEPS, Name
from verifier.tracing.traced import TracedBiometricVerifier, TracedVerifier

if TYPE_CHECKING:
    from verifier.core import Verifier

WITHIN = [*STEPS.values(), Name.COMMIT, Name.ANSWER]


class Taken:
    """A tracer of OpenTelemetry's own that keeps what it is given."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider, lambda outer: trace.set_span_in_context(outer, context.Context()))

    def names(self) -> list[str]:
        """List the spans as they ended: the steps, and then the whole."""
        return [span.name for span in self._exporter.get_finished_spans()]


def trace_all(core: Verifier, kind: type[TracedVerifier], taken: Taken) -> TracedVerifier:
    """Give a core's parts to one that is traced."""
    traced = kind.__new__(kind)
    vars(traced).update(vars(core))
    traced.trace_to(taken.tracing, share=1.0)
    return traced


@pytest.fixture
def booth() -> Booth:
    """A booth where Budi's face is enrolled."""
    made = Booth(World(seed=5, agencies={"clinic": Terms(present=Present())}, people=[dict(BUDI)]))
    made.enrol(BUDI["NIK"], "face", made.budi)
    return made


def test_questions_with_captures_have_a_span_of_their_own(booth: Booth) -> None:
    """The eight steps are in a batch of that name, the look-up of references within the one that fetches."""
    taken = Taken()
    booth.core = traced = trace_all(booth.core, TracedBiometricVerifier, taken)  # type: ignore[assignment]
    assert isinstance(traced, TracedBiometricVerifier)
    assert booth.ask(BUDI["NIK"], "face", booth.seen(booth.budi)).outcome == vocabulary.VERDICT_MATCH
    assert taken.names() == [*_in_order(), Name.BIOMETRIC_BATCH]


def test_a_share_of_nothing_traces_nothing(booth: Booth) -> None:
    """With a share of 0 the answer is the same, and no span is made."""
    taken = Taken()
    traced = trace_all(booth.world.core, TracedVerifier, taken)
    traced.trace_to(taken.tracing, share=0.0)
    (reply,) = traced.verify_many([booth.world.call("clinic", booth.world.question(right=True))])
    assert reply.error is None
    assert not taken.names()


def _in_order() -> list[Name]:
    """Put the fetch where it belongs, before the decision."""
    before = itertools.takewhile(lambda name: name is not Name.DECIDE, WITHIN)
    return [*before, Name.FETCH, *WITHIN[WITHIN.index(Name.DECIDE) :]]
