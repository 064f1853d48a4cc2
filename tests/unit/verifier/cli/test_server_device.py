"""`padan-server device` on an installation."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.signature import Signer
from tests.installation import install
from tests.operating import details
from tests.simulator.terminal import run
from verifier.cli import server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation
    from tests.simulator.terminal import Ended

SIGNER = Signer(b"d" * 32)


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    """An installation with one agency, "tax", and a device's public key."""
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    (tmp_path / "device.pub").write_text(base64.b64encode(SIGNER.public_key).decode() + "\n")
    return install(tmp_path / "installation", log_url=url)


def use(made: Installation, *words: str) -> Ended:
    """Run a command on it."""
    return run(server.main, "--config", str(made.config_path), "device", *words)


def add(made: Installation, *words: str, device: str = "counter-3", agency: str = "tax") -> Ended:
    """List a device."""
    key = str(made.root.parent / "device.pub")
    return use(made, "add", device, "--agency", agency, "--key", key, "--model", "Maker X1", *words)


def test_a_device_is_listed_shown_and_revoked(made: Installation) -> None:
    """Each step prints what it did, as JSON too, and stands in the log with device and key."""
    done = add(made, "--pad-level", "2", "--json")
    assert done.code == 0, done.err
    row = json.loads(done.out)
    assert {name: row[name] for name in ("id", "agency", "model", "key_id", "pad_level", "revoked")} == {
        "id": "counter-3",
        "agency": "tax",
        "model": "Maker X1",
        "key_id": SIGNER.key_id,
        "pad_level": 2,
        "revoked": "",
    }
    assert json.loads(use(made, "list", "--json").out) == [row]
    assert json.loads(use(made, "list", "--agency", "other", "--json").out) == []
    assert use(made, "list").out.endswith("Maker X1; listed\n")
    assert "effective within 60 s" in use(made, "revoke", "counter-3").out
    (shown,) = json.loads(use(made, "list", "--agency", "tax", "--json").out)
    assert shown["revoked"]
    assert "revoked" in use(made, "list").out
    key = {"device": "counter-3", "key": SIGNER.key_id}
    assert details(made, EntryKind.DEVICE_ADDED) == [{**key, "model": "Maker X1", "pad_level": "2"}]
    assert details(made, EntryKind.DEVICE_REVOKED) == [key]


def test_what_cannot_be_done_says_what_to_do(made: Installation) -> None:
    """A taken id, an unknown agency, a file without a key and an unknown device are refused, and nothing is logged."""
    assert add(made).out.startswith("listed counter-3 for tax: Maker X1")
    for failed, cause, code in (
        (add(made), "the id counter-3 is taken", ExitCode.STATE),
        (add(made, device="counter-4"), "the key is that of the device counter-3", ExitCode.STATE),
        (add(made, device="counter-4", agency="other"), "no agency other is enrolled", ExitCode.STATE),
        (use(made, "revoke", "counter-4"), "no device counter-4 is listed", ExitCode.STATE),
    ):
        assert (failed.code, failed.out) == (code, "")
        assert cause in failed.err
        assert "padan-server device list" in failed.err
    (made.root.parent / "device.pub").write_text("nothing")
    failed = add(made, device="counter-4")
    assert (failed.code, failed.out) == (ExitCode.INPUT, "")
    assert "not an Ed25519 public key" in failed.err
    assert len(details(made, EntryKind.DEVICE_ADDED)) == 1
    assert use(made, "revoke", "counter-3", "--json").code == 0
