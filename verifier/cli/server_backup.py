"""`padan-server backup`: copies of log, vault and keyring that belong together, made while the service runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier.backup.create import create as make
from verifier.backup.manifest import content
from verifier.backup.pruning import prune
from verifier.backup.restore import elsewhere
from verifier.backup.restore import restore as put_back
from verifier.backup.verify import verify as require_whole
from verifier.cli.server_officer import realm_of
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson
from verifier.log.mirror_format import file_name, segment_of

if TYPE_CHECKING:
    from verifier.backup.manifest import Manifest
    from verifier.backup.restore import Restored

app = new_app("backup", summary="Backups of log, vault and keyring: create, verify, restore.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder.")]


@app.command()
def create(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder, new.")],
    with_ca: Annotated[
        bool, typer.Option("--with-ca", help="Take the CA's folder too; its key must be under a passphrase.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a backup while the service runs; until it is whole and durable it is called DIR.partial."""
    manifest = make(settings(), folder.absolute(), with_ca=with_ca)
    _show(folder, manifest, as_json=as_json)
    if not as_json and manifest.mirror:
        first = file_name(segment_of(manifest.mirror))
        typer.echo(
            f"mirror:   this backup needs {first} and what comes after it; backup prune-mirror deletes the rest"
        )


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Check every file of a backup, the log's whole chain, and that the parts belong together."""
    manifest = require_whole(folder.absolute(), realm_of(settings()))
    _show(folder, manifest, as_json=as_json)


@app.command()
def restore(
    folder: Folder,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Restore into this folder, to look at; the installation stays as it is."),
    ] = None,
    no_mirror: Annotated[
        bool, typer.Option("--no-mirror", help="Leave out what the log's mirror holds: it will be missing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup, and what the log's mirror holds beyond it; overwrites nothing that is there."""
    chosen = settings()
    if into is not None:
        manifest = require_whole(folder.absolute(), realm_of(chosen))
        if (manifest.engine, manifest.vault_engine) != ("sqlite", "sqlite"):
            raise CommandError(
                "--into is for backups of SQLite",
                next_step="name an empty database: PADAN_LOG_URL and PADAN_VAULT_URL in the environment",
                code=ExitCode.USAGE,
            )
        chosen = elsewhere(chosen, into.absolute())
    restored = put_back(chosen, folder.absolute(), use_mirror=not no_mirror)
    if as_json:
        print_json({**restored.detail(), "starts": restored.starts, "sealed": restored.sealed})
        return
    _tell(restored, aside=into is not None)


@app.command("prune-mirror")
def prune_mirror(folder: Folder, as_json: AsJson = False) -> None:
    """Check a backup, then delete the files of the log's mirror that it does not need; older backups need them."""
    chosen = settings()
    if chosen.log_mirror is None:
        raise CommandError(
            "there is no mirror", next_step="set log_mirror in the configuration", code=ExitCode.STATE
        )
    gone = prune(folder.absolute(), chosen.log_mirror, realm_of(chosen))
    if as_json:
        print_json({"deleted": gone})
    else:
        typer.echo(f"{chosen.log_mirror}: {len(gone)} files deleted")


def _show(folder: Path, manifest: Manifest, *, as_json: bool) -> None:
    if as_json:
        print_json(content(manifest))
        return
    size = sum(each.size for each in manifest.files)
    typer.echo(f"{folder}: {len(manifest.files)} files, {size:,} bytes, whole")
    typer.echo(f"made:     {manifest.made:%Y-%m-%dT%H:%M:%SZ} by padan-server {manifest.release}")
    typer.echo(f"of:       {manifest.registry_id} ({manifest.environment})")
    typer.echo(f"log:      {manifest.log.entries} entries, {manifest.engine}, version {manifest.log_version}")
    active = f"epoch {manifest.epoch} is active" if manifest.epoch else "no epoch is active"
    typer.echo(f"vault:    {len(manifest.epochs)} epochs, {active}, {manifest.vault_engine}")
    typer.echo(
        f"keyring:  counter {manifest.keyring}, opened by KEK {manifest.kek}, which is not in the backup"
    )


def _tell(restored: Restored, *, aside: bool) -> None:
    typer.echo(
        f"log:      {restored.log.entries} entries, {restored.mirrored} of them from the mirror; and one about this"
    )
    sealed = "; not opened: custodians unseal it when the service starts" if restored.sealed else ""
    older = f"; the log has seen {restored.known}" if restored.keyring < restored.known else ""
    typer.echo(f"keyring:  counter {restored.keyring}{older}{sealed}")
    if aside:
        return
    if restored.head is None:
        typer.echo("head:     gone, so nobody knows what is missing")
    else:
        same = "" if restored.same or restored.missing else "; but it has seen other entries"
        typer.echo(
            f"head:     has seen {restored.head.extent.entries} entries: {restored.missing} are missing{same}"
        )
    if restored.head is not None and restored.head.published is not None:
        typer.echo("tree:     where tree_dir is lost too, build it anew: padan-server log rebuild-tree")
    if not restored.starts:
        typer.echo(
            "next:     two officers accept the loss: padan-server log propose-loss --key KEY --out FILE"
        )
