"""The rows of the table of errors that custodians read: what CustodyService refuses."""

from __future__ import annotations

from padan import errors
from padan.remedy_row import row

CUSTODY = (
    row(
        "SHARE_REFUSED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the share is not the one that its holder was dealt",
        "let that custodian bring the own newest share; another custodian may come instead",
    ),
    row(
        "SHARE_FOREIGN",
        "FAILED_PRECONDITION",
        errors.ConfigError,
        "the share is of another generation, or of another ceremony",
        "bring the share of the last dealing; `padan-keys standing` names the generation in use",
    ),
    row(
        "SHARE_HERE",
        "ALREADY_EXISTS",
        errors.InvalidRequestError,
        "this share is here already",
        "wait for the others",
    ),
    row(
        "NOT_SEALED",
        "FAILED_PRECONDITION",
        errors.InvalidRequestError,
        "the keys are open",
        "nothing is to be done",
    ),
    row(
        "UNSEAL_FAILED",
        "FAILED_PRECONDITION",
        errors.ConfigError,
        "enough shares came, and the keys cannot be opened for another reason",
        "the operator reads the key agent's messages and mends the keyring; then all hand in again",
    ),
    row(
        "PROPOSAL_REFUSED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the proposal, or a signature under it, is not what custodians may put here",
        "use the proposal as its proposer wrote it, signed by custodians whom `padan-keys roster show` names",
    ),
    row(
        "PROPOSAL_ENDED",
        "FAILED_PRECONDITION",
        errors.InvalidRequestError,
        "the proposal was executed or cancelled, its time is over, the keyring has changed, or none is here",
        "see `padan-keys proposals`, and propose it anew where it is still wanted",
    ),
    row(
        "PROPOSAL_NOT_READY",
        "FAILED_PRECONDITION",
        errors.ConfigError,
        "the proposal cannot be executed with shares from afar, or not yet",
        "have as many custodians approve as must; what renews the KEK is executed at one table",
    ),
)
