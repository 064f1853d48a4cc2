"""Keys handed to workers, or kept in the key agent: what each costs (docs/adr/0038).

One run measures both ways in turns, so that the ratios hold on a loaded machine too: in this process with the keys, and
by way of another process that has them, over a Unix socket, 1, 8 and 64 at a time: keyed hashes, opened rows,
signatures. The product has no agent that computes, so the other process is a server of this benchmark's alone: it reads
a frame, computes with the product's objects, and answers; it checks nothing, so that a real one costs rather more.

Then all of that together as one Verify needs it: six questions, each of which waits for the one before. What it adds is
held against the processor time of a Verify in this process, from request to durable answer, without gRPC. Last, what
it costs to count a hash, how long a worker waits for its keys from a running agent, and how long it takes to unlock the
keyring by itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import struct
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import questions
from keys.agent_client import SocketKeyAgent
from keys.mac import MacKey
from keys.meter import Meter
from keys.seal import SealKey
from keys.signing import Signer
from tests.installation import Installation, install, serving_keys
from tests.people import BUDI
from tests.terms import Terms
from tokenizer.record import SIZE as RECORD_SIZE
from verifier import host_keys
from verifier.call import Call
from verifier.engine import Engine
from verifier.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCHES: Final = (1, 8, 64)
_PLACE: Final = b"row of a table"
_HEAD = struct.Struct(">BI")
_ITEMS = 1_920
_VERIFIES = 512
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of evaluation: what goes in and what comes out, in bytes.

    Attributes:
        name: what it is.
        question: what is sent.
        answer: how long the answer is.
        act: computes it.
    """

    name: str
    question: bytes
    answer: int
    act: Callable[[bytes], bytes]


def _works() -> list[Work]:
    """Make keys, and something for each to do."""
    mac = MacKey(os.urandom(32)).bind(b"prefix").mac
    seal, signer = SealKey(os.urandom(32)), Signer(os.urandom(32))
    box = seal.seal(os.urandom(RECORD_SIZE), _PLACE)
    return [
        Work(name="hash", question=os.urandom(32), answer=32, act=mac),
        Work(name="opened row", question=box, answer=RECORD_SIZE, act=lambda data: seal.open(data, _PLACE)),
        Work(name="signature", question=os.urandom(640), answer=64, act=signer.sign),
    ]


HASH, ROW, SIGNATURE = range(3)
OF_A_VERIFY: Final = ((HASH, 1), (ROW, 2), (HASH, 56), (HASH, 2), (SIGNATURE, 1), (ROW, 1))
"""What a Verify asks in turn: the record id; record and decoy; what is bound to it, and the handles; the subject's name
in the log; the receipt; the stored answer, whose sealing costs what an opening does."""


def _receive(stream: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = stream.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _serve(stream: socket.socket, works: list[Work]) -> None:
    """Be the agent: compute what comes until the stream ends."""
    while True:
        number, count = _HEAD.unpack(_receive(stream, _HEAD.size))
        act, size = works[number].act, len(works[number].question)
        data = _receive(stream, count * size)
        stream.sendall(b"".join([act(data[at : at + size]) for at in range(0, len(data), size)]))


@contextlib.contextmanager
def _agent(works: list[Work]) -> Iterator[tuple[socket.socket, int]]:
    """Run the other process; gives the line to it and its process id."""
    own, other = socket.socketpair()
    child = os.fork()
    if not child:
        own.close()
        with contextlib.suppress(EOFError):
            _serve(other, works)
        os._exit(0)
    other.close()
    yield own, child
    own.close()
    os.waitpid(child, 0)


def _here(works: list[Work], asked: Sequence[tuple[int, int]], turns: int) -> None:
    """Compute with the keys, so many times, so many of each kind."""
    for _ in range(turns):
        for number, count in asked:
            act, question = works[number].act, works[number].question
            for _ in range(count):
                act(question)


def _there(stream: socket.socket, works: list[Work], asked: Sequence[tuple[int, int]], turns: int) -> None:
    """Ask the agent for the same, each kind in one question that waits for the one before."""
    for _ in range(turns):
        for number, count in asked:
            stream.sendall(_HEAD.pack(number, count) + works[number].question * count)
            _receive(stream, works[number].answer * count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one costs, microseconds: processor time of both processes, and time until it is there."""

    processor: float
    waited: float


def _seconds(pid: int) -> float:
    """Read the processor time of a process of one thread, seconds to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _both(
    works: list[Work],
    line: tuple[socket.socket, int],
    asked: Sequence[tuple[int, int]],
    turns: int,
    parts: int,
) -> tuple[Cost, Cost]:
    """Measure both ways in turns; gives the medians for one of the parts that a turn has."""
    stream, agent = line
    ways = (partial(_here, works, asked, turns), partial(_there, stream, works, asked, turns))
    figures: tuple[list[Cost], list[Cost]] = [], []
    for _ in range(_ROUNDS):
        for way, found in zip(ways, figures, strict=True):
            begin, wall = time.process_time() + _seconds(agent), time.perf_counter()
            way()
            waited = time.perf_counter() - wall
            used = time.process_time() + _seconds(agent) - begin
            found.append(Cost(processor=used / (turns * parts) * 1e6, waited=waited / (turns * parts) * 1e6))
    return _median(figures[0]), _median(figures[1])


def _median(found: list[Cost]) -> Cost:
    return Cost(
        processor=statistics.median(each.processor for each in found),
        waited=statistics.median(each.waited for each in found),
    )


def _told(name: str, here: Cost, there: Cost) -> str:
    return (
        f"{name}: {here.processor:.1f} us with the key, {there.processor:.1f} us by the agent "
        f"({there.processor / here.processor:.1f} times the processor), there after {here.waited:.1f} and "
        f"{there.waited:.1f} us ({there.waited / here.waited:.1f} times)"
    )


def evaluations(whole: dict[int, float]) -> Iterator[str]:
    """Compare both ways.

    Args:
        whole: by how many at once, processor time of a whole Verify in microseconds.
    """
    works = _works()
    with _agent(works) as line:
        for number, work in enumerate(works):
            for batch in BATCHES:
                costs = _both(works, line, [(number, batch)], _ITEMS // batch, batch)
                yield _told(f"{work.name}, {batch} at once", *costs)
        for batch in BATCHES:
            asked = [(number, count * batch) for number, count in OF_A_VERIFY]
            here, there = _both(works, line, asked, _VERIFIES // batch, batch)
            yield _told(f"all of a Verify, {batch} requests at once", here, there)
            more = there.processor - here.processor
            yield (
                f"a Verify, {batch} at once, takes {whole[batch]:.0f} us with the keys and {more:.0f} us more without: "
                f"{whole[batch] / (whole[batch] + more):.0%} of the throughput of the same processors"
            )


def counting() -> str:
    """Compare a hash that is counted with one that is not."""
    key, value = os.urandom(32), bytes(32)
    ways = [MacKey(key, tick=tick).bind(b"prefix").mac for tick in (None, Meter().tick)]
    figures: list[list[float]] = [[], []]
    for _ in range(_ROUNDS * 3):
        for mac, found in zip(ways, figures, strict=True):
            begin = time.process_time()
            for _ in range(_ITEMS):
                mac(value)
            found.append((time.process_time() - begin) / _ITEMS * 1e6)
    plain, counted = (statistics.median(found) for found in figures)
    return f"hash, counted: {counted:.2f} us, and {plain:.2f} us not counted ({counted / plain:.2f} times)"


def verifies(installation: Installation) -> dict[int, float]:
    """Measure the processor time of a Verify in this process, microseconds, by how many come at once."""
    certificate = installation.identities["bench"].certificate.read_bytes()
    found: dict[int, float] = {}
    with contextlib.closing(Engine(installation.settings, metrics=Metrics())) as engine:
        for batch in BATCHES:
            count = _VERIFIES if batch > 1 else _VERIFIES // 8
            raws = [*questions.verify([BUDI], count + batch, product=True)]
            used = []
            for first in range(0, count + batch, batch):
                calls = [
                    Call(
                        raw=raw,
                        certificate=certificate,
                        peer="ipv4:127.0.0.1:1",
                        remaining=30.0,
                        arrived=time.monotonic(),
                    )
                    for raw in raws[first : first + batch]
                ]
                begin = time.process_time()
                replies = engine.core.verify_many(calls)
                used.append((time.process_time() - begin) / len(calls) * 1e6)
                if any(reply.body is None for reply in replies):
                    raise SystemExit(f"bench: a question failed: {replies[0].error!r}")
            found[batch] = statistics.median(used[1:])
    return found


def _milliseconds(obtain: Callable[[], object]) -> float:
    figures = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        obtain()
        figures.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(figures)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as folder:
        installation = install(
            Path(folder) / "installation",
            agencies={"bench": Terms(subject=1_000_000, prefix=1_000_000, calls_per_second=100_000)},
            extra='key_agent = "agent.sock"\nslot_ms = 0\n',
        )
        settings = installation.settings
        with serving_keys(settings):
            path = settings.key_agent_socket
            assert path is not None  # noqa: S101 - the settings name it
            fetched = _milliseconds(lambda: SocketKeyAgent.connect(path).close())
            whole = verifies(installation)
        for line in evaluations(whole):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        sys.stdout.write(counting() + "\n")
        unlocked = _milliseconds(lambda: host_keys.unlock(settings).close())
    sys.stdout.write(
        f"keys from a running agent: {fetched:.1f} ms; by unlocking the keyring: {unlocked:.1f} ms\n"
    )


if __name__ == "__main__":
    main()
