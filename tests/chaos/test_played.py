"""The longer demonstrations, of audit, custody and tokens: every scene comes out as it must, and nothing is left."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.audit.audit import AUDIT
from deploy.custody.custody import CUSTODY
from deploy.tokens.tokens import TOKENS
from tests.house import tree

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.demo.play import Programme

pytestmark = [pytest.mark.chaos, pytest.mark.long]


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("programme", [AUDIT, CUSTODY, TOKENS], ids=lambda each: each.folder.name)
def test_a_programme_ends_well(programme: Programme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 0 after all scenes, and its folder is gone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, str(programme.folder / "run.py"), "--people", "1500"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree.ROOT, check=False)
    assert done.returncode == 0, done.stdout[-4_000:]
    for scene in programme.scenes().values():
        assert f"== {scene.TITLE}" in done.stdout
    assert list(tmp_path.glob("padan-demo-*")) == []
