"""What the tests of the custodian's command line share: a keyring that it made, and a way to run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keys.purpose import RULES, Purpose
from padan.cli.console import run
from verifier.cli import custodian
from verifier.cli.custody_choice import CHOICE
from verifier.cli.failure import translate

if TYPE_CHECKING:
    from collections.abc import Callable

INIT = ("init", "--registry", "registry-test", "--environment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON document that it printed."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a keyring that `init` made in another process."""
    folder = tmp_path_factory.mktemp("custodian")
    (folder / "passphrase").write_text("tiga belas payung biru\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("padan-keys")), *located(), *INIT, "development", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    made_keys = json.loads(done.stdout)["keys"]
    assert len(made_keys) == sum(RULES[purpose].initial for purpose in Purpose)
    return folder


def located() -> tuple[str, ...]:
    """Name keyring and KEK in the working folder."""
    return ("--keyring", "keyring.json", "--kek", "file:kek.json?passphrase-file=passphrase")


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as the working folder."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "work"))
    return tmp_path / "work"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `padan-keys` in this process, as `main` does but for the hardening."""

    def called(*arguments: str, at: tuple[str, ...] | None = None) -> Result:
        monkeypatch.setattr(sys, "argv", ["padan-keys", *(located() if at is None else at), *arguments])
        with pytest.raises(SystemExit) as ended:
            run(custodian.build(), translate)
        captured = capsys.readouterr()
        return Result(code=int(ended.value.code or 0), out=captured.out, err=captured.err)

    monkeypatch.setattr(CHOICE, "config_path", None)
    for name in ("PADAN_CONFIG", "PADAN_KEYRING", "PADAN_KEK"):
        monkeypatch.delenv(name, raising=False)
    return called
