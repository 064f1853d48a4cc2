"""padan-server status: how everything stands, on one screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys.meter import Act
from keys.seal import SEALS_ALARM, SEALS_LIMIT
from padan.cli.console import ExitCode, print_json
from verifier.accounts import Kind
from verifier.cli.settings import settings
from verifier.overview.facts import Away
from verifier.overview.gather import gather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.overview.facts import Affairs, Agent, Log, Overview, Sealed, Service
    from verifier.vault.epoch import Epoch

_GIB = 1 << 30
_ACTS = {
    Act.MAC: "hashes",
    Act.TOKEN: "row names",
    Act.OPEN: "boxes opened",
    Act.SEAL: "sealed",
    Act.SIGN: "signatures",
}
_KINDS = {
    Kind.ROW: "rows opened",
    Kind.RECEIPT: "receipts signed",
    Kind.ANSWER: "answers sealed",
    Kind.REPETITION: "answers opened",
    Kind.ENTRY: "entries that are not there",
}
_STEPS = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show how service, epochs, feed, log, budgets, seals, uses of keys and disk stand, and what ends soon.

    Works whatever is away, and says so. The exit code is 1 unless the service is ready, everything could be asked,
    and no key was used beside the log.
    """
    overview = gather(settings())
    if as_json:
        print_json(_document(overview))
    else:
        for name, text in _lines(overview):
            typer.echo(f"{name:<10} {text}")
    if not overview.is_well:
        raise typer.Exit(int(ExitCode.NO))


def _document(overview: Overview) -> dict[str, Any]:
    vault, log, disk = overview.vault, overview.log, overview.disk
    affairs = overview.affairs
    return {
        "registry": overview.registry,
        "environment": overview.environment,
        "release": overview.release,
        "at": _moment(overview.at),
        "well": overview.is_well,
        "service": _service(overview),
        "vault": _away(vault)
        if isinstance(vault, Away)
        else {
            "active": vault.active.number if vault.active else None,
            "age_seconds": _age(overview, vault.active),
            "positions": dict(vault.positions),
            "epochs": [_epoch(epoch) for epoch in vault.epochs],
        },
        "log": _away(log) if isinstance(log, Away) else _log(log),
        "affairs": _away(affairs) if isinstance(affairs, Away) else _affairs(affairs),
        "seals": {
            "rows": None if isinstance(vault, Away) or not vault.active else vault.active.sealed_rows,
            "answers": overview.service.replay_seals,
            "alarm": SEALS_ALARM,
            "limit": SEALS_LIMIT,
        },
        "uses": {
            "acts": None if overview.service.uses is None else dict(overview.service.uses),
            "failed": overview.service.failed,
            "beside": dict(overview.service.beside),
        },
        "keyring": _away(overview.keyring)
        if isinstance(overview.keyring, Away)
        else {"counter": overview.keyring},
        "agent": _agent(overview.agent),
        "disk": _away(disk)
        if isinstance(disk, Away)
        else {"free_bytes": disk.free, "total_bytes": disk.total},
        "ends": [
            {
                "kind": each.kind.value,
                "name": each.name,
                "at": _moment(each.at),
                "over": each.at <= overview.at,
            }
            for each in overview.ends
        ],
    }


def _service(overview: Overview) -> dict[str, Any]:
    service = overview.service
    return {
        "state": service.state.value,
        "reason": service.reason or None,
        "workers": service.workers,
        "workers_ready": service.workers_ready,
        "answers": service.answers,
        "blocked": service.blocked,
        "refusals": service.refusals,
        "sealed": None
        if service.seal is None
        else {"shares_here": service.seal.here, "shares_needed": service.seal.needed},
    }


def _log(log: Log) -> dict[str, Any]:
    return {
        "entries": log.entries,
        "last": _moment(log.last_ms / 1000) if log.entries else None,
        "published": log.published,
        "today": {
            "entries": log.counted,
            "whole": log.is_whole,
            "alerts": log.alerts,
            "blocked": log.blocked,
            "resets": log.resets,
        },
    }


def _agent(agent: Agent | Away | None) -> dict[str, Any] | None:
    if agent is None:
        return None
    if isinstance(agent, Away):
        return _away(agent)
    return {"handed": agent.handed, "living": agent.living}


def _away(part: Away) -> dict[str, str]:
    return {"away": part.reason}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _age(overview: Overview, epoch: Epoch | None) -> int | None:
    return None if epoch is None else max(0, int(overview.at - epoch.as_of_ms / 1000))


def _affairs(affairs: Affairs) -> dict[str, Any]:
    return {
        "disputes": affairs.disputes,
        "late": affairs.late,
        "leader_age_seconds": affairs.leader_age,
        "term": affairs.term,
        "witness_age_seconds": affairs.witness_age,
    }


def _epoch(epoch: Epoch) -> dict[str, Any]:
    return {
        "number": epoch.number,
        "state": epoch.state.value,
        "people": max(0, epoch.rows - epoch.decoys),
        "as_of": _moment(epoch.as_of_ms / 1000),
    }


def _lines(overview: Overview) -> Iterator[tuple[str, str]]:
    yield (
        "registry",
        f"{overview.registry} ({overview.environment}), release {overview.release}, {_moment(overview.at)}",
    )
    yield "service", _told_service(overview)
    if overview.service.seal is not None:
        yield "keys", _told_seal(overview.service.seal)
    yield from _told_vault(overview)
    yield from _told_log(overview)
    if overview.service.uses is not None:
        yield "uses", _told_uses(overview.service)
    keyring = overview.keyring
    yield "keyring", _told_away(keyring) if isinstance(keyring, Away) else f"counter {keyring}"
    agent = overview.agent
    if agent is not None:
        yield (
            "agent",
            _told_away(agent)
            if isinstance(agent, Away)
            else f"processes that got keys: {agent.handed:,} since it began, {agent.living:,} of them run",
        )
    disk = overview.disk
    yield (
        "disk",
        _told_away(disk)
        if isinstance(disk, Away)
        else f"{disk.free / _GIB:,.1f} of {disk.total / _GIB:,.1f} GiB free in data_dir",
    )
    for each in overview.ends:
        verb, ahead = ("ended", "ago") if each.at <= overview.at else ("ends", "from now")
        what = each.kind.value.replace("-", " ")
        yield (
            "soon",
            f"{what} {each.name} {verb} {_moment(each.at)}, {_span(abs(each.at - overview.at))} {ahead}",
        )
    if not overview.ends:
        yield "soon", "nothing ends within 30 days"


def _told_away(part: Away) -> str:
    return f"AWAY: {part.reason}"


def _told_service(overview: Overview) -> str:
    service = overview.service
    if service.answers is None:
        return f"{service.state.value.upper()}: {service.reason}"
    state = service.state.value if service.workers_ready else service.state.value.upper()
    return (
        f"{state}, {service.workers_ready} of {service.workers} workers; since they began {service.answers:,} answers"
        f" ({service.blocked:,} blocked by a budget), {service.refusals:,} refusals"
    )


def _told_seal(seal: Sealed) -> str:
    here = f"{seal.here} of {seal.needed} shares are here; " if seal.needed else ""
    return f"SEALED: {here}custodians run padan-keys unseal, and padan-keys standing names who is missing"


def _told_uses(service: Service) -> str:
    uses = dict(service.uses or {})
    counted = ", ".join(f"{uses.get(act, 0):,} {text}" for act, text in _ACTS.items())
    failed = f"; {service.failed:,} for requests that could not be logged" if service.failed else ""
    beside = {kind: count for kind, count in service.beside.items() if count}
    if not beside:
        return f"{counted}{failed}; none beside the log"
    found = ", ".join(f"{_KINDS[Kind(kind)]} {count:,}" for kind, count in sorted(beside.items()))
    return f"{counted}{failed}; BESIDE THE LOG: {found}; next: docs/operate.md, key agent"


def _told_vault(overview: Overview) -> Iterator[tuple[str, str]]:
    vault = overview.vault
    if isinstance(vault, Away):
        yield "epochs", _told_away(vault)
        return
    for epoch in vault.epochs:
        of = _epoch(epoch)
        yield "epoch", f"{of['number']} {of['state']}, {of['people']:,} people as of {of['as_of']}"
    if vault.active is None:
        yield "epochs", "NONE IS ACTIVE: padan-server epoch list, then epoch activate"
        return
    followed = ", ".join(f"{source} at {position:,}" for source, position in sorted(vault.positions.items()))
    yield (
        "feed",
        f"{_span(_age(overview, vault.active) or 0)} old; "
        + (followed or "no source of changes is followed"),
    )
    sealed = vault.active.sealed_rows
    answers = overview.service.replay_seals
    told = f"{sealed:,} rows under the epoch's key ({sealed / SEALS_LIMIT:.2%} of its limit)" + (
        "" if answers is None else f", {answers:,} answers under today's"
    )
    yield "seals", told


def _told_log(overview: Overview) -> Iterator[tuple[str, str]]:
    log = overview.log
    if isinstance(log, Away):
        yield "log", _told_away(log)
        return
    last = f", the last {_span(overview.at - log.last_ms / 1000)} ago" if log.entries else ""
    yield "log", f"{log.entries:,} entries{last}; {log.published:,} in the published tree"
    whole = "" if log.is_whole else " (the newest of today's)"
    counts = (
        f"{log.counted:,} entries{whole}: {log.alerts:,} budget alerts, {log.blocked:,} blocked answers, "
        f"{log.resets:,} resets by officers"
    )
    yield "today", counts
    affairs = overview.affairs
    if isinstance(affairs, Away):
        yield "affairs", _told_away(affairs)
        return
    yield "disputes", f"{affairs.disputes:,} open, {affairs.late:,} of them past their time"
    led = f"last sign {affairs.leader_age:.1f} s ago" if affairs.leader_age is not None else "NOBODY LEADS"
    yield "leader", f"term {affairs.term}, {led}"
    if affairs.witness_age is not None:
        yield "witnesses", f"their quorum was last there {affairs.witness_age:.0f} s ago"


def _span(seconds: float) -> str:
    """Say a length of time in its largest whole unit."""
    size, unit = next((step for step in _STEPS if seconds >= 2 * step[0]), _STEPS[-1])
    return f"{max(0, int(seconds // size)):,} {unit}"
