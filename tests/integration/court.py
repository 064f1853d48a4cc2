"""A registry's officers and the agencies that dispute answers, around a running service."""

from __future__ import annotations

import base64
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from keys import signing
from padan.entry import EntryKind, decode
from padan.errors import QuotaError
from padan.question import Question
from tests.installation import install
from tests.people import BUDI
from tests.service import running, wait_until_ready
from tests.simulator.terminal import run
from tests.terms import Terms
from verifier.agreement import signkey
from verifier.cli.register import reading, writing
from verifier.cli.server import main
from verifier.dispute import casefile
from verifier.dispute.office import Office
from verifier.dispute.state import Outcome
from verifier.dispute.table import DisputeTable
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from padan.answer import Verification
    from padan.dispute import Dispute
    from padan.entry import Entry
    from tests.service import RunningService
    from verifier.dispute.casefile import CaseFile

T = TypeVar("T")
LIMIT = 12
CONTEST_DAYS = 30


def patiently(act: Callable[[], T]) -> T:
    """Act, and where that is too often a second, again."""
    while True:
        try:
            return act()
        except QuotaError as error:
            if error.reason != "RATE_LIMITED":
                raise
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
        time.sleep(0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    """A running service with an officer who opens and decides, and two agencies beside the one that disputes."""

    service: RunningService
    folder: Path
    officer: bytes = field(repr=False)

    def ask(self, agency: str = "tax", **claims: str) -> tuple[Question, Verification]:
        """Ask about Budi; by default with a name that is not his."""
        question = Question.build(
            nik=BUDI["NIK"],
            claims=claims or {"name": "SITI RAHAYU", "birth_date": BUDI["TGL_LHR"]},
            purpose="service",
            officer="desk-7",
            legal_basis="public_task",
        )
        with self.service.client(agency) as client:
            return question, client.ask(question)

    def open(self, asked: tuple[Question, Verification], agency: str = "tax", **options: Any) -> Dispute:
        """Dispute the name."""
        question, answer = asked
        chosen = {"contest": answer.contest, "claims": ["name"], **options}
        with self.service.client(agency) as client:
            return patiently(lambda: client.open_dispute(question, **chosen))

    def run(self, *words: object, code: int = 0) -> str:
        """Run padan-server; give its output, or its errors where it is to fail."""
        ended = run(main, "--config", str(self.service.installation.config_path), *map(str, words))
        assert ended.code == code, ended.err
        return ended.err if code else ended.out

    @contextlib.contextmanager
    def office(self) -> Iterator[Office]:
        """Open the officers' office beside the service."""
        installation = self.service.installation
        with writing(installation.settings) as opened:
            yield Office(
                realm=installation.realm,
                officers={signing.thumbprint(self.officer): self.officer},
                table=DisputeTable(opened.directory),
                log=opened.log,
            )

    def case(self, dispute_id: str) -> CaseFile:
        """Take a dispute's file."""
        installation = self.service.installation
        with reading(installation.settings) as directory:
            table = DisputeTable(directory)
            dispute = table.find(dispute_id)
            assert dispute is not None
            answer = table.answer_at(dispute.answer)
        assert answer is not None
        return casefile.of(installation.realm, dispute, answer)

    def close(self, dispute: Dispute) -> None:
        """Resolve a dispute, so that it counts no more."""
        with self.office() as office:
            signer = signkey.load(self.folder / "officer.key", use=signkey.OFFICER)
            office.resolve(dispute.dispute_id, Outcome.WITHDRAWN, signer, now_ms=int(time.time() * 1000))

    def entries(self, *kinds: EntryKind, agency: str = "tax") -> list[Entry]:
        """Read an agency's entries of some kinds."""
        log = open_log(self.service.installation.settings.log_database)
        try:
            rows = log.entries(0, 10_000, agency=agency)
        finally:
            log.close()
        return [decode(row.entry) for row in rows if row.kind in kinds]


@contextlib.contextmanager
def hold_court(folder: Path, url: str) -> Iterator[Court]:
    """Install and start: two workers, and where no database is named a process that writes for them."""
    officer = signkey.generate(folder / "officer.key", use=signkey.OFFICER)
    sealed_to = signkey.generate(folder / "dispute.key", use=signkey.DISPUTE)
    signkey.generate(folder / "stranger.key", use=signkey.OFFICER)
    signkey.generate(folder / "other.key", use=signkey.DISPUTE)
    installation = install(
        folder / "house",
        agencies={agency: Terms() for agency in ("tax", "health", "crowd", "late")},
        log_url=url,
        vault_url=url,
        extra=f'officers = ["{base64.b64encode(officer).decode()}"]\n'
        f'dispute_key = "{base64.b64encode(sealed_to).decode()}"\n'
        f"dispute_limit = {LIMIT}\ndispute_days = {CONTEST_DAYS}\nworkers = 2\n",
    )
    installation.certify("watcher", kind="auditor")
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, 80)
        yield Court(service=service, folder=folder, officer=officer)
