"""Draws what was measured: the trade between the two errors (DET curves), and where the scores lie (histograms)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from tokenizer.biometrics.accuracy import Curve
    from tokenizer.biometrics.evaluation import Evaluation

_BINS = 80


def draw(found: Evaluation, folder: Path) -> list[Path]:
    """Draw both pictures of a set into a folder; gives their paths."""
    sides = {"unprotected": found.plain, f"protected ({found.suite.name})": found.protected}
    return [_det(found, sides, folder), _histograms(found, sides, folder)]


def _det(found: Evaluation, sides: dict[str, Curve], folder: Path) -> Path:
    figure, axes = plt.subplots(figsize=(6, 6))
    lowest = 1.0
    for name, curve in sides.items():
        fmr, fnmr = curve.rates()
        seen = (fmr > 0) & (fnmr > 0)
        axes.plot(100 * fmr[seen], 100 * fnmr[seen], label=name)
        lowest = min(lowest, 1 / curve.impostors.size, 1 / curve.genuine.size)
    for level in (0.1, 0.01):
        axes.axvline(level, color="grey", linewidth=0.6, linestyle="dotted")
    axes.plot([100 * lowest, 100], [100 * lowest, 100], color="grey", linewidth=0.6)
    axes.set(xscale="log", yscale="log", xlim=(100 * lowest, 100), ylim=(100 * lowest, 100))
    axes.set(xlabel="FMR, %", ylabel="FNMR, %", title=f"{found.name}: DET curve")
    axes.legend()
    return _save(figure, folder / f"{found.name}-det.png")


def _histograms(found: Evaluation, sides: dict[str, Curve], folder: Path) -> Path:
    figure, rows = plt.subplots(len(sides), 1, figsize=(7, 7))
    for axes, (name, curve) in zip(rows, sides.items(), strict=True):
        low = min(curve.genuine[0], curve.impostors[0])
        bins = np.linspace(low, max(curve.genuine[-1], curve.impostors[-1]), _BINS)
        axes.hist(curve.impostors, bins=bins, density=True, alpha=0.6, label="two people")
        axes.hist(curve.genuine, bins=bins, density=True, alpha=0.6, label="one person")
        axes.axvline(curve.at_fmr(1e-3).threshold, color="black", linewidth=0.8, label="FMR 0.1 %")
        axes.set(title=f"{found.name}, {name}", yticks=[], xlabel="score")
        axes.legend()
    return _save(figure, folder / f"{found.name}-scores.png")


def _save(figure: Figure, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
