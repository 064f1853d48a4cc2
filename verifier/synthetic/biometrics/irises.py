"""Generated irises: a statistical model of iris codes and of how captures of one eye differ. No person's data.

The eye, once for each: a code is the sign of smooth noise around the pupil, one field for each of two filters and two
parts (real and imaginary), alike along columns and rings over such lengths that two eyes differ as binomials of 249
trials do: J. Daugman, "The importance of being random: statistical principles of iris recognition", Pattern
Recognition 36(2), 2003, over 9.1 million pairs of eyes.

A capture: the field with noise of the same smoothness, so that bits near the sign's change are fragile ones (K.
Hollingsworth, K. Bowyer and P. Flynn, "The best bits in an iris code", IEEE TPAMI 31(6), 2009). Two captures differ in
a share of their bits that is 0.11 in the mean, with a spread of 0.065, as J. Daugman has it for cameras that are not
ideal, "How iris recognition works", IEEE TCSVT 14(1), 2004. The eye is turned; the pupil's middle is found a little
beside where it is, which moves the texture along and across the rings as a wave around the pupil does; lids cover arcs
of the outer rings above and below.

The parameters are those of `IrisModel`. Those of the turn, the middle and the lids are round numbers, fitted to
nobody's eyes; error rates measured on generated irises say nothing about real ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenizer.biometrics.template import IrisTemplate

FILTERS, RINGS, PARTS, COLUMNS = 2, 16, 2, 256
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class IrisModel:
    """The parameters.

    Attributes:
        along: how far the field is alike along columns: the width of the Gaussian that smooths it.
        across: the same across rings.
        differs: the share of bits in which two captures differ, its mean.
        differs_spread: its spread.
        turned: spread of how an eye is turned, in columns of 1.4 degrees.
        beside: spread of how far the pupil's middle is missed, in rings.
        beside_columns: columns that the texture moves along for each ring that the middle is missed by.
        covered: how far the upper lid comes down, in rings, its mean; the lower one comes up half as far.
        covered_spread: its spread.
    """

    along: float = 6.0
    across: float = 4.4
    differs: float = 0.11
    differs_spread: float = 0.065
    turned: float = 3.0
    beside: float = 0.4
    beside_columns: float = 2.0
    covered: float = 6.0
    covered_spread: float = 2.0


MODEL = IrisModel()


class Iris:
    """An eye.

    Args:
        number: of the eye; equal numbers are equal eyes.
        model: its parameters.
    """

    def __init__(self, number: int, model: IrisModel = MODEL) -> None:
        self._number = number
        self._model = model
        self._field = _smooth(np.random.default_rng((1, number)), model)

    def capture(self, number: int) -> IrisTemplate:
        """Capture it; equal numbers are equal captures."""
        model, random = self._model, np.random.default_rng((2, self._number, number))
        # a capture's own share: those of two captures add up as squares do
        apart = max(0.0, random.normal(model.differs / np.sqrt(2), model.differs_spread))
        kept = np.cos(np.pi * min(apart, 0.4))
        field = kept * self._field + np.sqrt(1 - kept**2) * _smooth(random, model)
        angles = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
        missed = random.normal(0, model.beside, size=2)
        rings = np.rint(missed[0] * np.cos(angles) + missed[1] * np.sin(angles)).astype(int)
        wave = model.beside_columns * (missed[1] * np.cos(angles) - missed[0] * np.sin(angles))
        columns = np.arange(COLUMNS) - np.rint(random.normal(0, model.turned) + wave).astype(int)
        from_rings = np.arange(RINGS)[:, np.newaxis] - rings
        seen = field[
            :, np.clip(from_rings, 0, RINGS - 1), :, columns % COLUMNS
        ]  # [ring, column, filter, part]
        inside = (from_rings >= 0) & (from_rings < RINGS) & _open(random, model, angles)
        code = (seen > 0).transpose(2, 0, 3, 1).astype(np.uint8)
        mask = np.broadcast_to(inside[np.newaxis, :, np.newaxis], code.shape).astype(np.uint8)
        rows = (FILTERS * RINGS * PARTS, COLUMNS)
        return IrisTemplate(code=code.reshape(rows), mask=mask.reshape(rows))


def population(count: int, captures: int, *, seed: int = 0) -> list[list[IrisTemplate]]:
    """Generate eyes, each with its captures."""
    eyes = (Iris(seed + number) for number in range(count))
    return [[eye.capture(number) for number in range(captures)] for eye in eyes]


def _smooth(random: np.random.Generator, model: IrisModel) -> Floats:
    """Draw a field: [filter, ring, part, column], normal with variance 1 everywhere."""
    white = random.standard_normal((FILTERS, PARTS, 2 * RINGS, COLUMNS))
    frequencies = np.fft.fftfreq(2 * RINGS)[:, np.newaxis], np.fft.rfftfreq(COLUMNS)
    spread = (frequencies[0] * model.across) ** 2 + (frequencies[1] * model.along) ** 2
    shape = np.exp(-2 * np.pi**2 * spread)
    smooth = np.fft.irfft2(np.fft.rfft2(white) * shape, s=(2 * RINGS, COLUMNS))[:, :, :RINGS]
    weight = np.fft.irfft2(shape, s=(2 * RINGS, COLUMNS))
    return np.asarray((smooth / np.sqrt((weight**2).sum())).transpose(0, 2, 1, 3))


def _open(random: np.random.Generator, model: IrisModel, angles: Floats) -> NDArray[np.bool_]:
    """Find what the lids leave open: [ring, column]; the upper one is a quarter of the way around."""
    down = max(0.0, random.normal(model.covered, model.covered_spread))
    upper, lower = np.sin(angles), -np.sin(angles)
    limit = np.minimum(RINGS - down * 2 * np.maximum(0, upper), RINGS - down * np.maximum(0, lower))
    return np.asarray(np.arange(RINGS)[:, np.newaxis] < limit)
