"""A keyring file as it was read last: its keys unwrapped, and a change of it noticed without any key.

A provider is opened for each reading, so that no passphrase and no KEK stays behind in a process that serves keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys import ringformat
from keys.errors import PassphraseError, SharesMissingError
from keys.kek import Kek
from keys.provider import open_provider
from keys.purpose import is_known
from keys.ringfile import RingFile

if TYPE_CHECKING:
    from pathlib import Path

    from keys.keyset import Keyring
    from keys.provider import KekProvider, Prompt
    from keys.secret import Material


class Reading:
    """Reads a keyring, and reads it again where it was changed.

    Args:
        path: the keyring file.
        kek: URI of the KEK's provider, or the provider; or the KEK that custodians have opened, which is wiped, so that
            the keyring is read once.
    """

    def __init__(self, path: Path, kek: str | KekProvider | Kek) -> None:
        self._path = path
        self._kek: str | KekProvider | Kek | None = kek
        self._seen: tuple[int, int, int] | None = None

    @property
    def is_changed(self) -> bool:
        """Whether another file stands there than the one that was read."""
        return self._look() not in {None, self._seen}

    def read(self, prompt: Prompt) -> tuple[Keyring, dict[int, Material]]:
        """Read the keyring and unwrap its keys; by key id.

        Args:
            prompt: asks a person for a passphrase where the URI names no source.

        Raises:
            CustodianError: the keyring or its KEK cannot be used; the subclass says why.
        """
        seen = self._look()
        data = RingFile(self._path).read()
        keks = self._unlocked(prompt)
        ring, kek = ringformat.decode(data, keks)
        materials = {
            key.key_id: kek.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id)
            for purpose, key in ring
            if key.state.may_process and is_known(purpose)
        }
        for other in keks:
            other.wipe()
        self._seen = seen
        return ring, materials

    def _unlocked(self, prompt: Prompt) -> tuple[Kek, ...]:
        if isinstance(self._kek, Kek):
            kek, self._kek = self._kek, None
            return (kek,)
        if self._kek is None:
            raise SharesMissingError(
                "the keyring has changed, and custodians must open it: as many as it takes run padan-keys unseal"
            )
        provider = open_provider(self._kek, prompt=prompt) if isinstance(self._kek, str) else self._kek
        return provider.unlock()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def ask_nobody(_question: str) -> str:
    """Refuse to ask: nobody is there.

    Raises:
        PassphraseError: always.
    """
    raise PassphraseError("the keyring has changed and its passphrase must be entered: restart the key agent")
