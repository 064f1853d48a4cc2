"""`padan-server database`: the schemas of the log's and the vault's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier import migrations
from verifier.cli.settings import settings
from verifier.migrations import Tree

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.migrations import Version

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

app = new_app("database", summary="The databases of the log and of the vault.")


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Bring both databases to this release's version; makes SQLite files that are not there."""
    chosen = settings()
    _show({tree: migrations.upgrade(_database(chosen, tree), tree) for tree in Tree}, as_json=as_json)


@app.command()
def current(as_json: AsJson = False) -> None:
    """Show the versions of both databases; the exit code is 6 where one needs an upgrade."""
    chosen = settings()
    versions = {tree: migrations.current(_database(chosen, tree), tree) for tree in Tree}
    _show(versions, as_json=as_json)
    behind = [tree.value for tree, version in versions.items() if not version.is_current]
    if behind:
        raise CommandError(
            f"the database of the {' and of the '.join(behind)} is not of this release's version",
            next_step="run padan-server database upgrade",
            code=ExitCode.STATE,
        )


@app.command()
def grant(
    to: Annotated[
        str, typer.Option("--to", metavar="ROLE", help="A role of PostgreSQL: that of the projector's user.")
    ],
    as_json: AsJson = False,
) -> None:
    """Let the projector's role of PostgreSQL do its work and no more; prints what it did, and again changes nothing.

    Run it as the role that owns the tables, once, and after a restore into another database.
    """
    chosen = settings()
    done = {tree: migrations.grant(_database(chosen, tree), tree, to) for tree in Tree}
    if as_json:
        print_json({tree.value: statements for tree, statements in done.items()})
        return
    for tree, statements in done.items():
        typer.echo("\n".join(f"{tree.value:6} {statement}" for statement in statements))


def _database(chosen: Settings, tree: Tree) -> str:
    return chosen.log_database if tree is Tree.LOG else chosen.vault_database


def _show(versions: dict[Tree, Version], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                tree.value: {"current": version.current, "newest": version.newest}
                for tree, version in versions.items()
            }
        )
        return
    for tree, version in versions.items():
        later = (
            " (upgraded by a later release, which left it readable to this one)" if version.is_later else ""
        )
        typer.echo(f"{tree.value:6} version {version.current or 'none'}, newest {version.newest}{later}")
