"""All that it takes to try questions with captures on a made-up population: references, captures, sets to calibrate on.

    references.parquet                        captures of residents, as `padan-server reference load` takes them:
                                              a right index finger three times, a face twice, a right iris once
    calibrate-{face,finger,iris}.npz          captures of other people, for `padan-server calibrate templates`
    residents.csv                             nik, and the number of the folder of those whose captures are written:
    captures/N/{face,finger,iris}.bin         a good capture by which N is known, a serialised padan.v1.Template each
    captures/N/finger-worn-{1,2}.bin          two that are too poor to be compared

Whose face it is follows from the seed and the resident's place in the population alone. A good capture is the one of
eight that is most like what is enrolled, so that trials come out as they should: it says nothing about real people.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tokenizer.biometrics import suites, unprotected
from tokenizer.biometrics.scheme import QualityError
from verifier.errors import OperatorError
from verifier.synthetic import residents
from verifier.synthetic.biometrics import archive, captures
from verifier.synthetic.biometrics.faces import Face
from verifier.synthetic.biometrics.fingers import Finger
from verifier.synthetic.biometrics.irises import Iris
from verifier.synthetic.member import ALIVE, LIFE_COLUMN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

EXTRACTOR: Final = "synthetic/1"
ENROLLED: Final = {"finger": 3, "face": 2, "iris": 1}
"""Captures of each modality that are enrolled."""
POSITIONS: Final = {"finger": 2, "face": 0, "iris": 1}
CALIBRATED: Final = 120
"""Other people in each set to calibrate on, with two captures each."""
_TRIES = 8
_FIRST_TRY: Final = 100
"""No capture by this number or a higher one is enrolled."""
_APART: Final = 1_000_003
"""Between the first numbers of two seeds."""


class TrialError(OperatorError):
    """The folder cannot be written, or is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was written.

    Attributes:
        enrolled: residents with references.
        rows: captures in references.parquet.
        visitors: residents whose captures are written.
    """

    enrolled: int
    rows: int
    visitors: int


class Traits:
    """Finger, face and iris of one person.

    Args:
        number: of the person; equal numbers are equal people.
    """

    def __init__(self, number: int) -> None:
        face, finger, iris = Face(number), Finger.of(number), Iris(number)
        self._capture: dict[str, Callable[[int], Any]] = {
            "finger": finger.impression,
            "face": face.capture,
            "iris": iris.capture,
        }

    def enrolled(self, modality: str) -> list[bytes]:
        """Give the captures that are enrolled."""
        return [_written(modality, capture) for capture in self._enrolled(modality)]

    def good(self, modality: str) -> bytes:
        """Give the capture of several that is most like the enrolled ones."""
        capture, before = self._capture[modality], self._enrolled(modality)
        tries, count = [capture(_FIRST_TRY + number) for number in range(_TRIES)], len(before)
        pairs = [(old, count + new) for new in range(_TRIES) for old in range(count)]
        scores = unprotected.scores(modality, [*before, *tries], np.array(pairs))
        return _written(modality, tries[int(scores.reshape(_TRIES, count).mean(axis=1).argmax())])

    def _enrolled(self, modality: str) -> list[Any]:
        """Capture until as many are good enough as are enrolled."""
        captured = (self._capture[modality](number) for number in range(_FIRST_TRY))
        return list(islice((each for each in captured if _is_good(modality, each)), ENROLLED[modality]))

    def worn(self, number: int) -> bytes:
        """Give a capture of the finger that is too poor to be compared."""
        return captures.finger(captures.worn(self._capture["finger"](number)))


def _is_good(modality: str, capture: Any) -> bool:
    try:
        suites.enrolling(modality).prepare(capture)
    except QualityError:
        return False
    return True


def _written(modality: str, capture: Any) -> bytes:
    make: dict[str, Callable[[Any], bytes]] = {
        "finger": captures.finger,
        "face": captures.face,
        "iris": captures.iris,
    }
    return make[modality](capture)


def write(folder: Path, population: Path, *, people: int, visitors: int, seed: int) -> Trial:
    """Write everything into a new folder.

    Args:
        folder: must not be there.
        population: a file of `registry synth`.
        people: how many of its first living residents have references; fewer where it is too small.
        visitors: of how many of these captures are written too.
        seed: any whole number of 0 or more.

    Raises:
        TrialError: the folder cannot be written, or is there already.
        SourceError, FieldMapError: the file is no population.
    """
    niks = list(islice(_living(population), people))
    first = seed * _APART
    known = [Traits(first + place) for place in range(len(niks))]
    try:
        (folder / "captures").mkdir(parents=True)
        rows = _write_references(folder / "references.parquet", niks, known)
        others = range(first + len(niks), first + len(niks) + CALIBRATED)
        archive.write_faces(folder / "calibrate-face.npz", others, 2)
        archive.write_fingers(folder / "calibrate-finger.npz", others, 2)
        archive.write_irises(folder / "calibrate-iris.npz", others, 2)
        with (folder / "residents.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("nik", "captures"))
            writer.writerows((nik, number) for number, nik in enumerate(niks[:visitors], 1))
        for number, traits in enumerate(known[:visitors], 1):
            _write_captures(folder / "captures" / str(number), traits)
    except OSError as error:
        raise TrialError(
            f"{folder}: cannot be written, or is there already ({type(error).__name__})"
        ) from error
    return Trial(enrolled=len(niks), rows=rows, visitors=min(visitors, len(niks)))


def _living(population: Path) -> Iterator[str]:
    seen: set[str] = set()
    for row in residents.read(population):
        if row[LIFE_COLUMN] == ALIVE and row[0] not in seen:
            seen.add(row[0])
            yield row[0]


def _write_references(path: Path, niks: Sequence[str], known: Sequence[Traits]) -> int:
    rows = [
        (nik, modality, POSITIONS[modality], EXTRACTOR, capture)
        for nik, traits in zip(niks, known, strict=True)
        for modality in ENROLLED
        for capture in traits.enrolled(modality)
    ]
    names = ("nik", "modality", "position", "extractor", "template")
    types = (pa.string(), pa.string(), pa.int32(), pa.string(), pa.binary())
    columns = [[row[place] for row in rows] for place in range(len(names))]
    arrays = [pa.array(column, type=kind) for column, kind in zip(columns, types, strict=True)]
    pq.write_table(pa.table(arrays, names=list(names)), path)
    return len(rows)


def _write_captures(folder: Path, traits: Traits) -> None:
    folder.mkdir()
    for modality in ENROLLED:
        (folder / f"{modality}.bin").write_bytes(traits.good(modality))
    for number in (1, 2):
        (folder / f"finger-worn-{number}.bin").write_bytes(traits.worn(number))
