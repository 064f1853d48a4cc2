"""What a witness counts, as Prometheus reads it. A few lines of text, so that no library is needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from padan.witness.book import Book
    from padan.witness.listener import Listener


def text(listener: Listener, book: Book) -> str:
    """Write the figures (text format 0.0.4).

    Raises:
        UnavailableError: the book cannot be read.
    """
    evidence = book.evidence_counts()
    lines = [
        "# HELP padan_witness_answers_total Answers given, by status.",
        "# TYPE padan_witness_answers_total counter",
    ]
    lines += [
        f'padan_witness_answers_total{{status="{status}"}} {count}'
        for status, count in sorted(listener.answers.items())
    ]
    for name, kind, help_text, value in (
        ("connections", "gauge", "Open connections.", listener.connections),
        ("evicted_total", "counter", "Connections ended to make room for others.", listener.evicted),
    ):
        lines += [
            f"# HELP padan_witness_{name} {help_text}",
            f"# TYPE padan_witness_{name} {kind}",
            f"padan_witness_{name} {value}",
        ]
    logs = book.logs()
    for name, help_text, values in (
        ("size", "Leaves of the latest checkpoint that was cosigned.", [log.size for log in logs]),
        ("time_seconds", "When it was last cosigned, seconds of the Unix epoch.", [log.time for log in logs]),
    ):
        lines += [f"# HELP padan_witness_{name} {help_text}", f"# TYPE padan_witness_{name} gauge"]
        lines += [
            f'padan_witness_{name}{{log="{_label(log.origin)}"}} {value}'
            for log, value in zip(logs, values, strict=True)
        ]
    lines += [
        "# HELP padan_witness_evidence Refusals that are kept as evidence, by kind.",
        "# TYPE padan_witness_evidence gauge",
    ]
    lines += [
        f'padan_witness_evidence{{kind="{kind}",log="{_label(origin)}"}} {count}'
        for (origin, kind), count in sorted(evidence.items())
    ]
    return "\n".join(lines) + "\n"


def _label(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"")
