"""An audit, as `make demo-audit` plays it: every scene comes out as it must, and nothing is left."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.audit.audit import AUDIT
from tests.house import tree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.chaos, pytest.mark.long]


@pytest.mark.timeout(1_800)
def test_the_audit_ends_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 0 after all scenes, and its folder is gone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, str(tree.ROOT / "deploy/audit/run.py"), "--people", "1500"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4_000:]
    for scene in AUDIT.scenes().values():
        assert f"== {scene.TITLE}" in done.stdout
    assert list(tmp_path.glob("padan-demo-*")) == []
