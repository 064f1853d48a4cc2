"""The custody: an installation whose keys three of five custodians open, and what these do in its life."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.demo import installation
from deploy.demo.demo import Demo
from deploy.demo.installation import OPERATOR, REGISTRY
from deploy.demo.play import Programme, end, play_scene
from deploy.demo.service import Service
from deploy.demo.stage import Clock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from deploy.demo.demo import Scene
    from deploy.demo.stage import Stage

CUSTODIANS = ("ani", "budi", "cici", "dewi", "eko")
THRESHOLD = 3
_OWN = "--ca ca.pem --cert agency.pem --key agency.key"
_LISTENER = 3
"""Its port, after those of the service, its log and its metrics."""


@dataclass(slots=True, kw_only=True)
class Custody(Demo):
    """The running installation, and its custodians.

    Attributes:
        service: the service.
        population: how many residents there are.
        generation: number of the shares in use.
        names: who the custodians are now.
    """

    service: Service
    population: int
    generation: int = 1
    names: tuple[str, ...] = CUSTODIANS

    @property
    def listener(self) -> str:
        """Where custodians hand in shares."""
        return f"localhost:{self.port + _LISTENER}"

    def unseal(self, name: str, *, generation: int = 0, code: int = 0) -> str:
        """Hand a custodian's share in, from the own terminal; gives what was printed."""
        share = f"{name}.{generation or self.generation}.share.json"
        done = self.stage.run(
            name,
            f"padan-keys unseal --address {self.listener} {_OWN}"
            f" --keys {name}.key.json --share {share} --passphrase-file phrase",
            code=code,
        )
        return done.out + done.err

    def standing(self, name: str) -> dict[str, Any]:
        """Ask the key agent how it stands."""
        line = f"padan-keys standing --address {self.listener} {_OWN}"
        self.stage.run(name, line)
        return self.quietly(name) or {}

    def quietly(self, name: str) -> dict[str, Any] | None:
        """Ask the same without showing it; None where nobody answers."""
        out = self.printed(name, f"padan-keys standing --address {self.listener} {_OWN} --json")
        found: dict[str, Any] | None = json.loads(out) if out else None
        return found

    def agree(self, what: str, file: str, *names: str) -> None:
        """Have the first propose, at home, and the others sign, each over a copy of the keyring."""
        own = "padan-keys --keyring keyring.json --kek quorum:."
        for place, name in enumerate(names):
            key = f"--key {name}.key.json --key-kek passphrase-file=phrase"
            self.stage.run(OPERATOR, f"cp keyring.json keyring.events.jsonl custody/quorum.json ../{name}/")
            if place == 0:
                self.stage.run(name, f"{own} propose {what} {key} --out {file}")
            else:
                self.stage.run(name, f"{own} approve {file} {key} --yes", lines=4)
            after = names[place + 1] if place + 1 < len(names) else OPERATOR
            self.stage.run(name, f"mv {file} ../{after}/")

    def sit_down(self, names: Sequence[str], line: str, *, joins: Sequence[str] = ()) -> None:
        """Have custodians put their sticks into the key host, and run a command that opens the keyring there.

        Args:
            names: who sits down.
            line: the command line.
            joins: who of them has no share yet.
        """
        files = [
            f"../{name}/{name}.{suffix}"
            for name in names
            for suffix in ("key.json", f"{self.generation}.share.json")
            if name not in joins or suffix == "key.json"
        ]
        self.stage.run(OPERATOR, f"cp {' '.join(files)} custody/")
        phrases = "&".join(f"{name}=../{name}/phrase" for name in names)
        self.stage.run(OPERATOR, f"export PADAN_KEK='quorum:custody?{phrases}'; {line}")

    def get_up(self, *, dealt: bool) -> None:
        """Have them take everything that is theirs, and each custodian the new share where shares were dealt."""
        if dealt:
            self.generation += 1
            for name in self.names:
                self.stage.run(OPERATOR, f"mv custody/{name}.{self.generation}.share.json ../{name}/")
        self.stage.run(OPERATOR, "rm -f custody/*.key.json custody/*.share.json; ls custody")

    def old_keys(self) -> str:
        """Name the keys that a rotation leaves, as proposals name keys."""
        self.stage.run(OPERATOR, "padan-server rotation status")
        told = json.loads(self.printed(OPERATOR, "padan-server rotation status --json"))
        return " ".join(told["old_keys"])


def make_home(stage: Stage, name: str, port: int) -> None:
    """Give a custodian a terminal: a certificate of the own, and a passphrase, which people do not write down."""
    (stage.root / name).mkdir(exist_ok=True)
    stage.run(name, f"echo 'what {name} alone knows' > phrase && chmod 600 phrase")
    installation.let_in(stage, name, port, role=" --role custodian")


def _perform(stage: Stage, options: argparse.Namespace, chosen: dict[str, Scene]) -> None:
    clock, port = Clock(), installation.free_ports(_LISTENER + 1)
    people = installation.make_up(stage, people=options.people, seed=options.seed)
    _found(stage, port)
    installation.enrol(stage, port)
    custody = Custody(
        stage=stage, people=people, port=port, service=Service(stage, OPERATOR), population=options.people
    )
    for scene in chosen.values():
        play_scene(stage, scene, custody)
        if stage.failures:
            break
    custody.service.stop()
    end(stage, clock, len(chosen))


def _found(stage: Stage, port: int) -> None:
    """Let five custodians make the keys, which three of them open."""
    stage.heading(f"the keys: made by {len(CUSTODIANS)} custodians, opened by any {THRESHOLD} of them")
    stage.run(OPERATOR, f"padan-server init --registry {REGISTRY} --port {port}", lines=6)
    stage.run(
        OPERATOR,
        'sed -i \'s/^kek = .*/kek = "quorum:custody"/; '
        f's/^# custody_listen = .*/custody_listen = "127.0.0.1:{port + _LISTENER}"/\' padan.toml && rm passphrase',
    )
    stage.say(
        "Callers are told to make another connection often, so that a worker that is replaced ends soon:"
    )
    stage.run(OPERATOR, "echo 'connection_seconds = 5' >> padan.toml")
    stage.run(OPERATOR, "padan-keys auditors-keygen auditors.key", lines=1)
    stage.say("Each has a terminal of the own, with a certificate that the operator signs.")
    for name in CUSTODIANS:
        make_home(stage, name, port)
    files = " ".join(f"--passphrase-file {name}=../{name}/phrase" for name in CUSTODIANS)
    stage.say("All five meet once. People type their passphrases; here files hold them.")
    stage.run(
        OPERATOR, f"padan-keys init --custodians {','.join(CUSTODIANS)} --threshold {THRESHOLD} {files}"
    )
    stage.run(OPERATOR, "padan-keys custodians")
    stage.say("Each prints a sheet, and takes stick and sheet home. What stays opens nothing.")
    for name in CUSTODIANS:
        stage.run(
            OPERATOR,
            f"padan-keys paper print custody/{name}.key.json custody/{name}.1.share.json --out ../{name}/sheet.txt"
            f" && mv custody/{name}.key.json custody/{name}.1.share.json ../{name}/",
        )
    stage.run(CUSTODIANS[0], "cat sheet.txt")
    stage.run(OPERATOR, "ls custody")
    stage.run(OPERATOR, "padan-server agreement keygen --out signer.key", lines=1)
    stage.run(OPERATOR, "padan-server agreement trust signer.pub")


CUSTODY = Programme(
    name="make demo-custody",
    summary="Play the life of keys that nobody holds alone: five custodians, a sealed start, a rotation, a drill.",
    folder=Path(__file__).parent,
    fixed_seconds=150,
    perform=_perform,
)
