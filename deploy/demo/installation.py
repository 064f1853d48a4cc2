"""Sets up a whole installation by the command lines that anybody would type."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.people import People
from deploy.demo.service import Service
from deploy.demo.stage import Clock, ExpectationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.demo.stage import Stage

_DEPLOY = Path(__file__).resolve().parents[1]
AGREEMENTS = _DEPLOY / "agreements"
REGISTRY = "registry.example"
OPERATOR, REGISTRY_FOLDER, AUDITOR = "operator", "registry", "auditor"
_FIRST_PORT, _LAST_PORT = 20_400, 29_997
_TELLING_SIZE = 20_000


def agencies(agreements: Path = AGREEMENTS) -> dict[str, Path]:
    """Find the agencies that take part: those with an agreement in a folder."""
    found = {tomllib.loads(path.read_text())["agency"]: path for path in sorted(agreements.glob("*.toml"))}
    return dict(sorted(found.items()))


def free_ports(count: int = 3) -> int:
    """Find so many free ports in a row, below those that the system hands out, and give the first."""
    for port in range(_FIRST_PORT, _LAST_PORT, count):
        with contextlib.ExitStack() as opened:
            try:
                for offset in range(count):
                    probe = opened.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port + offset))
            except OSError:
                continue
            return port
    raise ExpectationError(f"no {count} free ports in a row on this machine")


def set_up(stage: Stage, port: int) -> None:
    """Make the installation, its keys, and the key of the person who signs agreements."""
    stage.heading("set-up: an installation, its keys, a person who signs agreements")
    stage.run(OPERATOR, f"padan-server init --registry {REGISTRY} --port {port}", lines=6)
    stage.run(OPERATOR, "padan-keys auditors-keygen auditors.key", lines=1)
    stage.run(OPERATOR, "padan-keys init", lines=1)
    stage.run(OPERATOR, "padan-server agreement keygen --out signer.key", lines=1)
    stage.run(OPERATOR, "padan-server agreement trust signer.pub")


def load(stage: Stage, *, people: int, seed: int) -> People:
    """Make the population up and load it."""
    made = make_up(stage, people=people, seed=seed)
    take_in(stage, people=people)
    return made


def make_up(stage: Stage, *, people: int, seed: int) -> People:
    """Make the population up."""
    stage.heading(f"the population: {people:,} residents who do not exist")
    stage.run(
        REGISTRY_FOLDER, f"padan-server registry synth people.csv --people {people} --seed {seed}", live=True
    )
    return People(stage.root / REGISTRY_FOLDER / "people.csv")


def take_in(stage: Stage, *, people: int) -> None:
    """Load the population."""
    clock = Clock()
    done = stage.run(
        OPERATOR, f"padan-server registry load ../{REGISTRY_FOLDER}/people.csv --activate", live=True
    )
    read, loaded, rejected = (
        int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", done.out.splitlines()[1])[:3]
    )
    stage.expect("every row is loaded or among the rejects", loaded + rejected, read)
    stage.expect("everybody with a number of their own is loaded", loaded, people)
    rate = re.search(r"([\d,]+) people/s, ([\d,]+) a processor", done.out)
    if rate is None:
        raise ExpectationError("the load told no rate")
    note = "; at this size mostly the start of processes" if people < _TELLING_SIZE else ""
    stage.figure("loaded", f"{rate[1]} people/s, {rate[2]} a processor; {clock.seconds:.1f} s in all{note}")


def enrol(stage: Stage, port: int, *, agreements: Path = AGREEMENTS) -> None:
    """Let the agencies and an auditor in, and put the agreements of a folder in force."""
    stage.heading(
        "who may ask: agencies with a certificate and a signed agreement, and an auditor with a grant"
    )
    stage.say("Each makes its own key; the request goes to the operator, the certificate comes back.")
    for agency in agencies(agreements):
        let_in(stage, agency, port, role="")
    folder = stage.root / OPERATOR / "agreements"
    folder.mkdir()
    for path in agencies(agreements).values():
        shutil.copyfile(path, folder / path.name)
    where = f"deploy/{agreements.relative_to(_DEPLOY)}"
    stage.say(f"One agreement for each agency, from {where}; what it does not grant is refused.")
    stage.run(OPERATOR, "padan-server agreement sign agreements/*.toml --key signer.key")
    stage.run(OPERATOR, "padan-server agreement activate agreements/*.toml")
    let_auditor_in(stage, AUDITOR, port)


def let_auditor_in(stage: Stage, auditor: str, port: int) -> None:
    """Let an auditor in, with a grant to read everything."""
    stage.say("What an auditor may read is signed likewise:")
    let_in(stage, auditor, port, role=" --role auditor")
    grant = f"{auditor}.toml"
    stage.run(OPERATOR, f"padan-server auditor template --auditor {auditor} > {grant}")
    stage.run(OPERATOR, f"padan-server auditor sign {grant} --key signer.key")
    stage.run(OPERATOR, f"padan-server auditor activate {grant}")


def let_in(stage: Stage, who: str, port: int, *, role: str) -> None:
    """Let somebody in: a key of the own, and a certificate of the operator's CA."""
    own = f"localhost:{port} --audit-address localhost:{port + 1}"
    stage.run(who, f"padan init --agency {who} --out . --address {own}", lines=2)
    stage.run(
        OPERATOR,
        f"padan-server agency enrol {who}{role} --csr ../{who}/agency.csr --out ../{who}/agency.pem"
        f" && cp ca/ca.pem ../{who}/",
        lines=1,
    )


@contextlib.contextmanager
def serving(stage: Stage) -> Iterator[Service]:
    """Run the service until the end of the context.

    Raises:
        ExpectationError: it did not become ready, or did not end well.
    """
    stage.heading("the service: mutual TLS, the log before the answer")
    service = Service(stage, OPERATOR)
    try:
        stage.figure("ready after", f"{service.start():.1f} s")
        yield service
    finally:
        service.stop()
