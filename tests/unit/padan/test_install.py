"""What a base install can do: the client without the command line's libraries."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from padan.version import VERSION

ROOT = Path(__file__).parents[3]

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name.partition('.')[0])
sys.meta_path.insert(0, Block())
"""
EXTRAS = ("typer", "rich", "click", "joserfc", "cryptography", "nacl", "pyarrow", "sqlalchemy")


def python(code: str, *, blocked: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run code in a process where some libraries are not installed."""
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(blocked=blocked) + code],
        capture_output=True,
        text=True,
        check=False,
    )


def test_client_needs_no_extra() -> None:
    """The clients, the NIK grammar, commitments, entries and the auditor's reader come with the base install."""
    code = "import padan.client, padan.aio, padan.audit.listing, padan.audit.render, padan.nik; padan.Client"
    done = python(code, blocked=EXTRAS)
    assert done.returncode == 0, done.stderr


def test_the_witness_needs_no_server() -> None:
    """The witness runs without the service's packages, its databases and gRPC: h11 and cryptography are enough."""
    code = "import padan.witness.running, padan.witness.folder"
    blocked = (
        "keys",
        "tokenizer",
        "verifier",
        "grpc",
        "google",
        "sqlalchemy",
        "nacl",
        "argon2",
        "joserfc",
        "typer",
    )
    done = python(code, blocked=blocked)
    assert done.returncode == 0, done.stderr


AUDITORS = ("duckdb", "pyarrow", "numpy", "reportlab", "nacl", "PIL")
"""What the extra `witness` leaves out of `audit`."""


def padan_audit(*words: str, blocked: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run `padan-audit` in a process; its last line says which of the auditors' libraries were loaded."""
    code = f"""
import atexit
import padan.audit.cli as line
atexit.register(lambda: print("loaded", *({set(AUDITORS)!r} & set(sys.modules))))
sys.argv = {["padan-audit", *words]!r}
line.main()
"""
    return python(code, blocked=blocked)


def test_the_witness_needs_nothing_of_the_auditors(tmp_path: Path) -> None:
    """Its command line comes with the extra `witness`: what the others need is not imported, and need not be there."""
    listed = tomllib.loads((ROOT / "proto/python/pyproject.toml").read_text(encoding="utf-8"))
    extras = listed["project"]["optional-dependencies"]
    assert set(extras["witness"]) < set(extras["audit"])
    assert not [each for each in extras["witness"] if each.startswith(AUDITORS)]
    for blocked in ((), AUDITORS):
        folder = str(tmp_path / f"without-{len(blocked)}")
        for words in (
            ["--help"],
            ["init", folder, "--name", "witness.example/w1"],
            ["show", folder],
            ["unit"],
        ):
            done = padan_audit("witness", *words, blocked=blocked)
            assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["loaded"]), done.stderr
    done = padan_audit("--config", "witness", "query", "copy", "SELECT 1", blocked=AUDITORS)
    assert (done.returncode, "pip install 'padan[audit]'" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "module", ["nik", "commitment", "canonical", "entry", "errors", "region", "vocabulary"]
)
def test_pure_modules_load_no_grpc(module: str) -> None:
    """What the registry's own packages use is free of gRPC."""
    done = python(f"import padan.{module}", blocked=(*EXTRAS, "grpc"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "extra"), [("padan.cli", "padan[cli"), ("padan.audit.cli", "padan[audit")]
)
def test_command_line_without_its_extra_says_what_to_install(module: str, extra: str) -> None:
    """Without typer the command lines name the extra."""
    done = python(f"import {module} as line; line.main()", blocked=EXTRAS)
    assert done.returncode == 2
    assert extra in done.stderr


def test_receipt_check_without_its_extra_says_what_to_install() -> None:
    """Without joserfc the other commands work, and this one names the extra."""
    code = "sys.argv = ['padan', 'receipt', 'check', 'x', '--keys', 'y']\nimport padan.cli; padan.cli.main()"
    done = python(code, blocked=("joserfc",))
    assert done.returncode == 3
    assert "padan[receipts]" in done.stderr


def test_version_is_the_projects() -> None:
    """The version in the client's messages is that of the wheel."""
    project = tomllib.loads((ROOT / "proto/python/pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION


def test_unknown_name_is_an_attribute_error() -> None:
    """The package gives out only what it names."""
    import padan

    for name in padan.__all__:
        assert getattr(padan, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = padan.nothing
