"""The rows behind agencies' tokens follow the registry's feed: a token leads to its resident, whatever their number."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import tokens
from tests.integration.feeding import feed, people
from tests.integration.hands import Registry
from tests.integration.projecting import COUNT, mark
from tests.integration.tokens import made
from verifier.directory import Directory
from verifier.feed import following
from verifier.feed.following import follow
from verifier.log.beside import Beside
from verifier.resident.mark import Mark
from verifier.token.rowtable import RowTable
from verifier.token.transfer import TokenTransfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.installation import Installation
    from tests.integration.feeding import Row
    from tokenizer.inner import Inner
    from verifier.token.transfer import Transfer


__all__ = ["made"]


@pytest.mark.parametrize("seed", range(3))
def test_every_token_leads_to_its_resident(made: Installation, seed: int) -> None:
    """Whatever numbers were changed, merged, taken apart, brought back and erased: a simple model says the same."""
    registry, issued = Registry(made, seed), dict[str, bytes]()
    for _ in range(6):
        with tokens.desk(made) as desk:
            registry.issue(desk, issued)
        data = registry.changes()
        summary = follow(made.settings, "changes", data)
        assert not summary.rejects
        follow(made.settings, "changes", data)
        with tokens.desk(made) as desk:
            found = desk.leads(list(issued.values()), people(2 * COUNT))
        assert dict(zip(issued, found, strict=True)) == {
            number: registry.leads.get(number) for number in issued
        }
    assert tokens.count(made) == len(registry.leads)


class _Killed(TokenTransfers):
    """A process that is killed when rows have followed, and before the vault does."""

    def take(self, transfers: Sequence[Transfer], inners: Sequence[Inner]) -> None:  # type: ignore[override]
        """Let rows follow, and die."""
        super().take(transfers, inners)
        if transfers:
            raise KeyboardInterrupt


def _change(before: str, number: str, row: Row) -> dict[str, Any]:
    return {"change": "nik_changed", "row": {**row, "NIK": number}, "was": [before]}


def test_a_killed_feed_goes_on(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between rows and vault, the same file comes out as if it had not been."""
    first, second, third = list(people(3))
    spare = list(people(COUNT + 2))[COUNT:]
    with tokens.desk(made) as desk:
        given = desk.issue(first, second, third)
    data = feed(
        made,
        0,
        _change(first, spare[0], people(1)[first]),
        {"change": "merged", "row": people(2)[second], "also": [third]},
        _change(spare[0], spare[1], people(1)[first]),
    )
    with monkeypatch.context() as patch:
        patch.setattr(following, "TokenTransfers", _Killed)
        with pytest.raises(KeyboardInterrupt):
            follow(made.settings, "changes", data)
    assert follow(made.settings, "changes", data).applied == 3
    with tokens.desk(made) as desk:
        assert desk.leads(given, people(COUNT + 2)) == [spare[1], second, second]
    assert tokens.count(made) == 5, "three to which tokens were issued, and two that one of them had since"


def test_a_question_under_way_writes_no_row_that_nobody_follows(made: Installation) -> None:
    """A number that was changed has a row from then on, so that a token issued a moment later leads on all the same."""
    first, other = list(people(2))
    spare = list(people(COUNT + 1))[COUNT]
    with tokens.desk(made) as desk:
        desk.issue(other)
        follow(made.settings, "changes", feed(made, 0, _change(first, spare, people(1)[first])))
        (late,) = desk.issue(first)
    with tokens.desk(made) as desk:
        assert desk.leads([late], people(COUNT + 1)) == [spare]


def test_without_tokens_nothing_is_written(made: Installation) -> None:
    """Where no token was ever issued, no number has a row, whatever becomes of it."""
    first, spare = next(iter(people(1))), list(people(COUNT + 1))[COUNT]
    follow(made.settings, "changes", feed(made, 0, _change(first, spare, people(1)[first])))
    assert tokens.count(made) == 0


def test_officers_erase_what_is_behind_tokens(made: Installation) -> None:
    """The rows of who was erased go, found by their records; those of everybody else stay."""
    first, second, third = list(people(3))
    with tokens.desk(made) as desk:
        given = desk.issue(first, second, third)
    merged = {"change": "merged", "row": people(1)[first], "also": [second]}
    follow(made.settings, "changes", feed(made, 0, merged))
    mark(made, {first: Mark.ERASED})
    with tokens.desk(made) as desk:
        assert desk.leads(given, people(COUNT)) == [None, None, third]
    with closing(Directory(made.settings.log_database)) as directory:
        assert RowTable(directory, Beside.TOKEN).count() == 1
