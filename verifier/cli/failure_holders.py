"""What the commands say when who holds the KEK fails: rows of the one table in failure.py."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import away, refused, state
from verifier.cli.failure_row import named as input_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.cli.failure_row import Row

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "keys.errors.CredentialFolderError": input_(
            "let systemd start it, with LoadCredential=NAME:PATH or LoadCredentialEncrypted= in the unit"
        ),
        "keys.errors.CredentialMissingError": input_(
            "make a KEK with padan-keys new-kek, and name it in the unit: LoadCredential=NAME:PATH"
        ),
        "keys.errors.CredentialModeError": refused(
            "let systemd lend it, which closes it to others; where you lend it yourself: chmod 400"
        ),
        "keys.errors.CredentialFormatError": input_(
            "put back the KEK from its copy; padan-keys new-kek makes one for a new keyring"
        ),
        "keys.errors.CredentialReadOnlyError": state(
            "make it with padan-keys new-kek, lend it to this command as NAME-next, and run it again"
        ),
        "keys.errors.CredentialLeftError": state(
            "put NAME-next in the place of NAME in the credential store, destroy the old one, restart the unit"
        ),
        "keys.errors.TokenSupportError": input_("install the extra: pip install 'padan-server[pkcs11]'"),
        "keys.errors.TokenModuleError": input_("name the vendor's module in the URI: module-path=PATH"),
        "keys.errors.TokenStoreError": away(
            "put the token back, see that the vendor's service runs and its configuration names the right folder"
        ),
        "keys.errors.TokenMissingError": away(
            "put the token into its slot, or mend token= and serial= in the URI; pkcs11-tool -L lists what is there"
        ),
        "keys.errors.TokenPinError": input_(
            "mend the file that pin-source names, before you try again: the token counts wrong PINs and locks itself"
        ),
        "keys.errors.TokenPinLockedError": refused(
            "log in once with the vendor's tool and the right PIN; the token's security officer unlocks a locked one"
        ),
        "keys.errors.TokenSessionError": away(
            "see that the token is in its slot and answers, then run it again; what is unlocked already goes on"
        ),
        "keys.errors.TokenKeyError": input_(
            "use the token that the KEK file was made with, or its backup; without its key every key is lost"
        ),
        "keys.errors.TokenUnfitError": refused(
            "use a token that makes AES-256 keys, does AES-GCM and lets this user write; docs/keys-in-tokens.md"
        ),
        "keys.errors.TokenFileError": input_(
            "put back the KEK file from a copy, or name the right one in the URI: kek-file=PATH"
        ),
        "verifier.backup.errors.BackupHolderError": input_(
            "put it back from a copy: custodians have one of quorum.json, and other backups have theirs"
        ),
    }
)
"""Full name of a class to its row."""
