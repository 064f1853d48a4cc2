"""The two wheels hold what they should: agencies get no server code, and each program has its module."""

from __future__ import annotations

import configparser
import email
import re
import zipfile

import pytest

from tests.house import tree, wheels

EXTRAS = {"audit", "cli", "receipts", "sealing", "tables", "tokens", "witness"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel of agencies and auditors."""
    folder = tmp_path_factory.mktemp("client")
    return zipfile.ZipFile(wheels.client(folder))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel of the service."""
    folder = tmp_path_factory.mktemp("server")
    return zipfile.ZipFile(wheels.server(folder))


def _tops(wheel: zipfile.ZipFile) -> set[str]:
    return {
        name.partition("/")[0] for name in wheel.namelist() if not re.match(r"[^/]+\.(dist-info|data)/", name)
    }


def _text(wheel: zipfile.ZipFile, ending: str) -> str:
    (name,) = [name for name in wheel.namelist() if name.endswith(ending)]
    return wheel.read(name).decode()


def _programs_have_modules(wheel: zipfile.ZipFile) -> bool:
    parser = configparser.ConfigParser()
    parser.read_string(_text(wheel, ".dist-info/entry_points.txt"))
    modules = [value.partition(":")[0].replace(".", "/") for value in parser["console_scripts"].values()]
    names = set(wheel.namelist())
    return all(f"{module}.py" in names or f"{module}/__init__.py" in names for module in modules)


def test_the_client_holds_no_server_code(client: zipfile.ZipFile) -> None:
    """The wheel `padan` has one package and nothing of keys, tokenizer or verifier."""
    assert _tops(client) == {"padan"}
    assert "padan/py.typed" in client.namelist()
    assert _programs_have_modules(client)


def test_the_client_has_its_extras_and_few_requirements(client: zipfile.ZipFile) -> None:
    """The wheel `padan` needs three libraries, and more by extras only."""
    metadata = email.message_from_string(_text(client, ".dist-info/METADATA"))
    assert set(metadata.get_all("Provides-Extra") or []) == EXTRAS
    needed = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert sorted(line.partition(">")[0] for line in needed) == ["grpcio", "grpcio-status", "protobuf"]


def test_the_server_holds_its_three_packages(server: zipfile.ZipFile) -> None:
    """The wheel `padan-server` has keys, tokenizer and verifier with their data and migrations, and no tests."""
    assert _tops(server) == {"keys", "tokenizer", "verifier"}
    assert any(name.startswith("tokenizer/data/") for name in server.namelist())
    assert any(name.startswith("verifier/migrations/") for name in server.namelist())
    assert _programs_have_modules(server)


def test_the_server_brings_what_operators_install(server: zipfile.ZipFile) -> None:
    """The wheel `padan-server` lays deploy/ and docs/ down below share/padan, as they are, and nothing else."""
    inside = {
        name.partition(".data/data/share/padan/")[2]: server.read(name)
        for name in server.namelist()
        if ".data/data/" in name
    }
    folders = ("agreements", "grafana", "prometheus", "systemd", "sysusers.d", "tmpfiles.d", "docs")
    sources = [
        (path, path.relative_to(base).as_posix())
        for base in (tree.ROOT / "deploy", tree.ROOT)
        for folder in folders
        for path in (base / folder).rglob("*")
        if path.is_file()
    ]
    expected = {name: path.read_bytes() for path, name in sources}
    assert inside == expected | {"padan.example.toml": (tree.ROOT / "deploy/padan.example.toml").read_bytes()}


def test_both_carry_the_licence(client: zipfile.ZipFile, server: zipfile.ZipFile) -> None:
    """Each wheel holds the text of Apache-2.0."""
    text = (tree.ROOT / "LICENSE").read_text()
    assert _text(client, "/LICENSE") == _text(server, "/LICENSE") == text
