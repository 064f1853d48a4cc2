"""Stage load: a bounded number of Verify calls, more and more often, that stops by itself before it disturbs.

Times count from when a call was due, so that a service that falls behind does not hide it. The calls ask about numbers
that nobody has, unless others are given, and claim what nobody is called.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from padan.errors import PadanError
from padan.vocabulary import Verdict
from verifier.stage import nobody
from verifier.stage.asking import OFFICER, STRANGE
from verifier.stage.percentile import percentile
from verifier.stage.ramp import Window
from verifier.stage.report import Criterion, Findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.client import Client
    from verifier.stage.asking import Ask
    from verifier.stage.ramp import Limits, Ramp

MOST_THREADS: Final = 64
_MILLISECONDS: Final = 1_000
_UNDER_WAY: Final = "the service does not keep up: too many calls wait"


@dataclass(slots=True)
class _Record:
    """What came back. Guarded by its lock."""

    window: Window
    lock: threading.Lock = field(default_factory=threading.Lock)
    milliseconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    last: float = 0.0

    def take(self, due: float, outcome: str, error: str) -> None:
        """Take an answer to a call that was due at a time, monotonic seconds."""
        now = time.monotonic()
        with self.lock:
            spent = (now - due) * _MILLISECONDS
            self.milliseconds.append(spent)
            self.window.add(now, spent, failed=bool(error))
            self.last = now
            if error:
                self.errors[error] += 1
            else:
                self.outcomes[outcome] += 1

    def exceeded(self) -> str:
        """Say which limit is exceeded."""
        with self.lock:
            return self.window.exceeded()


def run(client: Client, ask: Ask, ramp: Ramp, limits: Limits, numbers: Sequence[str] = ()) -> Findings:
    """Put the load on.

    Args:
        client: of the agency.
        ask: how the purpose is asked under.
        ramp: when calls begin.
        limits: beyond which it stops.
        numbers: to ask about, again and again in turn; empty for numbers that nobody has.
    """
    record = _Record(Window(limits))
    threads = min(MOST_THREADS, max(4, int(ramp.rate)))
    waiting = threading.BoundedSemaphore(2 * threads)
    stopped, sent = "", 0

    def call(due: float, nik: str) -> None:
        try:
            outcome, error = _ask(client, ask, nik)
            record.take(due, outcome, error)
        finally:
            waiting.release()

    began = time.monotonic()
    with ThreadPoolExecutor(threads, thread_name_prefix="stage") as pool:
        for number in range(ramp.calls):
            due = began + ramp.due(number)
            time.sleep(max(0.0, due - time.monotonic()))
            stopped = record.exceeded()
            if not stopped and not waiting.acquire(blocking=False):
                stopped = _UNDER_WAY
            if stopped:
                break
            pool.submit(call, due, numbers[number % len(numbers)] if numbers else nobody.number())
            sent += 1
    return _findings(record, ramp, limits, sent, stopped=stopped or record.exceeded(), began=began)


def _ask(client: Client, ask: Ask, nik: str) -> tuple[str, str]:
    """Ask once; returns the outcome, or the error's name."""
    try:
        answer = client.verify(
            nik=nik,
            claims={ask.anchor: STRANGE[ask.anchor]},
            purpose=ask.purpose,
            officer=OFFICER,
            legal_basis=ask.legal_basis,
            consent_receipt=ask.consent_receipt,
        )
    except PadanError as error:
        return "", error.reason or type(error).__name__
    if answer.outcome is Verdict.NOT_AVAILABLE:
        return "", answer.outcome.label
    return answer.outcome.label, ""


def _findings(
    record: _Record, ramp: Ramp, limits: Limits, sent: int, *, stopped: str, began: float
) -> Findings:
    times, failed = record.milliseconds, sum(record.errors.values())
    share = failed / len(times) if times else 1.0
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    seconds = max(record.last - began, 0.0)
    figures: dict[str, Any] = {
        "calls": sent,
        "planned": ramp.calls,
        "seconds": round(seconds, 3),
        "rate_at_the_end": ramp.rate,
        "mean_rate": round(sent / seconds, 2) if seconds else 0.0,
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "slowest_ms": round(max(times, default=0.0), 2),
        "outcomes": dict(record.outcomes),
        "errors": dict(record.errors),
    }
    return Findings(
        criteria=[
            Criterion(
                name="failed calls",
                wanted=f"at most {limits.errors:.2%}",
                found=f"{share:.2%}",
                passed=share <= limits.errors,
            ),
            Criterion(
                name="p99",
                wanted=f"at most {limits.p99_ms:g} ms",
                found=f"{p99:,.1f} ms",
                passed=p99 <= limits.p99_ms,
            ),
            Criterion(name="calls", wanted=f"{ramp.calls:,}", found=f"{sent:,}", passed=sent == ramp.calls),
        ],
        figures=figures,
        stopped=stopped,
    )
