"""The pace of a run: no pause until the service asks for one, and no wider ones than it asks for."""

from __future__ import annotations

from padan.issuing.pace import Pace


def test_nothing_waits_until_the_service_says_so() -> None:
    """Without a refusal everybody begins at once."""
    pace = Pace()
    assert [pace.wait(1.0) for _ in range(5)] == [0.0] * 5


def test_a_refusal_stops_everybody_as_long_as_it_says() -> None:
    """All wait for that time, and then begin one after the other."""
    pace = Pace()
    pace.refused(10.0, 3.0)
    first, second = pace.wait(10.0), pace.wait(10.0)
    assert first == 3.0
    assert 0 < second - first < 0.1


def test_refusals_of_one_moment_count_once() -> None:
    """What was under way together slows the run down once."""
    one, many = Pace(), Pace()
    one.refused(10.0, 1.0)
    for _ in range(16):
        many.refused(10.0, 1.0)
    assert [one.wait(12.0) for _ in range(3)] == [many.wait(12.0) for _ in range(3)]


def test_answers_bring_the_speed_back() -> None:
    """After enough answers there is no pause any more."""
    pace = Pace()
    pace.refused(0.0, 0.0)
    for _ in range(2_000):
        pace.answered()
    pace.wait(5.0)
    assert pace.wait(5.0) == 0.0


def test_a_run_settles_near_the_granted_rate() -> None:
    """Against a bucket of 50 a second, for ten minutes of a played clock, most of what is granted is used."""
    pace, now, bucket, answered = Pace(), 0.0, 50.0, 0
    last = 0.0
    while now < 600:
        now += pace.wait(now) + 1e-4
        bucket, last = min(50.0, bucket + (now - last) * 50), now
        if bucket >= 1:
            bucket -= 1
            answered += 1
            pace.answered()
        else:
            pace.refused(now, 1.0)
    assert answered > 0.7 * 50 * 600


def test_a_pace_may_have_a_floor() -> None:
    """Between two requests there is never less time than that, also after refusals and many answers."""
    pace = Pace(0.2)
    assert [round(pace.wait(10.0), 3) for _ in range(3)] == [0.0, 0.2, 0.4]
    pace.refused(20.0, 0.0)
    for _ in range(5_000):
        pace.answered()
    first = pace.wait(30.0)
    assert round(pace.wait(30.0) - first, 3) == 0.2
