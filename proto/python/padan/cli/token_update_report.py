"""What `padan token update` tells: data on standard output, bad rows and warnings on standard error."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import typer

from padan import times
from padan.cli.console import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.updating.calls import Calls
    from padan.updating.place import Undone
    from padan.updating.update import Summary

SHOWN: Final = 20
"""Bad rows that are listed for people; JSON has them all."""
SOON: Final = timedelta(days=14)
"""How long before the end of a version's time it is told."""


def warn(calls: Calls) -> None:
    """Warn of a version whose tokens are accepted for a short time only."""
    now = calls.info.time or datetime.now(tz=UTC)
    for number, until in _ends(calls).items():
        if until - now < SOON:
            left = times.span(max((until - now).total_seconds(), 0))
            sys.stderr.write(
                f"warning: tokens of version {number} are accepted until {times.text(until)} only, {left} from now\n"
            )


def told(summary: Summary, calls: Calls, undo_in: str, *, as_json: bool) -> None:
    """Tell how an update ended."""
    _bad(summary.bad)
    sample = summary.sample
    if as_json:
        print_json(
            _counts(summary, calls)
            | {
                "moved": summary.moved,
                "done_before": summary.before,
                "changed_meanwhile": summary.elsewhere,
                "written": summary.written,
                "sample": None
                if sample is None
                else {"rows": sample.rows, "moved": sample.moved, "wrong": list(sample.wrong)},
                "undo": undo_in,
            }
        )
        return
    typer.echo(
        f"{summary.rows:,} rows: {summary.moved:,} moved to version {summary.version}, {summary.before:,} before, "
        f"{len(summary.bad):,} bad"
    )
    if summary.elsewhere:
        typer.echo(
            f"{summary.elsewhere:,} rows were changed meanwhile and left alone; the same command looks again"
        )
    if sample is not None:
        right = sample.rows - len(sample.wrong)
        typer.echo(
            f"sample   {right:,} of {sample.rows:,} rows are right, {sample.moved:,} asked by their old token too"
        )
    if summary.moved or summary.before:
        ends = ", ".join(
            f"version {number} until {times.text(until)}" for number, until in _ends(calls).items()
        )
        typer.echo(f"old      kept in {undo_in} for --undo; accepted: {ends or 'no older version any more'}")


def counted(summary: Summary, calls: Calls, *, as_json: bool) -> None:
    """Tell what a dry run counted."""
    _bad(summary.bad)
    if as_json:
        print_json(_counts(summary, calls))
        return
    ends = _ends(calls)
    typer.echo(f"{summary.rows:,} rows; token domain {summary.domain}")
    for number, rows in summary.versions.items():
        until = ends.get(number)
        typer.echo(
            f"version {number}: {rows:,}, " + (f"accepted until {times.text(until)}" if until else "issues")
        )
    typer.echo(f"bad: {len(summary.bad):,}")


def undone(found: Undone, *, as_json: bool) -> None:
    """Tell what became of an undo."""
    if as_json:
        print_json(
            {"put_back": found.put_back, "outdated": found.outdated, "changed_meanwhile": found.elsewhere}
        )
        return
    typer.echo(f"{found.put_back:,} rows have their old token again")
    if found.elsewhere:
        typer.echo(f"{found.elsewhere:,} rows have another token by now and were left alone")


def finished(count: int, *, as_json: bool) -> None:
    """Tell what was deleted."""
    if as_json:
        print_json({"deleted": count})
    else:
        typer.echo(f"deleted the old tokens of {count:,} rows; nothing can be undone any more")


def _counts(summary: Summary, calls: Calls) -> dict[str, Any]:
    return {
        "rows": summary.rows,
        "domain": summary.domain,
        "version": summary.version,
        "versions": {str(number): rows for number, rows in summary.versions.items()},
        "accepted_until": {str(number): times.text(until) for number, until in _ends(calls).items()},
        "bad_rows": [{"row": row, "rule": rule} for row, rule in summary.bad.items()],
    }


def _bad(bad: Mapping[int, str]) -> None:
    for row, rule in list(bad.items())[:SHOWN]:
        sys.stderr.write(f"row {row}: token: {rule}\n")
    if len(bad) > SHOWN:
        sys.stderr.write(f"and {len(bad) - SHOWN:,} more bad rows; --json has them all\n")


def _ends(calls: Calls) -> dict[int, datetime]:
    return {
        version.number: version.not_after
        for version in calls.domain.versions
        if version.not_after is not None
    }
