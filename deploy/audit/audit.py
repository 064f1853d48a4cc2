"""The audit: an installation whose log is published, with witnesses, two auditors, and a resident who asks."""

from __future__ import annotations

import re
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo import installation
from deploy.demo.demo import Demo
from deploy.demo.installation import AUDITOR, OPERATOR, REGISTRY
from deploy.demo.play import Programme, end, play_scene
from deploy.demo.service import Service
from deploy.demo.stage import Clock, ExpectationError

if TYPE_CHECKING:
    import argparse
    import subprocess

    from deploy.demo.demo import Scene
    from deploy.demo.stage import Stage

QUESTIONS_A_PERSON = 5
SECOND_AUDITOR = "inspectorate"
AUDITORS = (AUDITOR, SECOND_AUDITOR)
WITNESSES = ("university", "newspaper")
TREE = f"../{OPERATOR}/data/tree"
"""What the operator's web server would serve; here the auditors read the folder."""
_WITNESS_SECONDS = 20.0


@dataclass(slots=True, kw_only=True)
class Audit(Demo):
    """The running installation.

    Attributes:
        service: the service.
        questions: how many the agencies ask.
    """

    service: Service
    questions: int


def _perform(stage: Stage, options: argparse.Namespace, chosen: dict[str, Scene]) -> None:
    clock, port = Clock(), installation.free_ports()
    installation.set_up(stage, port)
    _make_auditors_key(stage)
    people = installation.load(stage, people=options.people, seed=options.seed)
    installation.enrol(stage, port)
    installation.let_auditor_in(stage, SECOND_AUDITOR, port)
    stage.heading("the service, its log's key, and two witnesses")
    service = Service(stage, OPERATOR)
    stage.figure("ready after", f"{service.start():.1f} s")
    vkey = _vkey(stage)
    _start_witnesses(stage, vkey)
    service.stop()
    service.start()
    audit = Audit(
        stage=stage,
        people=people,
        port=port,
        service=service,
        questions=QUESTIONS_A_PERSON * options.people,
    )
    for scene in chosen.values():
        play_scene(stage, scene, audit)
        if stage.failures:
            break
    service.stop()
    end(stage, clock, len(chosen))


def _make_auditors_key(stage: Stage) -> None:
    """Let two auditors make the key that neither has."""
    stage.heading("the auditors' key: made by two, held by neither")
    for auditor in AUDITORS:
        stage.run(auditor, "echo 'a long passphrase of this demonstration' > phrase && chmod 600 phrase")
        stage.run(auditor, f"padan-audit keys new {auditor} --out auditor.key --passphrase-file phrase")
    own = f"--key auditor.key --registry {REGISTRY} --environment development --passphrase-file phrase"
    cards = " ".join(f"../{auditor}/auditor.card" for auditor in AUDITORS)
    for auditor in AUDITORS:
        stage.run(auditor, f"padan-audit keys deal {cards} {own} --out {auditor}.deal")
    deals = " ".join(f"../{auditor}/{auditor}.deal" for auditor in AUDITORS)
    for auditor in AUDITORS:
        stage.run(auditor, f"padan-audit keys join {deals} {own} --out auditor.share")
    statements = " ".join(f"../{auditor}/auditor.statement" for auditor in AUDITORS)
    stage.run(AUDITOR, f"padan-audit keys check {statements} --out auditors.json")
    for folder in (SECOND_AUDITOR, OPERATOR):
        stage.run(AUDITOR, f"cp auditors.json ../{folder}/")
    stage.run(OPERATOR, """sed -i 's/^auditors_key = .*/auditors_key = "auditors.json"/' padan.toml""")


def _vkey(stage: Stage) -> str:
    agency = next(iter(installation.agencies()))
    done = stage.run(
        agency, 'padan info --json --timeout 10 > info.json && grep -o \'"[^"]*/log+[^"]*"\' info.json'
    )
    return done.out.split('"')[1]


def _start_witnesses(stage: Stage, vkey: str) -> None:
    """Start two witnesses, and make the policy by which everybody judges the log's checkpoints."""
    stage.say(
        "Two organisations that the registry cannot give orders to are witnesses: each has a key of its own."
    )
    ports, policy = installation.free_ports(), [f"log {vkey}"]
    for number, witness in enumerate(WITNESSES):
        address = f"127.0.0.1:{ports + number}"
        done = stage.run(witness, f"padan-audit witness init . --name {witness}.example/witness")
        (key,) = re.findall(rf"{witness}\.example/witness\+\S+", done.out)[:1]
        stage.run(witness, f"padan-audit witness add-log . '{vkey}'")
        line = f"exec padan-audit witness run . --listen {address}"
        stage.prompt(witness, f"{line} 2> witness.log &")
        with (stage.root / witness / "witness.log").open("w") as sink:
            process = stage.start(witness, line, stdout=sink.fileno(), stderr=sink.fileno())
        _wait_for_witness(address, process)
        policy.append(f"witness {witness} {key} http://{address}")
    policy += [f"group both all {' '.join(WITNESSES)}", "quorum both"]
    for folder in (OPERATOR, *AUDITORS, *installation.agencies()):
        (stage.root / folder / "policy").write_text("\n".join(policy) + "\n", encoding="utf-8")
    stage.say("Whom to believe, the same file for everybody: this log, with both witnesses.")
    stage.run(OPERATOR, "cat policy")
    stage.run(OPERATOR, "echo 'witness_policy = \"policy\"' >> padan.toml")


def _wait_for_witness(address: str, process: subprocess.Popen[str]) -> None:
    clock = Clock()
    while clock.seconds < _WITNESS_SECONDS and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"http://{address}/health", timeout=1):
            return
    raise ExpectationError("a witness did not become ready")


AUDIT = Programme(
    name="make demo-audit",
    summary="Play an audit: entries, publication, witnesses, mirror, reports, a resident's question, tampering.",
    folder=Path(__file__).parent,
    fixed_seconds=240,
    perform=_perform,
)
