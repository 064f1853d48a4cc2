"""Thresholds of an installation: from scores that it measured to the file that its service reads.

A level names the highest false match rate that it allows: substantial 1 in 1,000, high 1 in 10,000. The threshold is
the lowest one at which the upper limit of that rate, with 95 % confidence, keeps to the level; where nothing was
accepted that limit is 3 / n (the rule of three), so n has to be 3 / rate at least. Thresholds belong to one extractor,
one suite and one level: nothing is guessed from another. docs/formats/calibration.md has the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from padan.biometric.template import EXTRACTOR
from tokenizer.biometrics import binomial
from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tokenizer.biometrics.accuracy import Curve

FORMAT: Final = 1
LEVELS: Final[Mapping[str, float]] = MappingProxyType({"substantial": 1e-3, "high": 1e-4})
"""Level to the highest false match rate, a share of 1."""
LEAST_GENUINE: Final = 100
"""Genuine comparisons that a calibration takes at least, so that it can say whom it refuses."""
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

    @property
    def key(self) -> tuple[str, str, str]:
        """What the threshold is for: extractor, suite, level."""
        return self.extractor, self.suite, self.level


def calibrate(curve: Curve, *, extractor: str, suite: str, level: str, made: str) -> Threshold:
    """Find the threshold of a level.

    Args:
        curve: scores of the protected comparison, in the service's own flow.
        extractor: "NAME/VERSION".
        suite: the protection.
        level: a key of `LEVELS`.
        made: today, YYYY-MM-DD.

    Raises:
        CalibrationError: the scores are too few for the level, or a name is none.
    """
    if EXTRACTOR.fullmatch(extractor) is None:
        raise CalibrationError("an extractor is written NAME/VERSION, such as mobilefacenet/1.0")
    if _SUITE.fullmatch(suite) is None:
        raise CalibrationError("a suite is written NAME/VERSION, such as face-hd3-1024/1")
    if level not in LEVELS:
        raise CalibrationError(f"a level is one of {', '.join(LEVELS)}")
    fmr, trials = LEVELS[level], curve.impostors.size
    need = round(_RULE_OF_THREE / fmr)
    if trials < need:
        raise CalibrationError(
            f"level {level} takes at least {need:,} comparisons of two people, and there are {trials:,}: fewer "
            f"cannot show a false match rate of 1 in {round(1 / fmr):,}, even if none is accepted"
        )
    if curve.genuine.size < LEAST_GENUINE:
        raise CalibrationError(
            f"a calibration takes at least {LEAST_GENUINE} comparisons of one person's captures, and there are "
            f"{curve.genuine.size}: fewer cannot say whom the threshold refuses"
        )
    point = curve.at_false_matches(_most_false_matches(trials, fmr))
    if not 0 <= point.threshold <= 1:
        raise CalibrationError("no threshold keeps to the level: too many impostors have the highest score")
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
    )


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
        ThresholdsError: two are for the same.
    """

    def __init__(self, entries: Iterable[Threshold] = ()) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.key))
        self._found = {entry.key: entry.threshold for entry in self.entries}
        if len(self._found) != len(self.entries):
            raise ThresholdsError("two entries are for the same extractor, suite and level")

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
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ThresholdsError(f"the file of thresholds is not of format {FORMAT}")
        if document.keys() != {"format", "thresholds"} or not isinstance(document["thresholds"], list):
            raise ThresholdsError("the file has the members format and thresholds, a list, and no others")
        return cls(_entry(number, entry) for number, entry in enumerate(document["thresholds"]))

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


def _entry(number: int, entry: Any) -> Threshold:
    if not isinstance(entry, dict) or entry.keys() != {*_TEXTS, *_RATES, *_COUNTS}:
        raise ThresholdsError(f"entry {number} has not the members of a threshold")
    for name, pattern in _TEXTS.items():
        if not isinstance(entry[name], str) or pattern.fullmatch(entry[name]) is None:
            raise ThresholdsError(f"entry {number}: {name} is not of its form")
    for name in _RATES:
        if type(entry[name]) not in {int, float} or not 0 <= entry[name] <= 1:
            raise ThresholdsError(f"entry {number}: {name} is no number from 0 to 1")
    for name in _COUNTS:
        if type(entry[name]) is not int or entry[name] < 1:
            raise ThresholdsError(f"entry {number}: {name} is no number of comparisons")
    return Threshold(**entry)
