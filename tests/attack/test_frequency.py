"""Attack 8: frequencies. A thief has a dump and knows how often each name occurs; the dump tells nothing."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.attack import dump
from tokenizer.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.attack.dump import Dump, Truth

pytestmark = pytest.mark.attack

_QUICK = 4_000
_FULL = 1_000_000
_TIMEOUT = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Stolen:
    """A registry's two tables, their keys, and the person table once more in the next epoch."""

    holder: dump.Keyholder
    person: Dump
    other: Dump
    rotated: Dump


def _steal(people: int) -> Stolen:
    holder = dump.Keyholder()
    rows = dump.projected(holder, people)
    return Stolen(
        holder=holder,
        person=dump.steal(holder.outer(epoch=1), rows),
        other=dump.steal(holder.outer(epoch=1, table="benefit"), rows),
        rotated=dump.steal(holder.outer(epoch=2), rows),
    )


@pytest.fixture(scope="module", params=[_QUICK, pytest.param(_FULL, marks=pytest.mark.long)])
def stolen(request: pytest.FixtureRequest) -> Stolen:
    """Steal the tables of a population."""
    return _steal(request.param)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """How a frequency attack went."""

    right: int
    expected: float
    deviation: float

    @property
    def sigmas(self) -> float:
        """Distance from chance in standard deviations."""
        return (self.right - self.expected) / self.deviation


def frequency_attack(marks: Sequence[int | bytes], truth: Sequence[Truth]) -> Guessed:
    """Match the most frequent marks to the most frequent names, rank by rank.

    Args:
        marks: what the thief takes for a name's trace in each row.
        truth: the names, for the frequencies and for judging.
    """
    names = [name for name, _ in Counter(person.name for person in truth).most_common(256)]
    ranks = [mark for mark, _ in Counter(marks).most_common(len(names))]
    guess = dict(zip(ranks, names, strict=False))
    right = sum(guess.get(mark) == person.name for mark, person in zip(marks, truth, strict=True))
    seen, true = Counter(marks), Counter(person.name for person in truth)
    expected = sum(seen[mark] * true[name] / len(truth) for mark, name in guess.items())
    return Guessed(right=right, expected=expected, deviation=math.sqrt(max(expected, 1.0)))


@pytest.mark.timeout(_TIMEOUT)
def test_no_two_records_share_a_stored_value(stolen: Stolen) -> None:
    """Every token, every nonce and every 8-byte word of every row occurs once."""
    words = stolen.person.words()
    assert dump.distinct(words) == len(words)
    assert len(set(stolen.person.tokens)) == len(stolen.person.tokens)
    assert len(set(stolen.person.nonces())) == len(stolen.person.boxes)


@pytest.mark.timeout(_TIMEOUT)
def test_every_row_has_one_size(stolen: Stolen) -> None:
    """A row's size tells neither a name's length nor what is absent."""
    assert len({len(box) for box in stolen.person.boxes}) == 1
    assert {len(token) for token in stolen.person.tokens} == {16}


@pytest.mark.timeout(_TIMEOUT)
@pytest.mark.parametrize("second", ["other", "rotated"])
def test_two_tables_join_at_chance(stolen: Stolen, second: str) -> None:
    """Two tables, and two epochs of one table, share no value, and their orders agree no more than two shuffles."""
    other: Dump = getattr(stolen, second)
    assert not set(stolen.person.tokens) & set(other.tokens)
    assert dump.shared_words(stolen.person.words(), other.words()) == 0
    in_place = sum(
        one.nik.value == two.nik.value for one, two in zip(stolen.person.truth, other.truth, strict=True)
    )
    assert in_place <= 8  # fixed points of a shuffle are Poisson(1); 9 or more have odds of 1 in a million


@pytest.mark.timeout(_TIMEOUT)
def test_reidentification_is_at_chance(stolen: Stolen) -> None:
    """No byte of token or row, taken for a trace of the name, names more people than chance."""
    table = stolen.person
    views: list[Callable[[bytes, bytes], int]] = [
        *((lambda token, _box, at=at: token[at]) for at in range(0, 16, 3)),
        *((lambda _token, box, at=at: box[at]) for at in range(13, len(table.boxes[0]), 61)),
        lambda token, box: token[0] ^ box[1],
        lambda _token, box: box.count(0) + (box.count(1) << 4),
    ]
    worst = 0.0
    for view in views:
        marks = [view(token, box) for token, box in zip(table.tokens, table.boxes, strict=True)]
        worst = max(worst, frequency_attack(marks, table.truth).sigmas)
    assert worst < 5


def test_the_attack_works_on_a_plain_keyed_column() -> None:
    """The same attack names thousands where equal names have equal keyed values, as in a column of HMACs."""
    people = [truth for truth, _ in dump.population(2_000)]
    marks = [hashlib.sha256(b"some key" + person.name.encode()).digest() for person in people]
    assert frequency_attack(marks, people).sigmas > 20


@pytest.mark.timeout(_TIMEOUT)
def test_swapped_rows_are_an_alarm(stolen: Stolen) -> None:
    """A row that stands under another's token, table or epoch does not open: no verdict comes of it."""
    outer, person = stolen.holder.outer(epoch=1), stolen.person
    for first in range(0, 200, 2):
        with pytest.raises(BoxError):
            outer.open(person.tokens[first], person.boxes[first + 1])
    where: dict[str, int] = {truth.nik.value: at for at, truth in enumerate(stolen.other.truth)}
    with pytest.raises(BoxError):
        outer.open(person.tokens[0], stolen.other.boxes[where[person.truth[0].nik.value]])
    with pytest.raises(BoxError):
        stolen.holder.outer(epoch=2).open(person.tokens[0], person.boxes[0])
    assert outer.open(person.tokens[0], person.boxes[0])


@pytest.mark.timeout(_TIMEOUT)
def test_what_is_absent_does_not_show(stolen: Stolen) -> None:
    """People with one-word names and people with long names have rows of one distribution."""
    groups: dict[bool, list[int]] = defaultdict(list)
    for box, truth in zip(stolen.person.boxes, stolen.person.truth, strict=True):
        groups[len(truth.name) < 12].append(sum(box[13:77]))
    short, long_ = groups[True], groups[False]
    difference = sum(short) / len(short) - sum(long_) / len(long_)
    spread = math.sqrt(64 * (256**2 - 1) / 12 * (1 / len(short) + 1 / len(long_)))
    assert abs(difference) < 5 * spread
