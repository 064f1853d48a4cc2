"""References and scores of faces and irises, to the byte: docs/formats/template.md, computed without the packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keys.templatekey import TemplateKey
from tokenizer.biometrics.face import FaceScheme, fuse
from tokenizer.biometrics.iris import IrisScheme
from tokenizer.biometrics.template import FaceTemplate, IrisTemplate

FOLDER = Path(__file__).parents[3] / "vectors"
FACES: dict[str, Any] = json.loads((FOLDER / "face.json").read_text())
IRISES: dict[str, Any] = json.loads((FOLDER / "iris.json").read_text())
FACE, IRIS = FaceScheme(), IrisScheme()


def face(written: str) -> FaceTemplate:
    """Read an embedding."""
    return FaceTemplate(vector=np.frombuffer(bytes.fromhex(written), dtype="<f4"))


def iris(code: str, mask: str) -> IrisTemplate:
    """Read an iris code."""
    planes = [
        np.unpackbits(np.frombuffer(bytes.fromhex(each), dtype=np.uint8)).reshape(64, 256)
        for each in (code, mask)
    ]
    return IrisTemplate(code=planes[0], mask=planes[1])


@pytest.mark.parametrize("name", FACES["faces"])
def test_a_face_becomes_what_is_written(name: str) -> None:
    """The reference, and the score of a probe, for every shape."""
    vector = FACES["faces"][name]
    key = TemplateKey(bytes.fromhex(vector["key"]))
    reference = FACE.protect(FACE.prepare(face(vector["vector"])), key)
    assert reference.hex() == vector["reference"]
    score = FACE.score(FACE.prepare(face(vector["probe"])), key, reference)
    assert score == pytest.approx(vector["score"], abs=1e-5)


def test_captures_of_a_face_become_what_is_written() -> None:
    """The fused embedding, to the last bit."""
    fused = fuse([face(each) for each in FACES["fused"]["vectors"]])
    assert fused.vector.astype("<f4").tobytes().hex() == FACES["fused"]["fused"]


@pytest.mark.parametrize("name", IRISES["irises"])
def test_an_iris_becomes_what_is_written(name: str) -> None:
    """The reference, and the score of a probe."""
    vector = IRISES["irises"][name]
    key = TemplateKey(bytes.fromhex(vector["key"]))
    reference = IRIS.protect(IRIS.prepare(iris(vector["code"], vector["mask"])), key)
    assert reference.hex() == vector["reference"]
    probe = IRIS.prepare(iris(vector["probe_code"], vector["probe_mask"]))
    assert IRIS.score(probe, key, reference) == pytest.approx(vector["score"], abs=1e-11)


def test_the_vectors_are_those_of_these_suites() -> None:
    """A new construction gets a name of its own, and vectors."""
    assert FACES["suite"] == FACE.suite.name
    assert IRISES["suite"] == IRIS.suite.name


@pytest.mark.parametrize("name", ["face", "iris"])
def test_the_generator_writes_the_file_again(name: str, tmp_path: Path) -> None:
    """The committed file is what the generator makes."""
    target = tmp_path / f"{name}.json"
    subprocess.run([sys.executable, FOLDER / f"{name}_generate.py", target], check=True)
    assert target.read_text() == (FOLDER / f"{name}.json").read_text()
