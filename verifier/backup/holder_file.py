"""The file with which those who hold a keyring's KEK come to it: without a secret of its own, so that it is copied too.

`quorum:` has quorum.json, without which no share opens anything, and `pkcs11:` the KEK sealed by a key that never
leaves its token. What opens alone or under a passphrase is never copied: the KEK's file of `file:`, what systemd lends
by `credential:`, custodians' keys and shares.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from keys import quorum, quorum_provider, token_file, token_uri
from keys.errors import KeysError
from keys.provider import QUORUM, quorum_folder
from keys.ringfile import RingFile
from verifier.backup.errors import BackupHolderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from keys.events import Event
    from keys.keyset import Keyring

_HARDWARE: Final = token_uri.SCHEME.removesuffix(":")
NAMES: Final[Mapping[str, str]] = MappingProxyType({QUORUM: "quorum.json", _HARDWARE: "token-kek.json"})
"""The scheme of a KEK provider to the name of a copy, which lies beside the copy of its keyring."""
_KEK_FILE: Final = re.compile(r"(?<=[?&]kek-file=)[^&]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderFile:
    """The file of one provider.

    Attributes:
        scheme: of the provider's URI.
        path: where the file is, or is to be.
    """

    scheme: str
    path: Path

    @property
    def is_shared(self) -> bool:
        """Whether several people come to the KEK together, and no process alone."""
        return self.scheme == QUORUM

    def beside(self, ring: Path) -> HolderFile:
        """Give the copy that lies beside a copy of the keyring."""
        return HolderFile(scheme=self.scheme, path=ring.with_name(NAMES[self.scheme]))

    def read(self, ring: Keyring) -> bytes:
        """Read the file, and see that with it the keyring's KEK is come to.

        Raises:
            BackupHolderError: it cannot be read, is damaged, or is of another keyring.
        """
        try:
            data = self.path.read_bytes()
            named = _quorum_keks(data, ring) if self.scheme == QUORUM else _token_keks(data)
        except OSError as error:
            raise BackupHolderError(f"{self.path}: cannot be read ({error.strerror})") from error
        except KeysError as error:
            raise BackupHolderError(f"{self.path}: {error}") from error
        if ring.kek_id not in named:
            raise BackupHolderError(f"{self.path}: of another keyring, or of another time of this one")
        return data

    def put(self, data: bytes) -> None:
        """Write the file where it differs; what was there stays beside it as .bak.

        Raises:
            OSError: it cannot be written.
        """
        if self.path.exists() and self.path.read_bytes() == data:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        RingFile(self.path).write(data)


def of(kek: str) -> HolderFile | None:
    """Find the file of a provider; None where it has none that may be copied.

    Args:
        kek: the provider's URI, with paths that are absolute.

    Raises:
        keys.errors.ProviderError: the URI is malformed.
    """
    scheme = kek.partition(":")[0]
    if scheme == QUORUM:
        return HolderFile(scheme=scheme, path=quorum_folder(kek) / quorum_provider.FILE)
    if scheme == _HARDWARE:
        return HolderFile(scheme=scheme, path=token_uri.parse(kek, Path()).kek_file)
    return None


def moved(kek: str, path: Path) -> str:
    """Change a provider's URI so that its file is elsewhere; one that has none stays as it is."""
    scheme = kek.partition(":")[0]
    if scheme == QUORUM:
        return f"{QUORUM}:{quote(str(path.parent))}"
    return _KEK_FILE.sub(lambda _: quote(str(path)), kek) if scheme == _HARDWARE else kek


def find(kek: str, ring: Keyring, copies: Iterable[Path]) -> HolderFile | None:
    """Choose the file with which a keyring's KEK is come to: the one in its place, else one beside a copy.

    Args:
        kek: the provider's URI.
        ring: the keyring.
        copies: copies of a keyring, of the backup and of the mirror.

    Raises:
        BackupHolderError: there is none.
    """
    own = of(kek)
    if own is None:
        return None
    for each in (own, *(own.beside(copy) for copy in copies)):
        try:
            each.read(ring)
        except BackupHolderError:
            continue
        return each
    raise BackupHolderError(
        f"there is no file with which the keyring's KEK {ring.kek_id} is come to, neither {own.path} nor a copy"
    )


def require_beside(copy: Path, ring: Keyring, history: Sequence[Event]) -> None:
    """See that a copy of a keyring has the file beside it that its provider takes.

    Args:
        copy: the copy.
        ring: what it says.
        history: its history, which says by what provider it was made.

    Raises:
        BackupHolderError: it is missing, damaged, or of another keyring.
    """
    scheme = history[0].details.get("provider", "") if history else ""
    if scheme in NAMES:
        HolderFile(scheme=scheme, path=copy.with_name(NAMES[scheme])).read(ring)


def _quorum_keks(data: bytes, ring: Keyring) -> set[str]:
    return {each.kek_id for each in quorum.decode(data) if each.realm == ring.realm}


def _token_keks(data: bytes) -> set[str]:
    return {each.kek_id for each in token_file.decode(data)}
