"""The inner keys of a rotation: whether there is anything to project anew for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys.purpose import Purpose
from tokenizer.normalise import VERSION
from tokenizer.suite import SUITE
from verifier.rotation.errors import SameProjectionError

if TYPE_CHECKING:
    from keys.keyagent import KeyAgent
    from verifier.vault.epoch import Epoch

INNER_PURPOSES = (Purpose.INDEX, Purpose.ATTRIBUTE)
"""Purposes of the keys that an inner rotation replaces; handles, budgets and tombstones are never replaced."""


def require_other(agent: KeyAgent, epoch: Epoch) -> None:
    """See that people become something else than they are in an epoch.

    Raises:
        SameProjectionError: keys, normaliser and suite are those of the epoch.
        CustodianError: a purpose has no key that is active.
    """
    same_keys = all(agent.key_id(purpose) == epoch.key_ids[purpose] for purpose in INNER_PURPOSES)
    if same_keys and (epoch.normaliser, epoch.suite) == (VERSION, str(SUITE.number)):
        raise SameProjectionError(
            f"epoch {epoch.number} stands under the keyring's primary index and attribute key already,"
            " and this release has no other normaliser or suite"
        )
