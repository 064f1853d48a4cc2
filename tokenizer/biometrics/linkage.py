"""Whether the references of two databases can be joined by who has no key: measured on references alone.

Two kinds of pairs are scored: references of one person from two captures, and references of two people. The scores go
into D_sys. With fresh keys each enrolment has a key of its own, as in service; with a reused key a person has one key
in both databases, which must show as linkable, or the measure sees nothing. Every pair is enrolled several times under
fresh keys, as long as there are fewer than 20,000 scores, because the estimator's floor falls with their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import numpy as np

from tokenizer.biometrics.face import shape_of
from tokenizer.biometrics.pairs import SEED
from tokenizer.biometrics.template import FACE, FINGER, IRIS
from tokenizer.biometrics.unlinkability import d_sys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tokenizer.biometrics.finger import FingerScheme
    from tokenizer.biometrics.pairs import Pairs
    from tokenizer.biometrics.trial import Trial

    Similarity: TypeAlias = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float64]]

SCORES: Final = 20_000
"""Scores of each kind; more than one round of enrolments where the pairs are fewer."""
_FIRST_RENEWAL: Final = 1000
"""Renewals from here on are the rounds' own, apart from those of the error rates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """What can be linked.

    Attributes:
        fresh: D_sys with a key of its own for each enrolment.
        floor: what the estimator says of two samples of non-mated scores of the same size.
        reused: D_sys where both databases have one key of a person.
        scores: scores on each side of `fresh`.
    """

    fresh: float
    floor: float
    reused: float
    scores: int


def measure(
    trial: Trial, pairs: Pairs, *, modality: str, instances: NDArray[np.int64], seed: int = SEED
) -> Linkage:
    """Measure the linkage between two databases.

    Args:
        trial: enrols the samples.
        pairs: which samples.
        modality: of them.
        instances: which face, finger or eye each sample is of.
        seed: of the choice where there are more pairs than scores.
    """
    random = np.random.default_rng(seed)
    rounds = max(1, -(-SCORES // len(pairs.genuine)))
    wanted = min(len(pairs.genuine), SCORES)
    mated, apart, again = [], [], []
    for turn in range(rounds):
        first, second = (_FIRST_RENEWAL + 2 * turn, _FIRST_RENEWAL + 2 * turn + 1)
        chosen = _drawn(pairs.genuine, wanted, random)
        other = _drawn(pairs.impostors, 2 * wanted, random)
        left = _References(trial, first)
        right = _References(trial, second)
        scores = _compare(modality, left, right, np.concatenate((chosen, other)))
        mated.append(scores[: len(chosen)])
        apart.append(scores[len(chosen) : -wanted])
        again.append(scores[-wanted:])
    side = np.concatenate(mated)
    floor = d_sys(np.concatenate(again), np.concatenate(apart))
    return Linkage(
        fresh=d_sys(side, np.concatenate(apart)),
        floor=floor,
        reused=_reused(trial, pairs, modality, instances, random),
        scores=side.size,
    )


def _reused(
    trial: Trial, pairs: Pairs, modality: str, instances: NDArray[np.int64], random: np.random.Generator
) -> float:
    genuine = _drawn(pairs.genuine, SCORES, random)
    other = _drawn(pairs.impostors, len(genuine), random)
    one_key = _References(trial, 0, holders=_first_samples(instances))
    scores = _compare(modality, one_key, one_key, np.concatenate((genuine, other)))
    return d_sys(scores[: len(genuine)], scores[len(genuine) :])


def _first_samples(instances: NDArray[np.int64]) -> NDArray[np.int64]:
    """Name for each sample the first one of its instance, whose key all of them are enrolled under."""
    _, firsts, which = np.unique(instances, return_index=True, return_inverse=True)
    return firsts[which.ravel()].astype(np.int64)


def _drawn(pairs: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw pairs, in random order; again from the start where there are fewer."""
    turns = [random.permutation(len(pairs)) for _ in range(-(-count // len(pairs)))]
    return pairs[np.concatenate(turns)[:count]]


class _References:
    """The references of one database, each made once.

    Args:
        trial: enrols the samples.
        renewal: under which the keys are drawn.
        holders: whose key each sample is enrolled under; its own where none are given.
    """

    def __init__(self, trial: Trial, renewal: int, *, holders: NDArray[np.int64] | None = None) -> None:
        self.trial = trial
        self._renewal = renewal
        self._holders = holders
        self._made: dict[int, bytes] = {}

    def of(self, samples: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give references, uint8 [n, size]."""
        found = []
        for number in samples:
            sample = int(number)
            if sample not in self._made:
                holder = sample if self._holders is None else int(self._holders[sample])
                key = self.trial.key(holder, self._renewal)
                self._made[sample] = self.trial.reference(sample, key)
            found.append(self._made[sample])
        return np.frombuffer(b"".join(found), dtype=np.uint8).reshape(len(found), -1)


def _compare(
    modality: str, left: _References, right: _References, pairs: NDArray[np.int64]
) -> NDArray[np.float64]:
    parts = np.array_split(pairs, max(1, len(pairs) // _AT_ONCE))
    similarity = _SIMILARITIES[modality](left.trial)
    return np.concatenate([similarity(left.of(part[:, 0]), right.of(part[:, 1])) for part in parts])


_AT_ONCE: Final = 2000


def _faces(trial: Trial) -> Similarity:
    """Compare rotated coefficients: the cosine of the angle between them."""
    shape = shape_of(trial.prepared(0))
    places = 1 << np.arange(shape.bits)[::-1]

    def directions(references: NDArray[np.uint8]) -> NDArray[np.float64]:
        digits = np.unpackbits(references, axis=1).reshape(len(references), shape.size, shape.bits)
        middles = (2 * (digits @ places) + 1 - (1 << shape.bits)).astype(np.float64)
        return np.asarray(middles / np.linalg.norm(middles, axis=1, keepdims=True))

    return lambda left, right: np.asarray(np.einsum("ij,ij->i", directions(left), directions(right)))


def _fingers(trial: Trial) -> Similarity:
    """Compare slots by their signs, as the comparison of a probe does."""
    scheme = cast("FingerScheme", trial.scheme)

    def similarity(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.array([scheme.link(*map(bytes, pair)) for pair in zip(left, right, strict=True)])

    return similarity


def _irises(trial: Trial) -> Similarity:
    """Compare bit by bit."""
    del trial

    def similarity(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float64]:
        differing = np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int64)
        return np.asarray(1 - differing / (8 * left.shape[1]), dtype=np.float64)

    return similarity


_SIMILARITIES: Final[Mapping[str, Callable[[Trial], Similarity]]] = {
    FACE: _faces,
    FINGER: _fingers,
    IRIS: _irises,
}
"""By modality: from a trial, whose scheme says how references are laid out, to what compares two of them."""
