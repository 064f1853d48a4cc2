"""`padan-audit witness`: be a witness of transparency logs."""

from __future__ import annotations

import contextlib
import importlib.resources
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from padan import csr
from padan.cli.connection import Json  # noqa: TC001 - Typer reads the annotations
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from padan.errors import LogError
from padan.tlog.note import VerifierKey  # noqa: TC001 - as above
from padan.witness import key as witness_key
from padan.witness.book import Book, Evidence, Latest
from padan.witness.folder import WitnessFolder
from padan.witness.witness import FORK, is_fork

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The witness's folder.")]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(\d{1,5})")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_LARGEST_PORT = 65_535


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("witness", summary="Be a witness of transparency logs (C2SP tlog-witness).")
    group.command("init")(init)
    group.command("add-log")(add_log)
    group.command("run")(run)
    group.command("show")(show)
    group.command("evidence")(evidence)
    group.command("unit")(unit)
    app.add_typer(group)


def init(
    *,
    folder: Folder,
    name: Annotated[str, typer.Option(help="The witness's name, as witness.example.org/w1.")],
    json: Json = False,
) -> None:
    """Make a witness's folder with a new key (mode 0600), an empty list of logs and an empty book.

    Hand the printed key to the registry, and to whoever shall believe the witness. The private key never leaves the
    folder.
    """
    public = WitnessFolder(folder).create(name)
    if json:
        print_json({"folder": str(folder), "name": name, "vkey": str(public)})
        return
    typer.echo(f"folder  {folder} (back up the file key alone: an older book must never come back)")
    typer.echo(f"vkey    {public}")
    typer.echo(f"next    padan-audit witness add-log {folder} VKEY")


def add_log(
    *,
    folder: Folder,
    vkey: Annotated[str, typer.Argument(metavar="VKEY", help="The log's key, NAME+ID+KEY.")],
    json: Json = False,
) -> None:
    """Add a log to those that the witness watches; a witness that runs is started again to see it."""
    added = WitnessFolder(folder).add_log(vkey)
    if json:
        print_json({"log": added.name, "vkey": str(added)})
        return
    typer.echo(f"log     {added.name}\nnext    padan-audit witness run {folder}")


def run(
    *,
    folder: Folder,
    listen: Annotated[str, typer.Option(help="host:port for logs.")] = "127.0.0.1:7446",
    prefix: Annotated[str, typer.Option(help="Path before /add-checkpoint, as /w1.")] = "",
    metrics_listen: Annotated[
        str, typer.Option(help="host:port of /metrics for Prometheus; empty for none.")
    ] = "",
    tls_cert: Annotated[
        Path | None,
        typer.Option(help="PEM of a certificate chain; without it plain HTTP, for a proxy in front."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM of the certificate's key.")] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="The witness's key, where it is not FOLDER/key.")
    ] = None,
) -> None:
    """Serve add-checkpoint until SIGTERM: cosign each checkpoint that only grows, once that is on the disk."""
    from padan.witness import running  # noqa: PLC0415 - the other commands need no event loop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not _PREFIX.fullmatch(prefix):
        raise _usage("--prefix begins with / and does not end with it")
    if (tls_cert is None) != (tls_key is None):
        raise _usage("--tls-cert and --tls-key are given together")
    place = running.Place(
        listen=_address(listen),
        prefix=prefix,
        metrics=_address(metrics_listen) if metrics_listen else None,
        certificate=tls_cert,
        private_key=tls_key,
    )
    scheme = "http" if tls_cert is None else "https"
    running.run(
        WitnessFolder(folder),
        place,
        key_file=key_file,
        on_ready=lambda address: typer.echo(f"listening on {scheme}://{address}{prefix}/add-checkpoint"),
    )


def show(
    *,
    folder: Folder,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="Show this private key's public half; without it FOLDER/vkey, whose key may be sealed."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the witness's key, and for each log the latest checkpoint that it cosigned.

    Ends with exit code 1 where a log was caught with two histories.
    """
    place = WitnessFolder(folder)
    public = place.public() if key_file is None else witness_key.load(key_file).public
    watched = sorted({log.name for log in place.logs()})
    with contextlib.closing(Book(place.book)) as book:
        known = {latest.origin: latest for latest in book.logs()}
        kept = book.evidence_counts()
    documents = [
        _log(origin, known.get(origin), kept, watched=origin in watched) for origin in {*watched, *known}
    ]
    documents.sort(key=lambda document: str(document["log"]))
    if json:
        print_json({"vkey": str(public), "logs": documents})
    else:
        typer.echo(f"vkey  {public}")
        for document in documents:
            _print_log(document)
    if any(document["forks"] for document in documents):
        raise typer.Exit(ExitCode.NO)


def evidence(
    *,
    folder: Folder,
    save: Annotated[
        Path | None, typer.Option(help="Folder, made if missing, for the pairs of signed checkpoints.")
    ] = None,
    json: Json = False,
) -> None:
    """List the signed checkpoints that were refused, each with the one that was cosigned; give them to the auditors.

    A fork, two roots for one size, proves by itself that the log lies: its own key has signed both. With --json: one
    document a line. Ends with exit code 1 where there is a fork.
    """
    place = WitnessFolder(folder)
    keys = place.logs()
    with contextlib.closing(Book(place.book)) as book:
        kept = book.evidence()
    if not kept and not json:
        typer.echo("nothing was refused as evidence")
    for item in kept:
        files = _save(item, save) if save is not None else []
        document = _evidence(item, keys) | ({"files": files} if files else {})
        if json:
            print_json(document)
        else:
            typer.echo(
                f"{item.number:>5}  {document['time']}  {item.kind:<8}  {item.origin}  {document['finding']}"
            )
    if any(item.kind == FORK for item in kept):
        raise typer.Exit(ExitCode.NO)


def unit() -> None:
    """Print a hardened unit of systemd for a witness in /var/lib/padan-witness; docs/witness.md installs it."""
    text = (
        importlib.resources.files("padan.witness")
        .joinpath("padan-witness.service")
        .read_text(encoding="utf-8")
    )
    typer.echo(text, nl=False)


def _address(text: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[2]) > _LARGEST_PORT:
        raise _usage(f"{text!r} is not host:port")
    return found[1].strip("[]"), int(found[2])


def _usage(cause: str) -> CommandError:
    return CommandError(cause, next_step="see padan-audit witness run --help", code=ExitCode.USAGE)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _log(
    origin: str, latest: Latest | None, kept: dict[tuple[str, str], int], *, watched: bool
) -> dict[str, Any]:
    return {
        "log": origin,
        "watched": watched,
        "size": latest.size if latest else 0,
        "root": latest.root.hex() if latest else None,
        "cosigned": _time(latest.time) if latest else None,
        "forks": kept.get((origin, FORK), 0),
        "refused": sum(count for (log, _), count in kept.items() if log == origin),
    }


def _print_log(document: dict[str, Any]) -> None:
    standing = (
        f"{document['size']} leaves, cosigned {document['cosigned']}"
        if document["cosigned"]
        else "nothing yet"
    )
    if not document["watched"]:
        standing += "; not watched any more"
    if document["refused"]:
        standing += f"; {document['refused']} refused as evidence, {document['forks']} of them forks"
    typer.echo(f"log   {document['log']}: {standing}")


def _evidence(item: Evidence, keys: list[VerifierKey]) -> dict[str, Any]:
    try:
        proves = is_fork(item, keys)
        finding = (
            "two roots for one size, both signed by the log"
            if proves
            else "the proof of growth does not hold"
        )
    except LogError as error:
        proves, finding = False, f"cannot be checked: {error}"
    return {
        "number": item.number,
        "log": item.origin,
        "kind": item.kind,
        "time": _time(item.time),
        "proves_fork": proves,
        "finding": finding,
        "known": item.known.decode(),
        "refused": item.refused.decode(),
        "proof": item.proof,
    }


def _save(item: Evidence, folder: Path) -> list[str]:
    files = {
        folder / f"{item.kind}-{item.number}.cosigned": item.known,
        folder / f"{item.kind}-{item.number}.refused": item.refused,
    }
    for path, content in files.items():
        csr.write_new(path, content, mode=0o644)
    return list(map(str, files))
