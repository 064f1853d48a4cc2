"""What refuses while witnesses are away: the classes of data, after the bound, and no longer than they are away."""

from __future__ import annotations

import pytest

from tests.people import BUDI
from tests.simulator.world import START, World
from tests.terms import Terms
from verifier.agreement.vocabulary import SENSITIVITIES
from verifier.errors import LogUnavailableError, LogUnwitnessedError
from verifier.tree import witnessed
from verifier.tree.witnessed import Witnessed, WitnessedFormatError

GENERAL, SPECIFIC, PROTECTED = (SENSITIVITIES[name] for name in ("general", "specific", "protected"))


class Row:
    """The row of the database."""

    def __init__(self) -> None:
        self.value: str | None = None
        self.away = False

    def __call__(self) -> str | None:
        """Read it."""
        if self.away:
            raise LogUnavailableError("away")
        return self.value


def refused(known: Witnessed, now: float) -> list[int]:
    """List the classes that are refused."""
    found = []
    for sensitivity in (GENERAL, SPECIFIC, PROTECTED):
        try:
            known.require(sensitivity, now)
        except LogUnwitnessedError:
            found.append(sensitivity)
    return found


def test_classes_by_time() -> None:
    """Within the bound all go on; after it specific and protected data is refused, until the witnesses are back."""
    row, now = Row(), 10_000.0
    known = Witnessed(row, seconds=900, now=lambda: now)
    row.value = witnessed.text(10_000)
    assert known.look() == 0
    assert refused(known, 10_900) == []
    assert refused(known, 10_901) == [SPECIFIC, PROTECTED]
    row.value, now = witnessed.text(10_890), 10_901.0
    known.look()
    assert refused(known, 10_901) == []


def test_a_time_that_is_still_to_come_is_none() -> None:
    """It counts as of when it was first read: not until the clock is there, nor then; another one counts as it is."""
    row, now = Row(), 10_000.0
    known = Witnessed(row, seconds=900, now=lambda: now)
    row.value = witnessed.text(13_600)
    for now, age in ((10_000.0, 0), (10_500.0, 500), (13_601.0, 3_601)):
        assert known.look() == age
        assert refused(known, now) == ([SPECIFIC, PROTECTED] if age > 900 else [])
    row.value = witnessed.text(13_600.5)
    assert known.look() == 0.5
    now = 10_000.0  # the clock of this one was ahead as well
    assert known.look() == 0
    now = 10_901.0
    known.look()
    assert refused(known, now) == [SPECIFIC, PROTECTED]
    now = 13_600.0
    known = Witnessed(Row(), seconds=900, now=lambda: now)
    now = 10_000.0
    assert known.look() == 0
    now = 10_901.0
    assert known.look() == 901
    assert refused(known, now) == [SPECIFIC, PROTECTED], "nothing was ever read"


def test_nothing_that_fails_lengthens_the_bound() -> None:
    """A database that cannot be read, a damaged row and a row that was never written let the time grow old."""
    row, now = Row(), 10_000.0
    known = Witnessed(row, seconds=900, now=lambda: now)
    known.look()
    assert refused(known, 10_901) == [SPECIFIC, PROTECTED]
    row.value, now = witnessed.text(10_500), 10_501.0
    known.look()
    for row.away, row.value, error in (
        (True, None, LogUnavailableError),
        (False, "{", WitnessedFormatError),
        (False, '{"format":2,"quorum_ms":1}', WitnessedFormatError),
        (False, '{"format":1}', WitnessedFormatError),
    ):
        with pytest.raises(error):
            known.look()
        assert refused(known, 11_400) == []
        assert refused(known, 11_401) == [SPECIFIC, PROTECTED]


def test_without_witnesses_nothing_is_refused() -> None:
    """Where no quorum is asked for, no class depends on one."""
    assert refused(Witnessed(Row(), seconds=60, required=False, now=lambda: 0.0), 10**9) == []


def test_on_the_main_path() -> None:
    """The core refuses specific data after the bound, logs that, answers general data, and both once they are back."""
    world = World(
        seed=1, agencies={"general": Terms(), "specific": Terms(sensitivity="specific")}, people=[dict(BUDI)]
    )

    def reasons() -> list[str]:
        replies = world.core.verify_many(
            [world.call(agency, world.question(right=True)) for agency in ("general", "specific")]
        )
        return [getattr(reply.error, "reason", "") for reply in replies]

    world.quorum = witnessed.text(START)
    world.witnesses.look()
    assert reasons() == ["", ""]
    world.clocks.step(901)
    before = len(world.log.rows)
    assert reasons() == ["", "LOG_UNWITNESSED"]
    assert len(world.log.rows) == before + 2
    world.quorum = witnessed.text(world.clocks.wall)
    world.witnesses.look()
    assert reasons() == ["", ""]
