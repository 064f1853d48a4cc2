"""Whose numbers became whose: the rows behind tokens follow merged, changed, returned and erased numbers. Pure.

A lineage is the number that a resident has now, the root, and those that became it, the members, the newest first. Each
member's row has the root's M as its survivor and the root's names of the record, so that a token leads to the resident
at once, whatever has become of its number. The list itself stands in the rows: the root's three predecessors are the
newest members, and each member's are further ones, counted on as in a heap (place n lists 3n + 1 to 3n + 3, the root is
place 0). So it has room for any number of members, and a row says without others which three come first.

Each step may be taken again and changes nothing then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tokenizer.tokenrow import PREDECESSORS, TokenRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tokenizer.tokenrow import Named


class Rows(Protocol):
    """The rows, within one transaction."""

    def get(self, element: bytes) -> TokenRow | None:
        """Read the row of a number; None where there is none."""
        ...

    def put(self, row: TokenRow) -> None:
        """Write a row."""
        ...

    def drop(self, element: bytes) -> None:
        """Delete the row of a number."""
        ...


class Lineages:
    """Changes lineages.

    Args:
        rows: where they stand.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def merge(
        self,
        survivor: bytes,
        others: Iterable[bytes],
        *,
        records: tuple[Named, ...],
        made: Collection[bytes] = (),
    ) -> None:
        """Let numbers be those of a resident who has another one now.

        Args:
            survivor: M of the number that the resident has.
            others: M of those that became it.
            records: the resident's names.
            made: those of the others that get a row also where they have none.
        """
        root = self._rows.get(survivor)
        if root is not None and root.survivor:
            self._detach(root)
            root = None  # it is alone now
            self._rows.put(TokenRow(records=records, element=survivor))
        members = self.members(survivor)
        moved: list[bytes] = []
        for other in others:
            if other == survivor or other in members or other in moved:
                continue
            row = self._rows.get(other)
            if row is None:
                if other in made:
                    self._rows.put(TokenRow(records=records, element=other))
                    moved.append(other)
                continue
            if row.survivor:
                self._detach(row)
                moved.append(other)
            else:
                moved += [other, *self.members(other)]
        if moved or self._rows.get(survivor) is not None:
            self._lay(survivor, [*moved, *members], records)

    def separate(self, element: bytes, *, records: tuple[Named, ...]) -> None:
        """Let a number be a resident's own, of whatever it was before; its own members stay with it.

        Args:
            element: M of the number.
            records: the resident's names.
        """
        row = self._rows.get(element)
        if row is None:
            return
        if row.survivor:
            self._detach(row)
            self._lay(element, [], records)
        else:
            self._lay(element, self.members(element), records)

    def rename(self, element: bytes, *, records: tuple[Named, ...]) -> None:
        """Give a number that goes on as it is the resident's names, and its members theirs.

        Args:
            element: M of the number; one that leads to another is named by that one.
            records: the resident's names.
        """
        row = self._rows.get(element)
        if row is not None and not row.survivor:
            self._lay(element, self.members(element), records)

    def erase(self, element: bytes) -> list[bytes]:
        """Delete the row of a number, and those of its members; of a member, its own alone.

        Returns:
            The numbers that are nobody's now, whether or not there was a row.
        """
        row = self._rows.get(element)
        if row is None:
            return [element]
        gone = [element] if row.survivor else [element, *self.members(element)]
        if row.survivor:
            self._detach(row)
        for each in gone:
            self._rows.drop(each)
        return gone

    def members(self, root: bytes) -> list[bytes]:
        """List who became a number, the newest first."""
        found, place = [root], 0
        while place < len(found):
            row = self._rows.get(found[place])
            found += [each for each in (row.predecessors if row else ()) if each not in found]
            place += 1
        return found[1:]

    def _detach(self, row: TokenRow) -> None:
        """Take a member out of its lineage; its own row is the caller's to write."""
        root = self._rows.get(row.survivor)
        if root is not None:
            left = [each for each in self.members(root.element) if each != row.element]
            self._lay(root.element, left, root.records)

    def _lay(self, root: bytes, members: Sequence[bytes], records: tuple[Named, ...]) -> None:
        """Write the rows of a lineage, of those that are not so already."""
        everyone = [root, *members]
        for place, element in enumerate(everyone):
            first = PREDECESSORS * place + 1
            row = TokenRow(
                records=records,
                element=element,
                survivor=root if place else b"",
                predecessors=tuple(everyone[first : first + PREDECESSORS]),
            )
            if self._rows.get(element) != row:
                self._rows.put(row)
