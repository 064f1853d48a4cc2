"""What can go wrong with references, beside what a database or a key can. None carries anything of a resident."""

from __future__ import annotations

from verifier.failure import Failure
from verifier.vault.store import VaultUnavailableError


class NoReferencesError(VaultUnavailableError):
    """The epoch in use keeps no references of the modality at all: an outage of this modality, never a no."""

    def __init__(self) -> None:
        super().__init__(
            Failure.NOT_MIGRATED,
            "vault: no references of this modality are kept: load them with padan-server reference load",
        )
