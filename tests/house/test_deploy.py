"""What stands in deploy/ for operators fits the code, and systemd takes it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.house import command_lines, reference, tree
from verifier.config import Settings, load

if TYPE_CHECKING:
    import pathlib

DEPLOY = tree.ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DROP_INS = [
    ("custodians.conf", "padan-agent"),
    ("embedded-keys.conf", "padan-server"),
    ("one-user.conf", "padan-projector"),
    ("one-user.conf", "padan-load"),
    ("through-agent.conf", "padan-projector"),
    ("through-agent.conf", "padan-load"),
    ("credential-kek.conf", "padan-projector"),
    ("credential-kek.conf", "padan-load"),
]
WRITABLE = {
    "padan-backup.service": ["/var/backups/padan"],
    "padan-server.service": ["-/etc/padan/keys"],
}
"""Folders that units may write beside their own below /var/lib."""
PROGRAMS = {"padan-witness.service": "padan-audit"}
"""Which command line a unit starts, where it is not padan-server."""
BIN = "/opt/padan/venv/bin"
MOST_EXPOSED = 2.0


def _directives(unit: pathlib.Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)


def test_the_example_configuration_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """deploy/padan.example.toml is what the code writes (`make docs`), names every setting, and is valid."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PADAN_{name.upper()}", raising=False)
    example = tree.ROOT / reference.EXAMPLE
    text = example.read_text()
    assert text == reference.example()
    named = re.findall(r"^(?:# )?([a-z_]+) = ", text, re.MULTILINE)
    assert named == list(Settings.model_fields)
    assert load(example).environment == "production"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_starts_a_command_that_exists(unit: pathlib.Path) -> None:
    """Each unit calls a command of its program with options that it has."""
    name = PROGRAMS.get(unit.name, "padan-server")
    directives = _directives(unit)
    starts = [*directives["ExecStart"], *directives.get("ExecReload", [])]
    for start in (call for line in starts for call in _calls(line)):
        program, *words = shlex.split(start)
        assert program == f"{BIN}/{name}"
        command = command_lines.command_line(name)
        for word in words:
            options = {option for parameter in command.params for option in parameter.opts}
            children = command_lines.children(command)
            if word.startswith("--"):
                assert word in options, start
            elif children and not word.startswith(("/", "$")):
                assert word in children, start
                command = children[word]


def _calls(start: str) -> list[str]:
    """List the calls of a line: itself, or those of the shell that it starts, without what only sets a variable."""
    shell = re.fullmatch(r"/bin/sh -c '(.+)'", start)
    parts = shell[1].split(" && ") if shell else [start]
    calls = [
        part.removeprefix("exec ") for part in parts if not re.fullmatch(r"""\w+=("[^"]*"|[^\s"]*)""", part)
    ]
    assert calls, start
    return calls


def _copied(folder: pathlib.Path) -> list[pathlib.Path]:
    """Copy units and drop-ins to where systemd would find them, with a program that this machine has."""
    for unit in (*UNITS, *(DEPLOY / "systemd").glob("*.timer")):
        (folder / unit.name).write_text(re.sub(rf"{BIN}/[a-z-]+", "/bin/true", unit.read_text()))
    for drop_in, name in DROP_INS:
        place = folder / f"{name}.service.d"
        place.mkdir(exist_ok=True)
        (place / drop_in).write_text((DEPLOY / "systemd" / drop_in).read_text())
    return sorted(folder.glob("*.*er*"))


def test_systemd_takes_the_units(tmp_path: pathlib.Path) -> None:
    """`systemd-analyze verify` has nothing to say about the units and the drop-ins, and does about a wrong one."""
    units = [path for path in _copied(tmp_path) if path.is_file()]
    checked = _run("systemd-analyze", "verify", "--man=no", *units)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    wrong = units[0]
    wrong.write_text(wrong.read_text().replace("ProtectHome", "ProtctHome"))
    assert "ProtctHome" in _run("systemd-analyze", "verify", "--man=no", *units).stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_exposes_little(unit: pathlib.Path) -> None:
    """`systemd-analyze security` gives each unit at most 2.0 of 10."""
    assert _exposure(unit) <= MOST_EXPOSED


def _exposure(unit: pathlib.Path) -> float:
    checked = _run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", checked.stdout)
    assert found is not None, checked.stderr
    return float(found[1])


def test_the_units_are_hardened_alike() -> None:
    """No unit leaves out a line of hardening that another has; none may leave a core file or gain a privilege."""
    hardening = {
        unit.name: {
            f"{name}={value}"
            for name, values in _directives(unit).items()
            for value in values
            if re.match(
                r"Protect|Private|Restrict(?!Addr)|System|Lock|Memory(?!Max)|NoNew|Cap|Ambient|UMask|Device",
                name,
            )
            and name != "PrivateNetwork"
        }
        for unit in UNITS
    }
    assert len({frozenset(lines) for lines in hardening.values()}) == 1, hardening
    for unit in UNITS:
        directives = _directives(unit)
        assert directives["LimitCORE"] == ["0"]
        assert directives["MemorySwapMax"] == ["0"]
        assert directives["CapabilityBoundingSet"] == [""]
        assert directives["NoNewPrivileges"] == ["yes"]
        assert directives.get("ReadWritePaths", []) == WRITABLE.get(unit.name, [])


@pytest.mark.parametrize(("drop_in", "name"), DROP_INS)
def test_a_drop_in_exposes_little(drop_in: str, name: str, tmp_path: pathlib.Path) -> None:
    """With its drop-in a unit is at most 2.0 of 10 too."""
    unit = tmp_path / f"{name}.service"
    shipped = DEPLOY / "systemd"
    unit.write_text((shipped / unit.name).read_text() + "\n" + (shipped / drop_in).read_text())
    assert _exposure(unit) <= MOST_EXPOSED


def test_who_changes_the_keyring_may_write_its_folder() -> None:
    """Where custodians open the keys, service and agent may write the keyring's folder of docs/install.md; else not."""
    page = (tree.ROOT / "docs/install.md").read_text()
    named = re.findall(r"keyring = \"([a-z/]+)/keyring\.json\"\|'", page)
    folders = {f"-/etc/padan/{folder}" for folder in named}
    server = _directives(DEPLOY / "systemd/padan-server.service")
    custodians = _directives(DEPLOY / "systemd/custodians.conf")
    assert folders == set(server["ReadWritePaths"]) == set(custodians["ReadWritePaths"])
    assert re.search(r"^ReadWritePaths=$", (DEPLOY / "systemd/embedded-keys.conf").read_text(), re.MULTILINE)
    assert custodians["PrivateNetwork"] == ["no"]
    assert custodians["StateDirectory"] == server["StateDirectory"]  # of the log, which says who came


def test_the_passphrase_goes_to_those_who_unlock() -> None:
    """Agent, projector and its loads alone get it as a credential; the agent has no network and may lock its memory."""
    holders = [unit.name for unit in UNITS if "LoadCredential" in _directives(unit)]
    assert holders == ["padan-agent.service", "padan-load.service", "padan-projector.service"]
    agent = _directives(DEPLOY / "systemd/padan-agent.service")
    assert agent["PrivateNetwork"] == ["yes"]
    assert agent["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert agent["LimitMEMLOCK"] == ["infinity"]
    server = _directives(DEPLOY / "systemd/padan-server.service")
    assert "padan-agent.service" in server["Wants"][0].split()
    assert "padan-agent.service" in server["After"][0].split()


@pytest.mark.parametrize("name", ["projector", "load"])
def test_who_follows_has_keys_wherever_the_kek_is(name: str) -> None:
    """What systemd cannot lend keeps a unit from starting; so each drop-in takes back what is not there."""
    lent = _directives(DEPLOY / "systemd/credential-kek.conf")
    assert lent["LoadCredential"] == ["", "keyring.json:/etc/padan/keys/keyring.json"]
    (credential,) = (value.partition(":")[0] for value in lent["LoadCredentialEncrypted"])
    assert lent["Environment"] == [f"PADAN_KEK=credential:{credential}"]
    fetched = _directives(DEPLOY / "systemd/through-agent.conf")
    assert (fetched["LoadCredential"], fetched["Environment"]) == ([""], [""])
    server = _directives(DEPLOY / "systemd/padan-server.service")
    assert [fetched[key] for key in ("User", "StateDirectory")] == [
        server[key] for key in ("User", "StateDirectory")
    ]
    assert "$OPTIONS" in _directives(DEPLOY / f"systemd/padan-{name}.service")["ExecStart"][0]


def test_the_projector_is_a_user_of_its_own() -> None:
    """Raw people and keys meet under a user that runs nothing else."""
    users = {unit.name: _directives(unit)["User"] for unit in UNITS}
    assert users.pop("padan-projector.service") == users.pop("padan-load.service") == ["padan-projector"]
    assert users.pop("padan-witness.service") == ["padan-witness"]
    assert all(names == ["padan"] for names in users.values())


def test_a_load_is_the_projectors() -> None:
    """People are loaded with the keys, into the folder and under the limits with which they are followed later."""
    load, follow = (_directives(DEPLOY / f"systemd/padan-{name}.service") for name in ("load", "projector"))
    own = {"Description", "ConditionPathExists", "EnvironmentFile", "Type", "ExecStart", "WantedBy"}
    running = {"KillSignal", "TimeoutStopSec", "Restart", "RestartSec"}
    assert {
        name for name in load.keys() | follow.keys() if load.get(name) != follow.get(name)
    } == own | running
    assert not running & load.keys()


def test_the_witness_brings_its_unit() -> None:
    """Whoever installs the wheel `padan` alone prints the same unit: padan-audit witness unit."""
    ours = DEPLOY / "systemd/padan-witness.service"
    assert (tree.ROOT / "proto/python/padan/witness" / ours.name).read_text() == ours.read_text()


def test_users_and_folders_are_made(tmp_path: pathlib.Path) -> None:
    """sysusers.d makes every user that a unit runs as, and tmpfiles.d every folder, closed to others."""
    (tmp_path / "etc").mkdir()
    made = _run("systemd-sysusers", f"--root={tmp_path}", DEPLOY / "sysusers.d/padan.conf")
    assert made.returncode == 0, made.stderr
    users = {line.partition(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    assert {user for unit in UNITS for user in _directives(unit)["User"]} <= users
    made = _run("systemd-tmpfiles", f"--root={tmp_path}", "--create", DEPLOY / "tmpfiles.d/padan.conf")
    complaints = made.stderr.splitlines()
    if os.geteuid() != 0:
        complaints = [line for line in complaints if "Operation not permitted" not in line]
    assert complaints == []
    folders = [
        "etc/padan",
        "etc/padan/keys",
        "etc/padan/secrets",
        "etc/padan/tls",
        "var/lib/padan",
        "var/backups/padan",
    ]
    assert [name for name in folders if (tmp_path / name).stat().st_mode & 0o007] == []
