"""Witnesses as processes: their commands, a restart, a crash at the worst moment, and a log that forks."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from padan.audit.cli import main
from padan.tlog import note, policy
from tests.simulator import terminal
from tests.smalllog import SmallLog
from tests.witnesses import WitnessProcess, command

if TYPE_CHECKING:
    from pathlib import Path

DIES_SIGNING = """
import os, pathlib, signal, sys
from padan.witness.book import Book
from padan.witness.folder import WitnessFolder
from padan.witness.witness import Witness
folder = WitnessFolder(pathlib.Path(sys.argv[1]))
def cosign(text, time):
    os.kill(os.getpid(), signal.SIGKILL)
Witness(logs=folder.logs(), book=Book(folder.book), cosign=cosign).add_checkpoint(sys.stdin.buffer.read())
"""


@pytest.fixture
def log() -> SmallLog:
    """Make a log."""
    return SmallLog()


@pytest.fixture
def witness(tmp_path: Path, log: SmallLog) -> WitnessProcess:
    """Make a witness of the log, which does not run yet."""
    return WitnessProcess(tmp_path / "witness", log.key)


def submit(witness: WitnessProcess, body: bytes) -> tuple[int, bytes]:
    """Submit over a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", witness.port, timeout=10)) as connection:
        connection.request("POST", "/w/add-checkpoint", body)
        response = connection.getresponse()
        return response.status, response.read()


def test_a_witness_from_nothing(witness: WitnessProcess, log: SmallLog) -> None:
    """From init to a cosignature that a policy with the printed key believes; a restart goes on from the same size."""
    believed = policy.parse(f"log {log.key}\nwitness w {witness.vkey} http://127.0.0.1:1\nquorum w\n")
    with witness:
        status, lines = submit(witness, log.body(0, 5))
        assert status == 200
        assert believed.believe(log.signed(5) + lines).checkpoint.size == 5
    assert (witness.show()["size"], witness.show()["forks"]) == (5, 0)
    with witness:
        assert submit(witness, log.body(0, 7)) == (409, b"5\n")
        assert submit(witness, log.body(5, 7))[0] == 200
    assert witness.stop() == 0


def test_a_fork_is_refused_and_shown(witness: WitnessProcess, log: SmallLog, tmp_path: Path) -> None:
    """A log with two histories is not cosigned, and the witness hands out both checkpoints, each signed by the log."""
    with witness:
        submit(witness, log.body(0, 5))
        assert submit(witness, log.forked().body(5, 5)) == (409, b"5\n")
        assert submit(witness, log.forked().body(5, 8))[0] == 422
        assert submit(witness, log.body(5, 8))[0] == 200
    assert "refused as evidence (fork)" in witness.messages()
    assert (witness.show(code=1)["forks"], witness.show(code=1)["refused"]) == (1, 2)
    saved = tmp_path / "for-the-auditor"
    printed = command("evidence", witness.folder, "--save", saved, code=1)
    assert "two roots for one size" in printed
    both = [(saved / f"fork-1.{which}").read_bytes() for which in ("cosigned", "refused")]
    assert both == [log.signed(5), log.forked().signed(5)]
    for data in both:
        assert note.verify(note.parse(data), [log.key])
    assert (saved / "unproven-2.refused").read_bytes() == log.forked().signed(8)


def test_killed_between_writing_and_answering(witness: WitnessProcess, log: SmallLog) -> None:
    """Killed after the checkpoint is on the disk and before it is signed: it is not forgotten."""
    died = subprocess.run(
        [sys.executable, "-c", DIES_SIGNING, str(witness.folder)],
        input=log.body(0, 5),
        check=False,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL
    with witness:
        assert submit(witness, log.forked().body(0, 3)) == (409, b"5\n")
        assert submit(witness, log.body(0, 5)) == (409, b"5\n")
        assert submit(witness, log.body(5, 5))[0] == 200


def test_killed_under_load(witness: WitnessProcess, log: SmallLog) -> None:
    """Killed while it is asked without pause, again and again: what was answered is never taken back."""
    answered = 0
    for _ in range(3):
        witness.start()
        killing = threading.Timer(0.2, witness.stop, [signal.SIGKILL])
        deadline, before = time.monotonic() + 20, answered
        with contextlib.suppress(OSError, http.client.HTTPException):
            while time.monotonic() < deadline:
                status, text = submit(witness, log.body(answered, answered + 1))
                if status == 409:  # it was written down, and the answer was lost
                    assert int(text) == answered + 1
                answered += 1
                if answered == before + 2:
                    killing.start()
        killing.join()
    assert witness.show()["size"] - answered in {0, 1}


def test_a_sealed_key_is_shown(witness: WitnessProcess, log: SmallLog) -> None:
    """Where the private key is sealed and its file removed, what was cosigned is shown, and forks still end with 1."""
    with witness:
        submit(witness, log.body(0, 5))
    (witness.folder / "key").unlink()
    shown = command("show", witness.folder)
    assert f"vkey  {witness.vkey}\n" in shown
    assert f"{log.key.name}: 5 leaves, cosigned" in shown
    assert json.loads(command("show", witness.folder, "--json"))["vkey"] == witness.vkey


@pytest.mark.parametrize("content", [None, b"", b"text\n", b"\xff+1+2", b"log"])
def test_a_public_key_that_is_none(witness: WitnessProcess, log: SmallLog, content: bytes | None) -> None:
    """A `vkey` that is missing, or is not a witness's, is named with what to do."""
    path = witness.folder / "vkey"
    path.unlink()
    if content is not None:
        path.write_bytes(str(log.key).encode() if content == b"log" else content)
    ended = terminal.run(main, "witness", "show", str(witness.folder))
    assert (ended.code, str(path) in ended.err, "write the line into it" in ended.err) == (3, True, True)


def test_what_does_not_start(tmp_path: Path, log: SmallLog) -> None:
    """Each missing or doubled thing ends the command with the cause and the next step."""
    command("run", tmp_path / "nowhere", code=3)
    command("init", tmp_path / "w", "--name", "two words", code=3)
    command("init", tmp_path / "w", "--name", "witness.example/w1")
    command("init", tmp_path / "w", "--name", "witness.example/w1", code=3)
    command("run", tmp_path / "w", code=3)
    command("add-log", tmp_path / "w", "log.example+00000000+AQ==", code=3)
    command("add-log", tmp_path / "w", log.key)
    command("add-log", tmp_path / "w", log.key, code=3)
    command("run", tmp_path / "w", "--listen", "nowhere", code=2)
    command("run", tmp_path / "w", "--tls-cert", "cert.pem", code=2)
    (tmp_path / "w/key").chmod(0o644)
    command("run", tmp_path / "w", code=3)
    (tmp_path / "w/book.sqlite").unlink()
    command("show", tmp_path / "w", "--key-file", tmp_path / "w/vkey", code=3)
