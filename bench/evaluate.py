"""`make evaluate`: how well names are told apart and NIKs are read, as a table with what was to be reached.

Without --data on pairs that names_generator makes (2,000 a class, by rules written apart from the normaliser). With
--data DIR also on DIR/name-variants.json and DIR/nik-cases.json; a folder or file that is missing is an error, never a
shorter table. Everything is measured through the command lines, as a user would.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import names_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

REACH = 0.95
"""Share of pairs that the tolerant profile must accept in each class of TOLERANT_CLASSES."""
TOLERANT_CLASSES = names_generator.SAME
TOLERANT_ONLY = ("old_spelling", "muhammad")
"""Classes of which the strict profile accepts nothing."""
DIFFERENT = "person_different"
GENERATED = 2000
GENERATED_TITLE = "generated"
NIK_TODAY = "2026-11-01"
"""The day on which the birth dates of nik-cases.json were worked out."""

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: what was measured, what was to be reached; `reached` is None where nothing was asked."""

    what: str
    good: int
    of: int
    aim: str
    reached: bool | None


def _run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def names(title: str, file: Path) -> Iterator[Line]:
    """Measure one file of pairs of names."""
    levels = json.loads(_run("padan-server", "evaluate", "names", str(file), "--json"))["levels"]
    tolerant, strict = levels["tolerant"]["classes"], levels["strict"]["classes"]
    for name in TOLERANT_CLASSES:
        good, of = tolerant[name]["accepted"], tolerant[name]["pairs"]
        yield Line(what=f"{title}: {name}", good=good, of=of, aim="at least 95 %", reached=good >= REACH * of)
    for level, classes in (("tolerant", tolerant), ("strict", strict)):
        good, of = classes[DIFFERENT]["accepted"], classes[DIFFERENT]["pairs"]
        what = f"{title}: different people, {level}"
        if title == GENERATED_TITLE and level == "tolerant":
            yield Line(what=what, good=good, of=of, aim="(one-letter twins)", reached=None)
        else:
            yield Line(what=what, good=good, of=of, aim="none", reached=good == 0)
    for name in TOLERANT_ONLY:
        good, of = strict[name]["accepted"], strict[name]["pairs"]
        yield Line(what=f"{title}: {name}, strict", good=good, of=of, aim="none", reached=good == 0)


def generated(folder: Path) -> Path:
    """Write a file of generated pairs in the shape of name-variants.json."""
    data: dict[str, Any] = {
        "person_equivalent": [
            [name, one, other, "generated"]
            for name in TOLERANT_CLASSES
            for one, other in names_generator.pairs(name, GENERATED)
        ],
        DIFFERENT: [
            list(pair)
            for name in names_generator.DIFFERENT
            for pair in names_generator.pairs(name, GENERATED)
        ],
    }
    file = folder / "generated.json"
    file.write_text(json.dumps(data, ensure_ascii=False))
    return file


def niks(file: Path) -> Line:
    """Read every NIK of the file through `padan nik` and compare what each case expects."""
    cases = json.loads(file.read_text())["cases"]
    good = 0
    for case in cases:
        found = json.loads(_run("padan", "nik", "--json", "--today", NIK_TODAY, "--", case["nik"]))
        wrong = {key: found.get(key) for key, value in case["expect"].items() if found.get(key) != value}
        good += not wrong
        if wrong:
            print(f"  {case['id']}: expected {case['expect']}, found {wrong}")
    return Line(what="NIK cases", good=good, of=len(cases), aim="all", reached=good == len(cases))


def measure(data: Path | None) -> list[Line]:
    """Measure everything there is data for."""
    with tempfile.TemporaryDirectory() as folder:
        lines = list(names(GENERATED_TITLE, generated(Path(folder))))
    if data is not None:
        lines += [*names("given", data / "name-variants.json"), niks(data / "nik-cases.json")]
    return lines


def main() -> int:
    """Print the table; 0 where everything was reached."""
    parser = argparse.ArgumentParser(description="Measure name matching and the NIK grammar.")
    parser.add_argument("--data", type=Path, help="folder with name-variants.json and nik-cases.json")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    options = parser.parse_args()
    if options.data is not None:
        missing = [
            name for name in ("name-variants.json", "nik-cases.json") if not (options.data / name).is_file()
        ]
        if missing:
            parser.error(f"{options.data}: no {' and no '.join(missing)}")
    lines = measure(options.data)
    if options.json:
        print(
            json.dumps(
                {line.what: {"good": line.good, "of": line.of, "reached": line.reached} for line in lines}
            )
        )
    else:
        for line in lines:
            verdict = {True: "reached", False: "MISSED", None: "measured"}[line.reached]
            print(f"{line.what:<36} {line.good:>6} of {line.of:<6} {line.aim:<18} {verdict}")
    return 1 if any(line.reached is False for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
