"""Plays a programme: set-up, the scenes in the order of their files' names, the figures, and how to go on.

Ends with 0 only if everything came out as it must; processes and folder go with it, however it ends.
"""

from __future__ import annotations

import argparse
import importlib
import io
import pkgutil
import shutil
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from deploy.demo import captures, installation
from deploy.demo.demo import Demo
from deploy.demo.service import MESSAGES
from deploy.demo.stage import Clock, ExpectationError, Stage
from padan.errors import PadanError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from deploy.demo.demo import Scene

FEWEST_PEOPLE = 1_000
PREFIX = "scene_"
_PEOPLE_A_SECOND = 2_500
_BYTES_A_PERSON = 2_500
_LAST_WORDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What is played.

    Attributes:
        name: the command that plays it.
        summary: what it is, in a sentence.
        folder: where its scenes are, modules scene_*.py of the package `deploy.<name of the folder>`.
        fixed_seconds: what it takes beside the people, on two cores that have nothing else to do, cautiously.
        people_a_second: with how many people a second it takes longer, likewise.
        perform: plays everything between the announcement and the end.
    """

    name: str
    summary: str
    folder: Path
    fixed_seconds: int
    perform: Callable[[Stage, argparse.Namespace, dict[str, Scene]], None]
    people_a_second: float = _PEOPLE_A_SECOND

    def scenes(self) -> dict[str, Scene]:
        """Import every scene, in the order of the files' names."""
        names = sorted(found.name for found in pkgutil.iter_modules([str(self.folder)]))
        package = f"deploy.{self.folder.name}"
        return {
            name.removeprefix(PREFIX): cast("Scene", importlib.import_module(f"{package}.{name}"))
            for name in names
            if name.startswith(PREFIX)
        }


def scenes() -> dict[str, Scene]:
    """Import every scene of the demonstration."""
    return DEMO.scenes()


def main(arguments: Sequence[str] | None = None, *, programme: Programme | None = None) -> int:
    """Play a programme, by default the demonstration; return the exit code."""
    programme = programme or DEMO
    options = _parser(programme).parse_args(arguments)
    if options.people < FEWEST_PEOPLE:
        sys.stderr.write(f"error: --people {options.people}\nnext:  give {FEWEST_PEOPLE} or more\n")
        return 2
    chosen = programme.scenes()
    if options.only:
        chosen = {name: scene for name, scene in chosen.items() if any(word in name for word in options.only)}
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for a terminal without UTF-8
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _announce(programme, options.people, chosen)
    root = _folder(options.dir)
    stage = Stage(root=root)
    try:
        programme.perform(stage, options, chosen)
    except ExpectationError as error:
        stage.fail(str(error))
    except KeyboardInterrupt:
        stage.fail("interrupted")
    finally:
        stage.close()
        if stage.failures:
            _tell_log(stage)
        if options.dir is None:
            shutil.rmtree(root, ignore_errors=True)
    if stage.failures:
        sys.stdout.write("\n" + "\n".join(["what FAILED:", *stage.failures]) + "\n")
    return 1 if stage.failures else 0


def _parser(programme: Programme) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=programme.name, description=programme.summary)
    parser.add_argument("--people", type=int, default=100_000, help="residents to make up")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same residents")
    parser.add_argument("--only", action="append", help="only scenes whose name has this word; repeatable")
    parser.add_argument("--keep", action="store_true", help="leave the service running until Ctrl-C")
    parser.add_argument(
        "--dir", type=Path, help="a new folder to work in, which stays; default one that goes"
    )
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _folder(named: Path | None) -> Path:
    if named is None:
        return Path(tempfile.mkdtemp(prefix="padan-demo-"))
    named.mkdir(parents=True)
    return named.resolve()


def _announce(programme: Programme, people: int, chosen: dict[str, Scene]) -> None:
    seconds = programme.fixed_seconds + people / programme.people_a_second
    megabytes = people * _BYTES_A_PERSON // 1_000_000 + 20
    sys.stdout.write(
        f"This makes up {people:,} residents, sets the service up in a folder of its own, loads them, starts it,\n"
        f"and plays {len(chosen)} scenes. Every command is shown before it runs; before $ stands whose folder it is.\n"
        f"About {seconds:,.0f} s on two free cores, {megabytes:,} MB of disk while it runs.\n"
    )
    sys.stdout.flush()


def _perform(stage: Stage, options: argparse.Namespace, chosen: dict[str, Scene]) -> None:
    clock, port = Clock(), installation.free_ports()
    installation.set_up(stage, port)
    people = installation.load(stage, people=options.people, seed=options.seed)
    captures.set_up(stage, seed=options.seed)
    installation.enrol(stage, port)
    patients = captures.visitors(stage, people)
    with installation.serving(stage):
        demo = Demo(stage=stage, people=people, port=port, patients=patients)
        for scene in chosen.values():
            play_scene(stage, scene, demo)
        end(stage, clock, len(chosen))
        if not stage.failures:
            _go_on(stage, chosen, port, keep=options.keep)


def play_scene(stage: Stage, scene: Scene, demo: Demo) -> None:
    """Play one scene; where it fails, the next ones are played all the same."""
    stage.heading(scene.TITLE)
    try:
        scene.play(demo)
    except (ExpectationError, LookupError) as error:
        stage.fail(str(error))
    except PadanError as error:
        stage.fail(f"{scene.TITLE}: {error} [{error.reason}]")


def _tell_log(stage: Stage) -> None:
    """Show the last lines that the service wrote, which go with the folder."""
    messages = stage.root / installation.OPERATOR / MESSAGES
    if messages.exists():
        stage.say("The service's last words:")
        stage.show("\n".join(messages.read_text().splitlines()[-_LAST_WORDS:]))


def end(stage: Stage, clock: Clock, scenes_played: int) -> None:
    """Show the figures and the verdict."""
    stage.heading("figures of this run, on this machine")
    width = max((len(name) for name, _ in stage.figures), default=0)
    stage.show("\n".join(f"{name:<{width}}  {value}" for name, value in stage.figures))
    verdict = f"{len(stage.failures)} FAILED" if stage.failures else "all as they must be"
    stage.say(f"{scenes_played} scenes in {clock.seconds:.0f} s: {verdict}.")


def _go_on(stage: Stage, chosen: dict[str, Scene], port: int, *, keep: bool) -> None:
    stage.heading("how to go on")
    lines = [
        f"(cd {stage.root / who} && {line})"
        for scene in chosen.values()
        for who, line in getattr(scene, "TRY", ())
    ]
    if not keep:
        stage.say(
            "This installation goes now. make demo ARGS=--keep leaves the service running until Ctrl-C, with commands"
            " to try; docs/first-start.md builds one step by step, docs/agency.md is for programs that ask."
        )
        return
    stage.say(f"The service runs on localhost:{port} until Ctrl-C. In another terminal, for example:")
    stage.show("\n".join(lines))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        stage.say("Stopped, as asked.")


DEMO = Programme(
    name="make demo",
    summary="Set up and run the service end to end.",
    folder=Path(__file__).parent,
    fixed_seconds=70,
    perform=_perform,
)
