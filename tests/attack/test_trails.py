"""Attack 17, on trails: an auditor or the service's operator alone cannot say who asked about somebody."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from itertools import permutations, product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keys.purpose import Purpose
from padan import envelope, group, share
from padan.audit import search
from padan.audit.entries import Item
from padan.entry import EntryKind
from padan.errors import AuditError
from padan.group import GroupError
from padan.nik import parse
from padan.v1 import verification_pb2_grpc
from tests.memory import copies
from tests.people import BUDI
from tests.service import RunningService, request, running, wait_until_ready
from tests.trails import threshold
from tokenizer.inner import Inner
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from padan.envelope import Envelope
    from tests.auditing import Auditors
    from tests.installation import Installation

pytestmark = pytest.mark.attack

LIFE, SPAN = 8.0, 90.0
CHILD = (
    "import keys.period, verifier.period\n"
    f"keys.period.LIFETIME = {LIFE}\n"
    "verifier.period.RENEW_SECONDS = 0.5\n"
    "verifier.period.GRACE_SECONDS = 0.5\n"
    "from verifier.cli.server import main\n"
    "main()\n"
)
"""The service itself, whose periods last eight seconds instead of a day."""


def ask(service: RunningService, times: int = 1) -> None:
    """Ask about Budi."""
    with service.channel("tax") as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        for _ in range(times):
            stub.Verify(request(), timeout=5)


def entries_of(installation: Installation) -> list[Item]:
    """Read all that the database's log has."""
    log = open_log(installation.settings.log_database)
    try:
        return [
            Item(each.sequence, each.kind, each.entry, each.salt, each.leaf)
            for each in log.entries(0, 100_000)
        ]
    finally:
        log.close()


def handle_of(installation: Installation) -> bytes:
    """Compute what names Budi in the log, as the service's own keys do."""
    agent = installation.agent()
    try:
        inner = Inner(
            realm=agent.realm,
            index=agent.mac(Purpose.INDEX),
            attribute=agent.mac(Purpose.ATTRIBUTE),
            handle=agent.mac(Purpose.HANDLE),
            budget=agent.mac(Purpose.BUDGET),
            tombstone=agent.mac(Purpose.TOMBSTONE),
        )
        return inner.handles(parse(BUDI["NIK"], date(2026, 1, 1))).log
    finally:
        agent.close()


def opened(found: Envelope, made: Auditors) -> bytearray:
    """Open an envelope as two auditors do."""
    parts = {at: group.multiply(made.shares[at - 1], found.element) for at in (1, 2)}
    return envelope.unseal(found, share.combine(parts), key=made.key)


def broken_open(
    envelopes: Iterable[Envelope], shared: Iterable[bytes], made: Auditors
) -> dict[bytes, bytearray]:
    """Try whatever may be e A on every envelope."""
    keys = {}
    tries = list(shared)
    for each in envelopes:
        for one in tries:
            try:
                keys[each.period_id] = envelope.unseal(each, one, key=made.key)
            except AuditError:
                continue
    return keys


def matches(items: list[Item], keys: dict[bytes, bytearray], handles: list[bytes]) -> list[Item]:
    """Search."""
    return [item for item in search.Search(keys, handles).find(items) if item.kind == EntryKind.VERIFY]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Auditors]:
    """A service that was asked three times about Budi, and has ended, so that its period has."""
    installation, made = threshold(tmp_path_factory.mktemp("alone"))
    with running(installation) as service:
        ask(service, 3)
    return installation, made


def test_one_auditor_with_every_entry_finds_nobody(logged: tuple[Installation, Auditors]) -> None:
    """All entries, salts and envelopes, one share, and even h: without a second auditor no period opens."""
    installation, made = logged
    items, handle = entries_of(installation), handle_of(installation)
    envelopes, foreign = search.envelopes(items, made.key)
    assert (len(envelopes), foreign) == (1, 0)
    own = made.shares[0]
    public = [made.key.public, *(member.verification for member in made.key.members)]
    for each in envelopes:
        part = group.multiply(own, each.element)
        points = [part, each.element, *public]
        tries = [*points]
        for numbers in permutations((1, 2, 3), 2):
            tries += [
                bytes(share.combine(dict(zip(numbers, pair, strict=True))))
                for pair in product(points, repeat=2)
            ]
        for scalar in (own, group.scalar_negate(own), group.scalar_invert(own)):
            tries += [group.multiply(scalar, point) for point in points]
        assert broken_open([each], tries, made) == {}
    assert matches(items, {each.period_id: bytearray(own) for each in envelopes}, [handle]) == []
    keys = {each.period_id: opened(each, made) for each in envelopes}
    # The periods alone, without h, find nobody either; both together do: the test looks where there is something.
    guesses = [bytes(16), BUDI["NIK"].encode(), *(item.leaf[1:17] for item in items)]
    assert matches(items, keys, guesses) == []
    assert len(matches(items, keys, [handle])) == 3


def test_the_service_after_the_period_finds_nobody(logged: tuple[Installation, Auditors]) -> None:
    """Database, log, every unlocked key and a living period open and name nothing of a period that is over."""
    installation, made = logged
    handle, agent = handle_of(installation), installation.agent()
    agent._auditors_key = made.key
    living = agent.open_period()
    materials = [bytes(material.view()) for material in agent.materials().values()]
    assert len(materials) > 8
    items = entries_of(installation)
    envelopes, _ = search.envelopes(items, made.key)
    blobs = {item.entry[at : at + 32] for item in items for at in range(len(item.entry) - 32)}
    blobs |= {item.salt for item in items}
    known = [*materials, *blobs, living.envelope[33:65]]
    tries: list[bytes] = []
    for each in envelopes:
        for one in materials:
            try:
                tries += [
                    group.multiply(group.scalar_of(one + bytes(32)), point)
                    for point in (each.element, made.key.public)
                ]
            except GroupError:
                continue
    assert broken_open(envelopes, [*tries, *materials], made) == {}
    for one in known:
        assert matches(items, {each.period_id: bytearray(one) for each in envelopes}, [handle]) == []
    living.wipe()
    agent.close()
    assert len(matches(items, {each.period_id: opened(each, made) for each in envelopes}, [handle])) == 3


@pytest.fixture
def short(tmp_path: Path) -> Iterator[tuple[RunningService, Auditors]]:
    """The service as a process, whose periods last some seconds."""
    installation, made = threshold(tmp_path / "short")
    log = tmp_path / "messages"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, "--config", str(installation.config_path), "serve"],
            stdout=sink,
            stderr=sink,
            cwd=Path(__file__).parents[2],
        )
    try:
        wait_until_ready(installation, process, SPAN)
        yield RunningService(installation=installation, process=process, log=log), made
    finally:
        process.terminate()
        process.wait(15)


def periods(service: RunningService, made: Auditors) -> list[bytes]:
    """Open every period in the log: their keys, in order."""
    envelopes, _ = search.envelopes(entries_of(service.installation), made.key)
    return [bytes(opened(each, made)) for each in envelopes]


def test_a_memory_dump_holds_no_key_of_a_period_that_is_over(short: tuple[RunningService, Auditors]) -> None:
    """The living period's key is in the process's memory; once the period is over, no copy of it is left."""
    service, made = short
    ask(service, 5)
    until = time.monotonic() + SPAN
    while True:
        # The control: a dump of a living period finds its key, where nothing ended while it was taken.
        keys = periods(service, made)
        living = copies(service.pid, keys)
        if living[-1] and periods(service, made) == keys:
            break
        assert time.monotonic() < until, living
    first = keys[-1]
    while len(periods(service, made)) == len(keys):
        ask(service)
        assert time.monotonic() < until
        time.sleep(0.2)
    # Within the next period's life: whoever kept the old one until the one after would be found.
    time.sleep(2)
    keys = periods(service, made)
    left = copies(service.pid, keys)
    assert left[keys.index(first)] == 0, left
    assert sum(left[: keys.index(first)]) == 0, left
    assert sum(left[keys.index(first) + 1 :]) > 0, left
