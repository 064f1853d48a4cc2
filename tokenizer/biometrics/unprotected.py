"""What the same pairs score without protection: the baselines that a protected comparison is held against.

Face: cosine of the angle between two embeddings. Finger: minutia cylinder codes and local greedy similarity (MCC,
Cappelli et al. 2010). Iris: fractional Hamming distance over the bits that both masks leave, the least over 31
rotations of the probe, normalised by their number (Daugman, "How iris recognition works", 2004), as 1 - distance.
The higher a score, the more alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from tokenizer.biometrics.cylinder import Cylinders, CylinderShape
from tokenizer.biometrics.cylindermatch import unprotected
from tokenizer.biometrics.template import FACE, FINGER, IRIS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokenizer.biometrics.template import FaceTemplate, FingerTemplate, IrisTemplate, Template

SHIFTS: Final = range(-15, 16)
_MOST_MINUTIAE: Final = 255
_USUAL_BITS: Final = 6000
"""Bits that two good irises have in common, to which a distance over fewer is normalised."""


def scores(modality: str, templates: Sequence[Template], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Score pairs of templates: float64, one a pair."""
    return _COMPARATORS[modality](templates, pairs)


def _faces(templates: Sequence[Template], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    vectors = np.array([cast("FaceTemplate", template).vector for template in templates], dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    parts = np.array_split(pairs, max(1, len(pairs) // _AT_ONCE))
    return np.concatenate([np.einsum("ij,ij->i", vectors[part[:, 0]], vectors[part[:, 1]]) for part in parts])


_AT_ONCE: Final = 20_000


def _irises(templates: Sequence[Template], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    codes = [_words(cast("IrisTemplate", template)) for template in templates]
    found = np.empty(len(pairs))
    order = np.argsort(pairs[:, 1], kind="stable")
    for probe in np.unique(pairs[:, 1]):
        mine = order[
            np.searchsorted(pairs[order, 1], probe) : np.searchsorted(pairs[order, 1], probe, "right")
        ]
        references = np.array([codes[number] for number in pairs[mine, 0]])
        found[mine] = 1 - _distances(cast("IrisTemplate", templates[probe]), references)
    return found


def _words(template: IrisTemplate) -> NDArray[np.uint64]:
    """Pack code and mask: uint64 [2, 256]."""
    return np.packbits(np.stack((template.code, template.mask)).reshape(2, -1), axis=1).view(np.uint64)


def _distances(probe: IrisTemplate, references: NDArray[np.uint64]) -> NDArray[np.float64]:
    best = np.ones(len(references))
    both = np.stack((probe.code, probe.mask))
    for shift in SHIFTS:
        code, mask = np.packbits(np.roll(both, shift, axis=2).reshape(2, -1), axis=1).view(np.uint64)
        shared = references[:, 1] & mask
        bits = np.bitwise_count(shared).sum(axis=1, dtype=np.int64)
        differing = np.bitwise_count((references[:, 0] ^ code) & shared).sum(axis=1, dtype=np.int64)
        distance = differing / np.maximum(bits, 1)
        best = np.minimum(best, 0.5 - (0.5 - distance) * np.sqrt(bits / _USUAL_BITS))
    return best


def _fingers(templates: Sequence[Template], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    cylinders = [
        Cylinders.of(cast("FingerTemplate", template).minutiae, CylinderShape(), at_most=_MOST_MINUTIAE)
        for template in templates
    ]
    return np.array([_alike(cylinders[probe], cylinders[reference]) for reference, probe in pairs])


def _alike(probe: Cylinders, reference: Cylinders) -> float:
    return unprotected(probe, reference) if len(probe) and len(reference) else 0.0


_COMPARATORS: Final[Mapping[str, Callable[[Sequence[Any], NDArray[np.int64]], NDArray[np.float64]]]] = {
    FACE: _faces,
    FINGER: _fingers,
    IRIS: _irises,
}
