"""Retention as people and agencies see it: the command, and entries that were erased in the lists."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from typer.testing import CliRunner

from padan import entry as log_entry
from padan.audit.listing import AuditClient, Filter
from padan.cli.console import CommandError
from padan.entry import EntryKind, Field
from tests.installation import install
from tests.integration.feeding import details
from tests.service import running
from tests.terms import Terms
from verifier import admin_entry
from verifier.cli.failure import translate
from verifier.cli.server import build
from verifier.config import ConfigError
from verifier.log.open import open_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation

DAY_MS = 86_400_000
NOW_MS = int(time.time() * 1000)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose log has an old entry of each class, of two agencies, and a new one."""
    made = install(
        tmp_path_factory.mktemp("kept"),
        agencies={"tax": Terms(), "health": Terms()},
        extra='retention_hold = ["health"]\n',
    )
    made.grant_auditor("auditor-1")
    rows = [
        admin_entry.build(
            EntryKind.VERIFY,
            {},
            now_ms=NOW_MS - 2_000 * DAY_MS,
            agency=agency,
            fields={Field.RETENTION: bytes((retention,))},
        )
        for agency in ("tax", "health")
        for retention in (1, 2, 3)
    ]
    rows.append(admin_entry.build(EntryKind.KEYRING_CHANGED, {}, now_ms=NOW_MS))
    with closing(open_log(made.settings.log_database)) as log, log.transaction() as transaction:
        transaction.write({}, NOW_MS // DAY_MS, rows, [])
    return made


def run(installation: Installation, *words: str) -> Any:
    """Run a command and read its JSON."""
    result = CliRunner().invoke(
        build(), ["--config", str(installation.config_path), "retention", *words, "--json"]
    )
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def listed(installation: Installation, reader: str) -> list[tuple[int, str]]:
    """List as a reader: place and kind of each entry, erased ones as such."""
    identity = installation.identities[reader]
    with AuditClient.from_files(
        f"127.0.0.1:{installation.audit_port}",
        ca=installation.settings.ca_dir / "ca.pem",
        cert=identity.certificate,
        key=identity.key,
    ) as client:
        return [
            (item.sequence, "erased" if item.entry is None else EntryKind(item.entry.kind).name)
            for item in client.entries(Filter(), limit=60)
        ]


def erasures(installation: Installation) -> int:
    """Count the entries of retention."""
    with closing(open_log(installation.settings.log_database)) as log:
        return sum(row.kind == EntryKind.RETENTION_APPLIED for row in log.entries(0, 1_000))


def test_old_entries_go_and_are_shown_as_erased(installation: Installation) -> None:
    """A dry run tells what goes, the run removes it, and agency and auditor see the leaves of what went."""
    shown = run(installation, "show")
    assert [(line["class"], line["days"]) for line in shown["classes"]] == [
        ("short", 366),
        ("standard", 1_827),
        ("long", 3_653),
        ("lasting", 9_132),
    ]
    assert (shown["hold"], shown["epoch_days"], shown["file_days"]) == (["health"], 30, 90)
    wanted = {"entries": {"short": 1, "standard": 1}}
    assert run(installation, "run", "--dry-run") == {"dry_run": True, **wanted}
    assert run(installation, "run") == {"dry_run": False, **wanted}
    assert run(installation, "run") == {"dry_run": False, "entries": {}}
    assert erasures(installation) == 1
    config = installation.config_path
    config.write_text(config.read_text().replace('retention_hold = ["health"]', ""))
    with running(installation):
        until = time.monotonic() + 20
        while erasures(installation) < 2:
            assert time.monotonic() < until, "the service does not apply retention"
            time.sleep(0.1)
        assert [kind for _, kind in listed(installation, "tax")][:3] == ["erased", "erased", "VERIFY"]
        assert [kind for _, kind in listed(installation, "health")][:3] == ["erased", "erased", "VERIFY"]
        everything = listed(installation, "auditor-1")
        assert [place for place, kind in everything if kind == "erased"] == [1, 2, 4, 5]
        assert "RETENTION_APPLIED" in dict(everything).values()
    with closing(open_log(installation.settings.log_database)) as log:
        rows = log.entries(0, 100)
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert all(log_entry.leaf(row.salt, row.entry) == row.leaf for row in rows if row.entry), (
        "a leaf that is not its entry's"
    )
    assert [row.leaf for row in rows[:2]] != [bytes(33)] * 2
    after = {line["class"]: line for line in run(installation, "show")["classes"]}
    assert after["short"]["erased_before"] == shown["classes"][0]["over_before"]


def test_answers_of_a_day_that_is_over_go_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """The service's leader deletes them when it begins, of whichever process they are, and logs how many."""
    made = install(tmp_path / "shared", agencies={"tax": Terms()}, log_url=postgres_url)
    today = NOW_MS // DAY_MS
    with psycopg.connect(postgres_url, autocommit=True) as server:
        for day in (today - 3, today):
            fill = (
                "INSERT INTO replay (key, day, digest, body)"
                " SELECT sha256(%s || n::text::bytea), %s, '', '' FROM generate_series(1, 500) n"
            )
            server.execute(fill, (str(day).encode(), day))
        with running(made):
            until = time.monotonic() + 30
            while not erasures(made):
                assert time.monotonic() < until, "the service does not delete answers"
                time.sleep(0.1)
        left = server.execute("SELECT day, count(*) FROM replay WHERE day > 0 GROUP BY day").fetchall()
    assert left == [(today, 500)]
    (applied,) = details(made, EntryKind.RETENTION_APPLIED)
    assert applied["answers_and_counters"] == "500"


def test_classes_out_of_order_are_refused(installation: Installation, tmp_path: Path) -> None:
    """A class that would be kept for less long than the one below it is a wrong setting, and named."""
    config = tmp_path / "padan.toml"
    config.write_text(installation.config_path.read_text() + "retention_long_days = 400\n")
    result = CliRunner().invoke(build(), ["--config", str(config), "retention", "show"], env=dict(os.environ))
    assert isinstance(result.exception, CommandError | ConfigError)
    error = result.exception
    told = translate(error) if isinstance(error, ConfigError) else error
    assert "retention_long_days" in str(told)
