"""What the commands share by which custodians decide together: the keyring as it is, a proposal's file, its review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from keys import ceremonyfile, custodian, events, keyceremony, summary
from keys.ceremony import State
from keys.file_provider import read_passphrase
from keys.keychange import Change
from keys.keydiff import rehearse
from keys.provider import ask
from keys.ringfile import RingFile
from keys.ringformat import moment
from keys.table import Table, lay
from padan.cli.console import CommandError, print_json
from verifier.agreement import signkey
from verifier.cli.authority import read_input
from verifier.cli.custody_choice import CHOICE
from verifier.cli.trust import load_key

if TYPE_CHECKING:
    from keys.ceremony import Standing
    from keys.ceremonyfile import CeremonyFile
    from keys.ending import Ending
    from keys.keydiff import Difference
    from keys.roster import Roster
    from keys.signing import Signing

_NO_CHANGE = "no key changes its state"
_PHRASE_FILE = "passphrase-file"
_RENEWED = "the KEK: renewed, and every other key wrapped anew"


def table() -> Table:
    """Read keyring and history, which vouch for each other, without the KEK.

    Raises:
        CustodianError: one of them cannot be read, or they do not fit.
    """
    path = CHOICE.keyring_path()
    history = events.path_beside(path)
    return lay(
        RingFile(path).read(),
        history.read_bytes() if history.exists() else b"",
        holders=CHOICE.holders,
        now=int(CHOICE.now().timestamp()),
    )


def open_file(at: Table, path: Path) -> CeremonyFile:
    """Read a proposal's file.

    Raises:
        CommandError: it cannot be read.
        ProposalFormatError: malformed, or of another registry or environment.
    """
    return ceremonyfile.decode(at.sitting.realm, read_input(path))


def open_key(path: Path, opener: str) -> Signing:
    """Open a custodian's private key: one of a roster, or the keys of one who holds a share of the KEK too.

    Args:
        path: of the key, or of NAME.key.json.
        opener: URI of the KEK that seals the key; for NAME.key.json passphrase-file=PATH, or empty: then it asks.

    Raises:
        SigningKeyError: missing, malformed, sealed without its KEK, or for another use.
        CustodianError: the keys of a custodian cannot be opened.
    """
    data = read_input(path)
    name = custodian.owner(data)
    if name is None:
        return load_key(path, use=signkey.CUSTODIAN, kek=opener)
    parameter, _, file = opener.partition("=")
    if opener and (parameter != _PHRASE_FILE or not file):
        raise CommandError(
            f"{path}: the keys of a custodian are opened by a passphrase, not by {parameter}",
            next_step=f"leave the option away and type it, or write --key-kek {_PHRASE_FILE}=PATH",
        )
    phrase = read_passphrase(Path(file)) if file else ask(f"Passphrase of {name}: ")
    return custodian.open_keys(data, phrase, name=name).signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A proposal as a custodian reads it before signing.

    Args:
        what: what it is about.
        standing: where it stands.
        differences: the keys that it touches; None where that is over.
    """

    what: Change | Roster
    standing: Standing
    differences: tuple[Difference, ...] | None


def review(at: Table, file: CeremonyFile) -> Review:
    """Read a proposal against the keyring as it is.

    Raises:
        KeyProposalError: edited, malformed, or nothing that custodians decide.
        TransitionError: a step that the states do not allow.
    """
    standing = keyceremony.standing(at.sitting, file)
    what = keyceremony.subject(file.proposal)
    differences = None
    if isinstance(what, Change) and standing.state in {State.PENDING, State.APPROVED}:
        differences = rehearse(at.ring, what)
    return Review(what=what, standing=standing, differences=differences)


def show(at: Table, file: CeremonyFile, *, as_json: bool) -> Review:
    """Print a proposal in words, what it makes of the keyring, and where it stands."""
    found = review(at, file)
    if as_json:
        print_json(content(at, file, found))
        return found
    proposal = file.proposal
    for language, told in (("en", summary.english(found.what)), ("id", summary.indonesian(found.what))):
        typer.echo(f"[{language}] {told.does}")
        typer.echo(
            f"     {'Cannot be undone' if language == 'en' else 'Tidak dapat dibatalkan'}: {told.final}"
        )
    typer.echo(f"keyring:  {at.sitting.base.hex()[:16]}, counter {at.ring.counter}")
    for line in _difference_lines(at, found):
        typer.echo(f"  {line}")
    if isinstance(found.what, Change) and found.what.ending is not None:
        typer.echo(f"grace:    {_grace(found.what.ending, at.sitting.now)}")
    typer.echo(
        f"proposed: {_name(at, proposal.proposer)}, {_moment(proposal.created)}, until {_moment(proposal.expires)}"
    )
    for key_id in found.standing.approved:
        typer.echo(f"approved: {_name(at, key_id)}")
    missing = f"; {found.standing.missing} more must approve" if found.standing.missing else ""
    typer.echo(f"state:    {STATES[found.standing.state]}{missing}")
    return found


STATES: Final = {**{state: state.value for state in State}, State.WITHDRAWN: "cancelled"}
"""How commands name where a proposal stands."""


def content(at: Table, file: CeremonyFile, found: Review) -> dict[str, Any]:
    """Say what a review says, for JSON."""
    proposal = file.proposal
    end = found.what.ending if isinstance(found.what, Change) else None
    words = {"en": summary.english(found.what), "id": summary.indonesian(found.what)}
    return {
        "proposal": proposal.id(at.sitting.realm).hex(),
        "action": proposal.action,
        "words": {language: {"does": told.does, "final": told.final} for language, told in words.items()},
        "proposer": proposal.proposer,
        "created": _moment(proposal.created),
        "expires": _moment(proposal.expires),
        "needed": proposal.needed,
        "approved": list(found.standing.approved),
        "missing": found.standing.missing,
        "state": STATES[found.standing.state],
        "keyring": {"hash": at.sitting.base.hex(), "counter": at.ring.counter},
        "ending": None
        if end is None
        else {**end.details, "grace_seconds_left": max(0, end.due - at.sitting.now)},
        "differences": [
            {
                "purpose": each.purpose,
                "key_id": each.key_id,
                "before": None if each.before is None else str(each.before),
                "after": str(each.after),
            }
            for each in found.differences or ()
        ],
    }


def _difference_lines(at: Table, found: Review) -> list[str]:
    if not isinstance(found.what, Change):
        before = at.sitting.register.roster
        present = before.names if before is not None else {}
        after = found.what.names
        return [
            *(f"- {name} ({key_id})" for key_id, name in present.items() if after.get(key_id) != name),
            *(f"+ {name} ({key_id})" for key_id, name in after.items() if present.get(key_id) != name),
            f"  {before.threshold if before is not None else 1} -> {found.what.threshold} must agree",
            *(["  " + _RENEWED] if found.what.holds_shares else []),
        ]
    if found.differences is None:
        return []
    lines = [
        f"{each.purpose} key {each.key_id or 'NEW'}: {each.before or 'none'} -> {each.after}"
        for each in found.differences
    ]
    if found.what.renews_kek:
        lines.append(_RENEWED)
    return lines or [_NO_CHANGE]


def _grace(end: Ending, now: int) -> str:
    """Say how long a domain's period of grace still runs."""
    if now >= end.due:
        return f"over since {end.due_text}"
    return f"{-(-(end.due - now) // 86_400)} more days, until {end.due_text}; not executed before"


def _name(at: Table, key_id: str) -> str:
    roster = at.sitting.register.roster
    name = roster.names.get(key_id, "") if roster is not None else ""
    return f"{name} ({key_id})" if name else key_id


def _moment(seconds: int) -> str:
    return moment(datetime.fromtimestamp(seconds, UTC))
