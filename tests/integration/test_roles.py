"""PostgreSQL with the two roles of docs/install.md: each does what it is there for, and the projector no more."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from keys.keychange import Action, Change
from keys.purpose import Purpose
from padan.cli.console import ExitCode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.house import markdown
from tests.installation import install
from tests.integration import tokens
from tests.integration.feeding import SIGNER, feed, people
from tests.integration.hands import Registry
from tests.integration.projecting import COUNT, write
from tests.marks import named, put
from tests.operating import operate
from tests.service import request, running
from tests.terms import Terms
from tests.unit.verifier.reference import captures
from verifier import grants, schema
from verifier.agreement import signkey
from verifier.migrations import Tree
from verifier.resident.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation
    from tests.postgres import PostgresServer

OWNER, PROJECTOR = "padan", "padan-projector"
MADE = [
    word.removeprefix("--command=")
    for command in markdown.commands()
    if command.page == "docs/install.md" and "psql" in command.words
    for word in command.words
    if word.startswith("--command=")
]
"""The statements by which the page makes roles and database."""
CLOSED = {
    "entry": ["entry", "salt", "agency", "purpose", "outcome"],
    "replay": ["body"],
    "counter": ["value"],
    "dispute": ["document"],
    "certificate": ["fingerprint"],
    "auditor_grant": ["document"],
    "asked_row": ["box"],
    "progress_row": ["box"],
    "conversion_row": ["box"],
    "leader": ["term"],
    "setting": ["value"],
}
"""Tables of the log, and columns of them that are none of the projector's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An installation on a database of its own, and the same as the projector's user runs it."""

    service: Installation
    projector: Installation
    url: str

    def connect(self, role: str) -> psycopg.Connection:
        """Connect as a role."""
        return psycopg.connect(self.url.replace("ROLE", role), autocommit=True)

    def follow(self, data: bytes) -> None:
        """Take a file of changes in, as the projector does."""
        path = self.projector.root / "changes.feed"
        path.write_bytes(data)
        operate(self.projector, "registry", "sync", path)

    def load(self, *more: str) -> int:
        """Load the registry's people as the projector does; give the epoch's number."""
        source = self.projector.root / "people.csv"
        said = operate(
            self.projector, "registry", "load", source, "--workers", "1", "--decoys", "64", "--json", *more
        )
        return int(json.loads(said)["epoch"])


@pytest.fixture
def site(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Site]:
    """Make roles and database as the page does, and an installation that is the service's alone as yet."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        for statement in MADE:
            connection.execute(statement.encode())
    url = postgres_server.url(OWNER).replace("postgres@", "ROLE@")
    own = url.replace("ROLE", OWNER)
    try:
        made = install(
            tmp_path / "padan",
            agencies={"tax": Terms()},
            people=people(COUNT).values(),
            log_url=own,
            vault_url=own,
            extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
            token_domains=[tokens.DOMAIN],
        )
        config = made.root / "projector.toml"
        config.write_text(
            made.config_path.read_text().replace(own, url.replace("ROLE", PROJECTOR))
            + 'data_dir = "projector"\n'
        )
        write(made.root / "people.csv", people(COUNT).values())
        yield Site(service=made, projector=replace(made, config_path=config), url=url)
    finally:
        with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {OWNER} WITH (FORCE)".encode())
            for role in (OWNER, PROJECTOR):
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def granted(site: Site) -> Site:
    """The same when the projector has its rights."""
    operate(site.service, "database", "grant", "--to", PROJECTOR)
    return site


def test_each_role_does_its_part(granted: Site) -> None:
    """The projector loads and follows; the service answers from what it made, drops it, and is loaded again."""
    site = granted
    assert site.load("--activate") == 2
    registry, issued = Registry(site.service, seed=3), dict[str, bytes]()
    for _ in range(3):
        with tokens.desk(site.service) as desk:
            registry.issue(desk, issued)
        site.follow(registry.changes(20))
    with tokens.desk(site.service) as desk:
        found = desk.leads(list(issued.values()), people(2 * COUNT))
    assert found == [registry.leads.get(number) for number in issued]
    marks = json.loads(operate(site.service, "resident", "count", "--json"))
    assert marks["erased"] > 0 == marks["to_purge"]

    with running(site.service) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        number = min(registry.held)
        asked = request(
            nik=number, claims={vocabulary.ATTRIBUTE_NAME: registry.rows[min(registry.rows)]["NAMA_LGKP"]}
        )
        assert stub.Verify(asked, timeout=10).outcome == vocabulary.VERDICT_MATCH
        assert site.load("--activate") == 3
        operate(site.service, "epoch", "drop", "2")
        operate(site.service, "epoch", "drop", "1")
    with site.connect(OWNER) as connection:
        [(left,)] = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'epoch_0%'")
    assert left == 1


def rotate_beside_the_feed(site: Site, whose: Installation, row: dict[str, str]) -> None:
    """Take a rotation through its steps, each behind a change that the projector follows."""
    for after, step in enumerate(("sample", "flip", "status")):
        changed = {**row, "NAMA_LGKP": f"BUDI {'ABC'[after]}NTO"}
        site.follow(feed(site.service, after, {"change": "changed", "row": changed}))
        operate(whose, "rotation", step)


def test_both_roles_change_what_a_rotation_made(granted: Site) -> None:
    """The service moves rows into an epoch of its own; the projector goes on following, before the flip and after."""
    site = granted
    site.load("--activate")
    row = next(iter(people(1).values()))
    operate(site.service, "rotation", "begin", "--new-keys")
    rotate_beside_the_feed(site, site.service, row)
    [active] = [
        each
        for each in json.loads(operate(site.service, "epoch", "list", "--json"))
        if each["state"] == "active"
    ]
    assert active["number"] == 3


def test_the_projector_projects_anew(granted: Site) -> None:
    """An inner rotation is a load: its projection, its changes beside and its steps are the projector's as well."""
    site = granted
    site.load("--activate")
    row = next(iter(people(1).values()))
    source = site.projector.root / "people.csv"
    operate(site.projector, "rotation", "project", source, "--new-keys", "--workers", "1", "--decoys", "64")
    rotate_beside_the_feed(site, site.projector, row)
    operate(site.service, "epoch", "drop", "1")
    operate(site.service, "rotation", "finish", "--now", "--yes")
    site.follow(feed(site.service, 3, {"change": "changed", "row": row}))


def test_references_are_the_projectors_too(granted: Site) -> None:
    """It stores references of residents, and takes them along when numbers change hands and people are erased."""
    site = granted
    site.service.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.BIOMETRIC))
    first, second, third, *_, spare = people(COUNT + 1)
    path = captures.write(
        site.projector.root / "faces.parquet",
        [captures.row(nik, captures.face(number)) for number, nik in enumerate((first, second, third))],
    )
    assert json.loads(operate(site.projector, "reference", "load", path, "--json"))["stored"] == 3
    row = people(1)[first]
    put(site.service.settings.log_database, named(site.service, second), Mark.LOCKED)
    changes = (
        {"change": "nik_changed", "was": [first], "row": {**row, "NIK": spare}},
        {"change": "merged", "row": {**row, "NIK": spare}, "also": [second]},
        {"change": "erased", "nik": third},
    )
    site.follow(feed(site.service, 0, *changes))
    site.follow(feed(site.service, 3, {"change": "changed", "row": {**row, "NIK": second}}))  # is parted
    marks = json.loads(operate(site.service, "resident", "count", "--json"))
    assert (marks["locked"], marks["erased"]) == (2, 1)
    assert site.load("--activate") == 2
    operate(site.service, "epoch", "drop", "1")
    with site.connect(OWNER) as connection:
        [(kept, epochs)] = connection.execute(
            "SELECT count(*) FILTER (WHERE epoch = 2), count(DISTINCT epoch) FROM reference"
        )
    assert kept > 0
    assert epochs == 1


def test_the_projector_sees_no_more_than_it_needs(granted: Site) -> None:
    """What entries say, answers, counters and callers are closed to it, and it can neither drop nor alter a table."""
    with granted.connect(PROJECTOR) as connection:
        for table, columns in CLOSED.items():
            for column in columns:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT {column} FROM {table}".encode())  # noqa: S608 - our own names
        for statement in (
            "UPDATE entry SET agency = ''",
            "DELETE FROM entry",
            "DELETE FROM resident_mark",
            "INSERT INTO agreement SELECT * FROM agreement",
            "DROP TABLE feed_position",
            "DROP TABLE epoch_000001",
            "ALTER TABLE reference ADD COLUMN more int",
            "TRUNCATE feed_position",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        assert (
            connection.execute("SELECT count(sequence), max(log_time_ms) FROM entry").fetchone() is not None
        )


def test_every_table_of_the_vault_is_thought_of() -> None:
    """Who adds a table to the vault says what the projector may do with it."""
    assert {*schema.vault_metadata.tables, Tree.VAULT.version_table} == grants.RIGHTS["vault"].keys()
    assert grants.RIGHTS["log"].keys() <= {*schema.log_metadata.tables, Tree.LOG.version_table}
    assert not CLOSED.keys() - {"entry"} & grants.RIGHTS["log"].keys()


def test_without_its_rights_it_is_told_how_to_get_them(site: Site) -> None:
    """A role that may not do something is named as that, with the command; and so is one that does not exist."""
    said = operate(
        site.projector, "registry", "load", site.service.root / "people.csv", code=int(ExitCode.UNAVAILABLE)
    )
    assert "the database role lacks a right: " in said
    assert "'padan-server database grant --to ROLE' for the projector's" in said
    assert "read-only" not in said
    unknown = operate(site.service, "database", "grant", "--to", "nobody-else", code=int(ExitCode.STATE))
    assert "the database's server has no role nobody-else" in unknown
    itself = operate(site.service, "database", "grant", "--to", OWNER, code=int(ExitCode.STATE))
    assert f"{OWNER} is the role that gives" in itself
    stranger = operate(site.projector, "database", "grant", "--to", OWNER, code=int(ExitCode.UNAVAILABLE))
    assert "lacks a right" in stranger


def test_a_grant_prints_what_it_does_and_again_changes_nothing(granted: Site) -> None:
    """Each right is a statement that an administrator may type; the second time gives the same rights."""
    said = operate(granted.service, "database", "grant", "--to", PROJECTOR)
    assert f'log    GRANT SELECT (sequence, log_time_ms), INSERT ON "entry" TO "{PROJECTOR}"' in said
    assert f'vault  GRANT SELECT, INSERT, UPDATE ON "epoch_000001" TO "{PROJECTOR}"' in said
    assert f'vault  GRANT USAGE, CREATE ON SCHEMA "public" TO "{PROJECTOR}"' in said
    assert json.loads(operate(granted.service, "database", "grant", "--to", PROJECTOR, "--json")).keys() == {
        "log",
        "vault",
    }


def test_an_upgrade_renews_the_rights(granted: Site) -> None:
    """A table that comes with a release is open to whoever has rights already; nobody else gets any."""
    with granted.connect(OWNER) as owner, granted.connect(PROJECTOR) as projector:
        for table in ("reference", "token_row"):
            owner.execute(f'REVOKE ALL ON {table} FROM "{PROJECTOR}"'.encode())
        operate(granted.service, "database", "upgrade")
        for table in ("reference", "token_row"):
            projector.execute(f"SELECT 1 FROM {table}".encode())  # noqa: S608 - our own names
        owner.execute(f'REVOKE ALL ON entry, feed_position, reference FROM "{PROJECTOR}"'.encode())
        operate(granted.service, "database", "upgrade")
        with closing(projector.cursor()) as cursor, pytest.raises(psycopg.errors.InsufficientPrivilege):
            cursor.execute("SELECT 1 FROM reference")
