"""Those who change a vault take turns: whoever follows a table waits with a run, and with nothing else."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.installation import Installation, install
from tests.integration.feeding import SIGNER, changed, comparable, feed, publish
from tests.people import BUDI
from verifier.agreement import signkey
from verifier.feed import following
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.vault.catalogue import PositionError
from verifier.vault.changer import ChangesBusyError
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from verifier.feed.sync import Summary
    from verifier.vault.changer import VaultChanger


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    """An installation that trusts the registry's key and holds a resident."""
    installation = install(
        tmp_path, agencies={}, extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n'
    )
    installation.load([BUDI])
    return installation


@pytest.fixture
def follower(made: Installation, tmp_path: Path) -> Iterator[Follower]:
    """Follow a table that has nothing yet."""
    table = f"sqlite:///{tmp_path}/registry.sqlite#feed"
    with closing(Follower(made.settings, open_source(table, create=True))) as opened:
        yield opened


@contextmanager
def waiting(
    made: Installation, follower: Follower, tmp_path: Path
) -> Iterator[tuple[VaultChanger, Future[Summary | None]]]:
    """Change the vault while a follower waits with a run."""
    publish(made, f"sqlite:///{tmp_path}/registry.sqlite#feed", feed(made, 0, changed("BUDI SATU")))
    asks = threading.Event()

    def telling(database: str, *, patience: float) -> VaultChanger:
        asks.set()
        return open_changer(database, patience=patience)

    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patched:
        patched.setattr(following, "open_changer", telling)
        with closing(open_changer(made.settings.vault_database)) as vault:
            step = pool.submit(follower.step)
            assert asks.wait(30), "it has gathered its run, and asks for the vault"
            yield vault, step


def test_a_look_that_finds_nothing_waits_for_nobody(
    made: Installation, follower: Follower, tmp_path: Path
) -> None:
    """However long another process changes the vault; nor does it keep that out."""
    publish(made, f"sqlite:///{tmp_path}/registry.sqlite#feed", feed(made, 0, changed("BUDI SATU")))
    assert follower.step() is not None
    with closing(open_changer(made.settings.vault_database)):
        assert follower.step() is None


def test_a_run_waits_and_is_then_told(
    made: Installation, follower: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while, after which whoever follows tries again, and nothing of it is lost."""
    monkeypatch.setattr(following, "_RUN_WAITS_SECONDS", 0.5)
    with waiting(made, follower, tmp_path) as (_, step), pytest.raises(ChangesBusyError):
        step.result()
    summary = follower.step()
    assert summary is not None
    assert summary.position == 1


def test_a_run_that_another_has_taken_in_is_not_taken_in_again(
    made: Installation, follower: Follower, tmp_path: Path
) -> None:
    """It is told, and the next look goes on from there."""
    with waiting(made, follower, tmp_path) as (vault, step):
        later = round(time.time() * 1_000)
        vault.apply(vault.epoch(), [], added=0, source="registry-1", before=0, after=1, as_of_ms=later)
        vault.close()
        with pytest.raises(PositionError, match="registry-1 was followed by another process"):
            step.result()
    follower.disconnect()
    assert follower.step() is None


def test_a_run_goes_into_the_epoch_that_came_into_use_meanwhile(
    made: Installation, follower: Follower, tmp_path: Path
) -> None:
    """With that one's keys, and not into the one that was in use when it was gathered."""
    with waiting(made, follower, tmp_path) as (vault, step):
        made.load([BUDI])
        number = vault.epoch().number
        vault.close()
        summary = step.result()
    assert summary is not None
    assert (summary.epoch, summary.applied) == (number, 1)
    followed = comparable(made, [BUDI["NIK"]])
    made.load([{**BUDI, "NAMA_LGKP": "BUDI SATU"}])
    assert comparable(made, [BUDI["NIK"]]) == followed
