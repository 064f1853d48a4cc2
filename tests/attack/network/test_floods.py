"""Attack 23: floods of frames. An honest client does not notice: p99 at most 50 ms, no error, memory +< 32 MiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack.network.attacker import SETTLED, UNSETTLED
from tests.attack.network.target import MIB, attack, honest_client, memory_growth

if TYPE_CHECKING:
    from tests.attack.network.conftest import Report, Target
    from tests.attack.network.target import Honest

pytestmark = pytest.mark.attack

_P99_MS = 50
_BUSY = 3  # on a machine that is busy with other things, times what it does without the attack
_LONG = 10  # seconds
_MEMORY = 32 * MIB
_UNSETTLED_MEMORY = 128 * MIB
_SECONDS = [1.5, pytest.param(15.0, marks=pytest.mark.long)]
_LIMIT_PER_SECOND = 60  # connections an attacker opens


def _flood(
    target: Target,
    name: str,
    who: str,
    *,
    seconds: float,
    connections: int,
    calm: Honest,
    report: Report,
    memory: int = _MEMORY,
) -> None:
    limit = max(int(_LIMIT_PER_SECOND * seconds), connections)
    with (
        memory_growth(target.pids) as growth,
        honest_client(target.honest, target.bodies, first=target.first()) as seen,
    ):
        count = attack(getattr(target, who), name, seconds=seconds, connections=connections, limit=limit)
    report("attack", f"{name} as {who}: {count}")
    report("honest client", seen[0])
    report("memory growth MiB", round(growth[0] / MIB, 1))
    assert count["connections"] > 0
    assert seen[0].errors == 0
    if seconds >= _LONG:
        assert seen[0].p99_ms <= _P99_MS
    # A short run has too few calls for a p99, and other tests may keep the machine busy; a guard that is gone
    # takes the median from 10 ms to hundreds.
    assert seen[0].p50_ms <= max(_P99_MS, _BUSY * calm.p50_ms)
    assert growth[0] < memory


@pytest.mark.parametrize("seconds", _SECONDS)
@pytest.mark.parametrize("name", SETTLED)
def test_flood_of_a_known_agency_is_not_felt(
    target: Target, name: str, seconds: float, calm: Honest, report: Report
) -> None:
    """An agency that floods costs other agencies nothing."""
    _flood(
        target, name, "known", seconds=seconds, connections=1 if seconds < 10 else 2, calm=calm, report=report
    )


@pytest.mark.parametrize("seconds", _SECONDS)
@pytest.mark.parametrize("name", UNSETTLED)
def test_flood_before_the_settings_are_acknowledged_is_bounded(
    target: Target, name: str, seconds: float, calm: Honest, report: Report
) -> None:
    """Until a client acknowledges its settings, the C core of gRPC holds header blocks of any size.

    That is bounded by the core itself, at about 100 MiB a connection, and by a timeout for settings; honest
    clients do not feel it.
    """
    _flood(
        target,
        name,
        "known",
        seconds=seconds,
        connections=1,
        calm=calm,
        report=report,
        memory=_UNSETTLED_MEMORY,
    )


@pytest.mark.parametrize("seconds", _SECONDS)
@pytest.mark.parametrize("who", ["nobody", "foreign"])
def test_flood_of_a_stranger_is_not_felt(
    target: Target, who: str, seconds: float, calm: Honest, report: Report
) -> None:
    """A caller without a certificate of ours gets no further than the handshake."""
    _flood(target, "rapid_reset", who, seconds=seconds, connections=2, calm=calm, report=report)
