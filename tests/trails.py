"""An installation whose periods are sealed to auditors, for tests: they open trails with their own command line."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from padan import envelope
from padan.audit import partfile, search, trailfile
from padan.audit.cli import main
from padan.audit.keyfile import OwnShare
from padan.audit.listing import AuditClient
from padan.errors import QuotaError
from padan.nik import parse
from tests.auditing import MANDATE, NAMES, REASON, Auditors, make
from tests.installation import ENVIRONMENT, install
from tests.simulator.terminal import Ended, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from padan.audit.entries import Entries, Item
    from padan.nik import Nik
    from padan.v1 import audit_pb2
    from tests.installation import Installation
    from tests.terms import Terms

NOW = 1_790_000_000
WHY = ("--reason", REASON, "--mandate", MANDATE)


@dataclass(slots=True, kw_only=True)
class Desk:
    """What lies on the auditors' desks.

    Attributes:
        folder: holds every auditor's files.
    """

    installation: Installation
    auditors: Auditors
    folder: Path

    def audit(self, *words: object, nik: str = "", by: str = "alpha") -> Ended:
        """Run `padan-audit`, with the certificate of an auditor in its configuration."""
        config = self.folder / f"{by}.toml"
        return run(main, "--config", str(config), *map(str, words), stdin=f"{nik}\n".encode())

    def own(self, by: str) -> tuple[object, ...]:
        """Spell an auditor's options."""
        phrase = ("--passphrase-file", self.folder / "phrase")
        return ("--auditors", self.folder / "auditors.json", "--key", self.folder / f"{by}.key", *phrase)

    def share(self, by: str) -> tuple[object, ...]:
        """Spell the option of an auditor's share."""
        return ("--share", self.folder / f"{by}.share")

    def file(self, name: str) -> Path:
        """Name a file on the desk."""
        return self.folder / name

    def number(self, nik: str) -> Nik:
        """Read a number."""
        return parse(nik, date(2026, 1, 1))

    def proposed(self, nik: str, name: str) -> Path:
        """Let alpha propose and beta sign, without their command line, whose passphrases take their time."""
        signed = self.auditors.signed(self.number(nik), received=NOW, now=int(time.time()))
        path = self.file(f"{name}.signed")
        path.write_bytes(trailfile.encode(signed, self.auditors.key))
        return path

    def message(self, nik: str, name: str) -> audit_pb2.OpenTrailRequest:
        """Put together what alpha and beta agreed to ask."""
        key, number = self.auditors.key, self.number(nik)
        signed = trailfile.decode(self.proposed(nik, name).read_bytes(), key)
        blind = trailfile.blind_of(signed, self.auditors.people[0], key, nik=number)
        return trailfile.message(signed, nik=number, blind=blind)

    def client(self, by: str = "alpha") -> AuditClient:
        """Open a client of an auditor."""
        identity = self.installation.identities[by]
        return AuditClient.from_files(
            f"127.0.0.1:{self.installation.audit_port}",
            ca=self.installation.ca,
            cert=identity.certificate,
            key=identity.key,
            server_name="localhost",
        )

    def opened(self, nik: str, name: str) -> Path:
        """Propose, sign, and ask the service."""
        key, asked = self.auditors.key, self.message(nik, name)
        with self.client() as client:
            try:
                handles = client.open_trail(asked)
            except QuotaError as error:  # tests are faster than letters
                time.sleep(error.retry_after or 1.0)
                handles = client.open_trail(asked)
        signed = trailfile.decode(self.file(f"{name}.signed").read_bytes(), key)
        path = self.file(f"{name}.opened")
        path.write_bytes(trailfile.encode(trailfile.answered(signed, handles, key), key))
        return path

    def found(self, nik: str, name: str, entries: Entries) -> list[Item]:
        """Go all the way to the entries about a resident, with the parts of alpha and beta."""
        (alpha, beta, _), key = self.auditors.people, self.auditors.key
        request = trailfile.decode(self.opened(nik, name).read_bytes(), key)
        envelopes, _ = search.envelopes(entries, key)
        elements = [each.element for each in envelopes]
        own, other = (OwnShare(number=at, secret=bytearray(self.auditors.shares[at - 1])) for at in (1, 2))
        part = partfile.part(request, beta, other, key, elements)
        parts = {2: partfile.read_part(part, request, alpha, key).pairs}
        parts[1] = partfile.own_part(own, envelopes)
        keys = {}
        for each in envelopes:
            shared = partfile.fold(parts, each.element, key.threshold)
            assert shared is not None
            keys[each.period_id] = envelope.unseal(each, shared, key=key)
        looked = search.Search(keys, trailfile.handles_of(request, alpha, key))
        return list(looked.find(entries))


def threshold(
    root: Path,
    *,
    agencies: Mapping[str, Terms] | None = None,
    environment: str = ENVIRONMENT,
    database: str = "",
) -> tuple[Installation, Auditors]:
    """Make an installation that seals its periods to three auditors, who may open trails by twos."""
    installation = install(
        root, agencies=agencies, environment=environment, log_url=database, vault_url=database
    )
    made = make(environment=environment)
    (root / "auditors.json").write_bytes(made.file)
    config = installation.config_path
    config.write_text(config.read_text().replace('"auditors.pub"', '"auditors.json"'))
    for name in NAMES:
        installation.grant_auditor(name, more="trails = true\n" if name != "gamma" else "")
    return installation, made


@contextmanager
def desk(installation: Installation, made: Auditors, folder: Path) -> Iterator[Desk]:
    """Lay out what each auditor has."""
    folder.mkdir(exist_ok=True)
    made.lay_out(folder)
    for name in NAMES:
        identity = installation.identities[name]
        (folder / f"{name}.toml").write_text(
            f'audit_address = "127.0.0.1:{installation.audit_port}"\nserver_name = "localhost"\n'
            f'ca = "{installation.ca}"\ncert = "{identity.certificate}"\nkey = "{identity.key}"\n'
        )
    yield Desk(installation=installation, auditors=made, folder=folder)
