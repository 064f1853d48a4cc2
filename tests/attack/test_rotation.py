"""Attack 12: outer keys are rotated while questions are asked; it is killed at named steps; a dump holds no old key.

The short form is one rotation and three kills. The long one is five rotations under 200 questions a second, and a kill
after every step that has a name. How much slower answers get meanwhile is measured by bench/rotation.py.
"""

from __future__ import annotations

import contextlib
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from keys.outer import EpochKeys
from keys.purpose import Purpose
from keys.state import KeyState
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests import memory
from tests.attack.test_rolling_restart import reload, two_workers
from tests.integration.feeding import people
from tests.people import ALMARHUM, PEOPLE, SARI, UNKNOWN_NIK
from tests.restarting import SteadyLoad, open_channel, roles
from tests.rotating import rotate
from tests.rows import rows_of
from tests.service import request as question
from verifier.rotation import restarts
from verifier.rotation.step import INNER, Step
from verifier.rotation.translation import outer_of
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_changer, open_rotations, open_writer
from verifier.vault.rotation import RotationState
from verifier.vault.store import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.installation import Installation
    from tests.service import RunningService

pytestmark = pytest.mark.attack

NAME = vocabulary.ATTRIBUTE_NAME
BEGIN = (
    Step.KEYS_MADE, Step.BEGIN_LOGGED, Step.BEGUN, Step.PART_MOVED, Step.PARTS_MOVED, Step.LOAD_BEGUN,
    Step.ROWS_LOADED, Step.EPOCH_READY, Step.MOVED,
)  # fmt: skip
FLIP = (Step.CHANGES_READ, Step.CHANGES_CARRIED, Step.SAMPLED, Step.FLIP_LOGGED, Step.FLIPPED)
REVERT = (Step.REVERT_LOGGED, Step.REVERTED)
FINISH = (Step.FINISH_LOGGED, Step.CUT_OFF, Step.ROWS_DROPPED, Step.KEYS_DESTROYED, Step.FINISHED)
QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"claims": {NAME: "SITI RAHAYU"}},
    {"nik": SARI["NIK"], "claims": {NAME: SARI["NAMA_LGKP"]}},
    {"nik": ALMARHUM["NIK"], "claims": {NAME: ALMARHUM["NAMA_LGKP"]}},
    {"nik": UNKNOWN_NIK},
)
VERDICTS = [
    vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH, vocabulary.VERDICT_MATCH,
    vocabulary.VERDICT_MATCH_NOT_ACTIVE, vocabulary.VERDICT_NO_MATCH,
]  # fmt: skip


def verdicts(service: RunningService) -> list[int]:
    """Ask about who is held, who is not, and who is no more."""
    with closing(open_channel(service.installation, [service.installation.port])) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        answers = [stub.Verify(question(**words), timeout=10, wait_for_ready=True) for words in QUESTIONS]
    return [answer.outcome for answer in answers]


def state(installation: Installation) -> RotationState | None:
    """Say where the newest rotation stands."""
    with closing(open_rotations(installation.settings.vault_database)) as rotations:
        there = rotations.newest_rotation()
        return None if there is None else there.state


def active(installation: Installation) -> int:
    """Give the number of the epoch in use."""
    with closing(open_writer(installation.settings.vault_database)) as writer:
        return next(each.number for each in writer.epochs() if each.state is EpochState.ACTIVE)


def command(service: RunningService, name: str, *kills: Step) -> int:
    """Run a command, killed after each of some steps, and then to its end; returns how often it was killed."""
    killed = 0
    for step in kills:
        before = active(service.installation)
        code = rotate(service.installation, name, kill_after=step)
        assert code == -signal.SIGKILL, step
        killed += 1
        assert verdicts(service) == VERDICTS, step
        if step not in {Step.FLIPPED, Step.REVERTED}:
            assert active(service.installation) == before
    if state(service.installation) in _ENDS[name]:
        return killed  # killed when there was nothing left to do
    assert rotate(service.installation, name) == 0
    return killed


_ENDS = {
    "begin": (),
    "flip": (RotationState.FLIPPED,),
    "revert": (RotationState.READY,),
    "finish": (RotationState.FINISHED,),
}


@contextlib.contextmanager
def served(folder: Path, fixture: pytest.FixtureRequest, engine: str) -> Iterator[RunningService]:
    """Run a service of two workers with some hundred people."""
    with two_workers(folder, engine, fixture) as service:
        service.installation.load([*PEOPLE, *people(300).values()])
        time.sleep(2 * POLL_SECONDS)  # every worker answers from it now
        with closing(open_writer(service.installation.settings.vault_database)) as writer:
            writer.drop(1)  # it stands under the same keys
        yield service


def old_traces(installation: Installation) -> dict[str, bytes]:
    """Compute what a memory may hold of the outer keys of the epoch in use."""
    found: dict[str, bytes] = {}
    number = active(installation)
    with (
        closing(installation.agent()) as agent,
        closing(open_writer(installation.settings.vault_database)) as writer,
    ):
        epoch = next(each for each in writer.epochs() if each.number == number)
        token, seal = epoch.key_ids[Purpose.OUTER_TOKEN], epoch.key_ids[Purpose.ROW_SEAL]
        names = EpochKeys(epoch=number, outer_token=token, row_seal=seal)
        for purpose, key_id in ((Purpose.OUTER_TOKEN, token), (Purpose.ROW_SEAL, seal)):
            key = bytes(agent.materials()[key_id].view())
            for name, trace in memory.traces(key, [names.info(agent.realm, purpose)]).items():
                found[f"{purpose}: {name}"] = trace
    return found


def touch(installation: Installation) -> None:
    """Change a row of the epoch in use to what it is, so that there is a change to carry over."""
    number, database = active(installation), installation.settings.vault_database
    token, box = rows_of(database, number)[0]
    with closing(installation.agent()) as agent, closing(open_changer(database)) as vault:
        epoch = next(each for each in vault.epochs() if each.number == number)
        outer = outer_of(agent, epoch)
        vault.replace(epoch, [(token, outer.seal(token, outer.open(token, box)))])


def held(found: Iterable[int], traces: dict[str, bytes]) -> dict[str, int]:
    """Count the traces in the memory of processes."""
    counts = dict.fromkeys(traces, 0)
    for pid in found:
        for name, count in zip(traces, memory.copies(pid, [*traces.values()]), strict=True):
            counts[name] += count
    return {name: count for name, count in counts.items() if count}


def due(installation: Installation) -> list[str]:
    """Name the processes that are to be restarted."""
    with closing(open_rotations(installation.settings.vault_database)) as rotations:
        there = rotations.newest_rotation()
    assert there is not None
    return restarts.due(installation.settings, there)


@pytest.mark.timeout(600)
def test_one_rotation_under_load(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """No call fails and no verdict changes in a rotation that is killed three times; no process keeps the old keys."""
    memory.check_itself()
    with served(tmp_path / "installation", request, "sqlite") as service:
        made = service.installation
        traces = old_traces(made)
        assert verdicts(service) == VERDICTS
        # The control: while an epoch is answered from, its keys are found, and the schedules that AES makes of them.
        worker = roles(service)["worker-1"]
        assert {name.partition(": ")[2] for name in held([worker], traces)} >= {"the key", "derived key 1"}
        with SteadyLoad(lambda: open_channel(made, [made.port]), rate=40, callers=8) as load:
            command(service, "begin", Step.PART_MOVED)
            command(service, "flip", Step.FLIP_LOGGED)
            load.wait_for(40)  # every worker has seen it
            command(service, "finish", Step.ROWS_DROPPED)
            load.wait_for(20)
        assert load.failures == {}
        assert len(due(made)) == 4
        keys = {name: trace for name, trace in traces.items() if name.endswith("the key")}
        assert held(roles(service).values(), keys) != {}
        reload(service)
        assert due(made) == []
        assert held(roles(service).values(), traces) == {}
        assert verdicts(service) == VERDICTS
        with closing(made.agent()) as agent:
            states = {key.state for purpose, key in agent.keyring if purpose in {"outer-token", "row-seal"}}
        assert states == {KeyState.ACTIVE, KeyState.DESTROYED}


@pytest.mark.long
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_five_rotations_under_200_questions_a_second(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Five rotations, one of them turned back, and a kill after every step: 0 failed calls, 0 changed verdicts."""
    kills = 0
    with served(tmp_path / "installation", request, engine) as service:
        made = service.installation
        first = active(made)
        with SteadyLoad(lambda: open_channel(made, [made.port]), rate=200) as load:
            for turn in range(5):
                traces = old_traces(made)
                kills += command(service, "begin", *(BEGIN if turn == 0 else ()))
                touch(made)
                kills += command(service, "flip", *(FLIP if turn == 1 else ()))
                if turn == 2:
                    kills += command(service, "revert", *REVERT)
                    command(service, "flip")
                load.wait_for(200)
                kills += command(service, "finish", *(FINISH if turn == 3 else ()))
                reload(service)
                load.wait_for(200)
                assert held(roles(service).values(), traces) == {}
                assert due(made) == []
        assert load.failures == {}
        assert verdicts(service) == VERDICTS
        assert active(made) == first + 5
        assert kills == len(set(Step) - INNER)
    print(f"{engine}: five rotations, {kills} kills, {len(load.answered):,} calls, {len(load.failed)} failed")
