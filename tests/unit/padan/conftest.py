"""Fixtures for the tests of the agency's package: certificates, and a simulator of the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from padan.cli import main
from tests.simulator import pki as certificates
from tests.simulator.service import Service
from tests.simulator.terminal import Ended, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> certificates.Pki:
    """Certificates in every state."""
    return certificates.make(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def service(pki: certificates.Pki) -> Iterator[Service]:
    """A running simulator of the service."""
    with Service(pki) as running:
        yield running


@pytest.fixture
def files(pki: certificates.Pki) -> dict[str, Any]:
    """The arguments that open a client with the agency's files."""
    return {"ca": pki.ca, "cert": pki.agency.cert, "key": pki.agency.key}


@pytest.fixture
def asked() -> dict[str, Any]:
    """The arguments of a question that the simulator confirms."""
    return {
        "nik": "9971014101900001",
        "claims": {"name": "Sitti Rahmawati", "birth_date": "1990-01-01"},
        "purpose": "treatment",
        "officer": "desk-7",
        "legal_basis": "public_task",
    }


@pytest.fixture
def padan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Service, files: dict[str, Any]
) -> Callable[..., Ended]:
    """Run `padan` in a folder whose configuration file leads to the simulator."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PADAN_CLIENT_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    settings = {"address": service.address, **files, "purpose": "treatment", "officer": "desk-7"}
    settings["legal_basis"] = "public_task"
    (tmp_path / "padan-client.toml").write_text(
        "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    )
    return lambda *arguments, stdin=b"": run(main, *arguments, stdin=stdin)
