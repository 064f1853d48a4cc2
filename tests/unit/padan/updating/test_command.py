"""`padan token update`, from arguments to exit code, against a simulated domain."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from padan.cli.connection import Connection
from padan.cli.console import ExitCode
from padan.errors import UnavailableError
from padan.updating import calls as calls_module
from tests.unit.padan.test_install import python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.terminal import Ended
    from tests.simulator.tokendomain import Domain

UNTIL = "2027-02-27T12:00:00Z"


@pytest.fixture
def update(
    padan: Callable[..., Ended], domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """Run the command, whose client leads to the domain, without pauses."""
    monkeypatch.setattr(Connection, "client", lambda _: nullcontext(domain))
    monkeypatch.setattr(
        calls_module.Calls.__init__,
        "__kwdefaults__",
        {**(calls_module.Calls.__init__.__kwdefaults__ or {}), "pause": 0.0},
    )
    return lambda *arguments: padan("token", "update", *arguments, "--purpose", "service")


@pytest.fixture
def path(tmp_path: Path, domain: Domain) -> Path:
    """Three rows with old tokens and one with a new one."""
    path = tmp_path / "clients.csv"
    tokens = [*domain.texts(range(3), 1), *domain.texts([3])]
    path.write_text("id,token\n" + "".join(f"{row},{token}\n" for row, token in enumerate(tokens)))
    return path


def test_people_read_what_became_of_a_file(update: Callable[..., Ended], path: Path) -> None:
    """How many rows were moved, what the sample showed, where the old tokens are, and until when they serve."""
    before = path.read_bytes()
    assert update(str(path), "--dry-run").out == (
        f"4 rows; token domain health\nversion 1: 3, accepted until {UNTIL}\nversion 2: 1, issues\nbad: 0\n"
    )
    assert path.read_bytes() == before
    ended = update(str(path))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "4 rows: 3 moved to version 2, 1 before, 0 bad\n"
        "sample   4 of 4 rows are right, 3 asked by their old token too\n"
        f"old      kept in {path}.moves for --undo; accepted: version 1 until {UNTIL}\n"
    )
    assert update(str(path), "--undo").out == "3 rows have their old token again\n"
    assert path.read_bytes() == before
    update(str(path))
    assert (
        update(str(path), "--finish").out
        == "deleted the old tokens of 3 rows; nothing can be undone any more\n"
    )
    assert update(str(path), "--undo").code == ExitCode.INPUT


def test_programs_read_it_too(update: Callable[..., Ended], path: Path, domain: Domain) -> None:
    """Bad rows by number and rule, all of them; people see twenty."""
    with path.open("a") as file:
        file.writelines(f"x,{domain.texts([1], 1)[0][:-1]}\n" for _ in range(25))
    ended = update(str(path), "--json")
    told = json.loads(ended.out)
    assert (ended.code, told["moved"], told["done_before"], told["written"]) == (ExitCode.INPUT, 3, 1, True)
    assert (told["versions"], told["accepted_until"], told["undo"]) == (
        {"1": 3, "2": 1},
        {"1": UNTIL},
        f"{path}.moves",
    )
    assert [each["row"] for each in told["bad_rows"]] == list(range(5, 30))
    assert told["sample"] == {"rows": 4, "moved": 3, "wrong": []}
    assert len(ended.err.splitlines()) == 21
    assert json.loads(update(str(path), "--undo", "--json").out)["put_back"] == 3


def test_an_outage_ends_with_five_and_the_same_command_goes_on(
    update: Callable[..., Ended], path: Path, domain: Domain
) -> None:
    """The report comes before the error."""

    def away() -> None:
        raise UnavailableError("away")

    domain.steps.append(away)
    ended = update(str(path))
    assert (ended.code, ended.out.splitlines()[0]) == (
        ExitCode.UNAVAILABLE,
        "4 rows: 0 moved to version 2, 1 before, 0 bad",
    )
    assert update(str(path)).code == 0


def test_little_time_is_told(update: Callable[..., Ended], path: Path, domain: Domain) -> None:
    """A warning names the version, the time and what is left; after it an undo is refused with what to do."""
    domain.days = 3
    assert (
        "warning: tokens of version 1 are accepted until 2026-12-02T12:00:00Z only, 3 d 0 h"
        in update(str(path)).err
    )
    domain.end(1)
    ended = update(str(path), "--undo")
    assert (ended.code, "3 rows keep their new token" in ended.err) == (ExitCode.STATE, True)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.csv", "--table", "t"),
        ("--table", "t"),
        ("--database", "sqlite:///x"),
        ("a.csv", "--key-column", "id"),
        ("a.csv", "--undo", "--finish"),
    ],
)
def test_a_place_and_an_act_are_named_once(update: Callable[..., Ended], arguments: tuple[str, ...]) -> None:
    """Whatever leaves open what is meant is refused before anything is done."""
    ended = update(*arguments)
    assert (ended.code, "next:" in ended.err) == (ExitCode.USAGE, True)


def test_what_the_agreement_does_not_grant_is_not_begun(
    padan: Callable[..., Ended], update: Callable[..., Ended], path: Path, domain: Domain
) -> None:
    """Another purpose, or another legal basis."""
    for arguments in (("--legal-basis", "contract"), ("--purpose", "other")):
        assert (
            padan("token", "update", str(path), "--purpose", "service", *arguments).code == ExitCode.REFUSED
        )
    assert (update is not None, domain.bodies) == (True, [])


def test_a_table_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    """Without SQLAlchemy files work, and tables name the extra."""
    place: list[Any] = ["--database", "sqlite:///x.db", "--table", "t", "--finish"]
    code = "sys.argv = {}\nimport padan.cli; padan.cli.main()"
    done = python(code.format(["padan", "token", "update", *place]), blocked=("sqlalchemy",))
    assert (done.returncode, "pip install 'padan[tokens]'" in done.stderr) == (ExitCode.INPUT, True)
    done = python(
        code.format(["padan", "token", "update", str(tmp_path / "none.csv"), "--finish"]),
        blocked=("sqlalchemy", "pyarrow"),
    )
    assert "none.csv: cannot be read" in done.stderr
