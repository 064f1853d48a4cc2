"""What the protection of templates costs and gives: the biometric part of `make evaluate`.

Each set is measured as `padan-server evaluate biometrics` measures it, by the same function, and beyond it: renewal,
several enrolled samples, and attacks with the key and without (`evaluate_inversion`). Error rates have goals where the
set is one that they were set for, by its name; on generated templates they say nothing about people, so only what holds
whatever the templates is a goal there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench import evaluate_inversion, evaluate_pictures, evaluate_samples
from tokenizer.biometrics import binomial, evaluation, suites, templatefile, trial
from tokenizer.biometrics.evaluation import FMR, percent
from tokenizer.biometrics.template import FACE, FINGER, IRIS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tokenizer.biometrics.accuracy import Curve
    from tokenizer.biometrics.evaluation import Evaluation
    from tokenizer.biometrics.templatefile import TemplateSet
    from tokenizer.biometrics.trial import Trial

FILES = {"face.npz": FACE, "fingerprint.npz": FINGER, "iris.npz": IRIS, "iris_mmu2.npz": IRIS}
"""What a folder of data may hold, each with its modality."""
REQUIRED = ("face.npz", "fingerprint.npz", "iris.npz")
HIGHEST = {
    ("face", "eer"): 0.75,
    ("face", "fnmr"): 2.3,
    ("fingerprint", "eer"): 1.6,
    ("iris", "eer"): 0.7,
    ("iris", "fnmr"): 1.0,
}
"""Percent that protected rates may reach, by the set they were set for."""
LOSS = {("fingerprint", "eer"): 0.5, ("fingerprint", "fnmr"): 1.0}
"""Points that protection may cost, against the same pairs without it."""
SIZES = {FACE: 128, FINGER: 2048, IRIS: 4096}
VERDICTS = {True: "reached", False: "MISSED", None: "measured"}
OVER_FLOOR = 0.02
REUSED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure and what it was to reach; `reached` is None where nothing was asked."""

    what: str
    value: float
    unit: str
    aim: str = ""
    reached: bool | None = None
    note: str = ""


def _at_most(what: str, value: float, unit: str, limit: float | None, note: str = "") -> Figure:
    if limit is None:
        return Figure(what=what, value=value, unit=unit, note=note)
    return Figure(
        what=what, value=value, unit=unit, aim=f"at most {limit:g}", reached=value <= limit, note=note
    )


def measure(path: Path, modality: str, pictures: Path) -> Iterator[Figure]:
    """Measure a set and draw it."""
    scheme = suites.enrolling(modality)
    given = templatefile.read(path, modality)
    found = evaluation.evaluate(scheme, given)
    kept = trial.gate(scheme, given)
    enrolled = trial.Trial(scheme, kept)
    name = given.name
    yield from _rates(name, found)
    yield from _linkage(name, found)
    yield _renewal(name, found, enrolled)
    if modality in evaluate_samples.ENROLLED:
        yield from _samples(name, enrolled, kept)
    yield from _inversion(name, found, enrolled, kept)
    evaluate_pictures.draw(found, pictures)


def _rates(name: str, found: Evaluation) -> Iterator[Figure]:
    size, most = found.suite.size, SIZES[found.suite.modality]
    yield _at_most(f"{name}: bytes a reference ({found.suite.name})", size, "B", most)
    refused = found.refused, found.samples
    yield Figure(
        what=f"{name}: refused for quality",
        value=percent(refused[0] / refused[1]),
        unit="%",
        note=f"of {refused[1]}",
    )
    pairs = f"{found.plain.genuine.size:,} genuine, {found.plain.impostors.size:,} impostor pairs"
    for rate, title in (("eer", "EER"), ("fnmr", "FNMR at FMR 0.1 %")):
        plain, protected = (_rate(curve, rate) for curve in (found.plain, found.protected))
        yield Figure(what=f"{name}: {title}, unprotected", value=plain, unit="%", note=pairs)
        yield _at_most(
            f"{name}: {title}, protected",
            protected,
            "%",
            HIGHEST.get((name, rate)),
            _interval(found.protected) if rate == "fnmr" else "",
        )
        yield _at_most(
            f"{name}: {title}, cost of protection", protected - plain, "points", LOSS.get((name, rate))
        )


def _rate(curve: Curve, rate: str) -> float:
    return percent(curve.eer if rate == "eer" else curve.at_fmr(FMR).fnmr)


def _interval(curve: Curve) -> str:
    low, high = curve.at_fmr(FMR).fnmr_interval
    return f"95 %: {100 * low:.2f} to {100 * high:.2f}"


def _linkage(name: str, found: Evaluation) -> Iterator[Figure]:
    link = found.linkage
    yield _at_most(
        f"{name}: D_sys over its floor, fresh keys",
        link.fresh - link.floor,
        "",
        OVER_FLOOR,
        f"D_sys {link.fresh:.4f}, floor {link.floor:.4f}, {link.scores:,} scores",
    )
    yield Figure(
        what=f"{name}: D_sys, one key reused",
        value=link.reused,
        unit="",
        aim=f"at least {REUSED:g}",
        reached=link.reused >= REUSED,
    )


def _renewal(name: str, found: Evaluation, enrolled: Trial) -> Figure:
    """Compare a person's captures, the enrolled one among them, under a renewed key with the old reference."""
    everybody = np.unique(found.pairs.genuine)
    pairs = np.concatenate((found.pairs.genuine, np.stack((everybody, everybody), axis=1)))
    scores = enrolled.renewed(pairs)
    accepted = int(np.sum(scores >= found.protected.at_fmr(FMR).threshold))
    low, high = binomial.interval(accepted, len(pairs))
    return Figure(
        what=f"{name}: renewed key against the old reference",
        value=percent(accepted / len(pairs)),
        unit="%",
        aim="as an impostor: 0.1",
        reached=low <= FMR,
        note=f"95 %: {100 * low:.2f} to {100 * high:.2f}",
    )


def _samples(name: str, enrolled: Trial, kept: TemplateSet) -> Iterator[Figure]:
    count = evaluate_samples.ENROLLED[kept.modality]
    one, several = evaluate_samples.curves(enrolled, kept)
    for title, fmr in (("FMR 1 %", 1e-2), ("FMR 0.1 %", FMR)):
        before, after = (percent(curve.at_fmr(fmr).fnmr) for curve in (one, several))
        yield Figure(
            what=f"{name}: FNMR at {title}, {count} samples enrolled",
            value=after,
            unit="%",
            note=f"one: {before:.2f}; {several.genuine.size:,} genuine, {several.impostors.size:,} impostor tries",
        )


def _inversion(name: str, found: Evaluation, enrolled: Trial, kept: TemplateSet) -> Iterator[Figure]:
    threshold = found.plain.at_fmr(FMR).threshold
    known, unknown = evaluate_inversion.success(enrolled, kept, threshold)
    yield Figure(
        what=f"{name}: rebuilt with the key",
        value=percent(sum(known) / len(known)),
        unit="%",
        note=f"of {len(known)}, accepted against another capture",
    )
    low, high = binomial.interval(sum(unknown), len(unknown))
    yield Figure(
        what=f"{name}: rebuilt without the key",
        value=percent(sum(unknown) / len(unknown)),
        unit="%",
        aim="as an impostor: 0.1",
        reached=low <= FMR,
        note=f"95 %: up to {100 * high:.2f}",
    )


def show(figures: list[Figure]) -> None:
    """Print them as a table."""
    for figure in figures:
        verdict = VERDICTS[figure.reached]
        value = f"{figure.value:.0f}" if figure.unit == "B" else f"{figure.value:.3f}"
        print(
            f"{figure.what:<62} {value:>8} {figure.unit:<6} {figure.aim:<20} {verdict:<8} {figure.note}".rstrip()
        )
