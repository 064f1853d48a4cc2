"""What the commands share by which officers propose something about a resident, and by which it is carried out."""

from __future__ import annotations

import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from keys import ceremony, ceremonyfile
from padan import nik as nik_grammar
from padan.cli.console import CommandError, ExitCode
from padan.errors import NikError
from verifier import host_keys, officers
from verifier.agreed import Office
from verifier.agreement import signkey
from verifier.ceremony_table import CeremonyTable
from verifier.cli.authority import write_output
from verifier.cli.register import writing
from verifier.cli.server_officer import realm_of, report
from verifier.cli.trust import load_key
from verifier.epoch import REGISTRY_ZONE
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keys.ceremony import Proposal
    from keys.keyagent import KeyAgent
    from keys.signing import Signer
    from verifier.cli.register import Writing
    from verifier.config import Settings
    from verifier.vault.store import VaultStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a proposal about a resident is made and executed with."""

    nik: nik_grammar.Nik
    opened: Writing
    agent: KeyAgent
    vault: VaultStore

    def office(self, chosen: Settings) -> Office:
        """Say what an execution needs."""
        return office_of(chosen, self.opened)


@contextmanager
def desk(chosen: Settings) -> Iterator[Desk]:
    """Ask for a number, and open log, keys and vault for the time of a command."""
    nik = _ask_nik()
    with (
        writing(chosen) as opened,
        closing(host_keys.unlock(chosen)) as agent,
        closing(open_vault(chosen.vault_database)) as vault,
    ):
        yield Desk(nik=nik, opened=opened, agent=agent, vault=vault)


def propose(
    chosen: Settings,
    make: Callable[[Desk, str, int], Proposal],
    *,
    key: Path,
    kek: str,
    out: Path,
    as_json: bool,
) -> None:
    """Make a proposal, approve it by its proposer's key, and write its file.

    Args:
        chosen: the settings.
        make: makes it of the desk, the proposer's key id and the time, seconds of the Unix epoch.
        key: the proposer's private key.
        kek: who unlocks the key.
        out: the file, new.
        as_json: print JSON.
    """
    signer = begin(chosen, key, kek=kek, out=out)
    with desk(chosen) as there:
        proposal = make(there, signer.key_id, int(time.time()))
    submit(chosen, proposal, signer, out=out, as_json=as_json)


def begin(chosen: Settings, key: Path, *, kek: str, out: Path) -> Signer:
    """See that the file is new and that there are officers, and open the proposer's key, before anything is asked."""
    if out.exists():
        raise CommandError(
            f"{out}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
        )
    officers.roster(chosen.officers)
    return load_key(key, use=signkey.OFFICER, kek=kek)


def submit(chosen: Settings, proposal: Proposal, signer: Signer, *, out: Path, as_json: bool) -> None:
    """Approve a proposal by its proposer's key, and write its file."""
    realm = realm_of(chosen)
    voice = ceremony.approve(realm, proposal, signer)
    ceremony.require_voice(realm, proposal, voice, officers.roster(chosen.officers))
    proposed = ceremonyfile.CeremonyFile(proposal=proposal).with_voice(voice)
    write_output(out, ceremonyfile.encode(realm, proposed))
    report(chosen, proposed, as_json=as_json)
    if not as_json:
        typer.echo(f"next:     another officer runs padan-server officer approve {out} --key KEY")


def office_of(chosen: Settings, opened: Writing) -> Office:
    """Say what the execution of a proposal needs."""
    return Office(
        realm=realm_of(chosen),
        roster=officers.roster(chosen.officers),
        log=opened.log,
        table=CeremonyTable(opened.directory),
        now=int(time.time()),
    )


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
