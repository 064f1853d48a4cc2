"""The `credential:` provider: systemd lends the KEK itself to a unit, and keeps it as it is told to.

`credential:NAME` is the file NAME in $CREDENTIALS_DIRECTORY, which LoadCredential= or LoadCredentialEncrypted= fills
for one unit, in memory that is not swapped, and takes away when the unit stops (systemd.exec(5)). It holds 32 random
bytes, or their 64 hexadecimal digits with or without a line feed. With LoadCredentialEncrypted= what lies on disk is
sealed to the machine's TPM or to a key of root's (systemd-creds(1)).

A process may read what it is lent and change nothing, so a person does the rest. A new keyring takes the KEK that is
lent. A renewal takes the one that is lent beside it as NAME-next; what is left to do afterwards, putting NAME-next in
the place of NAME, is an error until it is done, since the old KEK is not gone before.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from keys.errors import (
    CredentialFolderError,
    CredentialFormatError,
    CredentialLeftError,
    CredentialMissingError,
    CredentialModeError,
    CredentialReadOnlyError,
    ProviderError,
)
from keys.kek import KEK_SIZE, Kek

FOLDER_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
NEXT: Final = "-next"
"""What stands behind the name of the KEK that a renewal goes to."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_CLOSED: Final = 0o027
"""Modes that a credential has not. Its group's bits show the mask of the access list by which systemd lends it."""


class CredentialKekProvider:
    """A KEK that systemd lends.

    Args:
        name: the credential's name.
        uri: the URI that named this provider.

    Raises:
        ProviderError: not a name.
    """

    single_custodian = True
    """Root of the host has the KEK, alone."""

    def __init__(self, *, name: str, uri: str) -> None:
        if _NAME.fullmatch(name) is None:
            raise ProviderError(
                "a credential provider's URI is credential:NAME, without a path or parameters"
            )
        self.name = name
        self.uri = uri

    def __repr__(self) -> str:
        return f"<CredentialKekProvider {self.name}>"

    def create(self) -> Kek:
        """Take the KEK that is lent, for a new keyring.

        Raises:
            CredentialMissingError: none is lent under the name.
            CredentialLeftError: two are lent, and a new keyring begins with one.
        """
        kek, *others = self.unlock()
        if others:
            raise CredentialLeftError(f"{self.name}{NEXT} is lent too, and a new keyring begins with one KEK")
        return kek

    def unlock(self) -> tuple[Kek, ...]:
        """Read what is lent: NAME, and NAME-next where a renewal is under way.

        Raises:
            CredentialFolderError: systemd lends nothing to this process.
            CredentialMissingError: it lends no credential of this name.
            CredentialModeError: others may read it.
            CredentialFormatError: it does not hold 32 bytes.
        """
        folder = _folder()
        keks = [Kek(_read(folder / self.name))]
        if (folder / (self.name + NEXT)).exists():
            keks.append(Kek(_read(folder / (self.name + NEXT))))
            if keks[0].id == keks[1].id:
                raise CredentialFormatError(f"{self.name} and {self.name}{NEXT} are the same KEK")
        return tuple(keks)

    def renew(self) -> Kek:
        """Take the KEK that is lent as NAME-next.

        Raises:
            CredentialReadOnlyError: none is.
        """
        keks = self.unlock()
        if len(keks) == 1:
            raise CredentialReadOnlyError(
                f"a new KEK is needed, systemd lends no {self.name}{NEXT}, and a credential cannot be written from here"
            )
        return keks[1]

    def retire(self, kek_id: str) -> None:
        """See that the KEK of this id is kept as NAME.

        Raises:
            CredentialLeftError: it is NAME-next, and the one before it is still lent.
            CredentialMissingError: neither is it.
        """
        first, *others = self.unlock()
        if kek_id == first.id:
            return
        if kek_id not in {kek.id for kek in others}:
            raise CredentialMissingError(
                f"systemd does not hold the KEK that is to be kept, neither as {self.name} nor as {self.name}{NEXT}"
            )
        raise CredentialLeftError(
            f"the keyring is written under {self.name}{NEXT} and done; only the old {self.name} is not gone yet"
        )


def _folder() -> Path:
    named = os.environ.get(FOLDER_VARIABLE, "")
    if not named:
        raise CredentialFolderError(
            f"${FOLDER_VARIABLE} is not set: systemd lends this process no credential"
        )
    folder = Path(named)
    if not folder.is_absolute() or not folder.is_dir():
        raise CredentialFolderError(f"${FOLDER_VARIABLE} names {named}, which is no folder")
    return folder


def _read(path: Path) -> bytes:
    """Read a KEK.

    Raises:
        CredentialError: it cannot be used; the subclass says why.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(2 * KEK_SIZE + 2)
    except FileNotFoundError as error:
        raise CredentialMissingError(f"systemd lends no credential {path.name}") from error
    except (IsADirectoryError, PermissionError) as error:
        raise CredentialModeError(f"{path} cannot be read by this account") from error
    if not stat.S_ISREG(status.st_mode) or status.st_mode & _CLOSED:
        raise CredentialModeError(f"{path}: others may open it (mode {stat.S_IMODE(status.st_mode):04o})")
    return _decode(data, path.name)


def _decode(data: bytes, name: str) -> bytes:
    text = data.removesuffix(b"\n")
    if len(text) == 2 * KEK_SIZE and _HEX.fullmatch(text):
        key = bytes.fromhex(text.decode())
    elif len(data) == KEK_SIZE and not _HEX.fullmatch(data):  # 32 digits are half of a KEK that was cut
        key = data
    else:
        raise CredentialFormatError(
            f"{name} holds neither {KEK_SIZE} bytes nor {2 * KEK_SIZE} hexadecimal digits"
        )
    if len(set(key)) == 1:
        raise CredentialFormatError(f"{name} is one byte over and over, and no key")
    return key
