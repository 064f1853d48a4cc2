"""What every scene is given: the stage, the people, and the agencies' ways to ask."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import padan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy.demo.people import People
    from deploy.demo.stage import Done, Stage
    from padan.answer import Verification

SECONDS = 10.0
"""Patience of every call: the machine may be busy with other things."""


class Scene(Protocol):
    """A module scene_*.py: what is shown, and in which order by its name.

    A module may also have TRY, a tuple of (who, command line) to go on with; {port} stands for the service's port.
    """

    TITLE: str

    def play(self, demo: Demo) -> None:
        """Play it.

        Raises:
            ExpectationError: something is not as it must be.
        """
        ...


@dataclass(slots=True, kw_only=True)
class Demo:
    """The running installation.

    Attributes:
        answered: questions that were answered, by agency; each must be an entry of the log.
        refused: questions that were refused, likewise.
        captured: questions with captures that were answered, likewise.
        patients: numbers of those whose captures the hospital has, in the order of its folders patient-N.
    """

    stage: Stage
    people: People
    port: int
    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    captured: Counter[str] = field(default_factory=Counter)
    patients: Sequence[str] = ()
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        """Where the service answers."""
        return f"localhost:{self.port}"

    def folder(self, who: str) -> Path:
        """Give somebody's folder."""
        return self.stage.root / who

    def printed(self, who: str, line: str) -> str:
        """Give what a command prints, without showing it; nothing where it fails."""
        process = self.stage.start(who, line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out, _ = process.communicate()
        self.stage.stop(process)
        return out if process.returncode == 0 else ""

    def client(self, agency: str) -> padan.Client:
        """Open a client with an agency's files."""
        folder = self.folder(agency)
        return padan.Client.from_files(
            self.address,
            ca=folder / "ca.pem",
            cert=folder / "agency.pem",
            key=folder / "agency.key",
            timeout=SECONDS,
        )

    def verify(
        self,
        agency: str,
        file: str,
        question: Mapping[str, object],
        *,
        options: str = "",
        code: int = 0,
        refused: bool = False,
        captured: bool = False,
    ) -> Done:
        """Write a question into a file, show it, and ask it by the agency's command line.

        Args:
            agency: who asks.
            file: name of the file, without suffix.
            question: what `padan verify --input` takes.
            options: further options.
            code: the exit code that it must have.
            refused: the service must refuse it.
            captured: the options name captures.
        """
        path = self.folder(agency) / f"{file}.json"
        text = json.dumps(question, ensure_ascii=False, indent=2)
        path.write_text(text, encoding="utf-8")
        self.stage.say(f"{agency}/{path.name}:")
        self.stage.show(text)
        (self.refused if refused else self.captured if captured else self.answered)[agency] += 1
        line = f"padan verify --input {path.name} --timeout {SECONDS:.0f}"
        return self.stage.run(agency, f"{line} {options}".rstrip(), code=code)

    def ask(
        self,
        client: padan.Client,
        agency: str,
        *,
        nik: str,
        claims: Mapping[str, str],
        purpose: str,
        officer: str,
        legal_basis: str = "public_task",
    ) -> Verification:
        """Ask through the Python client, and count it."""
        answer = client.verify(
            nik=nik, claims=claims, purpose=purpose, officer=officer, legal_basis=legal_basis
        )
        with self._counting:
            self.answered[agency] += 1
        return answer


class Stopwatch:
    """Collects how long calls took. Safe to use from many threads."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._began = time.monotonic()

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Measure one call."""
        began = time.monotonic()
        yield
        self._seconds.append(time.monotonic() - began)

    @property
    def p50(self) -> str:
        """The median."""
        return f"{statistics.median(self._seconds) * 1000:.1f} ms"

    @property
    def rate(self) -> str:
        """Calls a second since the stopwatch was made."""
        return f"{len(self._seconds) / (time.monotonic() - self._began):,.0f}/s"
