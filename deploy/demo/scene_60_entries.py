"""What all of this left in the log, who may read it, and what stands in none of the service's files."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.demo.demo import Demo

TITLE = "the entries they left"
AUDITOR, AGENCY, OTHER = "auditor", "tax-office", "licensing-office"
SHOWN = (
    *(
        "log_time",
        "agency",
        "officer",
        "certificate",
        "agreement",
        "clause",
        "purpose",
        "lawful_use",
        "legal_basis",
    ),
    *("claims", "outcome", "agency_bucket", "officer_bucket", "subject", "period", "epoch", "request_digest"),
)
_REFUSED = 4
_NUMBER = re.compile(rb"(?=(\d{16}))")  # also within a longer run
TRY = (
    (AUDITOR, "padan-audit list --outcome blocked"),
    (AUDITOR, "padan-audit list --agency social-aid --limit 5 --json"),
)


def play(demo: Demo) -> None:
    """List entries as an agency and as an auditor; count them; look for numbers where none may be."""
    stage = demo.stage
    stage.say(
        "Every question is an entry, committed before its answer left: the refused ones too. An agency reads its own:"
    )
    stage.run(AGENCY, "padan-audit list --purpose taxpayer-registration --limit 5 --timeout 10")
    stage.run(OTHER, f"padan-audit list --agency {AGENCY} --timeout 10", code=_REFUSED)
    stage.say(
        "An auditor reads what it was granted, here all, also alerts, which no agency sees about itself:"
    )
    entries = _entries(demo)
    alerts = [entry for entry in entries if entry["kind"] == "BUDGET_ALERT"]
    stage.show(
        "\n".join(
            f"{entry['log_time']}  {entry['agency']}  {entry['officer']}  {entry['detail']}"
            for entry in alerts
        )
    )
    stage.expect(
        "one alert names the official who walked through the serials",
        [entry["officer"] for entry in alerts],
        ["curious-1"],
    )
    kinds = {"VERIFY": demo.answered, "VERIFY_BIOMETRIC": demo.captured, "REFUSED": demo.refused}
    for kind, counted in kinds.items():
        found = Counter(
            entry["agency"]
            for entry in entries
            if entry["kind"] == kind and (kind == "VERIFY_BIOMETRIC" or "detail" not in entry)
        )
        stage.expect(f"{kind}: as many entries as questions, {sum(counted.values()):,}", found, counted)
    readings = [entry["detail"] for entry in entries if entry["kind"] == "REFUSED" and "detail" in entry]
    stage.expect(
        "the reading that was refused is an entry too",
        readings,
        [["method=ListEntries", f"reader=agency/{OTHER}"]],
    )
    _show_one(demo, entries)
    _search(demo)


def _entries(demo: Demo) -> list[dict[str, Any]]:
    done = demo.stage.run(AUDITOR, "padan-audit list --limit 0 --json --timeout 10 > all.json")
    demo.stage.expect("each entry fits its public leaf", "each fits its leaf" in done.err)
    with (demo.folder(AUDITOR) / "all.json").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _show_one(demo: Demo, entries: list[dict[str, Any]]) -> None:
    stage = demo.stage
    entry = next(
        entry
        for entry in entries
        if entry.get("officer") == "curious-1" and entry.get("outcome") == "BLOCKED"
    )
    stage.say("One entry, not all of its fields:")
    stage.show("\n".join(f"{name:<15} {entry[name]}" for name in SHOWN))
    stage.say(
        "It says who asked what, under which clause, how often about this resident today, and what was answered. It"
        " does not say about whom: subject is a name for this entry alone, and takes the auditors' key and the"
        " service's to resolve. No NIK, no name that was asked, no value, nothing that the answer did not tell."
    )


def _search(demo: Demo) -> None:
    """Look for every NIK of the population in every file of the service."""
    stage, folder = demo.stage, demo.folder("operator")
    stage.say(
        "And the service's own files: every run of 16 digits in databases, journals and messages, held against all"
        " numbers of the population."
    )
    with (demo.folder("registry") / "people.csv").open(encoding="utf-8", newline="") as stream:
        numbers = {row["NIK"].encode() for row in csv.DictReader(stream)}
    size, found = 0, 0
    others = (folder / "serve.log", demo.folder(AUDITOR) / "all.json")
    for path in (*(folder / "data").rglob("*"), *others):
        if path.is_file():
            size += path.stat().st_size
            found += sum(1 for piece in _runs(path) if piece in numbers)
    stage.expect(
        f"no NIK of {len(numbers):,} stands in {size / 1e6:,.0f} MB of the service's files", found, 0
    )


def _runs(path: Path) -> set[bytes]:
    """Find every run of 16 digits of a file, read piece by piece."""
    runs: set[bytes] = set()
    with path.open("rb") as file:
        kept = b""
        while piece := file.read(1 << 22):
            runs.update(_NUMBER.findall(kept + piece))
            kept = piece[-15:]
    return runs
