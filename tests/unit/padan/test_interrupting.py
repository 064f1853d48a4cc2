"""A long run ends by a signal, whatever the main thread does at that moment."""

from __future__ import annotations

import signal
import threading

import pytest

from padan.cli.interrupting import interruptible

SECONDS = 10.0


class Calls:
    """Calls whose end takes a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    def stop(self) -> None:
        """Begin no further call."""
        with self.lock:
            self.stopped.set()


@pytest.mark.timeout(3 * SECONDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_stops_once_and_ends_at_once_the_second_time(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first signal stops the calls also while the main thread holds their lock; the second one interrupts it."""
    before, calls = signal.getsignal(number), Calls()

    def run() -> None:
        with interruptible(calls):
            with calls.lock:
                signal.raise_signal(number)
                assert not calls.stopped.is_set()
            assert calls.stopped.wait(SECONDS)
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert capsys.readouterr().err.count("stopping when the calls under way are answered") == 1
    assert signal.getsignal(number) == before


def test_a_run_that_is_not_interrupted_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is stopped or printed, and no thread stays."""
    calls = Calls()
    with interruptible(calls):
        pass
    assert (calls.stopped.is_set(), capsys.readouterr().err) == (False, "")
    assert "signals" not in {each.name for each in threading.enumerate()}
