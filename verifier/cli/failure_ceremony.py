"""What the custodians' commands say where they decide together: rows of the table in `verifier.cli.failure`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import named, refused, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.cli.failure_row import Row

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "keys.errors.RosterError": named("name 2 to 16 custodians, each once and with a key of their own"),
        "keys.errors.RosterMismatchError": refused(
            "see padan-keys history and the KEK's own file: one of them was exchanged; put the right one back"
        ),
        "keys.errors.RosterStandsError": refused(
            "propose it (padan-keys propose --help), have others run padan-keys approve, then run padan-keys execute"
        ),
        "keys.errors.NoRosterError": state(
            "use the command itself, such as padan-keys rotate; or begin a roster: padan-keys propose roster"
        ),
        "keys.errors.NotCustodianError": refused(
            "sign with the key of a custodian whom padan-keys roster show names"
        ),
        "keys.errors.KeyProposalError": named(
            "name the file of a proposal for this keyring; padan-keys review FILE says what it is"
        ),
        "keys.errors.ProposalEditedError": refused(
            "use the file as its proposer wrote it, and find out who changed this one"
        ),
        "keys.errors.CustodiansMissingError": refused("have other custodians run padan-keys approve FILE"),
        "keys.errors.ProposalExpiredError": state("propose it anew: padan-keys propose --help"),
        "keys.errors.ProposalOutdatedError": state(
            "see with padan-keys history what happened, and propose it anew: padan-keys propose --help"
        ),
        "keys.errors.ProposalCancelledError": state("see who cancelled it: padan-keys history"),
        "keys.errors.ProposalExecutedError": state("nothing is left to do; padan-keys history shows it"),
        "keys.errors.ProposalOpenError": state(
            "sign against it with padan-keys cancel FILE --key KEY; its proposer ends it alone"
        ),
        "keys.keyproof.HistoryUnprovenError": refused(
            "treat the keyring as changed by one person alone, and find out who; compare with the log's own entries"
        ),
        "keys.errors.KeyringCutError": named(
            "see that the disk is sound and not full, then put back NAME.bak or another copy: padan-keys check"
        ),
        "keys.errors.KeyringOlderError": refused(
            "put back the newest keyring (padan-keys status --unverified shows a file's counter), or if there is none, "
            "the history that was beside this one"
        ),
    }
)
"""Full name of a class to its row."""
