"""`padan-server retention`: what is kept, for how long, and what goes."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from padan import times
from padan.cli.console import new_app, print_json
from verifier import migrations
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson
from verifier.log.open import open_log
from verifier.retention.classes import RetentionClass
from verifier.retention.duty import Retention

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verifier.config import Settings

app = new_app("retention", summary="What is kept, for how long, and what goes when its time is over.")


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Show for each class of entries how long it is kept and how far it was erased, and what else goes when."""
    chosen = settings()
    with closing(open_log(_log(chosen))) as log:
        retention = Retention(chosen, log)
        state, now_ms = retention.sweep.state(), retention.now_ms()
    classes = [
        {
            "class": kept.label,
            "days": retention.schedule.days[kept],
            "over_before": _time(retention.schedule.until_ms(kept, now_ms)),
            "erased_before": _time(state.until_ms.get(kept, 0)),
        }
        for kept in RetentionClass
    ]
    others = {"epoch_days": chosen.retention_epoch_days, "file_days": chosen.retention_file_days}
    if as_json:
        print_json({"classes": classes, **others, "hold": sorted(retention.schedule.hold)})
        return
    typer.echo("class          days  over before           erased before")
    for line in classes:
        over, erased = line["over_before"] or "-", line["erased_before"] or "-"
        typer.echo(f"{line['class']:10}  {line['days']:>7,}  {over:20}  {erased}")
    typer.echo(f"retired epochs {others['epoch_days']} days, files of loads {others['file_days']} days")
    typer.echo(f"held: {', '.join(sorted(retention.schedule.hold)) or 'nobody'}")


@app.command()
def run(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove everything whose time is over, beside the service, which does so by itself."""
    chosen = settings()
    migrations.require_current(chosen.vault_database, migrations.Tree.VAULT)
    with closing(open_log(_log(chosen))) as log:
        retention = Retention(chosen, log)
        if dry_run:
            now_ms = retention.now_ms()
            erased: Mapping[RetentionClass, int] = retention.sweep.due(now_ms)
            removed: Mapping[str, list[str]] = retention.leftovers.over(now_ms)
        else:
            applied = retention.apply()
            erased, removed = applied.erased, applied.removed
    counts = {kept.label: count for kept, count in sorted(erased.items()) if count}
    if as_json:
        print_json({"dry_run": dry_run, "entries": counts, **removed})
        return
    told = [*_told(counts, removed)]
    for line in told:
        typer.echo(f"{'would go' if dry_run else 'gone'}: {line}")
    if not told:
        typer.echo("nothing is over")


def _told(counts: Mapping[str, int], removed: Mapping[str, list[str]]) -> Iterator[str]:
    for label, count in counts.items():
        yield f"{count:,} {'entry' if count == 1 else 'entries'} of the class {label}; each leaf stays"
    for what, names in removed.items():
        yield f"{what} {', '.join(names)}"


def _log(chosen: Settings) -> str:
    migrations.require_current(chosen.log_database, migrations.Tree.LOG)
    return chosen.log_database


def _time(ms: int) -> str | None:
    return times.text(datetime.fromtimestamp(ms / 1000, tz=UTC)) if ms else None
