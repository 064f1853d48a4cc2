"""Thresholds keep to their level with 95 % confidence, belong to one extractor, and live in a strict file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.biometrics import binomial
from tokenizer.biometrics.accuracy import Curve
from tokenizer.biometrics.calibration import (
    LEVELS,
    CalibrationError,
    Thresholds,
    ThresholdsError,
    UnknownExtractorError,
    calibrate,
)

if TYPE_CHECKING:
    from pathlib import Path

GENUINE = np.linspace(0.5, 1, 1000)
NAMES: dict[str, Any] = {
    "extractor": "facenet/1.0",
    "suite": "face-hd3-1024/1",
    "level": "substantial",
    "made": "2026-11-29",
}


def impostors(count: int) -> np.ndarray:
    """Spread scores evenly below 0.6."""
    return np.arange(count) / count * 0.6


ENTRY = calibrate(Curve.of(GENUINE, impostors(5000)), **NAMES, elements=192)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("count", [30_000, 100_000, 400_000])
def test_the_level_is_kept_with_confidence(level: str, count: int) -> None:
    """At the threshold the upper limit of the rate is within the level; one false match more and it is not."""
    curve = Curve.of(GENUINE, impostors(count))
    found = calibrate(curve, **{**NAMES, "level": level})
    matches = round(found.fmr * count)
    assert binomial.upper(matches, count) <= LEVELS[level] < binomial.upper(matches + 1, count)
    assert curve.at(found.threshold).false_matches == matches
    assert curve.at(float(np.nextafter(found.threshold, 0))).false_matches > matches
    assert found.fmr_low <= found.fmr <= found.fmr_high
    assert found.fnmr == pytest.approx(float(np.mean(found.threshold > GENUINE)))
    assert (found.impostors, found.genuine) == (count, 1000)


@pytest.mark.parametrize(("level", "least"), [("substantial", 3000), ("high", 30_000)])
def test_too_few_comparisons_are_refused_in_clear_words(level: str, least: int) -> None:
    """By the rule of three a level takes 3 / rate comparisons; one less is refused with how many there are."""
    names = {**NAMES, "level": level}
    assert calibrate(Curve.of(GENUINE, impostors(least)), **names).fmr == 0
    with pytest.raises(CalibrationError, match=f"at least {least:,} comparisons .* there are {least - 1:,}"):
        calibrate(Curve.of(GENUINE, impostors(least - 1)), **names)


def test_too_few_genuine_comparisons_are_refused() -> None:
    """Whom a threshold refuses cannot be said from 99 comparisons."""
    with pytest.raises(CalibrationError, match="at least 100 comparisons of one person's captures"):
        calibrate(Curve.of(GENUINE[:99], impostors(5000)), **NAMES)


def test_a_comparison_that_tells_nobody_apart_has_no_threshold() -> None:
    """Where many impostors have the highest score nothing keeps to the level."""
    with pytest.raises(CalibrationError, match="no threshold"):
        calibrate(Curve.of(GENUINE, np.concatenate((impostors(4900), np.ones(100)))), **NAMES)


@pytest.mark.parametrize(
    "scores",
    [
        pytest.param(np.zeros(5000), id="a matcher's decisions"),
        pytest.param((np.arange(5000) < 3).astype(float), id="decisions, three of them false"),
        pytest.param(impostors(5000).round(2), id="two digits"),
    ],
)
def test_what_is_no_score_is_refused(scores: np.ndarray) -> None:
    """Decisions, and scores that were rounded, say nothing of where a threshold lies."""
    with pytest.raises(CalibrationError, match=r"fewer than 100 different values.* not rounded"):
        calibrate(Curve.of(GENUINE, scores), **NAMES)


def test_scores_of_which_nearly_all_are_0_are_refused() -> None:
    """Their threshold would accept whoever reaches anything at all."""
    tail = np.linspace(1e-9, 1e-8, 200)
    with pytest.raises(CalibrationError, match="nearly every impostor has the score 0"):
        calibrate(Curve.of(GENUINE, np.concatenate((np.zeros(400_000), tail))), **NAMES)


@pytest.mark.parametrize(("level", "crowd"), [("substantial", 78), ("high", 246)])
def test_few_people_are_refused_however_often_they_were_captured(level: str, crowd: int) -> None:
    """It takes as many pairs of people as comparisons; the message says how many people make them."""
    names = {**NAMES, "level": level}
    curve = Curve.of(GENUINE, impostors(100_000))
    assert calibrate(curve, **names, people=crowd * (crowd - 1) // 2).impostors == 100_000
    with pytest.raises(CalibrationError, match=f"there are 1: .*; {crowd} people make so many"):
        calibrate(curve, **names, people=1)
    with pytest.raises(CalibrationError, match="different pairs of people"):
        calibrate(curve, **names, people=(crowd - 1) * (crowd - 2) // 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("extractor", "facenet"),
        ("extractor", "Face/1"),
        ("suite", "face"),
        ("level", "low"),
        ("extractor", "a/ 1"),
    ],
)
def test_names_have_their_form(name: str, value: str) -> None:
    """An extractor and a suite have a version, and a level is one of two."""
    with pytest.raises(CalibrationError):
        calibrate(Curve.of(GENUINE, impostors(5000)), **{**NAMES, name: value})


def test_an_unknown_extractor_is_refused() -> None:
    """No threshold is taken from another extractor, version, suite or level."""
    known = Thresholds([ENTRY])
    assert known.threshold("facenet/1.0", "face-hd3-1024/1", "substantial") == ENTRY.threshold
    for wanted in (
        ("facenet/1.1", "face-hd3-1024/1", "substantial"),
        ("other/1.0", "face-hd3-1024/1", "substantial"),
        ("facenet/1.0", "face-hd3-1024/2", "substantial"),
        ("facenet/1.0", "face-hd3-1024/1", "high"),
    ):
        with pytest.raises(UnknownExtractorError):
            known.threshold(*wanted)
    with pytest.raises(UnknownExtractorError):
        Thresholds().threshold(*ENTRY.key)


@given(st.floats(1e-6, 1), st.integers(30_000, 10**9))
def test_a_file_reads_back_to_the_bit(threshold: float, impostor_count: int) -> None:
    """Every threshold is read as it was written."""
    entries = (replace(ENTRY, level="high", threshold=threshold, fmr=0.0, impostors=impostor_count), ENTRY)
    assert Thresholds.parse(Thresholds(entries).encode()).entries == entries


def test_entries_are_put_in_the_place_of_their_own() -> None:
    """A new calibration replaces what was found for the same, and nothing else."""
    other = replace(ENTRY, extractor="other/2")
    found = Thresholds([ENTRY, other]).replaced([replace(ENTRY, threshold=0.25)])
    assert {entry.key: entry.threshold for entry in found.entries} == {
        ENTRY.key: 0.25,
        other.key: other.threshold,
    }


def _document(**changed: Any) -> bytes:
    entry = json.loads(Thresholds([ENTRY]).encode())["thresholds"][0]
    return json.dumps({"format": 2, "thresholds": [{**entry, **changed}]}).encode()


def _of_before(**changed: Any) -> bytes:
    """A file of format 1."""
    document = json.loads(_document(**changed))
    for entry in document["thresholds"]:
        entry.pop("elements", None)
    return json.dumps({**document, "format": 1}).encode()


def test_a_file_of_the_release_before_is_read() -> None:
    """It says no elements; what is written of it is of the new format, and says the same."""
    found = Thresholds.parse(_of_before())
    assert found.entries == (replace(ENTRY, elements=None),)
    assert found.elements(ENTRY.extractor, ENTRY.suite) is None
    assert json.loads(found.encode())["format"] == 2
    assert Thresholds.parse(found.encode()).entries == found.entries


def test_elements_are_an_extractors_whatever_the_level() -> None:
    """One entry that says them is enough, and two that differ are refused with what to do."""
    high = replace(ENTRY, level="high", fmr=0.0, impostors=30_000, elements=None)
    found = Thresholds([ENTRY, high])
    assert found.elements(ENTRY.extractor, ENTRY.suite) == 192
    assert found.elements("other/1.0", ENTRY.suite) is None
    with pytest.raises(ThresholdsError, match=r"levels of 512 and of 192 elements: .* version of its own"):
        Thresholds([ENTRY, replace(high, elements=512)])
    assert Thresholds([ENTRY, replace(high, extractor="facenet/1.1", elements=512)]).entries


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "format 1 or 2"),
        (b'{"format": 3, "thresholds": []}', "format 1 or 2"),
        (b'{"format": 1}', "members"),
        (b'{"format": 1, "thresholds": {}}', "members"),
        (b'{"format": 1, "thresholds": [1]}', "entry 0"),
        (b'{"format": 1, "thresholds": [{"extractor": "a/1"}]}', "entry 0"),
        (_document(extractor="a"), "extractor"),
        (_document(extractor=1), "extractor"),
        (_document(suite="a/b"), "suite"),
        (_document(level="low"), "level"),
        (_document(made="yesterday"), "made"),
        (_document(threshold=1.5), "threshold"),
        (_document(threshold=-0.1), "threshold"),
        (_document(threshold=float("nan")), "threshold"),
        (_document(threshold=10**400), "threshold"),
        (_document(threshold="0.5"), "threshold"),
        (_document(threshold=0), "threshold is so low"),
        (_document(threshold=5e-324), "threshold is so low"),
        (_document(threshold=9.9e-7), "threshold is so low"),
        (_document(fmr=0.0011), "fmr is more than level substantial allows"),
        (_document(fmr=5 / 5000), "fmr is more than level substantial allows"),
        (_document(fmr=1, impostors=10**9), "fmr is more"),
        (_document(fmr=0.5, impostors=10**9), "fmr is more"),
        (_document(fmr=0, impostors=2_999), "impostors are fewer than level substantial takes"),
        (_document(fmr=0, impostors=29_999, level="high"), "impostors are fewer than level high takes"),
        (_document(impostors=10**9 + 1), "impostors"),
        (_document(threshold=True), "threshold"),
        (_document(fnmr=None), "fnmr"),
        (_document(impostors=0), "impostors"),
        (_document(genuine=1.5), "genuine"),
        (_document(more=1), "entry 0"),
        (_of_before(more=1), "entry 0"),
        (_document(elements=0), "elements"),
        (_document(elements=513), "elements"),
        (_document(elements=True), "elements"),
        (_document(elements="192"), "elements"),
        (_document().replace(b'"format": 2', b'"format": 1'), "entry 0"),
        (_of_before().replace(b'"format": 1', b'"format": 2'), "entry 0"),
    ],
)
def test_what_is_no_file_of_thresholds_is_refused(data: bytes, told: str) -> None:
    """Each fault is told by its member."""
    with pytest.raises(ThresholdsError, match=told):
        Thresholds.parse(data)


def test_two_thresholds_for_one_are_refused() -> None:
    """Which of them counts would be a guess."""
    with pytest.raises(ThresholdsError, match="two entries"):
        Thresholds([ENTRY, ENTRY])


def test_a_file_has_its_bound(tmp_path: Path) -> None:
    """A file of more than a mebibyte is not read."""
    path = tmp_path / "thresholds.json"
    path.write_bytes(Thresholds([ENTRY]).encode())
    assert Thresholds.of(path).entries == (ENTRY,)
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(ThresholdsError, match="1 MiB"):
        Thresholds.of(path)
