"""Captures of faces that nobody has, and the files that a registry writes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from padan.v1 import biometric_pb2
from tokenizer.biometrics import suites
from tokenizer.biometrics.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from verifier.reference.references import Candidate

EXTRACTOR = "drawn/1.0"
LENGTH = 128
Row = dict[str, object]


def face(person: int, capture: int = 0, *, noise: float = 0.5) -> bytes:
    """Draw a face: the same direction for each capture of a person, with noise."""
    own = np.random.default_rng(person).standard_normal(LENGTH)
    drawn = own + noise * np.random.default_rng((person, capture, 7)).standard_normal(LENGTH)
    embedding = biometric_pb2.Embedding(
        element_type=biometric_pb2.ELEMENT_TYPE_FLOAT32,
        shape=[LENGTH],
        elements=drawn.astype("<f4").tobytes(),
    )
    return biometric_pb2.Template(embedding=embedding, quality=80).SerializeToString()


def row(nik: str, template: bytes, **others: object) -> Row:
    """Make a row of a face."""
    made: Row = {"nik": nik, "modality": "face", "position": 0, "extractor": EXTRACTOR, "template": template}
    return {**made, **others}


def write(path: Path, rows: Iterable[Row]) -> Path:
    """Write a registry's file."""
    listed = list(rows)
    columns = {name: [each.get(name) for each in listed] for name in listed[0]}
    if any(isinstance(each, str) for each in columns["position"]):
        columns["position"] = [str(each) for each in columns["position"]]
    pq.write_table(pa.table(columns), path, row_group_size=64)
    return path


def score(
    agent: LocalKeyAgent, candidate: Candidate, template: bytes, *, extractor: str = EXTRACTOR
) -> float:
    """Compare a probe with a candidate, as a question does."""
    reference = candidate.reference
    scheme = suites.scheme_numbered(reference.suite)
    key = agent.templates(reference.key_id).derive(
        suite=scheme.suite.name,
        modality="face",
        extractor=extractor,
        draw=reference.draw,
        renewal=reference.renewal,
    )
    return scheme.score(scheme.prepare(read(template, "face").template), key, reference.protected)
