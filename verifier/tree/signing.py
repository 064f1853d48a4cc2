"""Signs checkpoints with the log's keys, and knows which keys a published checkpoint may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys.purpose import Purpose
from padan.errors import LogError
from padan.tlog import checkpoint, note
from padan.tlog.checkpoint import Checkpoint
from padan.tlog.note import Algorithm, VerifierKey
from verifier.tree.errors import TreeForkedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.keyagent import KeyAgent
    from keys.realm import Realm
    from keys.signing import Signer
    from padan.tlog.note import Line


def origin_of(realm: Realm) -> str:
    """Name a realm's log, as receipts and checkpoints do."""
    return f"{realm.registry_id}/{realm.environment}/log"


class CheckpointSigner:
    """Signs for one log."""

    def __init__(self, origin: str, signers: Sequence[Signer], *, known: Sequence[bytes] = ()) -> None:
        """Take the keys.

        Args:
            origin: the log's name.
            signers: each adds a line; more than one while a key is being rotated.
            known: public keys, 32 bytes each, that may have signed before.
        """
        self.origin = origin
        self._take(signers, known)

    def _take(self, signers: Sequence[Signer], known: Sequence[bytes]) -> None:
        publics = dict.fromkeys([*(each.public_key for each in signers), *known])
        self.keys = tuple(VerifierKey(self.origin, Algorithm.LOG, public) for public in publics)
        self._signers = [(VerifierKey(self.origin, Algorithm.LOG, each.public_key), each) for each in signers]

    @classmethod
    def of(cls, agent: KeyAgent) -> CheckpointSigner:
        """Take the keys of an agent: the active one signs, and so does one that is being replaced.

        Raises:
            keys.errors.KeysError: there is none.
        """
        return cls(origin_of(agent.realm), agent.signers(Purpose.LOG_SIGNING), known=_known(agent))

    def follow(self, agent: KeyAgent) -> None:
        """Sign with the keys that the keyring names now; checkpoints of the keys before are still read.

        Raises:
            keys.errors.KeysError: there is none.
        """
        self._take(
            agent.signers(Purpose.LOG_SIGNING), [*_known(agent), *(key.public_key for key in self.keys)]
        )

    def text(self, size: int, root: bytes) -> str:
        """Write the text that is signed."""
        return Checkpoint(self.origin, size, root).text

    def sign(self, text: str) -> list[Line]:
        """Sign a text: a line a key, the same for the same text."""
        return [note.sign(text, key, signer.sign) for key, signer in self._signers]

    def read(self, data: bytes) -> Checkpoint:
        """Read a checkpoint that this log has signed.

        Raises:
            TreeForkedError: it is none, of another log, or none of the keys has signed it.
        """
        try:
            signed = note.parse(data)
            stated = checkpoint.parse_text(signed.text)
            verified = note.verify(signed, self.keys)
        except LogError as error:
            raise TreeForkedError(f"the published checkpoint is damaged: {error}") from error
        if stated.origin != self.origin:
            raise TreeForkedError(
                f"the published checkpoint is of the log {stated.origin!r}, and this one is {self.origin!r}"
            )
        if not verified:
            raise TreeForkedError("no key of the keyring has signed the published checkpoint")
        return stated


def _known(agent: KeyAgent) -> list[bytes]:
    return [key.public_key for key in agent.public_keys() if key.purpose == Purpose.LOG_SIGNING]
