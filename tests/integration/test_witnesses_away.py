"""The service and its witnesses: two as processes, and what is refused while they are away, by every worker."""

from __future__ import annotations

import contextlib
import statistics
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from padan.errors import LogError, UnavailableError
from padan.tlog import note, policy
from tests.installation import install
from tests.service import running
from tests.smalllog import SmallLog
from tests.terms import Terms
from tests.witnesses import WitnessProcess, ask
from verifier.directory import Directory
from verifier.leader import Mandate
from verifier.log.open import open_log
from verifier.tree import witnessed
from verifier.tree.cosigner import Asked
from verifier.tree.cosigning import Cosigning, read_policy
from verifier.tree.folder import TreeFolder
from verifier.tree.signing import CheckpointSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from padan.client import Client
    from tests.installation import Installation

SECONDS = 60
"""The shortest bound that the settings take."""


@contextlib.contextmanager
def two_witnesses(folder: Path, log: SmallLog) -> Iterator[tuple[list[WitnessProcess], Path]]:
    """Run two witnesses as processes, and write the policy that wants both."""
    with contextlib.ExitStack() as started:
        witnesses = [
            started.enter_context(
                WitnessProcess(folder / f"w{number}", log.key, name=f"w{number}.example/witness")
            )
            for number in (1, 2)
        ]
        lines = [f"log {log.key}"]
        lines += [f"witness w{number} {each.vkey} {each.url}" for number, each in enumerate(witnesses, 1)]
        path = folder / "witness.policy"
        path.write_text("\n".join([*lines, "group both all w1 w2", "quorum both", ""]))
        yield witnesses, path


def test_two_witnesses_cosign_a_growing_log(log_database: str, tmp_path: Path) -> None:
    """Checkpoints get both cosignatures; one that is away is missed, and seen when back; the database has the time."""
    log = SmallLog()
    with two_witnesses(tmp_path, log) as (witnesses, path), closing(open_log(log_database)) as store:
        believed = read_policy(path)
        cosign = Cosigning(believed, log=store)
        mandate = Mandate(term=0)

        def ask(size: int) -> bytes:
            """Have a checkpoint cosigned, and publish it with what comes."""
            asked = Asked(log.text(size), log.signed(size), size, log.proving(size))
            lines = cosign(asked.text, asked.signed, asked.size, asked.consistency)
            published = log.signed(size) + "".join(map(str, lines)).encode()
            cosign.published(asked, note.parse(published).lines)
            return published

        def seen() -> float:
            with closing(Directory(log_database)) as directory:
                return witnessed.parse(directory.setting(witnessed.NAME)) or 0.0

        began = time.time()
        for size in (1, 7, 40):
            assert believed.believe(ask(size)).checkpoint.size == size
        cosign.turn(mandate)
        assert began - 1 <= seen() <= time.time()
        assert witnesses[0].stop() == 0
        assert f"\u2014 {policy.parse(path.read_text()).witnesses['w2'].key.name} ".encode() in ask(60)
        before = seen()
        cosign.turn(mandate)
        assert seen() == before
        witnesses[0].start()
        assert believed.believe(ask(61)).checkpoint.size == 61
        assert [witness.show()["size"] for witness in witnesses] == [61, 61]
        cosign.close()


def _outcome(client: Client) -> str:
    """Ask one right question, and give the refusal's reason; empty where it was answered."""
    try:
        ask(client)
    except UnavailableError as error:
        return error.reason
    return ""


def _until(found: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.timeout(240)
def test_a_service_without_its_witnesses(tmp_path: Path) -> None:
    """After the bound every worker refuses specific data and answers general data, until the witnesses are back."""
    log = SmallLog()
    with two_witnesses(tmp_path, log) as (_, path):
        installation = install(
            tmp_path / "installation",
            agencies={"tax": Terms(), "health": Terms(sensitivity="specific")},
            extra=f'workers = 2\nwitness_policy = "{path}"\nwitness_minutes = 1\n',
        )
    with (
        running(installation) as service,
        closing(Directory(installation.settings.log_database)) as directory,
        service.client("tax") as tax,
        service.client("health") as health,
    ):
        assert (_outcome(tax), _outcome(health)) == ("", "")
        _until(lambda: directory.setting(witnessed.NAME) is not None)  # the leader has begun the bound
        directory.set_setting(witnessed.NAME, witnessed.text(time.time() - SECONDS - 10))
        _until(lambda: [_outcome(health) for _ in range(6)] == ["LOG_UNWITNESSED"] * 6)
        assert _outcome(tax) == ""
        directory.set_setting(witnessed.NAME, witnessed.text(time.time()))
        _until(lambda: [_outcome(health) for _ in range(6)] == [""] * 6)


def _merge_delay(installation: Installation, client: Client, published: Callable[[], int]) -> float:
    """Ask a question, and give the seconds from its entry's log time to the checkpoint that holds it."""
    assert _outcome(client) == ""
    with closing(open_log(installation.settings.log_database)) as log:
        size = log.head().sequence
        _until(lambda: published() >= size)
        shown = (installation.settings.tree_folder / "checkpoint").stat().st_mtime
        return shown - log.blind_rows(size - 1, 1)[0][1] / 1000


@pytest.mark.timeout(240)
def test_published_checkpoints_are_cosigned(tmp_path: Path) -> None:
    """What is published has both cosignatures, and within a second; after an outage the same checkpoint gets them."""
    path = tmp_path / "witness.policy"
    installation = install(
        tmp_path / "installation", agencies={"tax": Terms()}, extra=f'witness_policy = "{path}"\n'
    )
    with closing(installation.agent()) as agent:
        (log,) = CheckpointSigner.of(agent).keys
    with contextlib.ExitStack() as started:
        witnesses = [
            started.enter_context(
                WitnessProcess(tmp_path / f"w{number}", log, name=f"w{number}.example/witness")
            )
            for number in (1, 2)
        ]
        lines = [f"witness w{number} {each.vkey} {each.url}" for number, each in enumerate(witnesses, 1)]
        path.write_text("\n".join([f"log {log}", *lines, "group both all w1 w2", "quorum both", ""]))
        trusted = read_policy(path)
        folder = TreeFolder(installation.settings.tree_folder)

        def published() -> int:
            """Give the size of the published checkpoint; 0 where the policy does not believe it."""
            try:
                return trusted.believe(folder.checkpoint() or b"").checkpoint.size
            except LogError:
                return 0

        with running(installation) as service, service.client("tax") as tax:
            assert _outcome(tax) == ""
            _until(lambda: published() > 0)
            delays = [_merge_delay(installation, tax, published) for _ in range(9)]
            assert statistics.median(delays) <= 1.0, (
                "every leaf's second, as far as a busy machine can show it"
            )
            before = published()
            assert witnesses[0].stop() == 0
            assert _outcome(tax) == ""
            stated = folder.checkpoint()
            _until(lambda: folder.checkpoint() != stated)
            assert published() == 0
            witnesses[0].start()
            _until(lambda: published() > before)
            for witness in witnesses:
                assert witness.show()["size"] == published()
