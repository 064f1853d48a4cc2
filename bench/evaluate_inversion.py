"""Attacks on protected references: what of a person can be rebuilt with the key, and without.

The attacker knows the construction, the reference and statistics of a population that the victim is not part of and,
in the first case, the key of the enrolment. What is rebuilt is compared without protection, at the threshold of FMR
0.1 %, with another capture of the victim than the one that was enrolled: an acceptance means that the template is
known for all purposes. Without the key the attacker works with a key of his own; that must succeed as rarely as a
stranger does.

Face: the stored steps turned back, and the best linear estimate under the population's mean and covariance. Finger: for
each slot the best linear estimate of a cylinder from its signs, by the covariance of signs of normal values (Bussgang
1952; the arcsine law). Iris: the pad taken off; the columns that are not kept are taken from their neighbours.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tokenizer.biometrics import unprotected
from tokenizer.biometrics.cylinder import Cylinders
from tokenizer.biometrics.cylindermatch import unprotected as compare_cylinders
from tokenizer.biometrics.face import shape_of
from tokenizer.biometrics.projection import projections
from tokenizer.biometrics.rotation import Rotation
from tokenizer.biometrics.template import FACE, FINGER, IRIS, FaceTemplate, IrisTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey
    from tokenizer.biometrics.finger import FingerScheme
    from tokenizer.biometrics.templatefile import TemplateSet
    from tokenizer.biometrics.trial import Trial

VICTIMS = 200
"""Enrolments that are attacked at most, of as many people as there are."""
_WRONG = 999_999
"""Renewal of the key that an attacker without the key makes up."""


def success(trial: Trial, given: TemplateSet, threshold: float) -> tuple[list[bool], list[bool]]:
    """Attack enrolments.

    Args:
        trial: enrols the samples.
        given: the samples.
        threshold: of the unprotected comparison.

    Returns:
        for each victim whether the rebuilt template was accepted: with the key, and without.
    """
    attack = _ATTACKS[given.modality](trial, given)
    known, unknown = [], []
    for victim, other in _victims(given.instances):
        key = trial.key(victim)
        reference = trial.reference(victim, key)
        known.append(attack(victim, key, reference, other) >= threshold)
        unknown.append(attack(victim, trial.key(victim, _WRONG), reference, other) >= threshold)
    return known, unknown


def _victims(instances: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pick people with two samples: (enrolled, another capture), in turns over the people."""
    turns = []
    for instance in np.unique(instances):
        samples = np.flatnonzero(instances == instance)
        turns += [
            (turn, int(one), int(other)) for turn, (one, other) in enumerate(itertools.pairwise(samples))
        ]
    return [(one, other) for _, one, other in sorted(turns)[:VICTIMS]]


def _faces(trial: Trial, given: TemplateSet) -> Callable[[int, TemplateKey, bytes, int], float]:
    units = np.array([trial.prepared(number) for number in range(len(given.templates))], dtype=np.float64)
    shape = shape_of(trial.prepared(0))
    noise = shape.step**2 / 12 / shape.size

    def attack(victim: int, key: TemplateKey, reference: bytes, other: int) -> float:
        strangers = units[given.instances != given.instances[victim]]
        mean, covariance = strangers.mean(axis=0), np.cov(strangers.T)
        digits = np.unpackbits(np.frombuffer(reference, dtype=np.uint8)).reshape(shape.size, shape.bits)
        levels = digits @ (1 << np.arange(shape.bits)[::-1])
        middles = (2 * levels + 1 - (1 << shape.bits)) / 2 * shape.step / np.sqrt(shape.size)
        axes = Rotation.of(key, size=shape.size, blocks=1).rotate(np.eye(len(mean), dtype=np.float32))
        seen = axes @ middles
        rebuilt = mean + covariance @ np.linalg.solve(covariance + noise * np.eye(len(mean)), seen - mean)
        return _score(given, FaceTemplate(vector=rebuilt.astype(np.float32)), other)

    return attack


def _score(given: TemplateSet, rebuilt: FaceTemplate | IrisTemplate, other: int) -> float:
    return float(unprotected.scores(given.modality, [given.templates[other], rebuilt], np.array([[1, 0]]))[0])


def _fingers(trial: Trial, given: TemplateSet) -> Callable[[int, TemplateKey, bytes, int], float]:
    scheme = cast("FingerScheme", trial.scheme)
    chosen = scheme.parameters
    vectors = [trial.prepared(number).vectors for number in range(len(given.templates))]
    cylinders = [scheme.cylinders(cast("Any", template)) for template in given.templates]
    lengths = np.mean(
        [
            np.linalg.norm((each.values - chosen.means) * each.inside[..., None], axis=(1, 2)).mean()
            for each in cylinders
        ]
    )

    moments = {int(each): _moment(vectors, given.instances == each) for each in np.unique(given.instances)}
    whole = _moment(vectors, np.ones(len(vectors), dtype=np.bool_))

    def attack(victim: int, key: TemplateKey, reference: bytes, other: int) -> float:
        own = moments[int(given.instances[victim])]
        second = (whole[0] - own[0]) / (whole[1] - own[1])  # of strangers alone
        rotation = Rotation.of(key, size=chosen.rotation, blocks=1)
        axes = projections(rotation, np.eye(second.shape[0], dtype=np.float32), count=chosen.bits).astype(
            np.float64
        )
        crossed = second @ axes
        spread = axes.T @ crossed
        scale = np.sqrt(np.diag(spread))
        signs_together = 2 / np.pi * np.arcsin(np.clip(spread / np.outer(scale, scale), -1, 1))
        signs_together += 1e-3 * np.eye(chosen.bits)
        weights = np.sqrt(2 / np.pi) * crossed / scale @ np.linalg.inv(signs_together)
        bits = np.unpackbits(np.frombuffer(reference, dtype=np.uint8)).reshape(chosen.slots, chosen.bits)
        rebuilt = (2.0 * bits - 1) @ weights.T / chosen.scale
        return compare_cylinders(cylinders[other], _as_cylinders(rebuilt, scheme, float(lengths)))

    return attack


def _moment(vectors: list[NDArray[np.float32]], which: NDArray[np.bool_]) -> tuple[NDArray[np.float64], int]:
    """Sum the outer products of some samples' cylinders, and count these."""
    rows = np.concatenate([vectors[number] for number in np.flatnonzero(which)]).astype(np.float64)
    return rows.T @ rows, len(rows)


def _as_cylinders(rebuilt: NDArray[np.float64], scheme: FingerScheme, length: float) -> Cylinders:
    """Read vectors as cylinders of the usual length."""
    shape = scheme.parameters.shape
    flat = rebuilt[:, :-2]
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True) * length
    values = flat.reshape(len(flat), -1, shape.bins) + scheme.parameters.means
    return Cylinders(
        values=np.clip(values, 0, 1),
        inside=np.ones(values.shape[:2], dtype=np.bool_),
        angles=np.arctan2(rebuilt[:, -1], rebuilt[:, -2]),
    )


def _irises(trial: Trial, given: TemplateSet) -> Callable[[int, TemplateKey, bytes, int], float]:
    def attack(victim: int, key: TemplateKey, reference: bytes, other: int) -> float:
        del victim
        pad = np.frombuffer(key.stream(b"iris", len(reference)), dtype=np.uint8)
        planes = np.unpackbits(np.frombuffer(reference, dtype=np.uint8) ^ pad).reshape(2, 64, -1)
        code, mask = np.repeat(planes, 256 // planes.shape[2], axis=2)
        return _score(given, IrisTemplate(code=code, mask=mask), other)

    del trial
    return attack


_ATTACKS: Mapping[str, Callable[[Trial, TemplateSet], Callable[[int, TemplateKey, bytes, int], float]]] = {
    FACE: _faces,
    FINGER: _fingers,
    IRIS: _irises,
}
