"""The officers' desk: a running service on either engine, its command line, and two officers who are trusted."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keys import ceremony
from keys.ceremonyfile import CeremonyFile
from padan import nik as nik_grammar
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.integration.feeding import SIGNER
from tests.people import AS_OF, BUDI
from tests.service import request, running
from tests.terms import Terms
from verifier.agreed import Office as Desk
from verifier.agreement import signkey
from verifier.ceremony_table import CeremonyTable
from verifier.directory import Directory
from verifier.log.open import open_log
from verifier.resident import marking
from verifier.resident.purge import Purge
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from padan.entry import EntryKind
    from tests.installation import Installation
    from verifier.resident.mark import Mark
    from verifier.resident.marking import Step

    Stub = verification_pb2_grpc.VerificationServiceStub

BUDGET = 3
NAME = vocabulary.ATTRIBUTE_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The officers' desk: a running service, and the command line beside it."""

    installation: Installation
    stub: Stub
    other: Stub

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.installation.root

    def run(self, *words: object, typed: str = "", code: int = 0, before: str = "") -> str:
        """Run padan-server, after some Python; give its output, or its errors where it is to fail."""
        command = (sys.executable, "-c", f"{before}\nfrom verifier.cli.server import main; main()")
        done = subprocess.run(
            [*command, "--config", str(self.installation.config_path), *map(str, words)],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    def key(self, name: str) -> Path:
        """Name an officer's key."""
        return self.folder / f"{name}.key"

    def propose(self, file: str, *words: object, nik: str = BUDI["NIK"]) -> Path:
        """Propose something about a resident as the first officer; the words begin with the action's command."""
        path = self.folder / file
        group, *more = words
        desk = (group, "propose", "--key", self.key("ani"), "--out", path)
        self.run(*desk, *more, typed=f"{nik}\n")
        return path

    def mark(self, step: Step, mark: Mark, nik: str) -> None:
        """Have two officers agree on a mark and carry it out, without the command line in between."""
        settings = self.installation.settings
        signers = [signkey.load(self.key(name), use=signkey.OFFICER) for name in ("ani", "bayu")]
        roster = {signer.key_id: signer.public_key for signer in signers}
        number, now = nik_grammar.parse(nik, AS_OF), int(time.time())
        with (
            closing(self.installation.agent()) as agent,
            closing(open_vault(settings.vault_database)) as vault,
            closing(open_log(settings.log_database)) as log,
            closing(Directory(settings.log_database)) as directory,
        ):
            proposal = marking.propose(
                agent, vault, number, step=step, mark=mark, needed=2, proposer=signers[0].key_id, now=now
            )
            voices = tuple(ceremony.approve(agent.realm, proposal, signer) for signer in signers)
            desk = Desk(realm=agent.realm, roster=roster, log=log, table=CeremonyTable(directory), now=now)
            file = CeremonyFile(proposal=proposal, voices=voices)
            marking.execute(agent, vault, file, number, office=desk)
            Purge(settings, agent, log).run()

    def entries(self, kind: EntryKind) -> list[Any]:
        """Read the log's entries of a kind."""
        log = open_log(self.installation.settings.log_database)
        rows = [row for row in log.entries(0, 10_000) if row.kind == kind]
        log.close()
        return rows


def ask(stub: Stub, name: str, nik: str = BUDI["NIK"]) -> int:
    """Ask about a resident's name."""
    return stub.Verify(request(nik=nik, claims={NAME: name}), timeout=10).outcome


def wait_for(stub: Stub, name: str, nik: str, outcome: int) -> None:
    """Ask about a name, rarely since a wrong guess is charged, until the outcome is there."""
    until = time.monotonic() + 10
    while ask(stub, name, nik) != outcome:
        assert time.monotonic() < until, "the change is not seen"
        time.sleep(0.6)


@contextmanager
def opened(folder: Path, url: str = "", **terms: Terms) -> Iterator[Office]:
    """Run a service for two agencies, `tax` and `bank`, with two officers who are trusted beside one who is not.

    Args:
        folder: where everything lies.
        url: the database; empty for SQLite.
        terms: of the agencies; by default small budgets.
    """
    installation = install(
        folder,
        agencies={name: terms.get(name, Terms(subject=BUDGET)) for name in ("tax", "bank")},
        log_url=url,
        vault_url=url,
        extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )
    with running(installation) as service, service.channel() as one, service.channel("bank") as two:
        made = Office(
            installation=installation,
            stub=verification_pb2_grpc.VerificationServiceStub(one),
            other=verification_pb2_grpc.VerificationServiceStub(two),
        )
        for name in ("ani", "bayu", "cici"):
            made.run("officer", "keygen", "--out", made.key(name))
        for name in ("ani", "bayu"):
            made.run("officer", "trust", made.key(name).with_suffix(".pub"))
        yield made
