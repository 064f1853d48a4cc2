"""A reload takes up the release to which the programs' folder leads by then."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.installation import install
from tests.service import wait_until_ready

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 90.0
SCRIPT = """#!{python}
import pathlib, sys
from verifier.cli.server import main
release = pathlib.Path(sys.executable).parent.name
with open({began!r}, "a") as file:
    file.write(f"{{release}} {{' '.join(sys.argv)}}\\n")
main()
"""


def release(folder: Path, began: Path) -> Path:
    """Make a release's programs, with an interpreter of its own; they write down whose interpreter begins."""
    folder.mkdir()
    interpreter = folder / "python"
    interpreter.symlink_to(sys.executable)
    script = folder / "padan-server"
    script.write_text(SCRIPT.format(python=interpreter, began=str(began)))
    script.chmod(0o755)
    return folder


def test_a_reload_takes_up_the_release_that_the_link_leads_to(tmp_path: Path) -> None:
    """The parent is of the old one until it ends; those that it starts then are of the new one."""
    began, link = tmp_path / "began", tmp_path / "current"
    made = install(tmp_path / "installation", extra="workers = 2\nconnection_seconds = 5\n")
    release(tmp_path / "venv-old", began), release(tmp_path / "venv-new", began)
    link.symlink_to("venv-old")
    command = [str(link / "padan-server"), "--config", str(made.config_path)]
    with (tmp_path / "messages").open("wb") as messages:
        # An interpreter that is a link knows no environment: it is told where the packages are.
        packages = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        service = subprocess.Popen(
            [*command, "serve"], stdout=messages, stderr=messages, env=os.environ | packages
        )
    try:
        wait_until_ready(made, service, SECONDS)
        assert {line.split()[0] for line in began.read_text().splitlines()} == {"venv-old"}
        link.unlink()
        link.symlink_to("venv-new")
        began.unlink()
        subprocess.run([sys.executable, "-m", "verifier.cli.server", *command[1:], "reload"], check=True)
        until = time.monotonic() + SECONDS
        while "all processes are replaced" not in (tmp_path / "messages").read_text():
            assert service.poll() is None
            assert time.monotonic() < until, (tmp_path / "messages").read_text()[-2000:]
            time.sleep(0.2)
        lines = began.read_text().splitlines()
        assert {line.split()[0] for line in lines} == {"venv-new"}
        assert {role for role in ("agent", "writer", "worker-1", "worker-2") if role in " ".join(lines)} >= {
            "writer",
            "worker-1",
            "worker-2",
        }
    finally:
        service.terminate()
        assert service.wait(SECONDS) == 0
