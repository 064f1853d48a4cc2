"""Rows behind tokens follow their numbers: whatever happens to these, each leads to who has it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
from hypothesis import given

from tokenizer.tokenrow import PREDECESSORS, TokenRow
from verifier.token.lineage import Lineages

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBERS = 9
Step = tuple[str, int, list[int]]


def element(number: int) -> bytes:
    """Name a number, as its M would."""
    return bytes([number + 1]) * 32


def names(number: int) -> tuple[tuple[int, bytes], ...]:
    """Name a number's record."""
    return ((7, bytes([number + 1]) * 16),)


class Kept:
    """Rows in memory, which counts what is written."""

    def __init__(self) -> None:
        self.rows: dict[bytes, TokenRow] = {}
        self.written = 0

    def get(self, element: bytes) -> TokenRow | None:
        """Read a row."""
        return self.rows.get(element)

    def put(self, row: TokenRow) -> None:
        """Write a row."""
        self.written += 1
        self.rows[row.element] = row

    def drop(self, element: bytes) -> None:
        """Delete a row."""
        self.written += 1
        del self.rows[element]


class Model:
    """Numbers that have a row, each with the number that its resident has now."""

    def __init__(self) -> None:
        self.leads: dict[int, int] = {}

    def take(self, step: Step) -> None:
        """Do a step."""
        what, number, others = step
        if what == "issue":
            self.leads.setdefault(number, number)
        elif what == "own" and number in self.leads:
            self.leads[number] = number
        elif what == "erase" and number in self.leads:
            gone = [number] if self.leads[number] != number else self.led_to(number)
            for each in gone:
                del self.leads[each]
        elif what in {"merge", "change"}:
            self.merge(number, [other for other in others if other != number], made=what == "change")

    def merge(self, number: int, others: Sequence[int], *, made: bool) -> None:
        """Let numbers lead to another one."""
        if number in self.leads:
            self.leads[number] = number
        for other in others:
            if other not in self.leads and not made:
                continue
            moved = self.led_to(other) if self.leads.get(other, other) == other else [other]
            for each in {other, *moved} - {number}:
                self.leads[each] = number
            self.leads[number] = number

    def led_to(self, number: int) -> list[int]:
        """List the numbers that lead to one."""
        return [each for each, root in self.leads.items() if root == number]


def play(kept: Kept, steps: Sequence[Step]) -> None:
    """Do steps on rows, as the feed does."""
    lineages = Lineages(kept)
    for what, number, others in steps:
        match what:
            case "issue":
                kept.rows.setdefault(
                    element(number), TokenRow(records=names(number), element=element(number))
                )
            case "own":
                lineages.separate(element(number), records=names(number))
            case "erase":
                lineages.erase(element(number))
            case _:
                for other in others:
                    made = {element(other)} if what == "change" else ()
                    lineages.merge(element(number), [element(other)], records=names(number), made=made)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["issue", "issue", "merge", "merge", "change", "own", "erase"]),
        st.integers(0, NUMBERS - 1),
        st.lists(st.integers(0, NUMBERS - 1), min_size=1, max_size=3),
    ),
    max_size=30,
)


@given(STEPS)
def test_each_row_leads_to_who_has_its_number(steps: list[Step]) -> None:
    """Any mergers, changes, returns, erasures and tokens issued end where a simple model does."""
    kept, model = Kept(), Model()
    play(kept, steps)
    for step in steps:
        model.take(step)
    roots = {element(number): element(root) for number, root in model.leads.items()}
    assert {key: row.survivor or key for key, row in kept.rows.items()} == roots
    assert {key: row.records for key, row in kept.rows.items()} == {
        element(number): names(root) for number, root in model.leads.items()
    }
    for root in set(roots.values()):
        members = Lineages(kept).members(root)
        assert sorted([root, *members]) == sorted(key for key, its in roots.items() if its == root)
        assert kept.rows[root].predecessors == tuple(members[:PREDECESSORS])


@given(STEPS)
def test_a_step_that_comes_twice_changes_nothing(steps: list[Step]) -> None:
    """A batch that was written before a process was killed is taken again."""
    kept = Kept()
    for step in steps:
        play(kept, [step])
        written = kept.written
        play(kept, [step])
        assert kept.written == written


def test_the_newest_stand_first() -> None:
    """A number that was changed many times lists the three before it, and loses none of the others."""
    kept = Kept()
    play(kept, [("issue", 0, []), *[("change", number, [number - 1]) for number in range(1, NUMBERS)]])
    row = kept.rows[element(NUMBERS - 1)]
    assert row.predecessors == tuple(element(NUMBERS - 1 - back) for back in (1, 2, 3))
    assert len(Lineages(kept).members(row.element)) == NUMBERS - 1
