"""docs/install.md is true: from the wheels that `make dist` builds to a service that its own probe finds ready."""

from __future__ import annotations

import contextlib
import re
import shutil
import site
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.house import markdown, tree, wheels
from tests.integration.test_first_start import three_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "docs/install.md"
LEFT_OUT = re.compile(
    r"(sudo )?(make dist|apt-get|systemd-sysusers|systemd-tmpfiles|chown|systemctl (daemon-reload|start|try-restart))\b"
    r"|sudo -u postgres |sudo .* database (upgrade|grant)\b|journalctl "
)
"""What only root or systemd can do, the build, which is done from copies, and PostgreSQL, which test_roles.py has."""
NETWORK = "--require-hashes"
"""The line that fetches the libraries; the test's own stand in for them."""
START = "sudo systemctl enable --now padan-server"
UPGRADE, SWITCH = "docs/operate.md", "sudo python3 -m venv /opt/padan/venv-0.2.0"
CREDENTIAL = "run/credentials/padan-server.service/kek"


class Machine:
    """A folder that stands for the root of a server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port, _ = three_ports()
        self.environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(root)}

    def moved(self, text: str) -> str:
        """Put the paths of a command, or of a unit, into the folder."""
        text = re.sub(r"(?<![\w.])/(opt|etc|var|run)/", rf"{self.root}/\1/", text)
        return text.replace("--port 7443", f"--port {self.port}")

    def run(self, line: str) -> str:
        """Run a line as the page shows it, without changing user."""
        line = re.sub(r"^sudo (-u \w+ |--preserve-env=\w+ )?", "", line)
        line = line.replace("python3 -m venv", f"{sys.executable} -m venv --without-pip")
        line = re.sub(
            r"^(\S+)/bin/pip ",
            rf"{sys.executable} -m pip --disable-pip-version-check --python \1/bin/python ",
            line,
        )
        if found := re.fullmatch(r"export (\w+)='(.*)'", line):
            self.environment[found[1]] = self.moved(found[2])
            return ""
        done = subprocess.run(
            ["bash", "-c", self.moved(line)],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Start what the installed unit starts, with the credential that its drop-in has systemd lend."""
        folder = self.root / "etc/systemd/system"
        unit = (folder / "padan-server.service").read_text()
        drop_in = (folder / "padan-server.service.d/embedded-keys.conf").read_text()
        (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
        assert re.findall(r"^LoadCredential=kek:(\S+)$", drop_in, re.MULTILINE) == ["/etc/padan/secrets/kek"]
        environment = {name: value for name, value in self.environment.items() if name != "PADAN_KEK"}
        with (self.root / "messages").open("wb") as messages:
            process = subprocess.Popen(
                self.moved(command).split(), env=environment, stdout=messages, stderr=messages
            )
        try:
            self._wait(process)
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        probe = [
            f"{self.root}/opt/padan/venv/bin/padan-server",
            f"--config={self.root}/etc/padan/padan.toml",
            "probe",
        ]
        until = time.monotonic() + 60
        while subprocess.run(probe, env=self.environment, capture_output=True, check=False).returncode:
            assert process.poll() is None, (self.root / "messages").read_text()
            assert time.monotonic() < until, (self.root / "messages").read_text()
            time.sleep(0.5)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Make a server with the wheels on it, and the folders that systemd makes."""
    root = tmp_path_factory.mktemp("server")
    (root / "dist").mkdir()
    for name, build in (("client", wheels.client), ("server", wheels.server)):
        shutil.copy(build(tmp_path_factory.mktemp(name)), root / "dist")
    shutil.copy(tree.ROOT / "requirements/server.txt", root / "dist/requirements.txt")
    for line in (tree.ROOT / "deploy/tmpfiles.d/padan.conf").read_text().splitlines():
        if line.startswith("d "):
            _, name, mode, *_ = line.split()
            folder = root / name.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(int(mode, 8))
    for name in ("etc/sysusers.d", "etc/tmpfiles.d", "etc/systemd/system"):
        (root / name).mkdir(parents=True)
    return Machine(root)


@pytest.mark.long
def test_the_page_installs_a_service_that_is_ready(machine: Machine) -> None:
    """Each command works in its place, nothing comes from the sources, and the service is ready and says so."""
    lines = [command.line for command in markdown.commands() if command.page == PAGE]
    before, after = lines[: lines.index(START)], lines[lines.index(START) + 1 :]
    told = {}
    for line in before:
        if LEFT_OUT.match(line):
            continue
        if NETWORK in line:
            _lend_libraries(machine.root / "opt/padan/venv")
            continue
        if line.endswith("config check"):
            _lend_credential(machine)
        told[line] = machine.run(line)
    _nothing_from_the_sources(machine)
    checked = next(text for line, text in told.items() if line.endswith("config check"))
    assert "FAILED" not in checked
    assert "ok       keyring     sound" in checked
    with machine.started():
        told |= {line: machine.run(line) for line in after if not LEFT_OUT.match(line)}
    assert told[after[0]] == "ready, with 1 worker\n"
    assert "200 people" in told[after[1]]
    _upgrade(machine)
    with machine.started():
        assert machine.run(after[0]) == "ready, with 1 worker\n"


def _upgrade(machine: Machine) -> None:
    """Put another release beside, and turn to it; here it is the same one, under another number."""
    shown = [command.line for command in markdown.commands() if command.page == UPGRADE]
    units = machine.root / "etc/systemd/system"
    kept = (units / "padan-server.service").read_bytes()
    (units / "padan-server.service").write_text("of the old release")
    own = units / "padan-server.service.d/own.conf"
    own.write_text("of this machine")
    for line in shown[shown.index(SWITCH) :]:
        if NETWORK in line:
            _lend_libraries(machine.root / "opt/padan/venv-0.2.0")
        elif " database " in line or not LEFT_OUT.match(line):
            machine.run(line.replace("-0.2.0-py3", "-0.1.0-py3"))
        if "try-restart" in line:
            break
    else:
        pytest.fail("the page starts nothing")
    assert (machine.root / "opt/padan/venv").resolve().name == "venv-0.2.0"
    assert (units / "padan-server.service").read_bytes() == kept
    assert own.read_text() == "of this machine"


def _lend_libraries(venv: Path) -> None:
    """Let the new environment find the libraries of the test's, after its own."""
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()))


def _lend_credential(machine: Machine) -> None:
    """Do what LoadCredential= does."""
    lent = machine.root / CREDENTIAL
    lent.parent.mkdir(parents=True)
    shutil.copy(machine.root / "etc/padan/secrets/kek", lent)
    lent.chmod(0o600)


def _nothing_from_the_sources(machine: Machine) -> None:
    """What was installed is what runs, and it has brought its files along."""
    venv = machine.root / "opt/padan/venv"
    code = "import verifier, padan, keys; print(verifier.__file__, padan.__path__, keys.__file__)"
    printed = machine.run(f"{venv}/bin/python -c '{code}'")
    assert str(tree.ROOT) not in printed
    assert (venv / "share/padan/docs/operate.md").read_bytes() == (tree.ROOT / "docs/operate.md").read_bytes()
