"""`padan-server log`: the log against its head and its published tree, and what two officers decide on a loss."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan.cli.console import new_app, print_json
from verifier import host_keys, keyring_events, loss, officers
from verifier.cli import proposal
from verifier.cli.register import writing
from verifier.cli.server_officer import File, Key, open_ceremony, report, stand
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri
from verifier.headfile import HeadFile
from verifier.headkeeper import HeadKeeper, RolledBackError
from verifier.loss import NothingLostError
from verifier.tree.check import check_tree, rebuild_tree
from verifier.tree.folder import TreeFolder
from verifier.tree.signing import CheckpointSigner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keys.agent import LocalKeyAgent
    from verifier.cli.register import Writing
    from verifier.config import Settings

app = new_app(
    "log",
    summary="The log against its head and its tree: show, check, rebuild, accept a loss.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """The log, its head and the keyring, open."""

    opened: Writing
    agent: LocalKeyAgent
    file: HeadFile
    keeper: HeadKeeper
    folder: TreeFolder
    signer: CheckpointSigner

    def loss(self, entries: int) -> loss.Loss:
        """Measure against so many entries of the log."""
        return loss.measure(
            self.file,
            self.keeper,
            entries=entries,
            keyring=self.agent.keyring_counter,
            known=keyring_events.known_counter(self.opened.directory),
        )

    def fault(self) -> str:
        """Say why a service would not begin; empty where it would."""
        try:
            self.keeper.check()
        except RolledBackError as error:
            return str(error)
        return ""


@app.command()
def head(as_json: AsJson = False) -> None:
    """Show the log's end, the head that is kept apart, and whether a service would begin on them."""
    chosen = settings()
    with _compared(chosen) as both:
        kept, entries, fault = both.file.read(), both.opened.log.head().sequence, both.fault()
        counter = both.agent.keyring_counter
    content: dict[str, Any] = {
        "file": str(chosen.head_file),
        "log": {"entries": entries},
        "keyring": counter,
        "head": None
        if kept is None
        else {
            "entries": kept.extent.entries,
            "root": kept.extent.root.hex(),
            "keyring": kept.keyring,
            "published": 0 if kept.published is None else kept.published.entries,
        },
        "fault": fault,
    }
    if as_json:
        print_json(content)
        return
    typer.echo(f"log:     {entries} entries; keyring counter {counter}")
    if kept is None:
        typer.echo(f"head:    none in {chosen.head_file}")
    else:
        typer.echo(
            f"head:    {kept.extent.entries} entries, root {kept.extent.root.hex()}; keyring counter {kept.keyring}"
            f" ({chosen.head_file})"
        )
    typer.echo(f"a service would {f'not begin: {fault}' if fault else 'begin'}")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compute the tree over the whole log and compare head, tiles, bundles and checkpoint with it, file by file."""
    chosen = settings()
    with _compared(chosen) as both:
        kept = both.file.read()
        entries = both.opened.log.head().sequence
        if kept is not None and (fault := both.fault()):
            raise RolledBackError(fault)
        until = entries if kept is None else kept.extent.entries
        tree = both.keeper.tree_at(until)
        if kept is not None and kept.before is None and tree != kept.tree:
            raise RolledBackError(
                f"the log's first {until} entries are not those that {chosen.head_file} has seen"
            )
        published = check_tree(kept, folder=both.folder, signer=both.signer, log=both.opened.log)
    if as_json:
        print_json(
            {
                "entries": until,
                "root": tree.root.hex(),
                "head": kept is not None,
                "published": {"entries": published.entries, "root": published.root.hex()},
            }
        )
        return
    against = "nothing, since there is no head yet" if kept is None else "as the head says"
    typer.echo(f"{until} entries, root {tree.root.hex()}: {against}")
    typer.echo(
        f"{published.entries} published leaves in {chosen.tree_folder}: each file is what the log makes it"
    )


@app.command("rebuild-tree")
def rebuild(as_json: AsJson = False) -> None:
    """Build the published tree's folder anew from the log, if it comes to the root that was published."""
    chosen = settings()
    with _compared(chosen) as both:
        kept = both.file.read()
        if kept is None or kept.before is not None:
            raise RolledBackError(
                f"{chosen.head_file} does not say what was published; start the service first"
            )
        built = rebuild_tree(kept, folder=both.folder, signer=both.signer, log=both.opened.log)
    aside = "" if built.aside is None else str(built.aside)
    if as_json:
        print_json({"entries": built.extent.entries, "root": built.extent.root.hex(), "aside": aside})
        return
    typer.echo(f"{built.extent.entries} leaves, root {built.extent.root.hex()}, in {chosen.tree_folder}")
    if aside:
        typer.echo(f"the folder that was there lies in {aside}: keep it until it is known what changed it")


@app.command("propose-loss")
def propose_loss(
    key: Key,
    out: Annotated[Path, typer.Option("--out", help="The proposal's file, new.")],
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Propose to go on with a log or keyring that is older than the head, and approve it oneself."""
    chosen = settings()
    signer = proposal.begin(chosen, key, kek=kek, out=out)
    with _compared(chosen) as both:
        if not both.fault():
            raise NothingLostError(
                "log and keyring are not older than what head and log have seen: a service would begin on them"
            )
        measured = both.loss(both.opened.log.head().sequence)
    proposed = loss.propose(measured, needed=officers.NEEDED, proposer=signer.key_id, now=int(time.time()))
    proposal.submit(chosen, proposed, signer, out=out, as_json=as_json)


@app.command("accept-loss")
def accept_loss(file: File, as_json: AsJson = False) -> None:
    """Go on with the log as it is, as two officers agreed: what is missing stays lost, and an entry says so."""
    chosen = settings()
    agreed = open_ceremony(chosen, file)
    wanted = loss.read(agreed.proposal)
    stand(chosen, agreed).require_approved()
    with _compared(chosen) as both:
        loss.execute(
            agreed,
            both.loss(wanted.log.entries),
            office=proposal.office_of(chosen, both.opened),
            file=both.file,
            directory=both.opened.directory,
            ring=both.agent.keyring,
            keeper=both.keeper,
        )
    if as_json:
        report(chosen, agreed, as_json=True)
    else:
        typer.echo(f"done and logged: {officers.describe(agreed.proposal)}")


@contextmanager
def _compared(chosen: Settings) -> Iterator[_Compared]:
    with writing(chosen) as opened, closing(host_keys.unlock(chosen)) as agent:
        file = HeadFile(chosen.head_file, agent.realm)
        keeper = HeadKeeper(
            file=file,
            log=opened.log,
            directory=opened.directory,
            realm=agent.realm,
            keyring=agent.keyring_counter,
        )
        yield _Compared(
            opened=opened,
            agent=agent,
            file=file,
            keeper=keeper,
            folder=TreeFolder(chosen.tree_folder),
            signer=CheckpointSigner.of(agent),
        )
