"""An agency's own tokens, in files and tables, follow their domain to a new version on the real service, and back."""

from __future__ import annotations

import csv
import json
import signal
import stat
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from keys.purpose import TokenDomain
from keys.tokenkey import hashed
from padan.cli import main
from padan.cli.console import ExitCode
from padan.token import Token, TokenError
from tests.installation import install
from tests.integration.agencyside import configure, start
from tests.operating import operate
from tests.service import running
from tests.simulator.terminal import run
from tests.terms import Terms
from verifier.token.domains import TokenDomains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.installation import Installation
    from tests.service import RunningService

FIRST, SECOND, THIRD = 700, 600, 3
"""Rows with tokens of each version; a call takes 500 of one."""
GOOD = FIRST + SECOND + THIRD
SECONDS = 60.0
BOUND_ONLY = 20_000
"""Bytes; a kept file with less has no batch yet, only what it is bound to."""
HOT = bytes.fromhex("d9d505f920a163d7")
"""How a journal begins whose transaction has not ended (SQLite, Database File Format, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the agency holds before, and what the domain gives for it after.

    Attributes:
        held: a token for each row; text that is none for those that are bad.
        due: what stands there after the update.
    """

    held: list[str]
    due: list[str]


def issue(made: Installation, domain: str, people: Sequence[int]) -> list[str]:
    """Issue tokens of made-up residents, by the service's own keys."""
    with closing(made.agent()) as agent:
        keys = TokenDomains(agent, grace_days=90).domain(domain)
        texts = []
        for person in people:
            element = hashed(f"327301010190{9000 + person % 1000}{person // 1000}".encode()[:16])
            texts.append(Token.parse(keys.issue(element)).text)
        return texts


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, Tokens]]:
    """A service whose agency's domain is in its third version, and tokens of all three."""
    made = install(
        tmp_path_factory.mktemp("places"),
        agencies={"health": Terms(token_domain="health"), "tax": Terms(token_domain="tax")},
        token_domains=("health", "tax"),
    )
    people = list(range(GOOD))
    held = issue(made, "health", people[:FIRST])
    made.custody().rotate(TokenDomain("health"))
    held += issue(made, "health", people[FIRST : FIRST + SECOND])
    made.custody().rotate(TokenDomain("health"))
    held += issue(made, "health", people[-THIRD:])
    due = issue(made, "health", people)
    changed = Token.from_text(held[0])
    forged = Token(domain="health", version=1, element=changed.element, tag=bytes(16)).text
    outdated = Token(domain="health", version=0, element=changed.element, tag=changed.tag).text
    bad = ["", held[0][:-1], issue(made, "tax", [0])[0], forged, outdated]
    with running(made) as started:
        yield started, Tokens(held=held + bad, due=due + bad)


class Holder(Protocol):
    """A place of the agency's that holds tokens."""

    arguments: list[str]
    environment: dict[str, str]

    def tokens(self) -> list[str]:
        """Read the tokens as text."""
        ...

    def everything(self) -> Any:
        """Take a picture of all that an undo must bring back."""
        ...

    def begun(self) -> bool:
        """Say whether a first batch is kept."""
        ...


class InFile:
    """A CSV or Parquet file."""

    def __init__(self, path: Path, tokens: Sequence[str]) -> None:
        self.path = path
        self.arguments = [str(path), "--column", "resident"]
        self.environment: dict[str, str] = {}
        if path.suffix == ".csv":
            rows = [f'{row};"{token}";"na ""{row}"" me"\r\n' for row, token in enumerate(tokens)]
            path.write_bytes(b"\xef\xbb\xbf" + ("id;resident;note\r\n" + "".join(rows) + "\r\n").encode())
        else:
            table = pa.table(
                {
                    "id": pa.array(range(len(tokens)), pa.uint16()),
                    "resident": pa.array(
                        [raw(token) if token else None for token in tokens], pa.large_binary()
                    ),
                    "since": pa.array([None] * len(tokens), pa.timestamp("ms", "Asia/Jakarta")),
                }
            ).replace_schema_metadata({"of": "health"})
            pq.write_table(table, path, row_group_size=400, compression="zstd")
        path.chmod(0o640)

    def tokens(self) -> list[str]:
        """Read the tokens as text."""
        if self.path.suffix == ".csv":
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                return [row["resident"] for row in csv.DictReader(file, delimiter=";")]
        return [text(each) for each in pq.read_table(self.path)["resident"].to_pylist()]

    def everything(self) -> Any:
        """Take the file's bytes and mode; for Parquet they are those that the same writer gives."""
        return self.path.read_bytes(), stat.S_IMODE(self.path.stat().st_mode)

    def begun(self) -> bool:
        """Say whether a first batch is kept: its pages are written, and no journal would take them back."""
        moves = self.path.with_name(self.path.name + ".moves")
        if not moves.exists() or moves.stat().st_size <= BOUND_ONLY:
            return False
        journal = moves.with_name(moves.name + "-journal")
        return not (journal.exists() and journal.read_bytes().startswith(HOT))


class InTable:
    """A table, whose tokens are bytes on PostgreSQL and text on SQLite."""

    def __init__(self, url: str, tokens: Sequence[str], *, binary: bool) -> None:
        self.engine = sa.create_engine(url)
        self.arguments = ["--table", "clients", "--column", "resident"]
        self.environment = {"PADAN_TOKEN_DATABASE": url}
        self.clients = sa.Table(
            "clients",
            sa.MetaData(),
            sa.Column("branch", sa.String(8), primary_key=True),
            sa.Column("number", sa.Integer, primary_key=True),
            sa.Column("resident", sa.LargeBinary if binary else sa.String(160)),
            sa.Column("note", sa.Text),
        )
        self.clients.create(self.engine)
        rows = [
            {
                "branch": f"b{row // 100:02}",
                "number": row,
                "resident": (raw(token) if binary else token) if token else None,
                "note": f"note {row}",
            }
            for row, token in enumerate(tokens)
        ]
        with self.engine.begin() as connection:
            connection.execute(self.clients.insert(), rows)

    def _rows(self) -> list[Any]:
        with self.engine.connect() as connection:
            return [
                tuple(row) for row in connection.execute(sa.select(self.clients).order_by("branch", "number"))
            ]

    def tokens(self) -> list[str]:
        """Read the tokens as text."""
        return [text(row[2]) for row in self._rows()]

    def everything(self) -> Any:
        """Take all rows, and the names of all tables."""
        return self._rows(), sa.inspect(self.engine).get_table_names()

    def begun(self) -> bool:
        """Say whether a first batch is kept."""
        name = "padan_moves_clients_resident"
        if not sa.inspect(self.engine).has_table(name):
            return False
        with self.engine.connect() as connection:
            return (
                connection.execute(sa.select(sa.column("new_token")).select_from(sa.table(name))).first()
                is not None
            )


def raw(token: str) -> bytes:
    """Give a token's bytes; of what is none, its text."""
    try:
        return Token.from_text(token).encode()
    except TokenError:
        return token.encode()


def text(cell: str | bytes | None) -> str:
    """Give a cell as text."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    return Token.parse(cell).text if cell[:1] == b"\x01" else cell.decode()


@pytest.fixture(params=["csv", "parquet", "sqlite", "postgresql"])
def holder(
    request: pytest.FixtureRequest, served: tuple[RunningService, Tokens], tmp_path: Path
) -> Iterator[Holder]:
    """A place of each kind with the agency's tokens."""
    kind, held = request.param, served[1].held
    if kind in {"csv", "parquet"}:
        yield InFile(tmp_path / f"clients.{kind}", held)
        return
    url = f"sqlite:///{tmp_path}/clients.db"
    if kind == "sqlite":
        (tmp_path / "clients.db").touch()
    else:
        url = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://")
    place = InTable(url, held, binary=kind == "postgresql")
    yield place
    place.engine.dispose()


@pytest.fixture
def padan(
    served: tuple[RunningService, Tokens], holder: Holder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The command's words up to its options."""
    for name, value in holder.environment.items():
        monkeypatch.setenv(name, value)
    settings = configure(served[0], "health", tmp_path)
    return ["--config", str(settings), "token", "update", *holder.arguments]


def wait(until: Callable[[], bool]) -> None:
    """Wait for something."""
    end = time.monotonic() + SECONDS
    while not until():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.01)


def test_tokens_follow_their_domain_and_come_back(
    served: tuple[RunningService, Tokens], holder: Holder, padan: list[str], tmp_path: Path
) -> None:
    """Killed, then ended: each row has its resident's new token; an undo brings all back to the byte."""
    service, tokens = served
    before, err = holder.everything(), tmp_path / "err"
    counted = run(main, *padan, "--dry-run", "--json")
    assert json.loads(counted.out)["versions"] == {"1": FIRST + 1, "2": SECOND, "3": THIRD}
    assert holder.everything() == before
    process = start(padan, err)
    wait(holder.begun)
    process.kill()
    assert process.wait() == -signal.SIGKILL, err.read_text()
    assert all(
        now in {old, new} for now, old, new in zip(holder.tokens(), tokens.held, tokens.due, strict=True)
    )
    ended = run(main, *padan, "--json")
    assert ended.code == ExitCode.INPUT, ended.err
    summary = json.loads(ended.out)
    assert holder.tokens() == tokens.due
    assert summary["done_before"] > THIRD
    assert summary["done_before"] + summary["moved"] == GOOD
    assert summary["sample"]["rows"] == 100
    assert summary["sample"]["wrong"] == []
    assert [each["row"] for each in summary["bad_rows"]] == list(range(GOOD + 1, GOOD + 6))
    assert "REFUSED" in summary["bad_rows"][3]["rule"]
    assert "OUTDATED" in summary["bad_rows"][4]["rule"]
    assert "health: version 1 to 3" in operate(service.installation, "token", "progress")
    undone = run(main, *padan, "--undo", "--json")
    assert (undone.code, json.loads(undone.out)["put_back"]) == (0, FIRST + SECOND), undone.err
    assert holder.everything() == before
    printed = ended.out + ended.err + undone.out + undone.err + err.read_text()
    assert not any(token in printed for token in [*tokens.held, *tokens.due] if token)
