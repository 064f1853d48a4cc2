"""Generated fingers: a statistical model of minutiae and of how impressions of one finger differ. No person's data.

The finger, once for each:
- Its pattern has the natural frequencies of C. Wilson et al., "Neural network fingerprint classification", Journal of
  Artificial Neural Networks 1(2), 1994. Ridges flow as the zero-pole model says (B. Sherlock and D. Monro, "A model for
  interpreting fingerprint topology", Pattern Recognition 26(7), 1993): the angle at z is half the sum of arg(z - core)
  less that of arg(z - delta). An arch flows along a bow.
- Minutiae are a point process with a hard core of a ridge's width (minutiae repel each other on that scale) and an
  intensity that rises around the cores, as D. Stoney and J. Thornton found, "A systemic study of epidermal ridge
  minutiae", Journal of Forensic Sciences 32(5), 1987. Each looks along the ridges or against them; neighbours mostly
  agree (as in the mixtures of Y. Zhu, S. Dass and A. Jain, "Statistical models for assessing the individuality of
  fingerprints", IEEE TIFS 2(3), 2007).

An impression: the finger is dragged and twisted on the glass, except where it presses hardest (R. Cappelli, D. Maio and
D. Maltoni, "Modelling plastic distortion in fingerprint images", ICAPR 2001), lies turned and shifted, and touches
with a part of its surface. Each minutia inside is missed or misplaced a little, and false ones come in, in some
impressions more than in others.

The parameters are those of `FingerModel`. They are round numbers in the range of these works, fitted to nobody's
fingers; error rates measured on generated fingers say nothing about real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tokenizer.biometrics.template import FingerTemplate

PIXELS = 500 / 25.4
"""Pixels in a millimetre at 500 dpi."""
MIDDLE = np.array([200.0, 250.0])
"""Where the middle of the image lies, in pixels."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerModel:
    """The parameters; lengths in millimetres, angles in degrees.

    Attributes:
        patterns: how frequent arch, left loop, right loop and whorl are (tented arches count as arches).
        surface: half axes of the finger's surface.
        density: minutiae per square millimetre, far from the cores.
        core_density: how many times denser at a core.
        core_spread: how far around a core that falls off.
        apart: what minutiae keep between them: a ridge.
        agree: how often a minutia looks as its zone does, and not the other way.
        zone: the length over which zones change.
        off_flow: spread of a minutia's angle around the ridge's.
        turned: spread of how impressions are turned.
        shifted: spread of where they lie.
        contact: half axes of what touches the glass.
        contact_spread: relative spread of these.
        contact_shifted: spread of its middle on the finger.
        dragged: spread of how far the outer skin is dragged.
        twisted: spread of how far it is twisted.
        held: radius of the skin that is pressed down and stays.
        missed: the share of minutiae that is not found.
        false: false minutiae per true one.
        misplaced: spread of a place.
        misread: spread of an angle.
        uneven: spread of the logarithm of how bad an impression is, by which the four above are multiplied.
    """

    patterns: tuple[float, ...] = (0.066, 0.338, 0.317, 0.279)
    surface: tuple[float, float] = (9.0, 12.0)
    density: float = 0.18
    core_density: float = 1.6
    core_spread: float = 3.0
    apart: float = 0.46
    agree: float = 0.8
    zone: float = 8.0
    off_flow: float = 8.0
    turned: float = 10.0
    shifted: float = 2.0
    contact: tuple[float, float] = (7.2, 9.5)
    contact_spread: float = 0.1
    contact_shifted: float = 1.3
    dragged: float = 0.3
    twisted: float = 3.0
    held: float = 4.5
    missed: float = 0.1
    false: float = 0.08
    misplaced: float = 0.05
    misread: float = 5.0
    uneven: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finger:
    """A generated finger.

    Attributes:
        seed: all that it comes from.
        places: of its minutiae, in millimetres from the middle, y upwards, [n, 2].
        angles: of its minutiae, in radians, [n].
        model: the parameters.
    """

    seed: int
    places: Floats
    angles: Floats
    model: FingerModel = field(default_factory=FingerModel)

    @classmethod
    def of(cls, seed: int, model: FingerModel | None = None) -> Finger:
        """Generate the finger of a seed, the same every time."""
        chosen = model or FingerModel()
        random = np.random.default_rng([seed, 0])
        cores, deltas = _singular(random, chosen)
        places = _scattered(random, chosen, cores)
        flow = _flow(places, cores, deltas)
        wave = random.uniform(0, 2 * np.pi, 2)
        ahead = np.array([np.cos(wave[0]), np.sin(wave[0])])
        zones = np.cos(places @ ahead * (2 * np.pi / chosen.zone) + wave[1]) > 0
        turned = zones ^ (random.random(len(places)) > chosen.agree)
        angles = flow + np.pi * turned + np.radians(random.normal(0, chosen.off_flow, len(places)))
        return cls(seed=seed, places=places, angles=angles, model=chosen)

    def impression(self, number: int, *, worse: float = 1.0) -> FingerTemplate:
        """Capture the finger.

        Args:
            number: of the capture; the same number gives the same impression.
            worse: how many times more is missed, false, misplaced and misread than the model says.
        """
        model = self.model
        random = np.random.default_rng([self.seed, 1, number])
        places, angles = self._pressed(random)
        half = np.array(model.contact) * (1 + random.normal(0, model.contact_spread, 2))
        middle = random.normal(0, model.contact_shifted, 2)
        worse *= float(np.exp(random.normal(0, model.uneven)))
        touching = np.sum(((places - middle) / half) ** 2, axis=1) <= 1
        found = touching & (random.random(len(places)) >= min(1.0, worse * model.missed))
        places, angles = places[found], angles[found]
        places = places + random.normal(0, worse * model.misplaced, places.shape)
        angles = angles + np.radians(random.normal(0, worse * model.misread, len(angles)))
        quality = np.clip(random.normal(0.85, 0.07, len(angles)), 0.3, 1.0)
        false = int(random.poisson(worse * model.false * len(angles)))
        added = middle + _in_ellipse(random, half, false)
        places = np.concatenate((places, added))
        angles = np.concatenate((angles, random.uniform(0, 2 * np.pi, false)))
        quality = np.concatenate((quality, np.clip(random.normal(0.65, 0.1, false), 0.3, 1.0)))
        return _laid(random, model, places, angles, quality)

    def _pressed(self, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Drag and twist the skin, all the more the further it is from where it is held."""
        model = self.model
        held = random.normal(0, 1, 2)
        away = self.places - held
        loose = 1 - np.exp(-np.sum(away**2, axis=1) / model.held**2)
        twist = np.radians(random.normal(0, model.twisted)) * loose
        drag = random.normal(0, model.dragged, 2)
        return held + _turn(away, twist) + loose[:, None] * drag, self.angles + twist


def population(count: int, impressions: int, *, seed: int = 0) -> list[list[FingerTemplate]]:
    """Generate fingers, several impressions of each."""
    fingers = (Finger.of(seed * 1_000_003 + number) for number in range(count))
    return [[finger.impression(each) for each in range(impressions)] for finger in fingers]


def _singular(random: np.random.Generator, model: FingerModel) -> tuple[Floats, Floats]:
    """Draw cores and deltas: [c, 2] and [d, 2]."""
    pattern = random.choice(len(model.patterns), p=model.patterns)
    blur = random.normal(0, 0.6, (4, 2))
    if pattern == 0:
        return np.zeros((0, 2)), np.zeros((0, 2))
    if pattern in {1, 2}:
        side = 1 if pattern == 1 else -1
        return np.array([[0.0, 1.5]]) + blur[:1], np.array([[side * 5.0, -6.0]]) + blur[1:2]
    gap = random.uniform(0.8, 2.5)
    return (
        np.array([[0.0, 1.5 + gap], [0.0, 1.5 - gap]]) + blur[:2] / 2,
        np.array([[5.5, -6.0], [-5.5, -6.0]]) + blur[2:],
    )


def _scattered(random: np.random.Generator, model: FingerModel, cores: Floats) -> Floats:
    """Scatter minutiae: tried one after the other, kept as dense as they should be and if none is too close."""
    half = np.array(model.surface)
    tries = int(random.poisson(np.pi * half[0] * half[1] * model.density * model.core_density))
    kept: list[Floats] = []
    for place in _in_ellipse(random, half, tries):
        near = max(
            (np.exp(-np.sum((place - core) ** 2) / (2 * model.core_spread**2)) for core in cores), default=0.0
        )
        thinned = random.random() * model.core_density > 1 + (model.core_density - 1) * near
        if not thinned and all(np.hypot(*(place - other)) >= model.apart for other in kept):
            kept.append(place)
    return np.array(kept).reshape(-1, 2)


def _flow(places: Floats, cores: Floats, deltas: Floats) -> Floats:
    """Say how ridges run at places, in radians, up to half a turn."""
    if not len(cores):
        return -np.arctan(1.2 * np.sin(np.pi * places[:, 0] / 18) * np.exp(-((places[:, 1] / 8) ** 2)))
    angle = np.zeros(len(places))
    for points, sign in ((cores, 0.5), (deltas, -0.5)):
        for point in points:
            away = places - point
            # Measured from below, where a loop opens.
            angle += sign * np.arctan2(away[:, 0], -away[:, 1])
    return angle + (np.pi / 2 if len(cores) == 1 else 0.0)


def _in_ellipse(random: np.random.Generator, half: Floats, count: int) -> Floats:
    turn = random.uniform(0, 2 * np.pi, count)
    out: Floats = (
        np.sqrt(random.random(count))[:, None] * np.stack((np.cos(turn), np.sin(turn)), axis=1) * half
    )
    return out


def _turn(vectors: Floats, angles: Floats) -> Floats:
    cosine, sine = np.cos(angles), np.sin(angles)
    x, y = vectors.T
    return np.stack((cosine * x - sine * y, sine * x + cosine * y), axis=1)


def _laid(
    random: np.random.Generator, model: FingerModel, places: Floats, angles: Floats, quality: Floats
) -> FingerTemplate:
    """Lay an impression on the image, turned and shifted, in no order."""
    turned = np.radians(random.normal(0, model.turned))
    spots = (_turn(places, np.full(len(places), turned)) + random.normal(0, model.shifted, 2)) * PIXELS
    rows = np.stack(
        (
            MIDDLE[0] + spots[:, 0],
            MIDDLE[1] - spots[:, 1],
            np.remainder(angles + turned, 2 * np.pi),
            quality,
        ),
        axis=1,
    )
    return FingerTemplate(minutiae=random.permutation(rows).astype(np.float32))
