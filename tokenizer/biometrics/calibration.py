"""Thresholds of an installation: from scores that it measured to the file that its service reads.

A level names the highest false match rate that it allows: substantial 1 in 1,000, high 1 in 10,000. The threshold is
the lowest one at which the upper limit of that rate, with 95 % confidence, keeps to the level; where nothing was
accepted that limit is 3 / n (the rule of three), so n has to be 3 / rate at least. It counts pairs of people, since a
second comparison of the same two says little that the first one has not said. Thresholds belong to one extractor,
one suite and one level: nothing is guessed from another. docs/formats/calibration.md has the file.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from padan.biometric.template import EXTRACTOR, MAX_DIMENSION
from tokenizer.biometrics import binomial
from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tokenizer.biometrics.accuracy import Curve

FORMAT: Final = 2
_BEFORE: Final = 1
"""The format of before, whose entries have no `elements`."""
LEVELS: Final[Mapping[str, float]] = MappingProxyType({"substantial": 1e-3, "high": 1e-4})
"""Level to the highest false match rate, a share of 1."""
LEAST_GENUINE: Final = 100
"""Genuine comparisons that a calibration takes at least, so that it can say whom it refuses."""
LEAST_VALUES: Final = 100
"""Values that the scores of two people take at least: the comparison gives nearly as many as there are pairs. A
matcher's decisions take two values, and scores that are rounded to two digits fewer than these."""
LEAST_THRESHOLD: Final = 1e-6
"""Two people whose captures were compared reach more than this. A threshold below it was found on scores of which
nearly all are 0, as decisions are, and accepts nearly everybody."""
_MOST: Final = 1_000_000_000
"""Comparisons of a kind: more than any calibration makes, and few enough that a file is read at once."""
_SUITE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}/[0-9]{1,5}")
_LARGEST: Final = 1 << 20
_RULE_OF_THREE: Final = 3


class CalibrationError(TokenizerError):
    """The scores do not carry the thresholds that are asked for; the message says what is missing."""


class ThresholdsError(TokenizerError):
    """The file of thresholds is not of its format; the message names the member."""


class UnknownExtractorError(TokenizerError):
    """There is no threshold for an extractor, suite and level; nothing is accepted by guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One threshold and what it is worth.

    Attributes:
        extractor: "NAME/VERSION" of what makes the templates.
        suite: the protection.
        level: a key of `LEVELS`.
        threshold: the lowest score that is accepted, 0 to 1.
        fmr: share of impostor comparisons that it accepted.
        fmr_low: the true rate is not below (95 %).
        fmr_high: the true rate is not above (95 %).
        fnmr: share of genuine comparisons that it refused.
        fnmr_low: as for the false match rate.
        fnmr_high: as for the false match rate.
        impostors: comparisons of two people.
        genuine: comparisons of one person's captures.
        made: day of the calibration, YYYY-MM-DD.
        elements: of the embeddings that were compared; None of other templates, and where it was not kept.
    """

    extractor: str
    suite: str
    level: str
    threshold: float
    fmr: float
    fmr_low: float
    fmr_high: float
    fnmr: float
    fnmr_low: float
    fnmr_high: float
    impostors: int
    genuine: int
    made: str
    elements: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What the threshold is for: extractor, suite, level."""
        return self.extractor, self.suite, self.level


def calibrate(
    curve: Curve,
    *,
    extractor: str,
    suite: str,
    level: str,
    made: str,
    people: int | None = None,
    elements: int | None = None,
) -> Threshold:
    """Find the threshold of a level.

    Args:
        curve: scores of the protected comparison, in the service's own flow.
        extractor: "NAME/VERSION".
        suite: the protection.
        level: a key of `LEVELS`.
        made: today, YYYY-MM-DD.
        people: different pairs of people that were compared; None where only the caller knows.
        elements: of each embedding; None of other templates.

    Raises:
        CalibrationError: the scores are too few for the level or are none, or a name is none.
    """
    if EXTRACTOR.fullmatch(extractor) is None:
        raise CalibrationError("an extractor is written NAME/VERSION, such as mobilefacenet/1.0")
    if _SUITE.fullmatch(suite) is None:
        raise CalibrationError("a suite is written NAME/VERSION, such as face-hd3-1024/1")
    if level not in LEVELS:
        raise CalibrationError(f"a level is one of {', '.join(LEVELS)}")
    fmr, trials = LEVELS[level], curve.impostors.size
    _require_enough(curve, level, people)
    point = curve.at_false_matches(_most_false_matches(trials, fmr))
    if not LEAST_THRESHOLD <= point.threshold <= 1:
        raise CalibrationError(
            "no threshold keeps to the level: too many impostors have the highest score"
            if point.threshold > 1
            else "nearly every impostor has the score 0: give the scores themselves, not what was decided on them"
        )
    return Threshold(
        extractor=extractor,
        suite=suite,
        level=level,
        threshold=point.threshold,
        fmr=point.fmr,
        fmr_low=point.fmr_interval.low,
        fmr_high=point.fmr_interval.high,
        fnmr=point.fnmr,
        fnmr_low=point.fnmr_interval.low,
        fnmr_high=point.fnmr_interval.high,
        impostors=trials,
        genuine=curve.genuine.size,
        made=made,
        elements=elements,
    )


def _require_enough(curve: Curve, level: str, people: int | None) -> None:
    """See that the scores can carry a threshold of a level at all."""
    trials, need = curve.impostors.size, _least(level)
    shown = f"a false match rate of 1 in {round(1 / LEVELS[level]):,}"
    if trials < need:
        raise CalibrationError(
            f"level {level} takes at least {need:,} comparisons of two people, and there are {trials:,}: fewer "
            f"cannot show {shown}, even if none is accepted"
        )
    if people is not None and people < need:
        raise CalibrationError(
            f"level {level} takes comparisons of at least {need:,} different pairs of people, and there are "
            f"{people:,}: more captures of the same people cannot show {shown}; {_crowd(need)} people make so many"
        )
    if curve.genuine.size < LEAST_GENUINE:
        raise CalibrationError(
            f"a calibration takes at least {LEAST_GENUINE} comparisons of one person's captures, and there are "
            f"{curve.genuine.size}: fewer cannot say whom the threshold refuses"
        )
    if np.unique(curve.impostors).size < LEAST_VALUES:
        raise CalibrationError(
            f"the scores of two people take fewer than {LEAST_VALUES} different values: give the scores themselves "
            f"with all their digits, not rounded, and not what was decided on them"
        )


def _least(level: str) -> int:
    return round(_RULE_OF_THREE / LEVELS[level])


def _crowd(couples: int) -> int:
    """Count how many people make so many pairs."""
    return math.ceil((1 + math.sqrt(1 + 8 * couples)) / 2)


def _most_false_matches(trials: int, fmr: float) -> int:
    """Count how many false matches still show, with 95 % confidence, that the rate is at most `fmr`."""
    low, high = 0, int(trials * fmr) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if binomial.upper(middle, trials) <= fmr else (low, middle)
    return low


class Thresholds:
    """The thresholds of an installation.

    Args:
        entries: one for each extractor, suite and level.

    Raises:
        ThresholdsError: two are for the same, or are for embeddings of one extractor that differ in elements.
    """

    def __init__(self, entries: Iterable[Threshold] = ()) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.key))
        self._found = {entry.key: entry.threshold for entry in self.entries}
        if len(self._found) != len(self.entries):
            raise ThresholdsError("two entries are for the same extractor, suite and level")
        self._elements: dict[tuple[str, str], int] = {}
        for entry in self.entries:
            if entry.elements is None:
                continue
            known = self._elements.setdefault((entry.extractor, entry.suite), entry.elements)
            if known != entry.elements:
                raise ThresholdsError(
                    f"{entry.extractor} has levels of {known} and of {entry.elements} elements: calibrate all of its "
                    f"levels anew, or give what makes other embeddings a version of its own"
                )

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ThresholdsError: it is not of the format.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ThresholdsError("the file of thresholds has more than 1 MiB")
        return cls.parse(data)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the bytes of a file.

        Raises:
            ThresholdsError: they are not of the format.
        """
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ThresholdsError("the file of thresholds is not JSON") from error
        if not isinstance(document, dict) or document.get("format") not in {_BEFORE, FORMAT}:
            raise ThresholdsError(f"the file of thresholds is not of format {_BEFORE} or {FORMAT}")
        if document.keys() != {"format", "thresholds"} or not isinstance(document["thresholds"], list):
            raise ThresholdsError("the file has the members format and thresholds, a list, and no others")
        more = {"elements"} if document["format"] == FORMAT else set()
        return cls(_entry(number, entry, more) for number, entry in enumerate(document["thresholds"]))

    def threshold(self, extractor: str, suite: str, level: str) -> float:
        """Find the lowest score that is accepted.

        Args:
            extractor: "NAME/VERSION".
            suite: the protection.
            level: a key of `LEVELS`.

        Raises:
            UnknownExtractorError: it was not calibrated.
        """
        try:
            return self._found[extractor, suite, level]
        except KeyError as error:
            raise UnknownExtractorError(
                "this extractor was not calibrated for this suite and level"
            ) from error

    def elements(self, extractor: str, suite: str) -> int | None:
        """Say of how many elements an extractor's embeddings are; None where no entry says it, or they are none."""
        return self._elements.get((extractor, suite))

    def replaced(self, entries: Iterable[Threshold]) -> Thresholds:
        """Put entries in, in the place of those for the same extractor, suite and level."""
        new = {entry.key: entry for entry in entries}
        return Thresholds((*(entry for entry in self.entries if entry.key not in new), *new.values()))

    def encode(self) -> bytes:
        """Give the bytes of the file."""
        document = {"format": FORMAT, "thresholds": [asdict(entry) for entry in self.entries]}
        return json.dumps(document, indent=2).encode() + b"\n"


_TEXTS: Final = MappingProxyType(
    {
        "extractor": EXTRACTOR,
        "suite": _SUITE,
        "level": re.compile("|".join(LEVELS)),
        "made": re.compile(r"\d{4}-\d{2}-\d{2}"),
    }
)
_RATES: Final = ("threshold", "fmr", "fmr_low", "fmr_high", "fnmr", "fnmr_low", "fnmr_high")
_COUNTS: Final = ("impostors", "genuine")


def _entry(number: int, entry: Any, more: set[str]) -> Threshold:
    if not isinstance(entry, dict) or entry.keys() != {*_TEXTS, *_RATES, *_COUNTS, *more}:
        raise ThresholdsError(f"entry {number} has not the members of a threshold")
    for name, pattern in _TEXTS.items():
        if not isinstance(entry[name], str) or pattern.fullmatch(entry[name]) is None:
            raise ThresholdsError(f"entry {number}: {name} is not of its form")
    for name in _RATES:
        if type(entry[name]) not in {int, float} or not 0 <= entry[name] <= 1:
            raise ThresholdsError(f"entry {number}: {name} is no number from 0 to 1")
    for name in _COUNTS:
        if type(entry[name]) is not int or not 1 <= entry[name] <= _MOST:
            raise ThresholdsError(f"entry {number}: {name} is no number of comparisons")
    elements = entry.get("elements")
    if elements is not None and (type(elements) is not int or not 1 <= elements <= MAX_DIMENSION):
        raise ThresholdsError(
            f"entry {number}: elements is neither a number from 1 to {MAX_DIMENSION} nor null"
        )
    found = Threshold(**entry)
    _require_kept(number, found)
    return found


def _require_kept(number: int, entry: Threshold) -> None:
    """See that an entry says of itself what its level asks for, so that a slip of a hand does not accept everybody."""
    if entry.threshold < LEAST_THRESHOLD:
        raise ThresholdsError(f"entry {number}: threshold is so low that nearly everybody is accepted")
    if entry.impostors < _least(entry.level):
        raise ThresholdsError(f"entry {number}: impostors are fewer than level {entry.level} takes")
    matches = round(entry.fmr * entry.impostors)
    allowed = LEVELS[entry.level]
    # The share alone is looked at first: of a great many false matches the interval would take gigabytes.
    if matches > allowed * entry.impostors or binomial.upper(matches, entry.impostors) > allowed:
        raise ThresholdsError(f"entry {number}: fmr is more than level {entry.level} allows")
