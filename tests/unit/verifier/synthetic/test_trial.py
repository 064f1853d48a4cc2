"""Made-up captures of a made-up population: everything that questions with captures are tried with."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from keys.templatekey import TemplateKey
from tests.simulator.terminal import run
from tokenizer.biometrics import suites, templatefile
from tokenizer.biometrics.reading import read
from tokenizer.biometrics.scheme import QualityError
from verifier.cli.server import main
from verifier.projector.columns import COLUMNS
from verifier.reference.source import ReferenceFile
from verifier.synthetic import output
from verifier.synthetic.biometrics import trial
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.synthetic.biometrics.trial import Trial

PEOPLE, VISITORS = 4, 2
KEY = TemplateKey(bytes(range(32)))
APART = {"finger": 0.44, "face": 0.7, "iris": 0.66}
"""What two people reach at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was written, and from what."""

    population: Path
    folder: Path
    said: Trial

    def capture(self, number: int, name: str) -> bytes:
        """Read a visitor's capture."""
        return (self.folder / "captures" / str(number) / f"{name}.bin").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Write a population with faults, and captures of it."""
    folder = tmp_path_factory.mktemp("trial")
    population = folder / "people.csv"
    output.write(population, COLUMNS, Population(people=300, seed=5).rows(Tally()))
    said = trial.write(folder / "made", population, people=PEOPLE, visitors=VISITORS, seed=1)
    return Made(population=population, folder=folder / "made", said=said)


def score(modality: str, enrolled: bytes, probe: bytes) -> float:
    """Compare as the service does."""
    scheme = suites.enrolling(modality)
    reference, seen = (scheme.prepare(read(each, modality).template) for each in (enrolled, probe))
    return scheme.score(seen, KEY, scheme.protect(reference, KEY))


def test_references_are_of_living_residents_and_of_the_loaders_layout(made: Made) -> None:
    """Each of the first living residents has a finger three times, a face twice and an iris, in a file that loads."""
    table = pq.read_table(made.folder / "references.parquet").to_pylist()
    assert ReferenceFile.open(made.folder / "references.parquet").rows == len(table) == made.said.rows
    assert len(table) == PEOPLE * 6
    with made.population.open(newline="") as file:
        alive = {row["NIK"] for row in csv.DictReader(file) if row["STATUS_HIDUP"] == "1"}
    assert len({row["nik"] for row in table}) == PEOPLE
    assert {row["nik"] for row in table} <= alive
    for row in table:
        assert read(row["template"], row["modality"]).position == row["position"]


@pytest.mark.parametrize("modality", ["finger", "face", "iris"])
def test_a_good_capture_is_of_its_resident(made: Made, modality: str) -> None:
    """It is as alike as one person's captures are, and to nobody else's reference."""
    rows = pq.read_table(made.folder / "references.parquet").to_pylist()
    with (made.folder / "residents.csv").open(newline="") as file:
        visitors = {row["nik"]: int(row["captures"]) for row in csv.DictReader(file)}
    assert len(visitors) == VISITORS
    for nik, number in visitors.items():
        own = [row["template"] for row in rows if (row["nik"], row["modality"]) == (nik, modality)]
        others = [row["template"] for row in rows if row["nik"] != nik and row["modality"] == modality]
        capture = made.capture(number, modality)
        assert max(score(modality, each, capture) for each in own) > APART[modality]
        assert max(score(modality, each, capture) for each in others) < APART[modality]


def test_a_worn_finger_is_too_poor(made: Made) -> None:
    """Both bad captures are templates, and refused for their quality."""
    for name in ("finger-worn-1", "finger-worn-2"):
        template = read(made.capture(1, name), "finger").template
        with pytest.raises(QualityError):
            suites.enrolling("finger").prepare(template)


@pytest.mark.parametrize("modality", ["finger", "face", "iris"])
def test_sets_to_calibrate_on_are_enough_for_the_level_substantial(made: Made, modality: str) -> None:
    """So many people that there are 3,000 comparisons of two and 100 of one, and all captures good enough."""
    found = templatefile.read(made.folder / f"calibrate-{modality}.npz", modality)
    assert len(set(found.instances.tolist())) == trial.CALIBRATED >= 100
    for each in found.templates[:20]:
        suites.enrolling(modality).prepare(each)


def test_the_command_says_what_it_wrote_and_writes_nothing_over(made: Made, tmp_path: Path) -> None:
    """The same seed gives the same file; a folder that is there is left alone, with what to do."""
    words = ("registry", "captures", "--population", str(made.population), "--people", str(PEOPLE))
    done = run(main, *words, "--visitors", "0", "--json", str(tmp_path / "new"))
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["enrolled"], said["rows"], said["visitors"]) == (PEOPLE, PEOPLE * 6, 0)
    before, again = (folder / "references.parquet" for folder in (made.folder, tmp_path / "new"))
    assert pq.read_table(before).equals(pq.read_table(again))
    done = run(main, *words, str(tmp_path / "new"))
    assert done.code != 0
    assert "a folder that is not there yet" in done.err
