"""Tables whose tokens are moved, on SQLite and PostgreSQL: batches whole or not at all, while others go on writing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from padan.table.errors import TableError
from padan.token import Token
from padan.updating.database import DatabaseAwayError
from padan.updating.held import DOUBLE, Move
from padan.updating.tableplace import TablePlace
from padan.updating.undo import undo
from tests.unit.padan.updating.conftest import calls_of, updated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from padan.updating.calls import Calls
    from tests.simulator.tokendomain import Domain

PEOPLE = range(60)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each engine."""
    if request.param == "sqlite":
        (tmp_path / "agency.db").touch()
        return f"sqlite:///{tmp_path}/agency.db"
    found: str = request.getfixturevalue("postgres_url")
    return found.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """The agency's own programs' way to the database."""
    made = sa.create_engine(url)
    yield made
    made.dispose()


def make(engine: sa.Engine, columns: Sequence[Any], rows: Sequence[dict[str, Any]]) -> sa.Table:
    """Make the agency's table."""
    table = sa.Table("clients", sa.MetaData(), *columns)
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), rows)
    return table


def simple(engine: sa.Engine, tokens: Sequence[Any], kind: Any = None, **more: Any) -> sa.Table:
    """Make a table with a number and a token."""
    kind = kind or sa.String(160)
    columns = [sa.Column("id", sa.Integer, primary_key=True), sa.Column("token", kind, **more)]
    return make(engine, columns, [{"id": row, "token": token} for row, token in enumerate(tokens)])


def read(engine: sa.Engine, table: sa.Table) -> list[Any]:
    """Read the tokens in the order of the rows' numbers."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(table.c.token).order_by(table.c.id)).scalars())


def opened(url: str, *keys: str) -> Any:
    """Open the table, and let go of it."""
    return closing(TablePlace.open(url, "clients", "token", keys))


@pytest.mark.parametrize("kind", [sa.String(160), sa.Text(), sa.CHAR(120), sa.LargeBinary()])
def test_every_row_is_moved_and_comes_back(
    url: str, engine: sa.Engine, domain: Domain, calls: Calls, kind: Any
) -> None:
    """In the column's own type; the table of pairs goes with the undo, and NULL stays NULL."""
    binary = isinstance(kind, sa.LargeBinary)

    def spelt(version: int) -> list[Any]:
        if binary:
            return [domain.issue(person, version) for person in PEOPLE]
        return domain.texts(PEOPLE, version)

    table = simple(engine, [*spelt(1), None], kind)
    before = read(engine, table)
    with opened(url) as place:
        summary, _ = updated(place, calls)
        assert (summary.moved, summary.bad, summary.written) == (60, {61: "there is none"}, True)
        assert summary.sample is not None
        assert (summary.sample.rows, summary.sample.moved) == (10, 10)
        now = read(engine, table)
        assert [each if binary else each.strip() for each in now[:-1]] == spelt(2)
        assert undo(place, calls)[0].put_back == 60
    assert read(engine, table) == before
    assert sa.inspect(engine).get_table_names() == ["clients"]


def test_the_agencys_programs_go_on_writing(
    url: str, engine: sa.Engine, domain: Domain, calls: Calls
) -> None:
    """A row that they change while its token is asked about keeps their token; what they add with a new one too."""
    table = simple(engine, domain.texts(PEOPLE, 1))
    theirs = domain.texts([900, 901])

    def meanwhile() -> None:
        with engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == 3).values(token=theirs[0]))
            connection.execute(table.delete().where(table.c.id == 4))
            connection.execute(table.insert().values(id=10_000, token=theirs[1]))

    domain.steps.append(meanwhile)
    with opened(url) as place:
        summary, _ = updated(place, calls)
        assert (summary.moved, summary.elsewhere) == (58, 2)
        assert place.moved() == {1: 58}
        due = [token for row, token in enumerate(domain.texts(PEOPLE)) if row != 4]
        due[3] = theirs[0]
        assert read(engine, table) == [*due, theirs[1]]
        place.finish()
    assert sa.inspect(engine).get_table_names() == ["clients"]


def test_an_undo_leaves_what_the_agency_wrote(
    url: str, engine: sa.Engine, domain: Domain, calls: Calls
) -> None:
    """Only rows that still have the update's token get their old one back."""
    table = simple(engine, domain.texts(range(3), 1))
    theirs = domain.texts([0, 900])
    with opened(url) as place:
        updated(place, calls)
        with engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == 1).values(token=theirs[1]))
            connection.execute(table.insert().values(id=3, token=theirs[0]))
        undone, _ = undo(place, calls)
    assert (undone.put_back, undone.elsewhere) == (2, 1)
    old = domain.texts(range(3), 1)
    assert read(engine, table) == [old[0], theirs[1], old[2], theirs[0]]


def test_what_is_too_late_is_not_put_back(url: str, engine: sa.Engine, domain: Domain, calls: Calls) -> None:
    """A row keeps its new token where the old one's version is not accepted any more."""
    table = simple(engine, domain.texts(range(3), 1))
    with opened(url) as place:
        updated(place, calls)
        domain.end(1)
        undone, _ = undo(place, calls_of(domain))
    assert (undone.put_back, undone.outdated, read(engine, table)) == (0, 3, domain.texts(range(3)))


def test_a_row_that_would_double_another_stays(
    url: str, engine: sa.Engine, domain: Domain, calls: Calls
) -> None:
    """Where the column takes each token once, one resident under two versions is named, and the batch goes on."""
    old = domain.texts(range(3), 1)
    table = simple(engine, [*old, domain.texts([1])[0]], unique=True)
    with opened(url) as place:
        summary, _ = updated(place, calls)
        assert (summary.moved, summary.bad) == (2, {2: DOUBLE})
        new = domain.texts(range(3))
        assert read(engine, table) == [new[0], old[1], new[2], new[1]]
        assert updated(place, calls)[0].bad == {2: DOUBLE}


def test_the_token_may_be_the_key(url: str, engine: sa.Engine, domain: Domain, calls: Calls) -> None:
    """Alone, and together with another column."""
    for keys in (("token",), ("id", "token")):
        columns = [
            sa.Column("id", sa.Integer, primary_key="id" in keys, autoincrement=False),
            sa.Column("token", sa.String(160), primary_key=True),
        ]
        rows = [{"id": row // 2, "token": token} for row, token in enumerate(domain.texts(range(40), 1))]
        table = make(engine, columns, rows)
        with opened(url) as place:
            assert updated(place, calls)[0].moved == 40
            assert sorted(read(engine, table)) == sorted(domain.texts(range(40)))
            assert updated(place, calls)[0].moved == 0
            assert undo(place, calls)[0].put_back == 40
        assert sorted(read(engine, table)) == sorted(domain.texts(range(40), 1))
        table.drop(engine)


def test_a_row_that_is_moved_twice_goes_back_one_step(
    url: str, engine: sa.Engine, domain: Domain, calls: Calls
) -> None:
    """Also where the domain is rotated while a table is worked through."""
    table = simple(engine, domain.texts(PEOPLE, 1))
    domain.steps.extend([lambda: None, domain.rotate])
    with opened(url) as place:
        updated(place, calls)
        assert read(engine, table) == domain.texts(PEOPLE, 3)
        assert place.moved() == {1: 10, 2: 50}
        undo(place, calls)
    assert read(engine, table) == [*domain.texts(PEOPLE[:50], 2), *domain.texts(PEOPLE[50:], 1)]


def test_rows_are_found_by_a_key(url: str, engine: sa.Engine, domain: Domain, calls: Calls) -> None:
    """Without a primary key columns are named, which are NOT NULL and together unique."""
    columns = [
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("half", sa.Integer, nullable=False),
        sa.Column("maybe", sa.Integer),
        sa.Column("token", sa.String(160)),
    ]
    rows = [
        {"id": row, "half": row // 2, "token": token} for row, token in enumerate(domain.texts(range(9), 1))
    ]
    table = make(engine, columns, rows)
    for keys in ((), ("maybe",), ("half",), ("none",)):
        with pytest.raises(TableError):
            TablePlace.open(url, "clients", "token", keys)
    with opened(url, "half", "id") as place:
        assert updated(place, calls)[0].moved == 9
        assert read(engine, table) == domain.texts(range(9))
        assert undo(place, calls)[0].put_back == 9


def test_a_batch_is_there_whole_or_not_at_all(url: str, engine: sa.Engine, domain: Domain) -> None:
    """Where the pairs cannot be written, no token changes."""
    table = simple(engine, domain.texts(range(3), 1))
    with opened(url) as place:
        held = list(place.rows())
        place.keep([Move(held=held[0], token=domain.issue(0))])
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE padan_moves_clients_token RENAME TO away"))
        with pytest.raises((TableError, DatabaseAwayError)):
            place.keep([Move(held=each, token=domain.issue(each.number - 1)) for each in held[1:]])
    assert read(engine, table) == [domain.texts([0])[0], *domain.texts([1, 2], 1)]


def test_errors_say_what_to_name_and_show_no_secret(url: str, engine: sa.Engine, domain: Domain) -> None:
    """Neither a password of the URL nor a token stands in an error."""
    token = domain.texts([1], 1)[0]
    simple(engine, [token])
    for table, column in (("nothing", "token"), ("no.clients", "token"), ("clients", "other")):
        with pytest.raises(TableError) as refused:
            TablePlace.open(url, table, column)
        assert refused.value.next_step
    with opened(url) as place:
        place._there = True
        with pytest.raises((TableError, DatabaseAwayError)) as failed:
            place.keep([Move(held=each, token=domain.issue(1)) for each in place.rows()])
    assert token not in str(failed.value)
    for wrong in ("nonsense", "nonsense://me:secret@host/x", "mysql+nonsense://me:secret@host/x"):
        with pytest.raises(TableError) as refused:
            TablePlace.open(wrong, "clients", "token")
        assert "secret" not in str(refused.value) + refused.value.next_step


def test_a_database_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    """No server, or no file: nothing is made, and the command may be run again."""
    with pytest.raises(DatabaseAwayError):
        TablePlace.open(f"postgresql+psycopg://me:secret@/x?host={tmp_path}", "clients", "token")
    with pytest.raises(TableError, match="no such SQLite file"):
        TablePlace.open(f"sqlite:///{tmp_path}/none.db", "clients", "token")
    assert list(tmp_path.iterdir()) == []


def test_names_may_be_long_and_strange(tmp_path: Path, domain: Domain, calls: Calls) -> None:
    """Names are quoted, and the table of pairs has one that every engine takes."""
    name, path = "Clients of " + "x" * 60, tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f'CREATE TABLE "{name}" ("key id" INTEGER PRIMARY KEY, "The Token", odd NOTYPE)')
        connection.execute(f'INSERT INTO "{name}" VALUES (7, ?, 1)', [domain.issue(7, 1)])  # noqa: S608 - ours
        connection.commit()
        with closing(TablePlace.open(f"sqlite:///{path}", name, "The Token")) as place:
            assert updated(place, calls)[0].moved == 1
            assert len(place.undo_in) <= 60
            assert place.before(next(place.rows())) == domain.issue(7, 1)
        found = connection.execute(f'SELECT "The Token" FROM "{name}"')  # noqa: S608 - ours
        assert found.fetchall() == [(domain.issue(7),)]


def test_a_table_of_another_schema(postgres_url: str, domain: Domain, calls: Calls) -> None:
    """Named before a dot; its pairs stand beside it."""
    address = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA branch"))
        connection.execute(sa.text("CREATE TABLE branch.clients (id uuid PRIMARY KEY, token text)"))
        connection.execute(
            sa.text("INSERT INTO branch.clients VALUES (gen_random_uuid(), :token)"),
            [{"token": token} for token in domain.texts(range(5), 1)],
        )
    with closing(TablePlace.open(address, "branch.clients", "token")) as place:
        assert updated(place, calls)[0].moved == 5
        assert place.undo_in == "branch.padan_moves_clients_token"
        assert undo(place, calls)[0].put_back == 5
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA branch CASCADE"))
    engine.dispose()


def test_a_token_shows_nowhere(domain: Domain) -> None:
    """Rows and moves print their numbers alone."""
    from padan.updating.held import Held

    text = domain.texts([1])[0]
    held = Held.of(5, ("secret",), text)
    shown = repr(held) + repr(Move(held=held, token=Token.from_text(text).encode()))
    assert "5" in shown
    assert not any(part in shown for part in (text, "secret", repr(held.token)))
