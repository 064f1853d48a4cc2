"""docs/backup.md is true for a machine of docs/install.md: lost, it comes back by the lines that the page shows."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.house import markdown, tree
from tests.integration.test_install import LEFT_OUT, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL, PAGE = "docs/install.md", "docs/backup.md"
FIRST, LAST = "padan-server init /etc/padan", "sudo chmod 0711 /etc/padan/ca"
"""What of the installation makes configuration, keys and people."""
NIGHT = "/var/backups/padan/20260131T021500Z"
OPTIONS = {"--pipe", "--wait", "--collect"}
VALUES = {"--unit", "--uid", "--property", "--setenv"}
PROGRAM = "/opt/padan/venv/bin/padan-server"


class Host(Machine):
    """A server whose programs are the tests' own, and whose units get what systemd lends them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        programs = root / PROGRAM.strip("/")
        programs.parent.mkdir(parents=True)
        for name in ("padan-server", "padan-keys"):
            programs.with_name(name).symlink_to(Path(sys.prefix) / "bin" / name)
        (root / "opt/padan/venv/share").mkdir()
        (root / "opt/padan/venv/share/padan").symlink_to(tree.ROOT / "deploy")
        self.environment["PYTHONPATH"] = f"{tree.ROOT}:{tree.ROOT / 'proto/python'}"

    def moved(self, text: str) -> str:
        """Put the paths of a command into the folder, those of disks that are brought too."""
        return re.sub(r"(?<![\w.])/media/", f"{self.root}/media/", super().moved(text))

    def run(self, line: str) -> str:
        """Run a line as the page shows it, as a unit where it starts one."""
        if "systemd-run" not in line:
            return super().run(line.replace("-o padan -g padan ", ""))
        options, command = self._unit(line)
        folder = self.root / f"run/credentials/{options['--unit']}.service"
        name, _, source = options["--property"].removeprefix("LoadCredential=").partition(":")
        folder.mkdir(parents=True)
        try:
            shutil.copy(self.root / source.strip("/"), folder / name)
            (folder / name).chmod(0o400)
            return super().run(f"{options['--setenv']} {command}")
        finally:
            shutil.rmtree(folder)

    @staticmethod
    def _unit(line: str) -> tuple[dict[str, str], str]:
        """Read what systemd-run is told; the environment is quoted for a shell."""
        words = shlex.split(line)
        start = words.index(PROGRAM)
        options = {name: value for name, _, value in (word.partition("=") for word in words[2:start])}
        assert options.keys() == OPTIONS | VALUES
        assert (words[:2], options["--uid"]) == (["sudo", "systemd-run"], "padan")
        assert options["--property"].startswith("LoadCredential=")
        name, _, value = options["--setenv"].partition("=")
        return options | {"--setenv": f"{name}={shlex.quote(value)}"}, shlex.join(words[start:])


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A server as the page on installing leaves it, with a backup of the night, and disks elsewhere."""
    made = Host(tmp_path)
    _folders(made.root)
    lines = [command.line for command in markdown.commands() if command.page == INSTALL]
    first = next(number for number, line in enumerate(lines) if FIRST in line)
    for line in lines[first : lines.index(LAST) + 1]:
        if not LEFT_OUT.match(line):
            made.run(line)
    del made.environment["PADAN_KEK"]
    made.run(f"sudo -u padan {PROGRAM} --config /etc/padan/padan.toml backup create {NIGHT}")
    for source, target in (
        (NIGHT, "backup/20260131T021500Z"),
        ("/etc/padan/keys/kek.json", "safe/kek.json"),
        ("/etc/padan/secrets/kek", "other-safe/passphrase"),
        ("/etc/padan/ca", "ca"),
    ):
        place = made.root / "media" / target
        place.parent.mkdir(parents=True, exist_ok=True)
        Path(made.moved(source)).rename(place)
    return made


def _folders(root: Path) -> None:
    for line in (tree.ROOT / "deploy/tmpfiles.d/padan.conf").read_text().splitlines():
        if line.startswith("d "):
            (root / line.split()[1].strip("/")).mkdir(parents=True, exist_ok=True)
    (root / "etc/systemd/system").mkdir(parents=True, exist_ok=True)


def _lines() -> Iterator[str]:
    """Yield the page's lines for such a machine."""
    (text,) = re.findall(
        r"^### On a machine of install\.md$(.+?)^## ",
        (tree.ROOT / PAGE).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    yield from re.findall(r"^\$ (.+)$", text, re.MULTILINE)


def test_a_lost_machine_comes_back(host: Host) -> None:
    """With nothing but backup, KEK file, passphrase and CA, the lines bring back a service that would begin."""
    for name in ("etc", "var", "run"):
        shutil.rmtree(host.root / name, ignore_errors=True)
    _folders(host.root)
    told = {}
    for line in _lines():
        if line.endswith("config check"):
            _lend(host)
        if not re.match(r"sudo (chown|systemctl) ", line):
            told[line] = host.run(line)
    units = host.root / "etc/systemd/system"
    assert (units / "padan-server.service").exists()
    assert (units / "padan-server.service.d/embedded-keys.conf").exists()
    restored, head, *_, checked = (
        text for line, text in told.items() if "systemd-run" in line or "check" in line
    )
    assert "keyring:  counter 1" in restored
    assert "head:     gone" in restored
    assert "propose-loss" in restored
    assert head
    assert "ok       keyring     sound" in checked
    assert "200 people" in checked


def test_without_the_passphrase_lent_a_restore_stops(host: Host) -> None:
    """As the service's user alone nobody opens the keyring, since what the unit was lent went with it."""
    for name in ("log.sqlite", "vault"):
        (host.root / "var/lib/padan" / name).rename(host.root / "media" / name)
    shutil.copytree(host.root / "media/backup/20260131T021500Z", host.moved(NIGHT))
    shutil.copy(host.root / "media/safe/kek.json", host.root / "etc/padan/keys/kek.json")
    with pytest.raises(AssertionError, match="passphrase"):
        host.run(f"sudo -u padan {PROGRAM} --config /etc/padan/padan.toml backup restore {NIGHT}")


def _lend(host: Host) -> None:
    """Do what the service's unit has systemd do."""
    place = host.root / "run/credentials/padan-server.service/kek"
    place.parent.mkdir(parents=True)
    shutil.copy(host.root / "etc/padan/secrets/kek", place)
    place.chmod(0o400)
