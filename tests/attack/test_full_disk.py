"""A full disk while the registry is followed: nothing is half applied, and all goes on once there is room again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from padan.entry import EntryKind
from tests.installation import install
from tests.integration.feeding import SIGNER, changed, comparable, details, feed, publish
from tests.integration.follower import following
from tests.people import BUDI
from verifier.agreement import signkey

if TYPE_CHECKING:
    from tests.installation import Installation

pytestmark = pytest.mark.attack

SHIM = Path(__file__).parent / "disk" / "faults.c"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that trusts the registry's key, and the disk's shim beside it."""
    root = tmp_path_factory.mktemp("full")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", root / "faults.so", SHIM, "-ldl"], check=True)
    return install(root, agencies={}, extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n')


@pytest.mark.parametrize(
    ("full", "said"),
    [
        ("data/vault/", "vault: the disk is full"),
        pytest.param("log.sqlite", "log: the disk", marks=pytest.mark.long),
    ],
)
def test_a_full_disk_stops_a_follower_until_there_is_room(made: Installation, full: str, said: str) -> None:
    """What could not be written whole is not there at all, is said, and is applied later, once."""
    made.load([BUDI])
    where, mode = f"sqlite:///{made.root}/{full.strip('/').replace('/', '-')}-feed#feed", made.root / "mode"
    mode.write_text("")
    publish(made, where, feed(made, 0, changed("BUDI SATU")))
    before = comparable(
        made, [BUDI["NIK"]]
    )  # not beside the follower: one process at a time changes the vault
    environment = {
        "LD_PRELOAD": str(made.root / "faults.so"),
        "PADAN_FAULT_MODE": str(mode),
        "PADAN_FAULT_FILES": full,
    }
    with following(made, where, environment=environment) as followed:
        assert followed.next()["position"] == 1
        applied = len(details(made, EntryKind.FEED_APPLIED))
        mode.write_text("enospc")
        publish(made, where, feed(made, 1, changed("BUDI DUA")))
        for _ in range(2):
            told = followed.next("err")
            assert told["event"] == "not following; trying again"
            assert said in told["reason"]
        assert len(details(made, EntryKind.FEED_APPLIED)) == applied
        mode.write_text("")
        found = followed.next()
        assert (found["begun"], found["position"], found["applied"]) == (1, 2, 1)
        followed.process.send_signal(signal.SIGTERM)
        assert followed.process.wait(20) == 0
    assert comparable(made, [BUDI["NIK"]]) != before
    opened = details(made, EntryKind.FEED_OPENED)
    assert opened[-1]["digest"] == details(made, EntryKind.FEED_APPLIED)[-1]["digest"]
