"""docs/keys-in-tokens.md is true: what can be tried without root, in its order, on a real token of SoftHSM2."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.house import markdown
from tests.integration.test_first_start import Terminal, fits

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/keys-in-tokens.md"


class Shell(Terminal):
    """A terminal that keeps what is exported."""

    def run(self, line: str) -> tuple[int, str]:
        """Run a command; return its exit code and what it printed."""
        if not line.startswith("export "):
            return super().run(line)
        name = line.removeprefix("export ").partition("=")[0]
        told = subprocess.run(
            ["bash", "-c", f'{line}; printf %s "${name}"'],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self._environment[name] = told.stdout
        return told.returncode, ""


def test_the_page_can_be_tried(tmp_path: Path) -> None:
    """Each command that needs no root ends well and prints what the page shows."""
    shell = Shell(tmp_path, {})
    tried = [
        command
        for command in markdown.commands()
        if command.page == PAGE and not command.line.startswith("sudo ")
    ]
    assert any("softhsm2-util" in command.line for command in tried)
    for command in tried:
        code, printed = shell.run(command.line)
        assert code == 0, f"{command.line}\n{printed}"
        assert fits(command.output, printed), f"{command.line}\n{printed}"
