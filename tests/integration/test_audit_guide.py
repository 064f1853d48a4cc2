"""docs/audit.md is true: its commands, in its order, over a log that a real service wrote."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from padan.audit.mirror import trusted
from padan.audit.mirror.belief import load_policy
from padan.v1 import verification_pb2_grpc
from tests import receipts
from tests.house import markdown
from tests.installation import install
from tests.integration.test_first_start import Terminal, fits
from tests.publishing import Key, Log, blind_leaves, witness
from tests.service import request, running
from tests.terms import Terms
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service import RunningService

PAGE = "docs/audit.md"
ORIGIN = "registry.example/log"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service with two agencies that have asked, one of them what it may not, and an auditor."""
    installation = install(tmp_path_factory.mktemp("guide"), agencies={"tax": Terms(), "health": Terms()})
    installation.grant_auditor("auditor-1")
    with running(installation) as service:
        for agency, purpose in (
            ("tax", "service"),
            ("tax", "strict"),
            ("health", "service"),
            ("health", "none"),
        ):
            with service.channel(agency) as channel, contextlib.suppress(Exception):
                verification_pb2_grpc.VerificationServiceStub(channel).Verify(
                    request(purpose=purpose), timeout=5
                )
        yield service


def publish(service: RunningService, folder: Path) -> Log:
    """Publish the service's log as it is now, under the guide's name and two witnesses."""
    named = Key.make(ORIGIN)
    log = Log(
        folder=folder, key=named, witnesses=(witness("w0.example"), witness("w1.example")), origin=ORIGIN
    )
    store = open_log(service.installation.settings.log_database)
    with contextlib.closing(store):
        log.publish([item.leaf for item in store.entries(0, 10_000)], at=int(time.time()))
    return log


@pytest.fixture
def office(audited: RunningService, tmp_path: Path) -> Path:
    """An auditor's folder beside a log's."""
    log, folder = publish(audited, tmp_path / "log"), tmp_path / "auditor"
    folder.mkdir()
    (folder / "policy").write_text(log.policy())
    receipts.write(folder / "answer.jws", log.leaves[-1], origin=ORIGIN)
    receipts.write_keys(folder / "keys.jwks")
    installation = audited.installation
    identity = installation.identities["auditor-1"]
    settings = {
        "audit_address": f"127.0.0.1:{installation.audit_port}",
        "ca": str(installation.ca),
        "cert": str(identity.certificate),
        "key": str(identity.key),
        "server_name": "localhost",
    }
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    (folder / "padan-client.toml").write_text("".join(lines))
    return folder


@pytest.mark.timeout(300)
def test_the_guide_can_be_followed(office: Path) -> None:
    """Each command of the guide ends well and prints what the page shows."""
    terminal = Terminal(office, {})
    shown = [command for command in markdown.commands() if command.page == PAGE]
    assert len(shown) >= 7
    for command in shown:
        code, printed = terminal.run(command.line)
        assert code == 0, f"{command.line}\n{printed}"
        assert fits(command.output, printed), f"{command.line}\n{printed}"


@pytest.mark.timeout(300)
def test_a_copy_of_a_service_grows_and_finds_a_rollback(audited: RunningService, office: Path) -> None:
    """What was committed meanwhile is fetched by the next run; a log that was rolled back is refused."""
    terminal = Terminal(office, {})
    mirror = "padan-audit mirror ../log copy --policy policy --entries --json"
    code, printed = terminal.run(mirror)
    assert code == 0, printed
    first = json.loads(printed)
    old = (office.parent / "log" / "checkpoint").read_bytes()
    with audited.channel("tax") as channel:
        verification_pb2_grpc.VerificationServiceStub(channel).Verify(request(), timeout=5)
    publish(audited, office.parent / "log")
    code, printed = terminal.run(mirror)
    assert code == 0, printed
    second = json.loads(printed)
    # The first run's readings are entries too.
    assert second["size"] > first["size"] == second["size_before"]
    assert (second["entries"], second["erased"], second["not_shown"]) == (second["size"], 0, 0)
    (office.parent / "log" / "checkpoint").write_bytes(old)
    code, printed = terminal.run(mirror)
    assert (code, "behind the" in printed, "next:" in printed) == (1, True, True), printed
    code, printed = terminal.run("padan-audit verify copy --policy policy --json")
    assert json.loads(printed)["entries"] == second["entries"]


@pytest.mark.timeout(300)
def test_a_killed_run_goes_on(office: Path) -> None:
    """A run that is killed leaves no half-trusted copy, and the next one finishes it."""
    leaves = 60_000
    big = Log(folder=office.parent / "big", key=Key.make(ORIGIN), origin=ORIGIN)
    big.publish([b"\1" + number.to_bytes(32, "big") for number in range(leaves)])
    (office / "policy").write_text(big.policy())
    terminal = Terminal(office, {})
    command = "padan-audit mirror ../big copy --policy policy"
    copied = office / "copy" / "tile" / "entries"
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=office, env=terminal._environment, stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (copied.is_dir() and len(list(copied.iterdir())) > 20) and time.monotonic() < end:
        time.sleep(0.005)
    process.kill()
    process.wait(10)
    assert not (office / "copy" / "checkpoint").exists()
    assert not (office / "copy.trusted").exists()
    code, printed = terminal.run("padan-audit verify copy --policy policy")
    assert (code, "next:" in printed) == (3, True), printed
    code, printed = terminal.run(f"{command} --json")
    assert code == 0, printed
    done = json.loads(printed)
    # Of the twenty some are the next files of the eight that are fetched at once, not whole yet.
    assert (done["size"], done["bundles_kept"] >= 10) == (leaves, True), done
    record = trusted.read(office / "copy.trusted", load_policy(office / "policy"))
    assert record.believed.checkpoint.size == leaves


def test_a_full_disk_is_said(office: Path) -> None:
    """Where the disk takes no more, the command says so with the next step, and no checkpoint is trusted."""
    log = Log(folder=office.parent / "small", key=Key.make(ORIGIN), origin=ORIGIN)
    log.publish(blind_leaves(600))
    (office / "policy").write_text(log.policy())
    terminal = Terminal(office, {})
    command = "padan-audit mirror ../small copy --policy policy"
    # No file over 4 KiB, as where nothing is left; Python would keep its byte code cut off at that, for all who follow.
    code, printed = terminal.run(f"export PYTHONDONTWRITEBYTECODE=1; ulimit -f 4; {command}")
    assert code == 5, printed
    assert "the disk is full" in printed
    assert "next:  free space" in printed
    assert not (office / "copy" / "checkpoint").exists()
    assert not (office / "copy.trusted").exists()
    code, printed = terminal.run(command)
    assert code == 0, printed
