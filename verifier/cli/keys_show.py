"""Commands that change nothing: what is in the keyring, whether it is sound, and its public keys."""

from __future__ import annotations

import importlib.metadata
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import keys.events
from keys import cryptoperiod, keyproof, ringformat
from keys.cryptoperiod import Use
from keys.purpose import is_known, parse
from keys.ringfile import RingFile
from keys.ringformat import moment
from padan.cli.console import ExitCode, print_json
from verifier.cli import log_key
from verifier.cli.custody_choice import CHOICE
from verifier.inventory import uses
from verifier.inventory.cbom import build
from verifier.inventory.standing import standings, unlockers

if TYPE_CHECKING:
    from datetime import datetime

    from keys.cryptoperiod import Alarm
    from keys.events import Event
    from keys.keyset import Keyring, RingKey
    from verifier.inventory.standing import Standing
    from verifier.inventory.uses import Uses

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def status(
    unverified: Annotated[
        bool,
        typer.Option(
            "--unverified", help="Do not unlock: show what the file says, which nobody has vouched for."
        ),
    ] = False,
    cbom: Annotated[
        Path | None,
        typer.Option(
            "--cbom", help="Also write the keys as a CycloneDX 1.6 CBOM, in the place of any such file."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every key with its purpose, version, state, age, uses, what is due next, and who may use it.

    Exit code 1 when a cryptoperiod is over or ends within 30 days.
    """
    ring = ringformat.peek(RingFile(CHOICE.keyring_path()).read()) if unverified else CHOICE.custody().read()
    now = CHOICE.now()
    alarms = cryptoperiod.alarms(ring, now=now)
    keys, known = standings(ring, now=now), uses.count(CHOICE.settings(), ring)
    who = "" if unverified else unlockers(CHOICE.provider())
    if cbom is not None:
        scheme = CHOICE.kek_scheme()
        release = importlib.metadata.version("padan-server")
        document = build(ring, keys, scheme=scheme, release=release, serial=str(uuid.uuid4()), now=now)
        cbom.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if as_json:
        described = {"verified": not unverified, "unlocked_by": who or None, "uses_away": list(known.away)}
        listed = {"keys": [_standing(one, known) for one in keys], "log_keys_beside": log_key.outgoing(ring)}
        print_json({**summary(ring, alarms), **listed, **described})
    else:
        typer.echo(
            f"{ring.realm.registry_id} ({ring.realm.environment}), counter {ring.counter}, KEK {ring.kek_id}"
        )
        if who:
            typer.echo(f"unlocked by {who}")
        _table([_HEADER, *(_row(one, known) for one in keys)])
        for reason in known.away:
            typer.echo(f"uses are not known: {reason}")
        _tell(alarms)
        log_key.tell(ring)
        if unverified:
            typer.echo("not verified: the file was read without its KEK")
    if alarms:
        raise typer.Exit(int(ExitCode.NO))


def check(as_json: AsJson = False) -> None:
    """Check the keyring's integrity, every wrapped key, the history, file modes and cryptoperiods.

    Exit code 1 when something is unsound or a cryptoperiod is over; an end within 30 days is told and passes.
    """
    ring, alarms, findings = CHOICE.custody().check()
    passed = not findings and not any(alarm.over for alarm in alarms)
    if as_json:
        found = [{"code": finding.code, "text": finding.text} for finding in findings]
        print_json({**summary(ring, alarms), "verified": True, "findings": found, "passed": passed})
    else:
        for finding in findings:
            typer.echo(f"{finding.code}: {finding.text}")
        _tell(alarms)
        typer.echo(
            f"{sum(1 for _ in ring)} keys, counter {ring.counter}: {'sound' if passed else 'NOT sound'}"
        )
    if not passed:
        raise typer.Exit(int(ExitCode.NO))


def history(
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Check the signatures of every ceremony against the custodians of its time, and that nothing was "
            "changed without one since a roster stands.",
        ),
    ] = False,
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Do not unlock: check the history against what the file says."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened to the keyring, checked against it; with --verify also who decided it.

    Auditors verify a copy of keyring and history offline, with --verify --unverified.
    """
    ring, events = _history(unverified=unverified)
    if verify:
        _verify(ring, events, as_json=as_json)
        return
    if as_json:
        print_json(
            [
                {
                    "number": event.number,
                    "counter": event.counter,
                    "at": moment(event.at),
                    "event": event.name,
                    "actor": event.actor,
                    "details": dict(event.details),
                }
                for event in events
            ]
        )
        return
    for event in events:
        details = " ".join(f"{name}={value}" for name, value in event.details.items())
        typer.echo(f"{event.number:>4}  {moment(event.at)}  {event.actor}  {event.name}  {details}")


def _history(*, unverified: bool) -> tuple[Keyring, tuple[Event, ...]]:
    if not unverified:
        custody = CHOICE.custody()
        return custody.read(), custody.history()
    path = CHOICE.keyring_path()
    ring = ringformat.peek(RingFile(path).read())
    return ring, keys.events.read(keys.events.path_beside(path), ring)


def _verify(ring: Keyring, events: tuple[Event, ...], *, as_json: bool) -> None:
    proven = keyproof.prove(ring.realm, events)
    if as_json:
        print_json(
            {
                "counter": ring.counter,
                "events": ring.events,
                "events_head": ring.events_head.hex(),
                "ceremonies": [
                    {
                        "number": each.number,
                        "counter": each.counter,
                        "proposal": each.proposal,
                        "action": each.action,
                        "approved": list(each.approved),
                    }
                    for each in proven
                ],
            }
        )
        return
    for each in proven:
        typer.echo(f"{each.number:>4}  counter {each.counter}  {each.action}  by {' '.join(each.approved)}")
    typer.echo(
        f"proven: {len(proven)} ceremonies in {ring.events} lines that end in {ring.events_head.hex()[:16]}"
    )


def export_public() -> None:
    """Print the public keys as a JWK Set (RFC 7517), also of keys that are no more, for whoever checks signatures."""
    ring = CHOICE.custody().read()
    print_json(
        {
            "keys": [
                {
                    **key.jwk,
                    "padan_purpose": key.purpose,
                    "padan_key_id": key.key_id,
                    "padan_state": str(key.state),
                }
                for key in ring.public_keys()
            ]
        }
    )


def summary(ring: Keyring, alarms: tuple[Alarm, ...]) -> dict[str, Any]:
    """Describe a keyring for machines."""
    return {
        "registry": ring.realm.registry_id,
        "environment": ring.realm.environment,
        "counter": ring.counter,
        "kek": ring.kek_id,
        "events": ring.events,
        "keys": [
            _described(purpose, key, primary=ring.keyset(purpose).primary == key.key_id)
            for purpose, key in ring
        ],
        "alarms": [
            {
                "purpose": alarm.purpose,
                "key_id": alarm.key_id,
                "use": str(alarm.use),
                "ends": moment(alarm.ends),
                "over": alarm.over,
            }
            for alarm in alarms
        ],
    }


def _described(purpose: str, key: RingKey, *, primary: bool) -> dict[str, Any]:
    dates = {
        "created": key.created,
        "activated": key.activated,
        "deactivated": key.deactivated,
        "compromised": key.compromised,
        "destroyed": key.destroyed,
        "protects_until": _end(purpose, key, Use.PROTECT),
        "processes_until": _end(purpose, key, Use.PROCESS),
    }
    return {
        "purpose": purpose,
        "key_id": key.key_id,
        "state": str(key.state),
        "primary": primary,
        "algorithm": key.algorithm,
        **{name: None if at is None else moment(at) for name, at in dates.items()},
    }


def _end(purpose: str, key: RingKey, use: Use) -> datetime | None:
    return cryptoperiod.end(parse(purpose), key, use) if is_known(purpose) else None


_HEADER = ("purpose", "version", "key id", "state", "primary", "age", "uses", "next due", "used by")


def _row(one: Standing, known: Uses) -> tuple[str, ...]:
    used = known.known.get(one.key.key_id)
    return (
        one.purpose,
        str(one.version),
        str(one.key.key_id),
        str(one.key.state),
        "yes" if one.primary else "",
        f"{one.age_days} d",
        "" if used is None else f"{used.count} {used.of}",
        "" if one.due is None else f"{one.due.date().isoformat()} ({one.ends})",
        ", ".join(one.users),
    )


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _standing(one: Standing, known: Uses) -> dict[str, Any]:
    used = known.known.get(one.key.key_id)
    return {
        **_described(one.purpose, one.key, primary=one.primary),
        "version": one.version,
        "age_days": one.age_days,
        "uses": None if used is None else {"count": used.count, "of": used.of},
        "next_due": None if one.due is None else moment(one.due),
        "next_due_use": None if one.ends is None else str(one.ends),
        "used_by": list(one.users),
    }


def _tell(alarms: tuple[Alarm, ...]) -> None:
    for alarm in alarms:
        verb = "ended" if alarm.over else "ends"
        typer.echo(
            f"alarm: the time of the {alarm.purpose} key {alarm.key_id} to {alarm.use} {verb} "
            f"on {alarm.ends.date().isoformat()}"
        )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("check")(check)
    app.command("history")(history)
    app.command("export-public")(export_public)
