"""Sends traces to a collector by OTLP over gRPC, in a thread of its own; one that is away costs nothing but its traces.

The libraries come with the extra `otel` and are loaded where traces are asked for only. Nothing of their environment
variables changes what a trace says; those of the exporter (OTEL_EXPORTER_OTLP_HEADERS, ..._CERTIFICATE) may say how a
collector is reached.
"""

from __future__ import annotations

import importlib.metadata
import threading
from typing import TYPE_CHECKING, Any, Final

from verifier.errors import OperatorError
from verifier.tracing import span as spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.config import Settings
    from verifier.tracing.span import Span

SECONDS: Final = 2.0
"""How long the collector may take for one export, and how long an end waits for the last one."""
_QUEUE: Final = 8_192


class TracingUnavailableError(OperatorError):
    """Traces are asked for, and the libraries for them are not installed."""


class Tracing:
    """Takes spans and hands them on; never waits, never raises."""

    def __init__(self, provider: Any, context_of: Callable[[Any], Any]) -> None:
        self._provider = provider
        self._context_of = context_of
        self._tracer = provider.get_tracer("padan")

    def record(self, whole: Span, parts: Sequence[Span] = ()) -> None:
        """Hand on a span and those within it."""
        outer = self._start(whole, None)
        within = self._context_of(outer)
        for part in parts:
            self._start(part, within).end(end_time=part.ended)
        outer.end(end_time=whole.ended)

    def _start(self, span: Span, within: Any) -> Any:
        attributes = {name.value: int(count) for name, count in span.attributes.items()}
        return self._tracer.start_span(
            span.name.value, context=within, attributes=attributes, start_time=span.began
        )

    def observing(self, observe: Callable[[int, float], object]) -> Callable[[int, float], None]:
        """Make an observer of commits that records each, and tells another observer too."""

        def both(size: int, seconds: float) -> None:
            observe(size, seconds)
            self.record(spans.group(size, seconds))

        return both

    def close(self) -> None:
        """Send what is left, for as long as the collector may take."""
        last = threading.Thread(target=self._provider.shutdown, name="last-traces", daemon=True)
        last.start()
        last.join(SECONDS)


def open_tracing(settings: Settings) -> Tracing | None:
    """Open the way to the collector; None where no traces are asked for.

    Raises:
        TracingUnavailableError: the extra `otel` is not installed.
    """
    endpoint = settings.otlp_endpoint
    if not endpoint:
        return None
    try:
        from opentelemetry import context as contexts  # noqa: PLC0415 - an extra, loaded on demand
        from opentelemetry import trace  # noqa: PLC0415 - as above
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - as above
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415 - as above
    except ImportError as error:
        raise TracingUnavailableError(
            "otlp_endpoint is set, but OpenTelemetry is not installed here"
        ) from error
    # Only these, and nothing of the machine or its environment.
    resource = Resource(
        {
            "service.name": "padan-server",
            "service.version": importlib.metadata.version("padan-server"),
            "deployment.environment.name": settings.environment,
        }
    )
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint, insecure=endpoint.startswith("http://"), timeout=SECONDS)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=_QUEUE, schedule_delay_millis=1000)
    )
    return Tracing(provider, lambda outer: trace.set_span_in_context(outer, contexts.Context()))
