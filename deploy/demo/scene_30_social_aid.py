"""A social-aid office: a list with typing errors, dead and doubled people, held against what was planted in it."""

from __future__ import annotations

import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from deploy.demo.demo import Stopwatch
from verifier.synthetic.beneficiaries import Truth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import padan
    from deploy.demo.demo import Demo

TITLE = "social aid: which lines of the list name a living resident? (a thousand, at once)"
AGENCY = "social-aid"
LINES, AT_ONCE = 1_000, 16
TRY = ((AGENCY, "head -3 list.csv"),)

Row = dict[str, str]


def play(demo: Demo) -> None:
    """Ask about every line, sixteen at once, and hold the answers against the truth."""
    stage = demo.stage
    stage.run(
        AGENCY,
        f"padan-server registry beneficiaries list.csv --population ../registry/people.csv --people {LINES}",
    )
    folder = demo.folder(AGENCY)
    lines, truth = _read(folder / "list.csv"), _read(folder / "list.truth.csv")
    stage.say(
        f"Through the Python client, {AT_ONCE} questions at once. The office knows its list alone; the truth is for us."
    )
    stage.show(
        "client.verify(nik=…, claims={'name': …, 'birth_date': …, 'alive': 'true'}, purpose='beneficiary-list', …)"
    )
    watch = Stopwatch()
    with demo.client(AGENCY) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda line: _ask(demo, client, watch, line), lines))
    seen: set[str] = set()
    for number, line in enumerate(lines):
        if line["NIK"] in seen and found[number] == "confirmed":
            found[number] = "confirmed, but twice in the list"
        seen.add(line["NIK"])
    table = Counter((row["TRUTH"], verdict) for row, verdict in zip(truth, found, strict=True))
    stage.show("\n".join(["", f"{'planted':<18}{'lines':>6}  found", *_rows(table)]))
    _judge(demo, table)
    stage.figure(f"answers, {AT_ONCE} questions at once", watch.rate)
    stage.figure(f"an answer, {AT_ONCE} at once (p50)", watch.p50)


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _ask(demo: Demo, client: padan.Client, watch: Stopwatch, line: Row) -> str:
    """Ask about one line, and say what the office learns."""
    with watch.call():
        answer = demo.ask(
            client,
            AGENCY,
            nik=line["NIK"],
            claims={"name": line["NAMA"], "birth_date": line["TGL_LHR"], "alive": "true"},
            purpose="beneficiary-list",
            officer="list-1",
        )
    if answer.confirmed:
        return "confirmed"
    name, birth_date, alive = (verdict.name for verdict in answer.verdicts.values())
    if name == "NO_MATCH":
        return "number and name do not fit"
    if alive == "NO_MATCH":
        return "not alive"
    return "another birth date" if birth_date == "NO_MATCH" else f"{name} {birth_date} {alive}"


def _rows(table: Mapping[tuple[str, str], int]) -> list[str]:
    return [f"{planted:<18}{count:>6}  {verdict}" for (planted, verdict), count in sorted(table.items())]


def _judge(demo: Demo, table: Mapping[tuple[str, str], int]) -> None:
    """Every kind of line must be found as what it is; typing errors are forgiven or not, but never mistaken."""
    must = {
        Truth.RIGHT: {"confirmed"},
        Truth.NAME_TYPO: {"confirmed", "number and name do not fit"},
        Truth.OTHER_NAME: {"number and name do not fit"},
        Truth.OTHER_BIRTH_DATE: {"another birth date"},
        Truth.DEAD: {"not alive"},
        Truth.DOUBLED: {"confirmed, but twice in the list"},
        Truth.UNKNOWN_NIK: {"number and name do not fit"},
    }
    for kind, verdicts in must.items():
        found = {verdict for planted, verdict in table if planted == kind}
        demo.stage.expect(f"{kind}: {' or '.join(sorted(verdicts))}", found - verdicts, set())
    forgiven = table.get((Truth.NAME_TYPO, "confirmed"), 0)
    typos = sum(count for (planted, _), count in table.items() if planted == Truth.NAME_TYPO)
    demo.stage.say(
        f"{forgiven} of {typos} typing errors were forgiven; the office asks the others again. No other name was ever"
        " taken for right."
    )
