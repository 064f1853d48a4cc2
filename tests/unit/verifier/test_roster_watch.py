"""Custodians are let in with their first roster, once, and what stands in the way is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from tests.unit.keys.council import seat
from tests.unit.verifier.conftest import REALM
from verifier import config
from verifier.desk import Papers
from verifier.roster_watch import RosterWatch
from verifier.transport import ListenError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """A keyring that one custodian changes."""
    (tmp_path / "passphrase").write_text("tiga belas payung biru")
    provider = open_provider("file:kek.json?passphrase-file=passphrase", base=tmp_path)
    made = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tester")
    made.create(REALM)
    return made


@pytest.fixture
def papers(custody: Custody, tmp_path: Path) -> Papers:
    """The same, as the key agent reads it."""
    del custody
    path = tmp_path / "padan.toml"
    path.write_text(
        f'registry_id = "{REALM.registry_id}"\nenvironment = "development"\ntrust_domain = "test.example"\n'
        'kek = "file:kek.json?passphrase-file=passphrase"\ndata_dir = "."\n'
    )
    return Papers(config.load(path))


def test_a_first_roster_lets_them_in(
    custody: Custody, papers: Papers, caplog: pytest.LogCaptureFixture
) -> None:
    """Not before there is one; an address that is in use, and a keyring that is away, are told once and tried again."""
    opened: list[str] = []
    refuses = True

    def let_in() -> None:
        if refuses:
            raise ListenError("the address is in use")
        opened.append("in")

    watch = RosterWatch(papers, let_in)
    watch.begin()
    custody.rotate(Purpose.REPLAY)
    watch.look()
    seat(custody)
    for _ in range(2):
        watch.look()
    assert [record.__dict__["reason"] for record in caplog.records] == ["the address is in use"]
    refuses = False
    keyring = custody.events_path.with_name("keyring.json")
    data = keyring.read_bytes()
    keyring.unlink()
    watch.look()
    assert (opened, watch.is_open) == ([], False)
    keyring.write_bytes(data)
    for _ in range(2):
        watch.look()
    assert (opened, watch.is_open) == (["in"], True)


def test_a_roster_that_stands_lets_them_in_at_once(custody: Custody, papers: Papers) -> None:
    """An agent that begins under a roster listens from its start."""
    seat(custody)
    opened: list[str] = []
    watch = RosterWatch(papers, lambda: opened.append("in"))
    watch.begin()
    watch.look()
    assert opened == ["in"]
