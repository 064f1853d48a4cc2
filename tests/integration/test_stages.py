"""The stages of going live, run by their command lines beside a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from padan import entry
from padan.cli.console import ExitCode
from tests.house import markdown
from tests.installation import install
from tests.integration.loading import COMMAND
from tests.people import ALMARHUM, BUDI, PEOPLE, SARI
from tests.service import running, wait_until_ready
from tests.terms import Terms
from verifier.agreement import signkey
from verifier.log.open import open_log
from verifier.projector.columns import COLUMNS
from verifier.stage import report
from verifier.synthetic import output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service import RunningService

PAGES = ("docs/consistency.md", "docs/going-live.md")
SHORTER = {
    "--seconds 300": "--seconds 1 --interval 0.5",
    "--seconds 120 --p99-ms 250": "--seconds 3 --p99-ms 20000",
    "--mark 99.9": "--mark 99.9 --fewest 3",
}
"""What takes minutes on the pages, and what is run instead: three people are few, and a test's machine is slow."""
VALUES = tuple(row[name] for row in PEOPLE for name in ("NIK", "NAMA_LGKP", "NAMA_LGKP_IBU", "NO_KK"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service whose agency has guesses to spend."""
    made = install(
        tmp_path_factory.mktemp("stages"),
        agencies={"tax": Terms(subject=1_000, prefix=10_000, calls_per_day=5_000)},
        extra="joint_subject_budget = 100000\njoint_prefix_budget = 100000\n",
    )
    with running(made, ready=False) as started:
        wait_until_ready(made, started.process, seconds=60)
        yield started


def run(service: RunningService, *words: object, code: int = 0) -> str:
    """Run a command of the operator's."""
    done = subprocess.run(
        [*COMMAND, "--config", str(service.installation.config_path), *map(str, words)],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert not any(value in done.stdout + done.stderr for value in VALUES)
    return done.stdout


def agency(service: RunningService) -> tuple[object, ...]:
    """Name the agency's files."""
    identity = service.installation.identities["tax"]
    return ("--cert", identity.certificate, "--key", identity.key, "--server-name", "localhost")


def stage(service: RunningService, name: str, *words: object, code: int = 0) -> dict[str, Any]:
    """Run a stage into a report, and check that files, output and log say the same, without any value."""
    root = service.installation.root
    out = root / f"{name}-{time.monotonic_ns()}.json"
    printed = json.loads(run(service, "stage", name, *words, "--out", out, "--json", code=code))
    document = out.read_bytes()
    values: dict[str, Any] = json.loads(document)
    assert {**values, "file": str(out), "sha256": report.sha256(document)} == printed
    assert printed["sha256"] in out.with_suffix(".md").read_text()
    assert (values["verdict"] == "passed") == (code == 0)
    with closing(open_log(service.installation.settings.log_database)) as log:
        last = entry.decode(log.entries(log.head().sequence - 1, 1)[0].entry)
    assert last.kind == entry.EntryKind.STAGE_REPORTED
    assert last.texts(entry.Field.DETAIL) == [
        f"stage={name}", f"verdict={values['verdict']}", f"report={printed['sha256']}",
    ]  # fmt: skip
    for text in (document.decode(), out.with_suffix(".md").read_text()):
        assert not any(value in text for value in VALUES)
    return values


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_pages_can_be_walked(service: RunningService) -> None:
    """Each command of both pages ends well beside a running service; its report passes, is signed, and is logged."""
    root, commands = service.installation.root, [each for each in markdown.commands() if each.page in PAGES]
    prepare(service)
    before = entries(service)
    environment = {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PADAN_CONFIG": str(service.installation.config_path),
    }
    for command in commands:
        line = command.line
        for written, quick in SHORTER.items():
            line = line.replace(written, quick)
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert not any(value in done.stdout + done.stderr for value in VALUES)
    words = " ".join(each.line for each in commands)
    assert all(f"stage {each}" in words for each in (*report.Stage, "verify"))
    assert entries(service) >= before + 50 + 8
    check_reports(root, [root / "liveness.json", *(root / "data" / "stages").glob("*.json")])


def prepare(service: RunningService) -> None:
    """Put the files in place that the pages name."""
    root, identity = service.installation.root, service.installation.identities["tax"]
    shutil.copy(identity.certificate, root / "tax.pem")
    shutil.copy(identity.key, root / "tax.key")
    public = signkey.generate(root / "officer.key", use=signkey.OFFICER)
    (root / "officer.pub").write_text(signkey.text(public))
    rows = [[*(row[name] for name in COLUMNS), "2026-05-31"] for row in PEOPLE]
    output.write(root / "people.parquet", (*COLUMNS, "TGL_UBAH"), rows)
    (page,) = [page for page in markdown.pages() if page.name == "going-live.md"]
    (scenarios,) = [body for info, body in markdown.fences(page) if info == ["toml"]]
    (root / "scenarios.toml").write_text(scenarios)


def check_reports(root: Path, files: list[Path]) -> None:
    """Hold the reports of the walk against what was to be found."""
    reports = [report.read(file.read_bytes()) for file in files]
    assert sorted(each["stage"] for each in reports) == [
        "consistency",
        "liveness",
        "load",
        "scenario",
        "scenario",
    ]
    assert {each["verdict"] for each in reports} == {"passed"}
    for file in files:
        assert report.sha256(file.read_bytes()) in file.with_suffix(".md").read_text()
        assert not any(value in file.read_text() + file.with_suffix(".md").read_text() for value in VALUES)
    alive, load = (next(each for each in reports if each["stage"] == name) for name in ("liveness", "load"))
    assert [each["name"] for each in alive["criteria"]] == [
        "keyring unlocks", "server certificate", "log database", "vault and epoch", "service: TLS", "service: health",
        "service: answers", "audit listener: TLS", "metrics",
    ]  # fmt: skip
    assert alive["figures"]["parts"]["service: health"]["tries"] == alive["figures"]["rounds"] > 1
    figures = load["figures"]
    assert figures["calls"] == figures["planned"] == figures["outcomes"]["no_match"] > 50
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["slowest_ms"]
    made = max(
        (each for each in reports if each["stage"] == "scenario"), key=lambda each: len(each["criteria"])
    )
    names = {each["name"] for each in made["criteria"]}
    assert {"service: true claims", "service: true claims, deceased", "strict: unknown number"} <= names
    assert any("another anchor" in name for name in names)
    checked = json.loads((root / "report.json").read_text())
    assert [(part["name"], part["people"]["agrees"]) for part in checked["ages"]] == [("0 to 1 days", 3)]


def test_what_is_away_fails_the_stage(service: RunningService) -> None:
    """An address at which nobody serves fails those parts and no others, and the report says which."""
    words = (*agency(service), "--seconds", "0", "--address", "127.0.0.1:9")
    values = stage(service, "liveness", *words, code=int(ExitCode.NO))
    assert [each["name"] for each in values["criteria"] if not each["passed"]] == [
        "service: TLS", "service: health", "service: answers",
    ]  # fmt: skip


def test_a_copy_passes_by_its_agreement(service: RunningService) -> None:
    """Where somebody differs, or too few were compared, the stage fails, and says by which share."""
    people = (BUDI, {**SARI, "AGAMA": "2"}, ALMARHUM)
    source = service.installation.root / "now.csv"
    output.write(source, COLUMNS, [[row[name] for name in COLUMNS] for row in people])
    values = stage(service, "consistency", source, "--sample", "100%", code=int(ExitCode.NO))
    assert values["figures"]["people"]["agrees"] == 2
    assert [(each["name"], each["found"]) for each in values["criteria"] if not each["passed"]] == [
        ("people compared", "3"),
        ("agreement of the people", "66.6667 %"),
        ("agreement of the worst attribute (religion)", "66.6667 %"),
    ]


def entries(service: RunningService) -> int:
    """Count the log's entries."""
    with closing(open_log(service.installation.settings.log_database)) as log:
        return log.head().sequence


def test_a_load_stops_by_itself(service: RunningService) -> None:
    """A limit that is exceeded ends the load before half of its calls are made."""
    words = ("--rate", "40", "--seconds", "40", "--p99-ms", "1", "--climb", "0")
    values = stage(service, "load", *agency(service), *words, code=int(ExitCode.NO))
    assert values["stopped"].startswith("p99 of the last 3 s was")
    assert values["figures"]["calls"] < values["figures"]["planned"] / 2


def test_scenarios_of_a_file(service: RunningService, tmp_path: Path) -> None:
    """What is answered otherwise than expected is told by its number; what is refused, by the reason."""
    file = tmp_path / "scenarios.csv"
    output.write(
        file,
        ("purpose", "nik", "expect", "name"),
        [
            ["service", BUDI["NIK"], "match", BUDI["NAMA_LGKP"]],
            ["service", BUDI["NIK"], "match", SARI["NAMA_LGKP"]],
            ["service", ALMARHUM["NIK"], "match_not_active", ALMARHUM["NAMA_LGKP"]],
        ],
    )
    values = stage(
        service, "scenario", *agency(service), "--file", file, "--rate", "50", code=int(ExitCode.NO)
    )
    assert values["figures"]["wrong_rows"] == [
        {"row": 2, "kind": "as in the file", "purpose": "service", "expected": "match", "found": "no_match"}
    ]
