"""What captures stand on: a key, made-up references of some residents, thresholds; set up as an operator would."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

from deploy.demo.installation import OPERATOR, REGISTRY_FOLDER
from deploy.demo.stage import Clock

if TYPE_CHECKING:
    from deploy.demo.people import People
    from deploy.demo.stage import Stage

HOSPITAL = "hospital"
EXTRACTOR = "synthetic/1"
ENROLLED, VISITORS = 100, 3
_REFERENCES_EACH = 5
"""Three of a finger, one of a face, one of an iris."""
_MADE = f"../{REGISTRY_FOLDER}/made"
_SUBSTANTIAL = f"--extractor {EXTRACTOR} --level substantial --impostors 3000 --out thresholds.json"


def set_up(stage: Stage, *, seed: int) -> None:
    """Make captures up, calibrate on some and load the others, into the population that is there."""
    stage.heading("faces and fingers that nobody has: a key, thresholds, references")
    clock = Clock()
    made = stage.run(OPERATOR, "padan-keys create biometric")
    stage.run(OPERATOR, f"padan-keys activate biometric {made.out.split()[2].rstrip(':')}")
    stage.say("What a fictional registry would have enrolled. It says nothing about real people.")
    whom = f"--population people.csv --people {ENROLLED} --visitors {VISITORS} --seed {seed}"
    stage.run(REGISTRY_FOLDER, f"padan-server registry captures made {whom}")
    stage.say(
        "How alike is alike enough? At the level substantial one of 1,000 other people at most is taken for the"
        " resident; what that takes is measured, on others than those who come."
    )
    for modality in ("finger", "face"):
        sample = f"{_MADE}/calibrate-{modality}.npz --modality {modality}"
        stage.run(OPERATOR, f"padan-server calibrate templates {sample} {_SUBSTANTIAL}")
    stage.run(OPERATOR, "echo 'biometric_thresholds = \"thresholds.json\"' >> padan.toml")
    stage.say(
        "Each reference is stored as what a key of its own makes of it; without the key it shows nothing."
    )
    done = stage.run(OPERATOR, f"padan-server reference load {_MADE}/references.parquet")
    stage.expect(
        "everybody's finger, face and iris is stored",
        f"{_REFERENCES_EACH * ENROLLED:,} references stored, 0 rows rejected" in done.out,
    )
    stage.figure("references: key, captures, thresholds, load", f"{clock.seconds:.1f} s")


def visitors(stage: Stage, people: People) -> list[str]:
    """Let those who come again into the hospital, and no other scene; their captures lie in its folders patient-N."""
    made, hospital = stage.root / REGISTRY_FOLDER / "made", stage.root / HOSPITAL
    with (made / "residents.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        shutil.copytree(made / "captures" / row["captures"], hospital / f"patient-{row['captures']}")
    return [people.named(row["nik"]).nik for row in rows]
