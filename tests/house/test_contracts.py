"""The import contracts hold, and each of them breaks when somebody imports what it forbids."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.house import tree

if TYPE_CHECKING:
    import pathlib

PLANTED = {
    "padan <- keys <- tokenizer <- verifier": ("padan/nik.py", "import keys.realm"),
    "keys and tokenizer know neither the transport nor the database": ("tokenizer/bloom.py", "import grpc"),
    "what decides knows neither the transport nor the database": ("verifier/decision.py", "import sqlite3"),
    "cryptography is wrapped once": ("verifier/validate.py", "import nacl.signing"),
    "raw keys leave by the custodians' commands only": ("verifier/metrics.py", "import keys.export"),
    "unlocked keys pass by the key agent's socket only": ("verifier/epoch.py", "import keys.agent_wire"),
    "one module speaks PKCS#11": ("keys/custody.py", "import pkcs11"),
    "the receipt alone speaks JOSE": ("padan/client.py", "import joserfc"),
    "one module speaks NATS": ("verifier/feed/following.py", "import nats"),
    "one module speaks HTTP to strangers": ("padan/witness/witness.py", "import h11"),
    "one module sets pages": ("padan/audit/listing.py", "import reportlab"),
    "traces leave by one module": ("verifier/tracing/traced.py", "import opentelemetry.trace"),
}
"""Contract to a module and an import that must break it."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Copy the four packages with every forbidden import planted."""
    folder = tmp_path_factory.mktemp("planted")
    for package in tree.SHIPPED:
        source = tree.ROOT / package
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(tree.ROOT / "pyproject.toml", folder)
    for name, line in PLANTED.values():
        path = folder / name
        path.write_text(f"{path.read_text()}\n{line}\n")
    return folder


def _verdicts(folder: pathlib.Path, path: str) -> dict[str, str]:
    """Run the linter; return each contract's KEPT or BROKEN."""
    done = subprocess.run(
        [f"{sys.prefix}/bin/lint-imports", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)", done.stdout, re.MULTILINE))


def _contracts() -> set[str]:
    contracts = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {contract["name"] for contract in contracts}


def test_every_contract_breaks_on_what_it_forbids(copy: pathlib.Path) -> None:
    """Each contract of pyproject.toml has a planted import, and is broken by it."""
    assert PLANTED.keys() == _contracts()
    assert _verdicts(copy, str(copy)) == dict.fromkeys(PLANTED, "BROKEN")


def test_every_contract_holds() -> None:
    """No module imports what a contract forbids."""
    path = f"{tree.ROOT}/proto/python:{tree.ROOT}"
    assert _verdicts(tree.ROOT, path) == dict.fromkeys(_contracts(), "KEPT")
