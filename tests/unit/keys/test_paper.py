"""A share on paper: what is typed back is what was printed, and a typing error names its group."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import paper, quorum, sharefile
from keys.errors import ForeignShareError, PaperError, QuorumFileError
from tests.unit.keys.conftest import VECTORS
from tests.unit.keys.test_quorum import dealt

GOLDEN: dict[str, Any] = json.loads((VECTORS / "quorum.json").read_text())
KEYS = json.dumps(GOLDEN["key_file"], indent=1).encode() + b"\n"
SHARE = sharefile.decode(json.dumps(GOLDEN["share_files"][0]).encode())
(GENERATION,) = quorum.decode(json.dumps(GOLDEN["file"]).encode())
GROUPS: list[str] = GOLDEN["paper"]


def test_the_golden_paper() -> None:
    """The groups are the vectors', and come back as the two files, however they are typed."""
    assert paper.write(KEYS, SHARE) == GROUPS
    printed = "\n".join(paper.lines(GROUPS))
    for typed in (
        printed,
        printed.lower(),
        " ".join(GROUPS),
        "\n".join(GROUPS).replace("0", "o").replace("1", "l"),
    ):
        assert paper.read(typed, GENERATION) == (KEYS, SHARE)
    for number, line in enumerate(paper.lines(GROUPS), 1):
        paper.check_line(number, line)
    with pytest.raises(PaperError, match="group 7, the 1st of line 2"):
        paper.check_line(2, paper.lines(GROUPS)[0])
    with pytest.raises(PaperError, match="line 15 has 5 groups, and 4 were typed"):
        paper.check_line(15, " ".join(GROUPS[84:88]))


@given(
    st.integers(min_value=0, max_value=len(GROUPS) - 1),
    st.integers(min_value=0, max_value=paper.GROUP),
    st.sampled_from(paper.SYMBOLS),
)
@settings(max_examples=60, deadline=None)
def test_a_wrong_symbol_names_its_group(at: int, inside: int, symbol: str) -> None:
    """Whichever symbol is mistyped, in whichever group, the message names the group and its line."""
    word = GROUPS[at]
    changed = word[:inside] + symbol + word[inside + 1 :]
    if changed == word:
        return
    typed = [*GROUPS[:at], changed, *GROUPS[at + 1 :]]
    with pytest.raises(PaperError, match=rf"group {at + 1}, .* line {at // paper.PER_LINE + 1}[, ]"):
        paper.read(" ".join(typed), GENERATION)


@given(st.integers(min_value=0, max_value=len(GROUPS) - 2), st.integers(min_value=0, max_value=2))
@settings(max_examples=40, deadline=None)
def test_what_changed_places_is_found(at: int, inside: int) -> None:
    """Two neighbouring groups, or two neighbouring symbols of a group, that changed places are named."""
    one, other = GROUPS[at], GROUPS[at + 1]
    if one != other:
        swapped = [*GROUPS[:at], other, one, *GROUPS[at + 2 :]]
        with pytest.raises(PaperError, match=f"group {at + 1},"):
            paper.read(" ".join(swapped), GENERATION)
    turned = one[:inside] + one[inside + 1] + one[inside] + one[inside + 2 :]
    if turned != one:
        with pytest.raises(PaperError, match=f"group {at + 1},"):
            paper.read(" ".join([*GROUPS[:at], turned, *GROUPS[at + 1 :]]), GENERATION)


def test_a_missing_group_is_noticed() -> None:
    """A group left out is named by the first that stands in another's place; one at the end is counted."""
    with pytest.raises(PaperError, match="group 5,"):
        paper.read(" ".join(GROUPS[:4] + GROUPS[5:]), GENERATION)
    with pytest.raises(PaperError, match="88 groups"):
        paper.read(" ".join(GROUPS[:-1]), GENERATION)
    with pytest.raises(PaperError, match="0 groups"):
        paper.read("", GENERATION)


def test_groups_that_fit_and_are_not_the_papers() -> None:
    """Errors that every check symbol misses are caught by the sum over all."""
    place = 40
    value = paper._value(place, GROUPS[place - 1])
    other = (value + 37) % (1 << 20)
    symbols = "".join(paper.SYMBOLS[other >> shift & 31] for shift in (15, 10, 5, 0))
    word = symbols + paper.CHECKS[paper._weight(place, other)]
    with pytest.raises(PaperError, match="sum over all"):
        paper.read(" ".join([*GROUPS[: place - 1], word, *GROUPS[place:]]), GENERATION)


def test_paper_of_elsewhere_is_refused() -> None:
    """Paper of another generation is named as such; keys of another custodian are not printed with a share."""
    with pytest.raises(ForeignShareError, match="generation 3"):
        paper.read(" ".join(GROUPS), dealt().generation)
    other = sharefile.decode(json.dumps(GOLDEN["share_files"][1]).encode())
    with pytest.raises(QuorumFileError, match="not those of budi"):
        paper.write(KEYS, other)
    with pytest.raises(QuorumFileError):
        paper.write(json.dumps(GOLDEN["key_file"] | {"kdf": 3}).encode(), SHARE)
