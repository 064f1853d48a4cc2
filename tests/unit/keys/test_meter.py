"""Uses of keys are counted by the objects that compute, and none is missed."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.errors import OpenError
from keys.mac import MacKey
from keys.meter import Act, Meter, Meters, Used
from keys.outer import EpochKeys
from keys.purpose import Purpose

if TYPE_CHECKING:
    from pathlib import Path

    from keys.custody import Custody
    from tests.simulator.kek_provider import MemoryKekProvider
    from tests.unit.keys.conftest import Clock


def test_reading_a_meter_changes_nothing() -> None:
    """Whoever reads gets the number of ticks, however often it was read before."""
    meter = Meter()
    assert [meter.read(), meter.read()] == [0, 0]
    for number in range(1, 4):
        meter.tick()
        assert (meter.read(), meter.read()) == (number, number)


def test_threads_lose_no_tick() -> None:
    """Ticks of many threads add up while others read."""
    meter, before = Meter(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        for _ in range(5_000):
            meter.tick()

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        seen = [meter.read() for _ in range(500)]
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert meter.read() == 20_000
    assert seen == sorted(seen)


def test_keys_of_a_purpose_are_added_up() -> None:
    """Each key has its own count of each act; a purpose's is their sum, and another act's is apart."""
    meters = Meters()
    for key_id, times in ((1, 2), (2, 3)):
        for _ in range(times):
            meters.tick(Purpose.REPLAY, key_id, Act.SEAL)()
    meters.tick(Purpose.REPLAY, 1, Act.OPEN)()
    assert meters.total(Purpose.REPLAY, Act.SEAL) == 5
    assert meters.total(Purpose.REPLAY, Act.OPEN) == 1
    assert meters.total(Purpose.INDEX, Act.MAC) == 0
    assert meters.read()[Used(Purpose.REPLAY, 2, Act.SEAL)] == 3


def test_every_act_of_an_agents_keys_is_counted(
    custody: Custody, provider: MemoryKekProvider, tmp_path: Path, clock: Clock
) -> None:
    """Hashes, tokens, boxes and signatures count under their key, also by objects derived anew; failures do not."""
    del custody
    agent = LocalKeyAgent.unlock(tmp_path / "keyring.json", provider, now=clock)
    meters = agent.meters = Meters()
    index, signer = agent.mac(Purpose.INDEX), agent.signer(Purpose.RECEIPT_SIGNING)
    bound = index.bind(b"prefix").mac
    for _ in range(3):
        bound(b"value")
    index.mac(b"message")
    signer.sign(b"message")
    names = EpochKeys(
        epoch=1, outer_token=agent.key_id(Purpose.OUTER_TOKEN), row_seal=agent.key_id(Purpose.ROW_SEAL)
    )
    outer, again = agent.outer(names), agent.outer(names)
    outer.token.encrypt(bytes(16))
    again.token.decrypt_many(outer.token.encrypt_many(bytes(32)))
    boxes = [outer.row.seal(b"row", b"place"), *again.row.seal_many([b"a", b"b"], [b"place", b"place"])]
    assert [again.row.open(box, b"place") for box in boxes] == [b"row", b"a", b"b"]
    with pytest.raises(OpenError):
        outer.row.open(boxes[0], b"elsewhere")
    assert meters.read() == {
        Used(Purpose.INDEX, index.key_id, Act.MAC): 4,
        Used(Purpose.RECEIPT_SIGNING, signer.ring_id, Act.SIGN): 1,
        Used(Purpose.OUTER_TOKEN, names.outer_token, Act.TOKEN): 5,
        Used(Purpose.ROW_SEAL, names.row_seal, Act.SEAL): 3,
        Used(Purpose.ROW_SEAL, names.row_seal, Act.OPEN): 3,
    }
    assert MacKey(bytes(32)).mac(b"x") == MacKey(bytes(32), tick=list).mac(b"x")
