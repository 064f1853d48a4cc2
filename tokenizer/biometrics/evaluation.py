"""What the protection of a modality costs and gives, on a set of samples: error rates before and after, and linkage.

Both columns are of the same pairs, after the same quality gate: all genuine pairs, and a fixed random choice of
impostor pairs. Protected scores are of the service's own flow (`trial`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tokenizer.biometrics import linkage, pairs, templatefile, trial, unprotected
from tokenizer.biometrics.accuracy import Curve
from tokenizer.biometrics.template import FACE, FINGER, IRIS, elements_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from tokenizer.biometrics.linkage import Linkage
    from tokenizer.biometrics.pairs import Pairs
    from tokenizer.biometrics.scheme import Scheme, Suite
    from tokenizer.biometrics.templatefile import TemplateSet

IMPOSTORS: Final[Mapping[str, int]] = MappingProxyType({FACE: 200_000, FINGER: 40_000, IRIS: 40_000})
"""Impostor pairs at most, by modality: what one core compares in a few minutes."""
FMR: Final = 1e-3
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evaluation:
    """What was measured.

    Attributes:
        name: of the set.
        suite: of the scheme.
        samples: in the set.
        refused: of them, for their quality.
        pairs: that were compared, by the numbers of the samples that were kept.
        plain: the curve without protection.
        protected: the curve of the service's flow.
        linkage: between references.
    """

    name: str
    suite: Suite
    samples: int
    refused: int
    pairs: Pairs
    plain: Curve
    protected: Curve
    linkage: Linkage

    def as_dict(self) -> dict[str, Any]:
        """Give the figures as they are printed: rates in percent."""
        return {
            "modality": self.suite.modality,
            "set": self.name,
            "suite": self.suite.name,
            "bytes": self.suite.size,
            "refused_quality": percent(self.refused / self.samples),
            "unprotected": _rates(self.plain),
            "protected": {
                **_rates(self.protected),
                "d_sys": round(self.linkage.fresh, _DIGITS),
                "d_sys_floor": round(self.linkage.floor, _DIGITS),
                "d_sys_reused_key": round(self.linkage.reused, _DIGITS),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Measured:
    """The protected comparison alone.

    Attributes:
        curve: of the service's flow.
        people: different pairs of people among the impostor pairs.
        elements: of each embedding; None of other templates.
    """

    curve: Curve
    people: int
    elements: int | None


def percent(share: float) -> float:
    """Write a share of 1 in percent."""
    return round(100 * share, _DIGITS)


def _rates(curve: Curve) -> dict[str, float]:
    return {"eer": percent(curve.eer), "fnmr_at_fmr_1e-3": percent(curve.at_fmr(FMR).fnmr)}


def evaluate(scheme: Scheme, given: TemplateSet, *, impostors: int | None = None) -> Evaluation:
    """Measure a set.

    Args:
        scheme: the protection.
        given: the samples.
        impostors: pairs at most; by default `IMPOSTORS`.

    Raises:
        TemplateFileError: a sample is none of the modality.
        PairsError: too few samples are good enough.
    """
    kept = trial.gate(scheme, given)
    chosen = _pairs(kept, impostors)
    enrolled = trial.Trial(scheme, kept)
    return Evaluation(
        name=given.name,
        suite=scheme.suite,
        samples=len(given.templates),
        refused=len(given.templates) - len(kept.templates),
        pairs=chosen,
        plain=_curve(partial(unprotected.scores, kept.modality, kept.templates), chosen),
        protected=_curve(enrolled.scores, chosen),
        linkage=linkage.measure(enrolled, chosen, modality=kept.modality, instances=kept.instances),
    )


def protected(
    scheme: Scheme, given: TemplateSet, *, extractor: str, impostors: int | None = None
) -> Measured:
    """Measure the protected comparison alone, to calibrate on it: each two people once before any two again.

    Args:
        scheme: the protection.
        given: the samples, no two of them copies.
        extractor: "NAME/VERSION" that keys are bound to.
        impostors: pairs at most; by default `IMPOSTORS`.

    Raises:
        TemplateFileError: a sample is none of the modality, or a copy of another one.
        PairsError: too few samples are good enough.
    """
    templatefile.require_distinct(given)
    kept = trial.gate(scheme, given)
    chosen = _pairs(kept, impostors, spread=True)
    curve = _curve(trial.Trial(scheme, kept, extractor=extractor).scores, chosen)
    return Measured(
        curve=curve,
        people=pairs.people(chosen.impostors, kept.instances),
        elements=elements_of(kept.templates[0]),
    )


def _pairs(kept: TemplateSet, impostors: int | None, *, spread: bool = False) -> Pairs:
    wanted = impostors or IMPOSTORS[kept.modality]
    return pairs.choose(kept.instances, kept.groups, impostors=wanted, spread=spread)


def _curve(scores: Callable[[NDArray[np.int64]], NDArray[np.float64]], chosen: Pairs) -> Curve:
    return Curve.of(scores(chosen.genuine), scores(chosen.impostors))
