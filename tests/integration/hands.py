"""A registry in which numbers change hands, and a simple model of where the token of each number leads."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.integration.feeding import feed, people
from tests.integration.projecting import COUNT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.installation import Installation
    from tests.integration.feeding import Row
    from tests.integration.tokens import Desk


class Registry:
    """A registry in which numbers change hands: who is held, and where each number leads."""

    def __init__(self, made: Installation, seed: int) -> None:
        self._made = made
        self._random = random.Random(seed)
        self.rows: dict[str, Row] = people(COUNT)
        self.held = set(self.rows)
        self._spare = [nik for nik in people(2 * COUNT) if nik not in self.rows]
        self.aliases: dict[str, str] = {}
        self.leads: dict[str, str] = {}
        """Numbers of which a token was issued or that were changed, each with the number of its resident now."""
        self.position = 0

    def issue(self, desk: Desk, issued: dict[str, bytes], count: int = 6) -> None:
        """Issue tokens of some people who are held, or found under a number that was merged into theirs."""
        drawn = self._random.sample(sorted(self.held | self.aliases.keys()), count)
        issued |= dict(zip(drawn, desk.issue(*drawn), strict=True))
        self.was_issued(drawn)

    def was_issued(self, numbers: Sequence[str]) -> None:
        """Take notice of numbers of which a token was issued."""
        for number in numbers:
            self.leads.setdefault(number, number)

    def changes(self, count: int = 12) -> bytes:
        """Draw a file of changes."""
        kinds = ("changed", "new", "withdrawn", "nik_changed", "back", "merged", "apart", "erased")
        found: list[dict[str, Any]] = []
        while len(found) < count:
            kind = self._random.choices(kinds, (2, 2, 2, 5, 2, 6, 2, 1))[0]
            change = getattr(self, f"_{kind}")()
            if change is not None:
                found.append(change)
        data = feed(self._made, self.position, *found)
        self.position += count
        return data

    def _any(self) -> str:
        return self._random.choice(sorted(self.held))

    def _row(self, number: str) -> Row:
        return {**self.rows[min(self.rows)], "NIK": number}

    def _changed(self) -> dict[str, Any]:
        number = self._any()
        also = [alias for alias, own in self.aliases.items() if own == number]
        return {"change": "changed", "row": self._row(number), "also": also}

    def _hold(self, number: str) -> None:
        self.held.add(number)
        self.aliases.pop(number, None)
        if number in self.leads:
            self.leads[number] = number

    def _new(self) -> dict[str, Any]:
        number = self._spare.pop(self._random.randrange(len(self._spare)))
        self._hold(number)
        return {"change": "new", "row": self._row(number)}

    def _withdrawn(self) -> dict[str, Any]:
        number = self._any()
        self.held.discard(number)
        self._spare.append(number)
        return {"change": "withdrawn", "nik": number}

    def _to(self, own: str, others: Sequence[str], *, made: bool) -> None:
        """Let numbers lead to another one, and those with them that led to them."""
        if own in self.leads:
            self.leads[own] = own
        for other in others:
            if other not in self.leads and not made:
                continue
            is_root = self.leads.get(other, other) == other
            moved = {number for number, root in self.leads.items() if is_root and root == other}
            for number in {other, *moved} - {own}:
                self.leads[number] = own
            self.leads[own] = own

    def _change_number(self, before: str, number: str) -> dict[str, Any]:
        self.held.discard(before)
        self._spare.append(before)
        self._spare = [each for each in self._spare if each != number]
        self._hold(number)
        self._to(number, [before], made=True)
        return {"change": "nik_changed", "row": self._row(number), "was": [before]}

    def _nik_changed(self) -> dict[str, Any]:
        return self._change_number(self._any(), self._random.choice(self._spare))

    def _back(self) -> dict[str, Any] | None:
        """Take a change of a number back."""
        changed = sorted(
            (number, root)
            for number, root in self.leads.items()
            if number in self._spare and root in self.held
        )
        if not changed:
            return None
        number, root = self._random.choice(changed)
        return self._change_number(root, number)

    def _with_aliases(self, numbers: Sequence[str]) -> list[str]:
        """List numbers with those that were merged into them, and into these."""
        found = list(numbers)
        for each in found:
            found += [alias for alias, own in self.aliases.items() if own == each and alias not in found]
        return found

    def _merged(self) -> dict[str, Any] | None:
        own = self._any()
        if len(self.held) < COUNT // 2:
            return None
        others = self._random.sample(sorted(self.held - {own}), self._random.choice((1, 1, 2)))
        if self._random.random() < 0.5:
            others = self._with_aliases(others)
        for other in others:
            self.held.discard(other)
            self.aliases[other] = own
        self._to(own, others, made=False)
        return {"change": "merged", "row": self._row(own), "also": others}

    def _apart(self) -> dict[str, Any] | None:
        """Say that a number was merged by mistake, with what was merged into it."""
        if not self.aliases:
            return None
        number = self._random.choice(sorted(self.aliases))
        also = [alias for alias, own in self.aliases.items() if own == number]
        self._hold(number)
        self._to(number, also, made=False)
        return {"change": "new", "row": self._row(number), "also": also}

    def _erased(self) -> dict[str, Any]:
        number = self._any()
        gone = self._with_aliases([number])
        self.held.discard(number)
        for each in gone:
            self.aliases.pop(each, None)
            is_root = self.leads.get(each) == each
            led = [other for other, root in self.leads.items() if is_root and root == each]
            for other in {each, *led}:
                self.leads.pop(other, None)
        return {"change": "erased", "nik": number, "also": gone[1:]}
