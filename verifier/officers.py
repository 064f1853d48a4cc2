"""The registry's officers: who they are, and what the proposals say that they decide together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.errors import ProposalFormatError
from keys.signing import thumbprint
from verifier import loss
from verifier.agreement.errors import AgreementSignatureError
from verifier.agreement.sign import public_key
from verifier.errors import OperatorError
from verifier.resident import marking, unlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from keys.ceremony import Proposal

NEEDED: Final = 2
"""Officers who must agree."""

_WORDS: Final[Mapping[str, Callable[[Proposal], str]]] = {
    unlock.ACTION: unlock.describe,
    marking.ACTION: marking.describe,
    loss.ACTION: loss.describe,
}


class OfficersError(OperatorError):
    """There are too few officers, or one of their keys is malformed."""


def known(keys: Iterable[str]) -> dict[str, bytes]:
    """Read the setting `officers`: key ids to public keys, 32 bytes.

    Raises:
        OfficersError: a key that is none.
    """
    try:
        return {thumbprint(key): key for key in map(public_key, keys)}
    except AgreementSignatureError as error:
        raise OfficersError(f"the setting officers: {error}") from error


def roster(keys: Iterable[str]) -> dict[str, bytes]:
    """Read the setting `officers` for what two decide together.

    Raises:
        OfficersError: fewer than two, or a key that is none.
    """
    officers = known(keys)
    if len(officers) < NEEDED:
        raise OfficersError(
            f"the setting officers names {len(officers)}, and it takes {NEEDED}: padan-server officer trust adds one"
        )
    return officers


def describe(proposal: Proposal) -> str:
    """Say in words what a proposal does, for whoever is to sign it.

    Raises:
        ProposalFormatError: it is none of the officers' actions, or malformed.
    """
    words = _WORDS.get(proposal.action)
    if words is None:
        raise ProposalFormatError(f"{proposal.action} is nothing that officers decide with this release")
    return words(proposal)
