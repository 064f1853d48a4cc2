"""The drill of a key's compromise: what it would expose, the plan, its time, and what a notice must carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys.agent import LocalKeyAgent
from keys.purpose import is_known, parse
from keys.ringformat import moment
from padan.cli.console import CommandError, ExitCode, print_json
from verifier.cli.custody_choice import CHOICE
from verifier.inventory import drill
from verifier.inventory.standing import standings

if TYPE_CHECKING:
    from keys.keyset import Keyring
    from verifier.inventory.drill import Drill
    from verifier.inventory.standing import Standing
    from verifier.inventory.uses import LogRange

_ARTICLE = "UU 27/2022 (PDP) Art. 46"
_HOURS = 3 * 24


def compromise(
    key: Annotated[
        str,
        typer.Argument(
            help="The key's id, as padan-keys status shows it, or a purpose for its primary key.",
            show_default=False,
        ),
    ],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Rehearse, which is all that this command does: nothing is changed."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Rehearse a key's compromise: what is exposed to whom, which records, the plan, its time, a notice's facts."""
    if not dry_run:
        raise CommandError(
            "this command rehearses and changes nothing",
            next_step="say --dry-run; what happened for real is declared with padan-keys declare-compromised",
            code=ExitCode.REFUSED,
        )
    ring = CHOICE.custody().read()
    one = _chosen(ring, key)
    found = drill.rehearse(
        CHOICE.settings(),
        parse(one.purpose),
        one.key,
        unlock=lambda: LocalKeyAgent.unlock(CHOICE.keyring_path(), CHOICE.provider()),
    )
    if as_json:
        print_json(_document(one, found))
    else:
        for line in _told(one, found):
            typer.echo(line)


def _chosen(ring: Keyring, name: str) -> Standing:
    found = [
        one
        for one in standings(ring, now=CHOICE.now())
        if is_known(one.purpose) and (name == str(one.key.key_id) or (name == one.purpose and one.primary))
    ]
    if not found:
        raise CommandError(
            f"the keyring has no key {name}, or no primary one of that purpose",
            next_step="take an id from padan-keys status",
            code=ExitCode.INPUT,
        )
    return found[0]


def _plan(one: Standing, found: Drill) -> list[dict[str, str | None]]:
    names = {"purpose": one.purpose, "key_id": str(one.key.key_id)}
    return [
        {"command": step.command.format(**names) or None, "does": step.does} for step in found.exposure.plan
    ]


def _notice(one: Standing, found: Drill) -> dict[str, Any]:
    """Collect what Art. 46 asks for; what no program can know is named as that."""
    return {
        "law": _ARTICLE,
        "hours": _HOURS,
        "counted_from": "the moment at which the failure of protection became known: write it down",
        "to": ["the residents concerned", "the data protection authority"],
        "public_notice": "where it disturbs public services or has serious consequences for the public (Art. 46(3))",
        "data": list(found.exposure.data),
        "residents": found.people if found.exposure.data else 0,
        "when": {
            "from": None if one.key.activated is None else moment(one.key.activated),
            "to": None if found.log is None or found.log.until is None else moment(found.log.until),
        },
        "how": "to be written by whoever investigates: how the key, and what it needs beside it, became known",
        "done": [step["does"] for step in _plan(one, found)],
    }


def _document(one: Standing, found: Drill) -> dict[str, Any]:
    sample = found.sample
    return {
        "dry_run": True,
        "key": {
            "purpose": one.purpose,
            "key_id": one.key.key_id,
            "version": one.version,
            "state": str(one.key.state),
            "primary": one.primary,
        },
        "exposes": {
            "alone": found.exposure.alone,
            "with_more": found.exposure.beside,
            "to": found.exposure.whom,
            "held_unlocked_by": list(one.users),
        },
        "records": {
            "epochs": [
                {
                    "number": epoch.number,
                    "state": str(epoch.state),
                    "rows": epoch.rows,
                    "sealed": epoch.sealed_rows,
                }
                for epoch in found.epochs
            ],
            "tables": dict(found.tables),
            "counted_at_most": drill.COUNTED,
            "tokens": str(found.exposure.tokens),
        },
        "log": None if found.log is None else _range(found.log, found.exposure.log),
        "plan": _plan(one, found),
        "time": None
        if sample is None
        else {
            "sampled_rows": sample.rows,
            "rows_per_second_and_core": round(sample.rate),
            "all_rows": sample.all_rows,
            "seconds_on_one_core": round(sample.total_seconds, 1),
        },
        "notice": _notice(one, found),
        "away": list(found.away),
    }


def _range(log: LogRange, concerned: str) -> dict[str, Any]:
    return {
        "first": log.first if log.entries else None,
        "last": log.last if log.entries else None,
        "entries": log.entries,
        "since": moment(log.since),
        "until": None if log.until is None else moment(log.until),
        "concerned": concerned or None,
    }


def _told(one: Standing, found: Drill) -> list[str]:
    told = _document(one, found)
    log, spent, notice = told["log"], told["time"], told["notice"]
    lines = [
        f"drill: the {one.purpose} key {one.key.key_id}, version {one.version}, {one.key.state}; nothing is changed",
        f"exposes alone: {found.exposure.alone}",
        f"with more: {found.exposure.beside}",
        f"to: {found.exposure.whom}",
    ]
    lines += [f"epoch {each.number} ({each.state}): {each.sealed_rows} rows" for each in found.epochs]
    lines += [
        f"table {name}: {'at least ' if rows >= drill.COUNTED else ''}{rows} rows"
        for name, rows in found.tables.items()
    ]
    lines.append(f"tokens of agencies: {found.exposure.tokens}")
    if log is not None and log["entries"]:
        lines.append(
            f"log: entries {log['first']} to {log['last']} ({log['since']} to {log['until'] or 'now'})"
        )
    elif log is not None:
        lines.append("log: no entry of the key's time")
    lines += [f"log: {found.exposure.log}"] if found.exposure.log else []
    lines += [
        f"{number} {step['command'] or '(people)'}: {step['does']}"
        for number, step in enumerate(told["plan"], 1)
    ]
    if spent is not None:
        lines.append(
            f"time: {spent['sampled_rows']} rows sampled, {spent['rows_per_second_and_core']} rows/s a core; "
            f"{spent['all_rows']} rows: {spent['seconds_on_one_core']} s opened and sealed anew, a load takes longer"
        )
    lines += [
        f"notice: {notice['law']}, within {_HOURS} hours of {notice['counted_from']}",
        f"notice: to {' and '.join(notice['to'])}; to the public {notice['public_notice']}",
        f"notice: what data: {'; '.join(notice['data']) or 'none of residents by this key alone'}",
        f"notice: residents: {notice['residents']}",
        f"notice: when: from {notice['when']['from']} to {notice['when']['to'] or 'now'}; how: {notice['how']}",
        "notice: what was done: the steps above, each with its time in padan-keys history",
    ]
    return lines + [f"not known: {reason}" for reason in found.away]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compromise")(compromise)
