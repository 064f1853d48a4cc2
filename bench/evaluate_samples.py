"""What several enrolled samples gain: two faces become one reference, three fingers one each, and the best counts.

Of every person the first samples are enrolled and the later ones are probes; the same probes are compared with the
first sample alone. Impostors are everybody else's probes, of the same sensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokenizer.biometrics.accuracy import Curve
from tokenizer.biometrics.face import fuse
from tokenizer.biometrics.pairs import SEED
from tokenizer.biometrics.template import FACE, FaceTemplate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokenizer.biometrics.templatefile import TemplateSet
    from tokenizer.biometrics.trial import Trial

ENROLLED = {"face": 2, "finger": 3}
"""Samples that are enrolled, by modality; of an iris one is."""
_IMPOSTORS = 20_000


def curves(trial: Trial, given: TemplateSet) -> tuple[Curve, Curve]:
    """Measure one enrolled sample and several, on the same probes."""
    count = ENROLLED[given.modality]
    galleries, probes = _split(given.instances, count)
    random = np.random.default_rng(SEED)
    sides: dict[int, tuple[list[float], list[float]]] = {1: ([], []), count: ([], [])}
    every = np.concatenate(list(probes.values()))
    strangers = max(1, _IMPOSTORS // len(galleries))
    for instance, gallery in galleries.items():
        other = every[
            (given.instances[every] != instance) & (given.groups[every] == given.groups[gallery[0]])
        ]
        other = random.permutation(other)[:strangers]
        for samples, side in sides.items():
            for scores, tries in zip(side, (probes[instance], other), strict=True):
                scores.extend(_best(trial, given, gallery[:samples], tries))
    one, several = (Curve.of(*sides[samples]) for samples in (1, count))
    return one, several


def _split(
    instances: NDArray[np.int64], count: int
) -> tuple[dict[int, NDArray[np.int64]], dict[int, NDArray[np.int64]]]:
    galleries, probes = {}, {}
    for instance in np.unique(instances):
        samples = np.flatnonzero(instances == instance)
        if len(samples) > count:
            galleries[int(instance)], probes[int(instance)] = samples[:count], samples[count:]
    return galleries, probes


def _best(
    trial: Trial, given: TemplateSet, gallery: NDArray[np.int64], probes: NDArray[np.int64]
) -> list[float]:
    """Score probes against what is enrolled of one person, under one key."""
    key = trial.key(int(gallery[0]))
    if given.modality == FACE and len(gallery) > 1:
        captures = [given.templates[number] for number in gallery]
        fused = fuse([capture for capture in captures if isinstance(capture, FaceTemplate)])
        references = [trial.scheme.protect(trial.scheme.prepare(fused), key)]
    else:
        references = [trial.reference(int(number), key) for number in gallery]
    prepared = [trial.prepared(int(number)) for number in probes]
    return [max(trial.scheme.score(probe, key, reference) for reference in references) for probe in prepared]
