"""How the tests of tokens issue them and find residents behind them: by the service's own parts, on a real log."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.purpose import TokenDomain
from padan import nik as nik_grammar
from tests.integration.projecting import made_with
from tests.people import AS_OF
from tokenizer.codes import CodeLists
from verifier.directory import Directory
from verifier.epoch import EpochHolder
from verifier.log.beside import Beside
from verifier.log.open import open_log
from verifier.token.domains import TokenDomains
from verifier.token.errors import TokensUnavailableError
from verifier.token.rowtable import RowTable
from verifier.token.subjects import Subjects
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from keys.purpose import KeysetName
    from tests.installation import Installation
    from tests.postgres import PostgresServer
    from verifier.epoch import PinnedEpoch
    from verifier.log.store import LogStore

DOMAIN = "tax-payers"
AWAY = "away"
"""What a token leads to that cannot be looked for now."""


def custody(made: Installation) -> Custody:
    """Open the keyring for changes."""
    return Custody(path=made.settings.keyring, provider=made.provider, actor="tests")


def succeed(made: Installation, *purposes: KeysetName) -> None:
    """Make new primary keys beside the present ones."""
    custody(made).succeed(purposes)


def count(made: Installation) -> int:
    """Count the rows."""
    with closing(Directory(made.settings.log_database)) as directory:
        return RowTable(directory, Beside.TOKEN).count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A process of the service, as far as tokens go, which never looks again at the epoch that is in use."""

    log: LogStore
    subjects: Subjects
    domains: TokenDomains
    epoch: PinnedEpoch

    def issue(self, *numbers: str) -> list[bytes]:
        """Issue tokens of people who matched."""
        issued = [
            self.subjects.issue(
                nik, domain=DOMAIN, records=self.epoch.names(nik, self.epoch.inner.record_id(nik))
            )
            for nik in (nik_grammar.parse(number, AS_OF) for number in numbers)
        ]
        with self.log.transaction() as transaction:
            transaction.keep([row for each in issued for row in each.kept])
            transaction.write({}, 0, [], [])
        return [each.token for each in issued]

    def leads(self, tokens: Sequence[bytes], numbers: Iterable[str]) -> list[str | None]:
        """Say to whose record each token leads: one of some numbers; None for nobody's."""
        inner = self.epoch.inner
        names: dict[bytes, str] = {
            inner.record_id(nik_grammar.parse(number, AS_OF)): number for number in numbers
        }
        found = [self.subjects.read(token, domain=DOMAIN, inner=inner, now=time.time()) for token in tokens]
        self.subjects.find(found)
        assert all(isinstance(each.failure, TokensUnavailableError) for each in found if each.failure)
        return [AWAY if each.failure else names.get(each.record_id) for each in found]


@contextmanager
def desk(made: Installation) -> Iterator[Desk]:
    """Begin a process."""
    with (
        closing(made.agent()) as agent,
        closing(open_log(made.settings.log_database)) as log,
        closing(open_vault(made.settings.vault_database)) as vault,
    ):
        domains = TokenDomains(agent, grace_days=90)
        yield Desk(
            log=log,
            subjects=Subjects(domains, log),
            domains=domains,
            epoch=EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin(),
        )


def begin(made: Installation) -> None:
    """Make the domain's first key."""
    custody(made).rotate(TokenDomain(DOMAIN))


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation on each engine that follows a registry, with a token domain."""
    if request.param == "sqlite":
        found = made_with(tmp_path)
        begin(found)
        yield found
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.make_database()
    found = made_with(tmp_path, url)
    begin(found)
    yield found
    server.drop_database(url)
