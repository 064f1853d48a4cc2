"""Captures of faces and fingers that nobody has, and the files that a registry writes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from padan.biometric import template
from padan.biometric.record import Minutia, Record, Standard, View
from padan.v1 import biometric_pb2
from tokenizer.biometrics import suites
from tokenizer.biometrics.reading import read
from verifier.synthetic.biometrics.fingers import Finger

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


def finger(person: int, capture: int, *, position: int = 2) -> bytes:
    """Draw an impression of a generated finger."""
    drawn = Finger.of(person).impression(capture).minutiae
    places = np.clip(drawn[:, :2].round().astype(int), 0, 999)
    minutiae = tuple(
        Minutia(x=int(x), y=int(y), angle=Standard.ISO_2005.angle(float(angle)), quality=80)
        for (x, y), angle in zip(places, drawn[:, 2], strict=True)
    )
    view = View(width=1_000, height=1_000, position=position, minutiae=minutiae)
    record = Record(standard=Standard.ISO_2005, views=(view,))
    return template.finger(record).SerializeToString()


def row(nik: str, capture: bytes, **others: object) -> Row:
    """Make a row of a face."""
    made: Row = {"nik": nik, "modality": "face", "position": 0, "extractor": EXTRACTOR, "template": capture}
    return {**made, **others}


def write(path: Path, rows: Iterable[Row]) -> Path:
    """Write a registry's file."""
    listed = list(rows)
    columns = {name: [each.get(name) for each in listed] for name in listed[0]}
    if any(isinstance(each, str) for each in columns["position"]):
        columns["position"] = [str(each) for each in columns["position"]]
    pq.write_table(pa.table(columns), path, row_group_size=64)
    return path


def score(agent: LocalKeyAgent, candidate: Candidate, probe: bytes, *, extractor: str = EXTRACTOR) -> float:
    """Compare a probe with a candidate, as a question does."""
    reference = candidate.reference
    scheme = suites.scheme_numbered(reference.suite)
    key = agent.templates(reference.key_id).derive(
        suite=scheme.suite.name,
        modality=scheme.suite.modality,
        extractor=extractor,
        draw=reference.draw,
        renewal=reference.renewal,
    )
    return scheme.score(scheme.prepare(read(probe, scheme.suite.modality).template), key, reference.protected)
