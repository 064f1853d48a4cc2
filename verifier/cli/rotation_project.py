"""`padan-server rotation project` and `replay`: inner keys, normaliser or suite replaced beside the service."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan.cli.console import CommandError, ExitCode
from verifier.cli import load_options as options
from verifier.cli.authority import read_input
from verifier.cli.syncing import positions
from verifier.feed import address, document, following, run, source
from verifier.projector import progress
from verifier.projector.order import CHUNK_ROWS
from verifier.rotation.inner_rotator import InnerRotator
from verifier.vault.epoch import Followed
from verifier.vault.open import open_rotations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from verifier.config import Settings
    from verifier.feed.document import Feed
    from verifier.rotation.rotator import Done

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and no progress.")]
Holds = Annotated[
    list[str] | None,
    typer.Option(
        "--holds",
        metavar="FEED=POSITION",
        help="SOURCE holds the feed's changes up to this position; for every feed that was followed. 0 for none.",
    ),
]
_GIVE_WAY = 10
"""Nice value: where processors are short, the service's answers come first."""

_EVERYTHING = Followed(position=(1 << 63) - 1, as_of_ms=253_402_300_799_000)
"""Every position there can be, to the end of the year 9999."""


def register(
    app: typer.Typer, chosen: Callable[[], Settings], tell: Callable[[Done, bool, dict[str, object]], None]
) -> None:
    """Add the commands.

    Args:
        app: the group.
        chosen: reads the settings, and sees that the databases are current.
        tell: prints what a step came to, as JSON or for a person, with values of its own.
    """

    @app.command()
    def project(
        source: options.Source,
        *,
        new_keys: Annotated[
            bool, typer.Option("--new-keys", help="Make new inner keys first, where the keyring has none.")
        ] = False,
        holds: Holds = None,
        table: options.Table = "",
        field_map: options.FieldMapFile = None,
        as_of: options.AsOf = "",
        workers: options.Workers = None,
        rate: Annotated[int, typer.Option(min=0, help="People a second at most; 0 for no limit.")] = 0,
        decoys: options.Decoys = None,
        chunk_rows: options.ChunkRows = CHUNK_ROWS,
        rejects: options.Rejects = None,
        as_json: AsJson = False,
    ) -> None:
        """Project everybody anew from the registry, under new inner keys or by a new normaliser or suite.

        The epoch in use goes on answering, and a feed's changes go to both. The same command after a kill goes on where
        it was.
        """
        settings = chosen()
        order = options.order_of(
            source,
            table=table,
            field_map=field_map,
            as_of=as_of,
            workers=workers,
            decoys=decoys,
            chunk_rows=chunk_rows,
            rejects=rejects,
        )
        os.nice(_GIVE_WAY)
        with progress.Silence() if as_json else progress.for_terminal() as meter:
            done = InnerRotator(settings, meter=meter, rate=rate).project(
                order, holds=positions(holds or ()), make_keys=new_keys
            )
        tell(done, as_json, {})

    _register_replay(app, chosen, tell)


def _register_replay(
    app: typer.Typer, chosen: Callable[[], Settings], tell: Callable[[Done, bool, dict[str, object]], None]
) -> None:
    @app.command()
    def replay(
        sources: Annotated[
            list[str],
            typer.Argument(
                metavar="SOURCE",
                help="Signed files of a feed, in their order, or a table of its signed blocks.",
            ),
        ],
        *,
        as_json: AsJson = False,
    ) -> None:
        """Bring older changes of a feed, which the projected source lacks, into the new epoch alone."""
        settings = chosen()
        with progress.Silence() if as_json else progress.for_terminal() as meter:
            done, found = InnerRotator(settings, meter=meter).replay(_feeds(settings, sources))
        if as_json:
            tell(done, as_json, {"replayed": [_values(asdict(each)) for each in found]})
            return
        for each in found:
            typer.echo(
                f"{each.source}: position {each.begun} to {each.position}: {each.applied:,} applied,"
                f" {each.older:,} older than what is there, {each.known:,} known, {len(each.rejects):,} rejected"
            )
        tell(done, as_json, {})


def _feeds(settings: Settings, sources: Sequence[str]) -> Iterator[Feed]:
    """Read documents, and check their signatures."""
    realm, signers = following.realm_of(settings), following.signers_of(settings)
    for where in sources:
        if "://" not in where:
            yield document.parse(realm, read_input(Path(where)), signers)
            continue
        if where.partition("://")[0] in address.SCHEMES:
            # To read a stream again would acknowledge what the epoch in use has yet to take.
            raise CommandError(
                "a stream is not replayed",
                next_step="give the signed files that were published to it, or a table of them",
                code=ExitCode.INPUT,
            )
        gatherer = run.Gatherer(realm=realm, signers=signers, now_ms=int(time.time() * 1000), begin=False)
        with closing(source.open_source(where)) as blocks:
            while True:
                with closing(blocks.blocks(lambda name: _held(settings, name))) as there:
                    found = gatherer.gather(there, lambda name: _held(settings, name))
                if found.feed is None:
                    break
                yield found.feed


def _held(settings: Settings, name: str) -> Followed:
    """Say to where the new epoch holds a feed's older changes; of one that it lacks nothing of, everything."""
    with closing(open_rotations(settings.vault_database)) as rotations:
        there = rotations.behind().get(name)
    if there is None or there.position >= there.until:
        return _EVERYTHING
    return Followed(position=there.position)


def _values(summary: dict[str, object]) -> dict[str, object]:
    lists = ("rejects", "remarks")
    return {
        key: [each._asdict() for each in value] if key in lists and isinstance(value, list) else value
        for key, value in summary.items()
    }
