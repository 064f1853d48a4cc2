"""Progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.projector import progress

if TYPE_CHECKING:
    import pytest


def test_lines_tell_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal a line comes every few seconds, not more often."""
    now = [100.0]
    monkeypatch.setattr("verifier.projector.progress.time.monotonic", lambda: now[0])
    with progress.Lines() as meter:
        meter.stage("projecting", 1_000)
        meter.advance(done=10, people=10)
        now[0] += 10
        meter.advance(done=250, people=500)
        meter.advance(done=251, people=501)
        now[0] += 10
        meter.stage("writing", 0)
        now[0] += 10
        meter.advance(done=1, people=30)
    assert capsys.readouterr().err.splitlines() == [
        "projecting:  25%, 500 people, 50/s, 30 s left",
        "writing: 30 people, 3/s",
    ]


def test_a_bar_runs_through_stages() -> None:
    """A bar takes any stage and any progress."""
    with progress.Bar() as meter:
        meter.stage("projecting", 10)
        meter.advance(done=5, people=5)
        meter.stage("writing", 0)
        meter.advance(done=1, people=1)


def test_without_a_terminal_there_are_lines() -> None:
    """Standard error of a test is no terminal."""
    assert isinstance(progress.for_terminal(), progress.Lines)


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Silence is silent."""
    with progress.Silence() as meter:
        meter.stage("projecting", 10)
        meter.advance(done=5, people=5)
    assert capsys.readouterr() == ("", "")
