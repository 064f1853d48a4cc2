"""Attack 30: clocks that are wrong by an hour, a day, or to 2038 and 2100, while the service runs and when it starts.

Log time never goes back; a budget that is spent is not given back by a clock, and comes back when its day is over,
whatever the wall clock says. In memory with clocks that are passed in, on both databases, and a real process whose
wall clock is put elsewhere.
"""

from __future__ import annotations

import datetime as dt
import mmap
import struct
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from keys.seal import SealKey
from padan import entry as log_entry
from padan.entry import EntryKind
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2, verification_pb2_grpc
from tests.installation import install
from tests.people import BUDI, SARI
from tests.service import request, running
from tests.simulator.intents import intent
from tests.simulator.world import World
from tests.terms import Terms
from verifier import admin_entry, logtime, migrations
from verifier.group_writer import GroupWriter
from verifier.log.open import open_log
from verifier.logtime import ClockAheadError, LogClock, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.call import Reply

pytestmark = pytest.mark.attack

HOUR, DAY = 3_600, 86_400
SOURCE = Path(__file__).parent / "clock" / "shift.c"
BUDGET = 3
FOREVER = Terms(subject=BUDGET, until="2105-01-01T00:00:00+07:00")
BLOCKED, NO_MATCH, MATCH = vocabulary.VERDICT_BLOCKED, vocabulary.VERDICT_NO_MATCH, vocabulary.VERDICT_MATCH
JUMPS = [
    pytest.param(lambda wall: wall + DAY, id="a day ahead"),
    pytest.param(lambda wall: wall - DAY, id="a day back"),
    pytest.param(lambda wall: wall - HOUR, id="an hour back"),
    pytest.param(lambda _: dt.datetime(2038, 1, 19, 3, 14, 8, tzinfo=dt.UTC).timestamp(), id="2038"),
    pytest.param(lambda _: dt.datetime(2100, 2, 28, 23, 59, 59, tzinfo=dt.UTC).timestamp(), id="2100"),
    pytest.param(lambda wall: wall - 200 * DAY, id="200 days back"),
]


def outcome(reply: Reply) -> int:
    """Read the verdict."""
    assert reply.body is not None, reply.error
    return verification_pb2.VerifyResponse.FromString(reply.body).outcome


def guess(world: World, nik: str = BUDI["NIK"]) -> int:
    """Guess wrong once."""
    return outcome(*world.ask("tax", world.question(right=False, nik=nik)))


def spend(world: World, nik: str = BUDI["NIK"]) -> None:
    """Spend a resident's budget of the day."""
    assert [guess(world, nik) for _ in range(BUDGET + 1)] == [NO_MATCH] * BUDGET + [BLOCKED]


def log_times(world: World) -> list[int]:
    """List the log times of all entries, in their order."""
    return [row.log_time_ms for row in world.log.rows]


@pytest.fixture
def world() -> World:
    """A world at an hour at which no day of the registry or of the log is about to end."""
    noon = dt.datetime(2026, 11, 29, 4, tzinfo=dt.UTC).timestamp()
    return World(seed=1, agencies={"tax": FOREVER}, people=[dict(BUDI), dict(SARI)], start=noon)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_running_clock_that_jumps(world: World, jump: object) -> None:
    """A spent budget stays spent, another one is there, and the day ends after 24 hours that passed, give or take."""
    assert callable(jump)
    spend(world)
    before = world.log.head().log_time_ms
    world.clocks.wall = jump(world.clocks.wall)
    assert guess(world) == BLOCKED, "a clock gave a budget back"
    spend(world, SARI["NIK"])
    assert world.log.head().log_time_ms - before < 1_000, "log time jumped"
    passed = 0
    while guess(world) == BLOCKED:
        world.clocks.step(HOUR)
        passed += 1
        assert passed <= 24, "a budget that does not come back"
    # From 4:00 UTC to the end of the log's day, at nine to eleven tenths of the time that passes.
    assert 17 <= passed <= 23
    assert log_times(world) == sorted(log_times(world)), "log time went back"


@pytest.mark.parametrize("jump", JUMPS)
def test_a_start_with_a_clock_that_is_wrong(world: World, jump: object) -> None:
    """Behind, the log goes on from its last entry; far ahead, two people are asked; and no budget returns early."""
    assert callable(jump)
    spend(world)
    wall = jump(world.clocks.wall)
    ahead = wall - world.clocks.wall
    world.clocks.wall = wall
    if ahead > DAY:
        with pytest.raises(ClockAheadError):
            world.restart_clock()
        world.restart_clock(confirmed_ahead=True)
        assert guess(world) == NO_MATCH  # a day that two people have confirmed
    else:
        world.restart_clock()
        # A day ahead exactly is the most that is believed: the day is another, as after a night's outage.
        assert guess(world) == (NO_MATCH if ahead > 0 else BLOCKED)
    for _ in range(30):
        world.clocks.step(HOUR)
        guess(world)
    times = log_times(world)
    assert times == sorted(times), "log time went back"
    assert times[-1] - times[-31] >= 26 * HOUR * 1_000, "log time stands still"


def test_clocks_that_jump_to_and_fro_give_nothing(world: World) -> None:
    """A thousand jumps within one day that passed: no more guesses than the day's budget."""
    told = [guess(world) for _ in range(BUDGET)]
    for number in range(1_000):
        world.clocks.wall += (-1) ** number * (number % 25) * HOUR
        world.clocks.mono += 1
        told.append(guess(world))
    assert told.count(NO_MATCH) == BUDGET
    assert log_times(world) == sorted(log_times(world))


@pytest.mark.parametrize(
    "start",
    [
        dt.datetime(2038, 1, 19, 3, 14, 0, tzinfo=dt.UTC),
        dt.datetime(2039, 6, 1, tzinfo=dt.UTC),
        dt.datetime(2100, 2, 28, 16, 59, 50, tzinfo=dt.UTC),
    ],
    ids=lambda start: str(start.year),
)
def test_later_years_are_years(log_database: str, start: dt.datetime) -> None:
    """Past 2^31 seconds, and in 2100, which is no leap year: answers, budgets and entries as ever, on both engines."""
    world = World(seed=2, agencies={"tax": FOREVER}, people=[dict(BUDI)], start=start.timestamp())
    assert outcome(*world.ask("tax", world.question(right=True))) == MATCH
    spend(world)
    world.clocks.step(DAY)
    assert guess(world) == NO_MATCH
    clock = LogClock(last_ms=0, wall_ms=int(start.timestamp() * 1_000), mono=0)
    seal = SealKey(bytes(32))
    with closing(open_log(log_database)) as log:
        writer = GroupWriter(
            store=log,
            settlement=Settlement(signer=None, replay_seal=lambda _day: seal),
            clock=lambda _database, last_ms: clock.now(
                wall_ms=int(start.timestamp() * 1_000), mono=0, last_ms=last_ms
            ),
        )
        assert writer.write([intent(1)])[0].outcome == NO_MATCH
        (row,) = log.entries(0, 10, from_ms=int(start.timestamp() * 1_000))
        assert row.log_time_ms == int(start.timestamp() * 1_000)
        assert log.expire(int(start.timestamp()) // DAY + 1) > 0


def test_what_others_write_does_not_take_log_time_back(log_database: str) -> None:
    """Where a command's clock is ahead of the service's, the service goes on from it; one far ahead is not believed."""
    base = int(dt.datetime(2026, 11, 29, 4, tzinfo=dt.UTC).timestamp() * 1_000)
    mono = [0.0]
    clock = LogClock(last_ms=0, wall_ms=base, mono=0)

    def read(_database: float | None, last_ms: int) -> LogTime:
        return clock.now(wall_ms=base + int(mono[0] * 1_000), mono=mono[0], last_ms=last_ms)

    seal = SealKey(bytes(32))
    with closing(open_log(log_database)) as log:
        writer = GroupWriter(
            store=log, settlement=Settlement(signer=None, replay_seal=lambda _day: seal), clock=read
        )
        writer.write([intent(1)])
        for ahead, follows in ((2 * HOUR, True), (3 * 365 * DAY, False), (-5 * HOUR, False)):
            last = log.head().log_time_ms
            at = logtime.beside(wall_ms=last + ahead * 1_000, last_ms=last)
            assert at == (last + ahead * 1_000 if follows else last)
            admin_entry.append(log, EntryKind.KEYRING_CHANGED, {}, now_ms=at)
            mono[0] += 10
            writer.write([intent(int(mono[0]))])
        times = [row.log_time_ms for row in log.entries(0, 100)]
    assert times == sorted(times), "log time went back"
    # From the entry ahead on, nine tenths of what passed.
    assert times[-1] - base == (2 * HOUR + 2 * 9) * 1_000


def test_a_command_that_waited_is_not_before_what_it_waited_for(tmp_path: Path) -> None:
    """On SQLite an entry takes its time when it is its turn, not when its command began to wait for it."""
    database = str(tmp_path / "log.sqlite")
    migrations.upgrade(database, migrations.Tree.LOG)
    now_ms = int(time.time() * 1_000)
    with closing(open_log(database)) as service, closing(open_log(database)) as command:
        admin_entry.append(service, EntryKind.KEYRING_CHANGED, {}, now_ms=now_ms)
        waiting = threading.Thread(
            target=admin_entry.append,
            args=(command, EntryKind.CERTIFICATE_ISSUED, {}),
            kwargs={"now_ms": now_ms + 1},
        )
        with service.transaction() as transaction:
            waiting.start()
            time.sleep(0.3)
            row = admin_entry.build(EntryKind.FEED_OPENED, {}, now_ms=now_ms + 300)
            transaction.write({}, now_ms // 86_400_000, [row], [])
        waiting.join(10)
        times = [row.log_time_ms for row in service.entries(0, 10)]
    assert times == [now_ms, now_ms + 300, now_ms + 300]


class WallClock:
    """The wall clock of a process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8))
        self._file = path.open("r+b")
        self._offset = mmap.mmap(self._file.fileno(), 8)

    def shift(self, seconds: float) -> None:
        """Put it this far from the right time."""
        self._offset[:] = struct.pack("q", int(seconds))

    def close(self) -> None:
        """Let go."""
        self._offset.close()
        self._file.close()


@pytest.fixture
def wall_clock(tmp_path: Path) -> Iterator[tuple[WallClock, dict[str, str]]]:
    """A wall clock, and the environment of a process that reads it."""
    shim, offset = tmp_path / "shift.so", tmp_path / "offset"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl"], check=True)
    with closing(WallClock(offset)) as clock:
        yield clock, {"LD_PRELOAD": str(shim), "PADAN_CLOCK_FILE": str(offset)}


def test_a_process_whose_wall_clock_is_put_elsewhere(
    tmp_path: Path, wall_clock: tuple[WallClock, dict[str, str]]
) -> None:
    """A real service: no jump gives a spent budget back, log time stays near the right one, and all is well after."""
    clock, environment = wall_clock
    installation = install(tmp_path / "shifted", agencies={"tax": Terms(subject=BUDGET)})
    wrong = {vocabulary.ATTRIBUTE_NAME: "SITI RAHAYU"}
    year = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with running(installation, environment=environment) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        spent = [stub.Verify(request(claims=wrong), timeout=5).outcome for _ in range(BUDGET + 1)]
        assert spent == [NO_MATCH] * BUDGET + [BLOCKED]
        for there in (
            year + dt.timedelta(days=1),
            year - dt.timedelta(days=1),
            year - dt.timedelta(hours=1),
            year.replace(year=2038, month=1, day=20),
            year.replace(year=2100, month=3, day=1),
        ):
            clock.shift((there - year).total_seconds())
            for _ in range(3):
                try:
                    assert stub.Verify(request(claims=wrong), timeout=5).outcome == BLOCKED
                except grpc.RpcError as error:
                    # Past the end of certificate and agreement, or before their beginning: refused, not answered.
                    refused = error.code()
                    assert refused in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
                time.sleep(0.3)
            clock.shift(0)
            assert stub.Verify(request(claims=wrong), timeout=5).outcome == BLOCKED
            assert stub.Verify(request(), timeout=5).outcome == BLOCKED
            assert stub.Verify(request(nik=SARI["NIK"], claims=wrong), timeout=5).outcome in {
                NO_MATCH,
                BLOCKED,
            }
    now_ms = time.time() * 1_000
    with closing(open_log(installation.settings.log_database)) as log:
        rows = log.entries(0, 10_000)
    times = [row.log_time_ms for row in rows]
    assert times == sorted(times), "log time went back"
    assert abs(times[-1] - now_ms) < 60_000, "log time followed the wall clock"
    assert sum(log_entry.decode(row.entry).kind == EntryKind.VERIFY for row in rows) > 20
