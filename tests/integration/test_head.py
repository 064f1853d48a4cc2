"""A log that was put back from an older copy: the service refuses it until two officers accept what is lost."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from keys.purpose import Purpose
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.integration.test_key_agent import agent, wait_for
from tests.operating import appoint, details, operate
from tests.service import request, running
from verifier import schema
from verifier.headfile import HeadFile
from verifier.log.open import open_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    """An installation on each engine, with its head apart."""
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    (tmp_path / "apart").mkdir()
    return install(
        tmp_path / "installation",
        log_url=url,
        vault_url=url,
        extra=f'head_store = "{tmp_path / "apart"}"\n',
    )


def ask(installation: Installation, count: int) -> None:
    """Serve some questions, and stop."""
    with running(installation) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        for _ in range(count):
            stub.Verify(request(), timeout=10)


def entries(installation: Installation) -> int:
    """Count the log's entries."""
    with closing(open_log(installation.settings.log_database)) as log:
        return log.head().sequence


def lose(installation: Installation, count: int) -> None:
    """Take the newest entries away, as a restored copy lacks them."""
    kept = entries(installation) - count
    with closing(installation.directory()) as directory, directory.writing() as connection:
        connection.execute(delete(schema.entry).where(schema.entry.c.sequence > kept))


def refused(installation: Installation) -> str:
    """Start a service that must end at once, and give its reason."""
    with running(installation, ready=False) as service:
        assert service.process.wait(90) == ExitCode.REFUSED
        return service.messages()


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_a_log_that_was_put_back_is_refused_until_two_officers_accept_the_loss(
    installation: Installation,
) -> None:
    """Refused with what is missing and what to do; accepted by two, logged, and served again."""
    one, two = appoint(installation, "ani", "bayu")
    ask(installation, 4)
    seen = entries(installation)
    status = json.loads(operate(installation, "log", "head", "--json"))
    assert (status["head"]["entries"], status["fault"]) == (seen, "")
    assert "as the head says" in operate(installation, "log", "check")
    nothing = ("log", "propose-loss", "--key", one, "--out", installation.root / "none.json")
    operate(installation, *nothing, code=ExitCode.STATE)

    lose(installation, 3)
    message = refused(installation)
    assert "3 are missing" in message
    assert "log propose-loss" in message
    assert "3 are missing" in operate(installation, "log", "head")
    operate(installation, "log", "check", code=ExitCode.REFUSED)
    assert entries(installation) == seen - 3

    file = installation.root / "loss.json"
    operate(installation, "log", "propose-loss", "--key", one, "--out", file)
    assert "3 acknowledged entries are lost" in operate(installation, "officer", "show", file)
    operate(installation, "log", "accept-loss", file, code=ExitCode.REFUSED)
    operate(installation, "officer", "approve", file, "--key", two)
    operate(installation, "log", "accept-loss", file)
    operate(installation, "log", "accept-loss", file, code=ExitCode.STATE)
    (detail,) = details(installation, EntryKind.HEAD_RESET)
    assert (detail["entries"], detail["head_entries"]) == (str(seen - 3), str(seen))
    assert len(detail["approved"].split(",")) == 2
    operate(installation, "log", "rebuild-tree")
    ask(installation, 1)
    assert "as the head says" in operate(installation, "log", "check")


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_a_keyring_that_only_the_log_has_seen_is_given_up_by_two_officers(installation: Installation) -> None:
    """Put back older than the log knows, it is refused though the head agrees with it; accepted by two, it serves."""
    one, two = appoint(installation, "ani", "bayu")
    settings, custody = installation.settings, installation.custody()
    places = (settings.keyring, custody.events_path)
    older = custody.read()
    copies = [place.read_bytes() for place in places]
    newer, _ = custody.rotate(Purpose.REPLAY)
    ask(installation, 2)
    file = HeadFile(settings.head_file, installation.realm)
    kept = file.read()
    assert kept is not None
    file.swap(kept, replace(kept, keyring=older.counter))  # as far as a busy log's head had come
    for place, data in zip(places, copies, strict=True):
        place.write_bytes(data)

    message = refused(installation)
    assert f"the log has seen {newer.counter}" in message
    assert "log propose-loss" in message
    assert "would not begin: the keyring has counter" in operate(installation, "log", "head")
    changed, proposal = installation.root / "changed.json", installation.root / "loss.json"
    for path, code in ((changed, ExitCode.STATE), (proposal, 0)):
        operate(installation, "log", "propose-loss", "--key", one, "--out", path)
        shown = operate(installation, "officer", "show", path)
        assert f"the log has seen counter {newer.counter + (not code)}: the keyring is older" in shown
        operate(installation, "officer", "approve", path, "--key", two)
        if code:
            with closing(installation.directory()) as directory:
                directory.set_setting("keyring.counter", str(newer.counter + 1))
        operate(installation, "log", "accept-loss", path, code=code)
    (detail,) = details(installation, EntryKind.HEAD_RESET)
    assert (detail["keyring"], detail["log_keyring"]) == (str(older.counter), str(newer.counter + 1))
    assert "a service would begin" in operate(installation, "log", "head")
    operate(installation, "log", "rebuild-tree")
    ask(installation, 1)
    custody.rotate(Purpose.REPLAY)
    ask(installation, 1)
    assert details(installation, EntryKind.KEYRING_CHANGED)[-1]["counter"] == str(custody.read().counter)


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_shows_only_when_the_keys_are_there_is_told_too(
    installation: Installation, workers: int
) -> None:
    """A service that waits for its key agent says in the end what a person must mend, with the next step."""
    ask(installation, 4)
    lose(installation, 3)
    with installation.config_path.open("a") as config:
        config.write(f'key_agent = "{installation.root / "agent.sock"}"\nworkers = {workers}\n')
    with running(installation, ready=False) as service:
        wait_for(lambda: '"not ready"' in service.messages())
        with agent(installation):
            wait_for(lambda: "log propose-loss" in service.messages())
            assert "3 are missing" in service.messages()
            if workers == 1:  # of several the parent tries again whoever ends
                assert service.process.wait(90) == ExitCode.REFUSED
            assert "a duty failed" not in service.messages()


def test_a_proposal_for_another_loss_is_not_executed(installation: Installation) -> None:
    """Where more is missing than the officers were told, they decide anew; then it is done, once."""
    one, two = appoint(installation, "ani", "bayu")
    ask(installation, 4)
    lose(installation, 1)
    for code in (ExitCode.REFUSED, 0):
        file = installation.root / f"loss-{int(code)}.json"
        operate(installation, "log", "propose-loss", "--key", one, "--out", file)
        operate(installation, "officer", "approve", file, "--key", two)
        if code:
            lose(installation, 1)
        operate(installation, "log", "accept-loss", file, code=code)
        assert len(details(installation, EntryKind.HEAD_RESET)) == (0 if code else 1)
    again = installation.root / "loss-0.json"
    operate(installation, "log", "accept-loss", again, code=ExitCode.STATE)
    assert "a service would begin" in operate(installation, "log", "head")
