"""`padan token overlap`: how many of a list are enrolled in a class, or who, as the agreements grant.

What was answered is kept beside the list, with the seed of which requests are made: the same command goes on, and asks
again only what it had under way, as the same requests.
"""

from __future__ import annotations

import hashlib
import hmac
import json as jsons
import os
import sys
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from padan.cli import connection
from padan.cli.asking import ConsentReceipt, LegalBasis, Officer, Purpose
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName
from padan.cli.console import CommandError, ExitCode, print_json
from padan.cli.roll import Roll, patiently
from padan.enrolment import MOST, EnrolmentList, Said
from padan.table.file import Stamp, require_suffix
from padan.table.sink import writing
from padan.token import Token, TokenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.client import Client
    from padan.enrolment import EnrolmentListAnswer

DEVIATION: Final = 27.6
"""Standard deviation of the noise of one message (docs/tokens.md)."""
PATIENCE: Final = 60.0
_ROW: Final = "row"
_OUTCOME: Final = "outcome"
_SHOWN: Final = 20


class Progress:
    """What was answered, a line each, in a file of mode 0600; the first line says what was asked.

    Args:
        path: of the file.
        asked: what makes this question this one; another one's file is refused.
    """

    def __init__(self, path: Path, asked: dict[str, Any]) -> None:
        self.path = path
        told = {"asked": asked, "seed": os.urandom(32).hex()}
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(jsons.dumps(told) + "\n")
        except FileExistsError:
            pass
        try:
            first, *rest = path.read_text().splitlines()
            head = jsons.loads(first)
            self.seed = bytes.fromhex(head["seed"])
            self.answers: list[dict[str, Any]] = [jsons.loads(line) for line in rest if line.endswith("}")]
        except (OSError, ValueError, KeyError, TypeError):
            raise self._refused("is no file of this command, or is damaged") from None
        if head["asked"] != asked:
            raise self._refused("is of another list, class or agency, or the list was changed")

    def _refused(self, why: str) -> CommandError:
        return CommandError(
            f"{self.path.name} {why}",
            next_step="move it away to begin anew, or run the command that it belongs to",
            code=ExitCode.STATE,
        )

    def keep(self, answer: EnrolmentListAnswer) -> None:
        """Write an answer down before the next question is asked."""
        told = {
            "verdicts": [one.name if one is not None else "" for one in answer.verdicts],
            "enrolled": answer.enrolled,
            "residents": answer.residents,
            "refused": dict(answer.refused),
        }
        with self.path.open("a") as file:
            file.write(jsons.dumps(told) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.answers.append(jsons.loads(jsons.dumps(told)))

    def derive(self, what: str, number: int, size: int) -> bytes:
        """Derive what a message is asked with."""
        return hmac.digest(self.seed, f"{what} {number}".encode(), hashlib.sha256)[:size]


def overlap(
    table: Annotated[
        Path, typer.Argument(metavar="LIST", help="The tokens: .csv or .parquet, with named columns.")
    ],
    *,
    category: Annotated[str, typer.Option("--class", metavar="CLASS", help="The class, from the agreement.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where rows are granted: the result, .csv or .parquet, a verdict a row."
        ),
    ] = None,
    token_column: Annotated[str, typer.Option(help="The list's column of tokens.")] = "token",  # noqa: S107 - a column
    purpose: Purpose = None,
    officer: Officer = None,
    legal_basis: LegalBasis = None,
    consent_receipt: ConsentReceipt = "",
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds for a message with all its attempts.")
    ] = PATIENCE,
    json: Json = False,
) -> None:
    """Ask how many of a list are enrolled in a class, or who, as the agreements grant; ended early, it goes on.

    What was answered is kept in LIST.overlap until the end. Exit codes: 0 done, 3 some rows are bad, 4 or 5 it ended
    early.
    """
    if output is not None:
        require_suffix(output)
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    said = Said(**connection.given(purpose, officer, legal_basis), consent_receipt=consent_receipt)
    roll = Roll.of(None, table, [token_column], 1)
    bad: dict[int, str] = {}
    numbers = [number for number, _ in _tokens(roll, bad)]
    if not numbers:
        raise CommandError("the list has no token", next_step="name its column with --token-column")
    sizes = _sizes(len(numbers))
    asked = {"list": asdict(Stamp.of(table)), "class": category, "column": token_column, "link": link.address}
    progress = Progress(table.with_name(table.name + ".overlap"), asked | {"purpose": said.purpose})
    with link.client() as client:
        _ask(client, progress, _lists(roll, sizes, category, said, progress), timeout)
    for at, answer in zip(_starts(sizes), progress.answers, strict=True):
        bad |= {numbers[at + int(place)]: rule for place, rule in answer["refused"].items()}
    by_row = {
        number: name
        for at, answer in zip(_starts(sizes), progress.answers, strict=True)
        for number, name in zip(numbers[at:], answer["verdicts"], strict=False)
    }
    if output is not None and by_row:
        _write(output, by_row, bad)
    _report(progress, by_row, bad, output, as_json=json)
    progress.path.unlink()
    if bad:
        raise typer.Exit(int(ExitCode.INPUT))


def _tokens(roll: Roll, bad: dict[int, str]) -> Iterator[tuple[int, bytes]]:
    for row in roll.rows():
        try:
            if row.fault:
                bad[row.number] = row.fault
            else:
                yield row.number, Token.from_text(row.cells[0]).encode()
        except TokenError as error:
            bad[row.number] = str(error)


def _sizes(count: int) -> list[int]:
    """Cut a list into messages of nearly one size, so that none is too small to be counted."""
    parts = -(-count // MOST)
    return [count // parts + (number < count % parts) for number in range(parts)]


def _starts(sizes: list[int]) -> list[int]:
    return [sum(sizes[:number]) for number in range(len(sizes))]


def _lists(
    roll: Roll, sizes: list[int], category: str, said: Said, progress: Progress
) -> Iterator[EnrolmentList]:
    """Make the messages that have no answer yet; each is the same whenever it is made."""
    rows = _tokens(roll, {})
    for number, size in enumerate(sizes):
        tokens = [token for _, token in (next(rows) for _ in range(size))]
        if number >= len(progress.answers):
            yield EnrolmentList.build(
                tokens,
                category=category,
                said=said,
                request_id=str(uuid.UUID(bytes=progress.derive("id", number, 16))),
                blind=progress.derive("blind", number, 32),
            )


def _ask(client: Client, progress: Progress, lists: Iterator[EnrolmentList], timeout: float) -> None:
    try:
        for question in lists:
            for answer in patiently(lambda: list(client.enrolments.check_many([question], timeout=timeout))):  # noqa: B023 - called at once
                progress.keep(answer)
    except Exception:
        sys.stderr.write(
            f"{len(progress.answers)} messages are answered and kept; the same command goes on\n"
        )
        raise


def _write(output: Path, by_row: dict[int, str], bad: dict[int, str]) -> None:
    told = dict(sorted((by_row | {number: f"BAD_ROW: {rule}" for number, rule in bad.items()}).items()))
    with writing(output, [_ROW, _OUTCOME], [None, None]) as sink:
        sink.write([[str(number) for number in told], list(told.values())])


def _report(
    progress: Progress, by_row: dict[int, str], bad: dict[int, str], output: Path | None, *, as_json: bool
) -> None:
    counted = [answer["enrolled"] for answer in progress.answers if answer["enrolled"] is not None]
    residents = sum(answer["residents"] for answer in progress.answers)
    matches = sum(name == "MATCH" for name in by_row.values())
    deviation = round(DEVIATION * len(counted) ** 0.5, 1) if counted else 0.0
    for number, rule in sorted(bad.items())[:_SHOWN]:
        sys.stderr.write(f"row {number}: {rule}\n")
    if len(bad) > _SHOWN:
        sys.stderr.write(f"and {len(bad) - _SHOWN:,} more bad rows; --json names them all\n")
    if as_json:
        print_json(
            {
                "residents": residents,
                "enrolled": sum(counted) if counted else matches,
                "deviation": deviation,
                "output": str(output) if output is not None and by_row else None,
                "bad_rows": [{"row": number, "rule": rule} for number, rule in sorted(bad.items())],
            }
        )
    elif counted:
        typer.echo(
            f"about {sum(counted):,} of {residents:,} are enrolled; noise of standard deviation {deviation:,}"
        )
    else:
        typer.echo(f"{matches:,} of {residents:,} are enrolled" + (f"; written  {output}" if output else ""))
