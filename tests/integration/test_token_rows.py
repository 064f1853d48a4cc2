"""The rows behind agencies' tokens follow the registry's feed: a token leads to its resident, whatever their number."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import tokens
from tests.integration.feeding import feed, people
from tests.integration.hands import Registry
from tests.integration.projecting import COUNT, mark
from tests.integration.tokens import made
from verifier.directory import Directory
from verifier.feed import application
from verifier.feed.following import follow
from verifier.log.beside import Beside
from verifier.resident.mark import Mark
from verifier.token.rowtable import RowTable
from verifier.token.transfer import TokenTransfers
from verifier.vault.open import open_catalogue
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        patch.setattr(application, "TokenTransfers", _Killed)
        with pytest.raises(KeyboardInterrupt):
            follow(made.settings, "changes", data)
    assert follow(made.settings, "changes", data).applied == 3
    with tokens.desk(made) as desk:
        assert desk.leads(given, people(COUNT + 2)) == [spare[1], second, second]
    assert tokens.count(made) == 5, "three to which tokens were issued, and two that one of them had since"


@contextmanager
def _full(made: Installation) -> Iterator[None]:
    """Let the vault's database refuse rows, as a full disk would, when they are written and before they are visible."""
    with closing(open_catalogue(made.settings.vault_database)) as catalogue:
        engine, active = catalogue._engine, catalogue.active()
        assert active is not None
        if engine.dialect.name == "sqlite":
            where = "epoch_layer"
            refuse = [
                "CREATE TRIGGER full BEFORE INSERT ON epoch_layer BEGIN SELECT RAISE(FAIL, 'full'); END"
            ]
        else:
            where = f"epoch_{active.number:06}"
            refuse = [
                (
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                    " 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END'"
                ),
                f'CREATE TRIGGER "full" BEFORE INSERT OR UPDATE ON {where} FOR EACH ROW EXECUTE FUNCTION refuse()',
            ]
        with engine.begin() as connection:
            for statement in refuse:
                connection.exec_driver_sql(statement)
        yield
        with engine.begin() as connection:
            suffix = "" if engine.dialect.name == "sqlite" else f" ON {where}"
            connection.exec_driver_sql(f'DROP TRIGGER "full"{suffix}')


def test_a_vault_that_cannot_be_written_leaves_tokens_where_they_were(made: Installation) -> None:
    """Whoever has a token is found by it however long a change waits, and by the new number once it is in."""
    first, spare = next(iter(people(1))), list(people(COUNT + 1))[COUNT]
    with tokens.desk(made) as desk:
        given = desk.issue(first)
    data = feed(made, 0, _change(first, spare, people(1)[first]))
    with _full(made):
        with pytest.raises(VaultUnavailableError):
            follow(made.settings, "changes", data)
        with tokens.desk(made) as desk:
            assert desk.leads(given, people(COUNT + 1)) == [first]
    assert follow(made.settings, "changes", data).applied == 1
    with tokens.desk(made) as desk:
        assert desk.leads(given, people(COUNT + 1)) == [spare]


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
