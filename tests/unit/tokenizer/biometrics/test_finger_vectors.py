"""References and scores of fingers, to the byte: what docs/formats/template.md says, computed without the packages."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keys.templatekey import TemplateKey
from tokenizer.biometrics.finger import SUITE, FingerScheme
from tokenizer.biometrics.template import FingerTemplate

FOLDER = Path(__file__).parents[3] / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "finger.json").read_text())
SCHEME = FingerScheme()


def template(written: str) -> FingerTemplate:
    """Read minutiae."""
    return FingerTemplate(minutiae=np.frombuffer(bytes.fromhex(written), dtype="<f4").reshape(-1, 4))


@pytest.mark.parametrize("name", VECTORS["fingers"])
def test_a_finger_becomes_what_is_written(name: str) -> None:
    """Whole-number vectors, the reference, and the score of a probe."""
    vector = VECTORS["fingers"][name]
    key = TemplateKey(bytes.fromhex(vector["key"]))
    prepared = SCHEME.prepare(template(vector["minutiae"]))
    assert len(prepared.vectors) == vector["cylinders"]
    assert hashlib.sha256(prepared.vectors.astype("<i2").tobytes()).hexdigest() == vector["vectors_sha256"]
    reference = SCHEME.protect(prepared, key, random=lambda _: bytes.fromhex(vector["random"]))
    assert reference.hex() == vector["reference"]
    score = SCHEME.score(SCHEME.prepare(template(vector["probe"])), key, reference)
    assert score == pytest.approx(vector["score"], abs=1e-5)


def test_the_vectors_are_those_of_this_suite() -> None:
    """A new construction gets a name of its own, and vectors."""
    assert VECTORS["suite"] == SUITE.name


def test_the_generator_writes_the_file_again(tmp_path: Path) -> None:
    """The committed file is what the generator makes."""
    target = tmp_path / "finger.json"
    subprocess.run([sys.executable, FOLDER / "finger_generate.py", target], check=True)
    assert target.read_text() == (FOLDER / "finger.json").read_text()
