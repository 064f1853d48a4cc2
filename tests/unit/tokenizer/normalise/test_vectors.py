"""Golden vectors of the normaliser."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizer import normalise
from tokenizer.attribute import Kind
from tokenizer.suite import SUITE

VECTORS = Path(__file__).parents[3] / "vectors" / "tokenizer.json"


def test_normal_forms_are_those_of_the_vectors() -> None:
    """A change of any form is a change of the normaliser's version, and of this file."""
    data = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert data["normaliser"] == normalise.VERSION
    assert data["suite"] == SUITE.number
    for case in data["forms"]:
        found = normalise.forms(Kind[case["kind"].upper()], case["text"])
        assert found == (case["strict"], tuple(case["words"]), case["joined"])
