"""A finger's reference has one size, tells nothing without its key, and is like another impression of the finger."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import Any

import numpy as np
import pytest

from keys.templatekey import TemplateKey
from tokenizer.biometrics.finger import PARAMETERS, SUITE, FingerScheme
from tokenizer.biometrics.projection import longest
from tokenizer.biometrics.scheme import QualityError, Scheme, TemplateError
from tokenizer.biometrics.template import FaceTemplate, FingerTemplate
from verifier.synthetic.biometrics.fingers import Finger, population

SCHEME = FingerScheme()
RANDOM = hashlib.shake_256(b"random").digest
FLOOR = 0.25
"""Above what a reference under another key is ever scored at."""


def key(number: int) -> TemplateKey:
    """Make a key."""
    return TemplateKey(hashlib.sha256(number.to_bytes(4, "big")).digest())


def impression(seed: int = 1, number: int = 0) -> FingerTemplate:
    """Generate an impression."""
    return Finger.of(seed).impression(number)


def changed(template: FingerTemplate, row: int, column: int, value: float) -> FingerTemplate:
    """Put one number in the place of another."""
    minutiae = template.minutiae.copy()
    minutiae[row, column] = value
    return FingerTemplate(minutiae=minutiae)


def test_it_is_the_suite_of_the_finger() -> None:
    """Its name, number and sizes are those that references and keys are bound to."""
    scheme: Scheme = SCHEME
    assert (scheme.suite.name, scheme.suite.number) == ("finger-mcc8-hd3-256/1", 2)
    assert (scheme.suite.modality, scheme.suite.size, scheme.suite.samples) == ("finger", 2048, 3)
    assert PARAMETERS.slots * PARAMETERS.bits == 8 * scheme.suite.size


def test_impressions_of_a_finger_score_above_those_of_others() -> None:
    """Over thirty fingers, each enrolled under a key of its own that the others' probes are turned by too."""
    people = [[SCHEME.prepare(each) for each in finger] for finger in population(30, 2, seed=3)]
    genuine, others = [], []
    for number, (enrolled, probe) in enumerate(people):
        reference = SCHEME.protect(enrolled, key(number))
        genuine.append(SCHEME.score(probe, key(number), reference))
        strangers = [people[(number + step) % 30][1] for step in range(1, 8)]
        others += [SCHEME.score(each, key(number), reference) for each in strangers]
    assert np.median(genuine) > 0.55
    assert np.max(others) < 0.45
    assert np.mean(np.array(genuine) > np.max(others)) > 0.9


@pytest.mark.parametrize("count", [14, 40, 255])
def test_a_reference_has_one_size(count: int) -> None:
    """Of few minutiae and of as many as there may be."""
    random = np.random.default_rng(count)
    rows = np.stack([random.uniform(0, top, count) for top in (300, 400, 2 * math.pi, 1)], axis=1)
    prepared = SCHEME.prepare(FingerTemplate(minutiae=rows.astype(np.float32)))
    assert 12 <= len(prepared.vectors) <= 64
    assert len(SCHEME.protect(prepared, key(1))) == SUITE.size


def test_what_is_empty_is_filled_and_all_is_shuffled() -> None:
    """Random bytes are asked for once and alike; those of empty slots are kept, in the order that the rest says."""
    prepared = SCHEME.prepare(impression())
    asked = []

    def random(size: int) -> bytes:
        asked.append(size)
        return RANDOM(size)

    reference = SCHEME.protect(prepared, key(1), random=random)
    assert asked == [64 * 32 + 64 * 8]
    drawn, used = RANDOM(2560), len(prepared.vectors)
    numbers = [int.from_bytes(drawn[2048 + 8 * at : 2056 + 8 * at], "little") for at in range(64)]
    order = sorted(range(64), key=numbers.__getitem__)
    slots = [reference[32 * at : 32 * at + 32] for at in range(64)]
    assert used < 60
    for place, at in enumerate(order):
        assert (slots[place] == drawn[32 * at : 32 * at + 32]) == (at >= used)


def test_protecting_twice_differs_only_in_what_is_random() -> None:
    """With the same random bytes the same reference; with others the same score, nearly, from other bytes."""
    prepared, probe = SCHEME.prepare(impression()), SCHEME.prepare(impression(number=1))
    fixed = [SCHEME.protect(prepared, key(1), random=RANDOM) for _ in range(2)]
    fresh = [SCHEME.protect(prepared, key(1)) for _ in range(2)]
    assert fixed[0] == fixed[1]
    assert fresh[0] != fresh[1]
    scores = [SCHEME.score(probe, key(1), each) for each in (*fixed, *fresh)]
    assert scores[0] == scores[1]
    assert np.ptp(scores) < 0.03


def test_under_another_key_the_same_impression_is_a_stranger() -> None:
    """As little alike as random bytes are: so a renewed reference is no relative of the old one."""
    prepared = SCHEME.prepare(impression())
    reference = SCHEME.protect(prepared, key(0))
    wrong = [SCHEME.score(prepared, key(number), reference) for number in range(1, 40)]
    noise = [SCHEME.score(prepared, key(1), RANDOM(2047) + bytes([number])) for number in range(40)]
    assert SCHEME.score(prepared, key(0), reference) > 0.6
    assert max(wrong) < FLOOR
    assert np.mean(wrong) == pytest.approx(np.mean(noise), abs=0.02)


def test_references_are_linked_by_a_shared_key_alone() -> None:
    """Two enrolments of one finger look unlike under fresh keys, and alike where one key is used twice."""
    first, second = (SCHEME.prepare(impression(number=number)) for number in (0, 1))
    reference = SCHEME.protect(first, key(1))
    assert SCHEME.link(reference, SCHEME.protect(second, key(2))) < FLOOR
    assert SCHEME.link(reference, SCHEME.protect(second, key(1))) > FLOOR + 0.1


@pytest.mark.parametrize("degrees", [-30, 10, 45])
def test_a_turned_and_moved_finger_is_the_same_finger(degrees: int) -> None:
    """All minutiae turned and moved change a score by a few hundredths."""
    probe = impression(number=1).minutiae.astype(np.float64)
    turn = math.radians(degrees)
    x, y = probe[:, 0].copy(), probe[:, 1].copy()
    probe[:, 0] = math.cos(turn) * x + math.sin(turn) * y + 40
    probe[:, 1] = -math.sin(turn) * x + math.cos(turn) * y - 25
    probe[:, 2] += turn
    reference = SCHEME.protect(SCHEME.prepare(impression()), key(1), random=RANDOM)
    scores = [
        SCHEME.score(SCHEME.prepare(each), key(1), reference)
        for each in (impression(number=1), FingerTemplate(minutiae=probe.astype(np.float32)))
    ]
    assert abs(scores[0] - scores[1]) < 0.07


def test_the_order_of_minutiae_tells_nothing() -> None:
    """Shuffled minutiae make the same vectors, in another order at most."""
    template = impression()
    other = FingerTemplate(minutiae=np.random.default_rng(1).permutation(template.minutiae))
    vectors = [sorted(SCHEME.prepare(each).vectors.tolist()) for each in (template, other)]
    assert vectors[0] == vectors[1]


def test_what_lies_outside_the_hull_is_nothing() -> None:
    """Places that no minutia could be seen at are zeros in the vector, and others are not."""
    template = impression()
    cylinders = SCHEME.cylinders(template)
    cells = SCHEME.prepare(template).vectors[:, :-2].reshape(len(cylinders), *cylinders.values.shape[1:])
    assert not cylinders.inside.all()
    assert not cells[~cylinders.inside].any()
    assert (cells[cylinders.inside] != 0).mean() > 0.9


def test_vectors_are_whole_and_short_enough_to_be_exact() -> None:
    """No vector is longer than what a rotation keeps exact."""
    for number in range(10):
        vectors = SCHEME.prepare(impression(number=number)).vectors
        assert vectors.dtype == np.float32
        assert np.array_equal(vectors, np.rint(vectors))
        assert np.linalg.norm(vectors, axis=1).max() < longest(PARAMETERS.rotation)
    assert PARAMETERS.scale * math.hypot(1, PARAMETERS.angle_weight) + 9 < longest(PARAMETERS.rotation)


def test_too_few_cylinders_are_a_matter_of_quality() -> None:
    """One less than what an impression has suffices, one more does not; the suite asks for twelve."""
    template = impression()
    count = len(SCHEME.prepare(template).vectors)
    strict, met = (
        FingerScheme(parameters=dataclasses.replace(PARAMETERS, least_cylinders=least))
        for least in (count + 1, count)
    )
    assert len(met.prepare(template).vectors) == count
    with pytest.raises(QualityError, match="capture it again"):
        strict.prepare(template)
    assert PARAMETERS.least_cylinders == 12


@pytest.mark.parametrize("count", [0, 1, 11])
def test_an_almost_empty_impression_is_a_matter_of_quality(count: int) -> None:
    """Eleven minutiae have at most eleven cylinders."""
    with pytest.raises(QualityError):
        SCHEME.prepare(FingerTemplate(minutiae=impression().minutiae[:count]))


@pytest.mark.parametrize(
    ("template", "rule"),
    [
        (FaceTemplate(vector=np.ones(4, dtype=np.float32)), "takes the minutiae"),
        (None, "takes the minutiae"),
        (FingerTemplate(minutiae=np.ones(4, dtype=np.float32)), "a place, an angle and a quality"),
        (FingerTemplate(minutiae=np.ones((20, 5), dtype=np.float32)), "a place, an angle and a quality"),
        (FingerTemplate(minutiae=np.ones((256, 4), dtype=np.float32)), "at most 255"),
        (changed(impression(), 3, 0, float("nan")), "65,535 pixels"),
        (changed(impression(), 3, 1, float("inf")), "65,535 pixels"),
        (changed(impression(), 3, 2, float("nan")), "65,535 pixels"),
        (changed(impression(), 0, 0, -65_536.0), "65,535 pixels"),
        (changed(impression(), 0, 3, float("nan")), "65,535 pixels"),
        (changed(impression(), 0, 3, 1.01), "quality"),
        (changed(impression(), 0, 3, -0.01), "quality"),
    ],
)
def test_what_is_no_finger_is_refused_by_its_rule(template: Any, rule: str) -> None:
    """Out of range, not a number, of another modality."""
    with pytest.raises(TemplateError, match=rule):
        SCHEME.prepare(template)


@pytest.mark.parametrize("size", [0, 2047, 2049])
def test_a_reference_of_another_size_is_refused(size: int) -> None:
    """Whoever holds it: neither compared with a probe nor with another reference."""
    prepared = SCHEME.prepare(impression())
    with pytest.raises(TemplateError, match="size of its suite"):
        SCHEME.score(prepared, key(1), bytes(size))
    with pytest.raises(TemplateError, match="size of its suite"):
        SCHEME.link(bytes(2048), bytes(size))


@pytest.mark.parametrize("reference", [bytes(2048), b"\xff" * 2048, RANDOM(2048)])
def test_any_reference_is_scored_from_0_to_1(reference: bytes) -> None:
    """Also one that no impression makes."""
    assert 0 <= SCHEME.score(SCHEME.prepare(impression()), key(1), reference) < FLOOR


def test_minutiae_in_one_spot_are_scored_like_any() -> None:
    """The most crowded template there can be is no error and no match."""
    crowd = FingerTemplate(minutiae=np.full((255, 4), 0.5, dtype=np.float32))
    reference = SCHEME.protect(SCHEME.prepare(impression()), key(1))
    with pytest.raises(QualityError):
        SCHEME.prepare(crowd)
    spread = np.random.default_rng(1).uniform(0, 1, (255, 4)).astype(np.float32) * [60, 60, 6, 1]
    prepared = SCHEME.prepare(FingerTemplate(minutiae=spread.astype(np.float32)))
    assert SCHEME.score(prepared, key(1), reference) < 0.45


def test_prepared_fingers_say_nothing_about_themselves() -> None:
    """Neither what was prepared nor a template shows its numbers."""
    template = impression()
    assert "[" not in repr(template)
    assert "[" not in repr(SCHEME.prepare(template))
