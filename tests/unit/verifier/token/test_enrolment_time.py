"""Enrolments under keys whose time to make something new is over: nobody is enrolled, and what is there can be read."""

from __future__ import annotations

import pytest

from tests.simulator.hall import NIKS, Hall
from verifier.token.errors import TokensUnavailableError

BUDI, SARI, *_ = NIKS


@pytest.fixture
def hall() -> Hall:
    """A hall of two programmes of one class."""
    return Hall()


@pytest.mark.parametrize("over", ["match-domain", "set"])
def test_a_key_whose_time_is_over_enrols_nobody(hall: Hall, over: str) -> None:
    """Who was enrolled before is found and withdrawn as ever; new ones wait for a new key."""
    rice, cash, other = hall.issue("rice", BUDI), hall.issue("cash", BUDI), hall.issue("rice", SARI)
    hall.enrol("rice", rice)
    hall.world.token_agent.over.add(over)
    hall.world.domains.follow()
    with pytest.raises(TokensUnavailableError):
        hall.enrol("rice", other)
    assert hall.check("cash", cash) == "MATCH"
    assert hall.withdraw("rice", rice) == {}
    assert hall.check("cash", cash) == "NO_MATCH"


def test_nothing_is_asked_without_a_key_that_seals(hall: Hall) -> None:
    """A question seals a row of nobody, to open where there is none; without it the work would tell who is enrolled."""
    cash = hall.issue("cash", BUDI)
    hall.world.token_agent.over.add("row-seal")
    hall.world.domains.follow()
    with pytest.raises(TokensUnavailableError):
        hall.check("cash", cash)
