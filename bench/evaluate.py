"""`make evaluate`: how well names, NIKs and biometric templates are told apart, as tables with what was to be reached.

Names without --data on pairs that names_generator makes (2,000 a class, by rules written apart from the normaliser),
with --data DIR also on DIR/name-variants.json and DIR/nik-cases.json, through the command lines, as a user would.
Templates (`evaluate_templates`) without --data on generated ones, with it on the .npz files in DIR or DIR/biometrics
instead. A folder may have one kind alone; a file of a kind that is missing is an error, never a shorter table.
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

from bench import evaluate_generated, evaluate_templates, names_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.evaluate_templates import Figure

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

NAMES, NIKS = "name-variants.json", "nik-cases.json"

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
    """Measure the names there are."""
    with tempfile.TemporaryDirectory() as folder:
        lines = list(names(GENERATED_TITLE, generated(Path(folder))))
    if data is not None and (data / NAMES).is_file():
        lines += [*names("given", data / NAMES), niks(data / NIKS)]
    return lines


def templates(data: Path | None, pictures: Path) -> Iterator[Figure]:
    """Measure the templates there are: those given, or generated ones."""
    if data is not None:
        folder = _templates_in(data)
        files = [folder / name for name in evaluate_templates.FILES if (folder / name).is_file()]
        for file in files:
            yield from evaluate_templates.measure(file, evaluate_templates.FILES[file.name], pictures)
        return
    with tempfile.TemporaryDirectory() as made:
        evaluate_generated.write(Path(made))
        for file in sorted(Path(made).iterdir()):
            modality = evaluate_templates.FILES[file.name.removeprefix("generated-")]
            yield from evaluate_templates.measure(file, modality, pictures)


def _templates_in(data: Path) -> Path:
    below = data / "biometrics"
    return below if below.is_dir() else data


def _has_templates(data: Path | None) -> bool:
    return data is None or (_templates_in(data) / evaluate_templates.REQUIRED[0]).is_file()


def _missing(data: Path) -> list[str]:
    """Name the files that a folder lacks: of each kind that it has any of, and of both where it has neither."""
    folder = _templates_in(data)
    kinds = [
        [data / NAMES, data / NIKS],
        [folder / name for name in evaluate_templates.REQUIRED],
    ]
    begun = [kind for kind in kinds if any(path.is_file() for path in kind)]
    return [path.name for kind in begun or kinds for path in kind if not path.is_file()]


def main() -> int:
    """Print the tables; 0 where everything was reached."""
    parser = argparse.ArgumentParser(
        description="Measure name matching, the NIK grammar and biometric protection."
    )
    parser.add_argument(
        "--data",
        type=Path,
        help=f"folder with {NAMES} and {NIKS}, and with {', '.join(evaluate_templates.REQUIRED)} there or in "
        "biometrics/; it may have one kind alone",
    )
    parser.add_argument("--only", choices=("names", "biometrics"), help="measure one kind alone")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures; by default a fresh one")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the tables")
    options = parser.parse_args()
    missing = [] if options.data is None else _missing(options.data)
    if missing:
        parser.error(f"{options.data}: no {' and no '.join(missing)}")
    if options.only == "biometrics" and not _has_templates(options.data):
        parser.error(f"{options.data}: no {evaluate_templates.REQUIRED[0]}, there or in biometrics/")
    lines = [] if options.only == "biometrics" else measure(options.data)
    figures = []
    pictures = options.pictures
    if options.only != "names" and _has_templates(options.data):
        pictures = pictures or Path(tempfile.mkdtemp(prefix="padan-evaluate-"))
        pictures.mkdir(parents=True, exist_ok=True)
        figures = list(templates(options.data, pictures))
    _print(lines, figures, as_json=options.json)
    if figures and not options.json:
        print(f"pictures: {pictures}")
    reached = [line.reached for line in lines] + [figure.reached for figure in figures]
    return 1 if False in reached else 0


def _print(lines: list[Line], figures: list[Figure], *, as_json: bool) -> None:
    if as_json:
        counted = {line.what: {"good": line.good, "of": line.of, "reached": line.reached} for line in lines}
        measured = {
            figure.what: {"value": figure.value, "unit": figure.unit, "reached": figure.reached}
            for figure in figures
        }
        print(json.dumps(counted | measured))
        return
    for line in lines:
        print(
            f"{line.what:<36} {line.good:>6} of {line.of:<6} {line.aim:<18} {evaluate_templates.VERDICTS[line.reached]}"
        )
    evaluate_templates.show(figures)


if __name__ == "__main__":
    sys.exit(main())
