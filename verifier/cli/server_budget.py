"""`padan-server budget`: let a resident be asked about again whose guesses of the day are spent."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from keys import ceremony, ceremonyfile
from padan import nik as nik_grammar
from padan.cli.console import CommandError, ExitCode, new_app
from padan.errors import NikError
from verifier import host_keys, officers, unlock
from verifier.agreement import signkey
from verifier.ceremony_table import CeremonyTable
from verifier.cli.authority import write_output
from verifier.cli.register import writing
from verifier.cli.server_officer import File, Key, open_ceremony, report, stand
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri, load_key
from verifier.epoch import REGISTRY_ZONE
from verifier.vault.open import open_vault

app = new_app("budget", summary="Guesses about a resident: propose and execute a reset, by two officers.")


@app.command()
def propose(
    key: Key,
    out: Annotated[Path, typer.Option("--out", help="The proposal's file, new.")],
    agency: Annotated[
        str, typer.Option(help="At which agency; default only what counts over all agencies.")
    ] = "",
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Propose that today's failed guesses about a resident be forgotten, and approve it oneself.

    The number is asked for, or read from the first line of standard input; the file does not hold it.
    """
    chosen = settings()
    if out.exists():
        raise CommandError(
            f"{out}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
        )
    roster, signer = officers.roster(chosen.officers), load_key(key, use=signkey.OFFICER, kek=kek)
    nik = _ask_nik()
    with (
        writing(chosen) as opened,
        closing(host_keys.unlock(chosen)) as agent,
        closing(open_vault(chosen.vault_database)) as vault,
    ):
        if agency:
            opened.directory.agency(agency)
        proposal = unlock.propose(
            agent,
            vault,
            nik,
            agency=agency,
            needed=officers.NEEDED,
            proposer=signer.key_id,
            now=int(time.time()),
        )
        voice = ceremony.approve(agent.realm, proposal, signer)
        ceremony.require_voice(agent.realm, proposal, voice, roster)
        proposed = ceremonyfile.CeremonyFile(proposal=proposal).with_voice(voice)
        write_output(out, ceremonyfile.encode(agent.realm, proposed))
    report(chosen, proposed, as_json=as_json)
    if not as_json:
        typer.echo(f"next:     another officer runs padan-server officer approve {out} --key KEY")


@app.command()
def reset(file: File, as_json: AsJson = False) -> None:
    """Execute what two officers agreed on: at once, once, and with an entry that names who agreed.

    The number is asked for again, or read from the first line of standard input.
    """
    chosen = settings()
    agreed, roster = open_ceremony(chosen, file), officers.roster(chosen.officers)
    unlock.read(agreed.proposal)
    stand(chosen, agreed).require_approved()
    nik = _ask_nik()
    with (
        writing(chosen) as opened,
        closing(host_keys.unlock(chosen)) as agent,
        closing(open_vault(chosen.vault_database)) as vault,
    ):
        unlock.execute(
            agent,
            vault,
            agreed,
            nik,
            roster=roster,
            log=opened.log,
            table=CeremonyTable(opened.directory),
            now=int(time.time()),
        )
    if as_json:
        report(chosen, agreed, as_json=True)
    else:
        typer.echo(f"done and logged: {officers.describe(agreed.proposal)}")


def _ask_nik() -> nik_grammar.Nik:
    """Ask for a number without showing it; never an argument, which other users of the machine could see."""
    text = typer.prompt("NIK", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return nik_grammar.parse(text.strip(), datetime.now(REGISTRY_ZONE).date())
    except NikError as error:
        raise CommandError(
            f"the NIK is not valid ({error.reason})",
            next_step="enter its sixteen digits",
            code=ExitCode.INPUT,
        ) from error
