"""Who holds the KEK: a provider, chosen by the scheme of a URI.

`file:PATH?passphrase-file=PATH` (`keys.file_provider`), `quorum:FOLDER` (`keys.quorum_provider`), which m of n
custodians open together, `credential:NAME` (`keys.credential_provider`) and
`pkcs11:token=LABEL;object=LABEL?module-path=PATH&pin-source=PATH&kek-file=PATH` (`keys.token_provider`).
Whoever adds a scheme adds a line to `SCHEMES`, and one to tests/unit/keys/holders.py, whose suite holds for all.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable
from urllib.parse import parse_qs, unquote, urlsplit

from keys import token_uri
from keys.credential_provider import CredentialKekProvider
from keys.errors import PassphraseError, ProviderError
from keys.file_provider import FileKekProvider
from keys.quorum_provider import QuorumKekProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.kek import Kek
    from keys.roster import Roster
    from keys.signing import Signing

Prompt: TypeAlias = Callable[[str], str]
"""Asks a person a question on the terminal and gives the answer."""

QUORUM: Final = "quorum"


class KekProvider(Protocol):
    """What keeps KEKs, and gives them to whoever may have them."""

    @property
    def uri(self) -> str:
        """The URI that opens this provider; it holds no secret."""
        ...

    @property
    def single_custodian(self) -> bool:
        """Whether one person alone can unlock it."""
        ...

    def create(self) -> Kek:
        """Make the provider's first KEK and keep it durably.

        Raises:
            KeyringExistsError: it keeps one already.
        """
        ...

    def unlock(self) -> tuple[Kek, ...]:
        """Give every KEK that is kept: one, or two while a renewal is under way.

        Raises:
            CustodianError: it cannot be unlocked; the subclass says why.
        """
        ...

    def renew(self) -> Kek:
        """Make a new KEK and keep it durably beside the present one."""
        ...

    def retire(self, kek_id: str) -> None:
        """Keep only the KEK of this id, durably; what the others wrapped is lost."""
        ...


@runtime_checkable
class SharedKekProvider(KekProvider, Protocol):
    """A provider whose KEK several custodians hold together: they decide together about the keyring too."""

    def roster(self, kek_id: str) -> Roster:
        """Say who holds the KEK of this id, from what everybody may see; unlocks nothing.

        Raises:
            CustodianError: that cannot be read.
        """
        ...

    def hand_on(self, roster: Roster) -> None:
        """Let the next renewal deal its shares to these custodians.

        Raises:
            CustodianError: it cannot be dealt to them.
        """
        ...

    def signers(self) -> tuple[Signing, ...]:
        """Give the signing keys of the custodians who have unlocked it here, and of who is about to join them."""
        ...


def ask(question: str) -> str:
    """Ask for a passphrase on the terminal.

    Raises:
        PassphraseError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise PassphraseError("a passphrase is needed and there is no terminal to ask on")
    return getpass.getpass(question)


def open_provider(uri: str, *, base: Path | None = None, prompt: Prompt = ask) -> KekProvider:
    """Open the provider that a URI names.

    Args:
        uri: `file:PATH`, with `passphrase-file=PATH` or `passphrase-env=NAME` after a "?", or neither: then it asks;
            `quorum:FOLDER`, with `NAME=PATH` after a "?" for files of passphrases, or nothing: then it asks;
            `credential:NAME`; or `pkcs11:...` (`keys.token_uri`).
        base: what relative paths start from; the working folder where absent.
        prompt: asks a person for a passphrase or PIN.

    Raises:
        TokenSupportError: the library of tokens is not installed.
        ProviderError: an unknown scheme or parameter, or no path.
    """
    scheme, colon, _ = uri.partition(":")
    opener = SCHEMES.get(scheme) if colon else None
    if opener is None:
        known = ", ".join(f"'{name}:'" for name in SCHEMES)
        raise ProviderError(
            f"a KEK provider's URI starts with one of {known}, not with '{scheme if colon else uri}'"
        )
    return opener(uri, base or Path.cwd(), prompt)


def _open_file(uri: str, folder: Path, prompt: Prompt) -> KekProvider:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"} or parts.fragment or not parts.path:
        raise ProviderError("a file provider's URI is file:PATH?passphrase-file=PATH, without a host")
    source = _passphrase_source(parts.query)
    if source is not None and source[0] == "passphrase-file":
        source = (source[0], str(folder / source[1]))
    return FileKekProvider(path=folder / unquote(parts.path), source=source, prompt=prompt, uri=uri)


def starts_sealed(uri: str) -> bool:
    """Whether a process that only has this URI can come to no KEK, and waits for custodians to hand in shares."""
    parts = urlsplit(uri)
    return parts.scheme == QUORUM and not parts.query


def quorum_folder(uri: str) -> Path:
    """Give the folder of a quorum's URI.

    Raises:
        ProviderError: it is none.
    """
    parts = urlsplit(uri)
    if parts.scheme != QUORUM or parts.netloc or parts.fragment or not parts.path:
        raise ProviderError("a quorum's URI is quorum:FOLDER, without a host")
    return Path(unquote(parts.path))


def _open_quorum(uri: str, folder: Path, prompt: Prompt) -> QuorumKekProvider:
    query = urlsplit(uri).query
    try:
        files = parse_qs(query, strict_parsing=True) if query else {}
    except ValueError as error:
        raise ProviderError("the parameters of the quorum's URI are malformed") from error
    if any(len(values) != 1 for values in files.values()):
        raise ProviderError("a quorum's URI names each custodian once: quorum:FOLDER?NAME=PASSPHRASE-FILE")
    sources = {name: folder / path for name, (path,) in files.items()}
    return QuorumKekProvider(folder=folder / quorum_folder(uri), sources=sources, prompt=prompt, uri=uri)


def _open_credential(uri: str, folder: Path, prompt: Prompt) -> KekProvider:
    del folder, prompt
    return CredentialKekProvider(name=uri.partition(":")[2], uri=uri)


def _open_token(uri: str, folder: Path, prompt: Prompt) -> KekProvider:
    from keys.token_provider import TokenKekProvider  # noqa: PLC0415 - its library is an extra

    return TokenKekProvider(where=token_uri.parse(uri, folder), prompt=prompt, uri=uri)


def _passphrase_source(query: str) -> tuple[str, str] | None:
    try:
        parameters: Mapping[str, list[str]] = parse_qs(query, strict_parsing=True) if query else {}
    except ValueError as error:
        raise ProviderError("the parameters of the KEK provider's URI are malformed") from error
    if not parameters:
        return None
    [(name, values), *others] = parameters.items()
    if others or len(values) != 1 or name not in {"passphrase-file", "passphrase-env"}:
        raise ProviderError(
            "a file provider takes one parameter: passphrase-file=PATH or passphrase-env=NAME"
        )
    return name, values[0]


SCHEMES: Final[Mapping[str, Callable[[str, Path, Prompt], KekProvider]]] = MappingProxyType(
    {
        "file": _open_file,
        QUORUM: _open_quorum,
        "credential": _open_credential,
        "pkcs11": _open_token,
    }
)
"""The scheme of a URI to what opens it, given the URI, the folder of relative paths, and what asks a person."""
