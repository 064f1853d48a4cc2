"""The demonstration: every scene comes out as it must, nothing is left behind, and what is wrong is noticed."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.demo import people, play, stage
from tests.house import tree

RUN = (sys.executable, str(tree.ROOT / "deploy/demo/run.py"))
PEOPLE = 1500


def processes(folder: Path) -> list[str]:
    """List the processes that work below a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if link.readlink().is_relative_to(folder):
                found.append(link.parent.name)
    return found


def play_and_go_on(folder: Path) -> tuple[str, str]:
    """Play with --keep, try the first command to go on with, and end it with Ctrl-C; return both outputs."""
    command = [*RUN, "--people", str(PEOPLE), "--keep"]
    played, tried = [], ""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            played.append(line)
            if shown := re.fullmatch(r"  (\(cd .+ && padan info\))\n", line):
                done = subprocess.run(
                    ["sh", "-c", shown[1]],
                    env=stage.environment(),
                    capture_output=True,
                    text=True,
                    check=True,
                )
                tried = done.stdout
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0, "".join(played[-80:])
    return "".join(played), tried


@pytest.mark.timeout(600)
def test_every_scene_comes_out_as_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 0 after all scenes, whatever the environment says, and its folder and processes are gone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PADAN_CONFIG", "/nowhere/padan.toml")
    played, tried = play_and_go_on(tmp_path)
    assert "membership-check" in tried
    for scene in play.scenes().values():
        assert f"== {scene.TITLE}" in played
    for said in (
        f"{PEOPLE:,} people loaded",
        "checked: alive, at this address",
        "checked: no name with a typing error is",
        "checked: right: confirmed",
        "checked: doubled: confirmed, but twice in the list",
        'reason: "ATTRIBUTE_NOT_GRANTED" domain: "padan"',
        "checked: the face matches, and no guess was spent before",
        "checked: no answer, receipt or entry holds a number or a piece of a template",
        "checked: the handshake refuses him",
        "NO_MATCH 30 times, BLOCKED 10 times",
        "checked: nobody is locked out of another agency",
        "checked: one alert names the official who walked through the serials",
        f"checked: no NIK of {PEOPLE:,} stands in",
    ):
        assert said in played, said
    assert re.search(r"loaded +[\d,]+ people/s", played)
    assert re.search(r"16 questions at once +[\d,]+/s", played)
    assert re.search(r"one at a time \(p50\) +[\d.]+ ms", played)
    assert list(tmp_path.iterdir()) == []
    assert processes(tmp_path) == []


@pytest.mark.timeout(300)
def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIGTERM in the middle ends it with 1, and its folder and processes are gone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = subprocess.Popen([*RUN, "--people", "50000"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "registry synth" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in rest
    assert list(tmp_path.iterdir()) == []
    assert processes(tmp_path) == []


def test_too_few_people_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer people than the scenes need end it before anything is made."""
    assert play.main(["--people", "10"]) == 2
    assert "give 1000 or more" in capsys.readouterr().err


def test_an_expectation_that_is_not_met_is_told(tmp_path: Path) -> None:
    """A difference, or a command with another exit code, raises with what was found and what must be."""
    played = stage.Stage(root=tmp_path)
    played.heading("a scene")
    with pytest.raises(stage.ExpectationError, match="a scene: two: found 1, must be 2"):
        played.expect("two", 1, 2)
    with pytest.raises(stage.ExpectationError, match="exit code 3, must be 0"):
        played.run("somebody", "exit 3")
    played.run("somebody", "padan --help", lines=2)


@pytest.mark.parametrize("name", ["SITI AMINAH", "AAAAAAAAAA", "MUHAMMAD"])
def test_a_typing_error_changes_the_name(name: str) -> None:
    """A name with a typing error is another text."""
    assert people.with_typing_error(name) != name
