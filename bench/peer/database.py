"""The peer's PostgreSQL: a server of its own from a wheel, filled with the residents of the run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from bench.peer.model import ATTRIBUTES, attribute_mac, token
from tests.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TABLES = """
create table person (token bytea primary key, name bytea not null, birth_date bytea not null,
                     sex bytea not null, district bytea not null, life_status bytea not null);
create table audit (id bigserial primary key, at timestamptz not null, agency varchar(64) not null,
                    purpose varchar(64) not null, subject bytea not null, outcome varchar(16) not null);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A running database."""

    url: str  # for SQLAlchemy with asyncpg
    pid: int  # of the postmaster; every backend descends from it


@contextlib.contextmanager
def serving(people: Iterable[Mapping[str, str]]) -> Iterator[Database]:
    """Run PostgreSQL with the people in it; stop it at the end.

    Args:
        people: each with `nik` and the five attributes.
    """
    with PostgresServer(durable=True) as server:
        uri = server.url()
        _fill(uri, people)
        yield Database(url=_asyncpg(uri), pid=server.postmaster)


def _fill(uri: str, people: Iterable[Mapping[str, str]]) -> None:
    with psycopg.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLES)
        columns = ", ".join(("token", *ATTRIBUTES))
        with cursor.copy(f"copy person ({columns}) from stdin with (format binary)".encode()) as copy:
            copy.set_types(["bytea"] * (len(ATTRIBUTES) + 1))
            for person in people:
                identity = token(person["nik"])
                copy.write_row(
                    [identity, *(attribute_mac(identity, name, person[name]) for name in ATTRIBUTES)]
                )
        cursor.execute("analyze person")


def _asyncpg(uri: str) -> str:
    """Turn `postgresql://user:@/db?host=/socket` into SQLAlchemy's form."""
    return uri.replace("postgresql://", "postgresql+asyncpg://", 1)
