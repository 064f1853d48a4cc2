"""The witness's folder: its key, the logs that it watches, and its book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan import csr
from padan.errors import ConfigError, LogFormatError
from padan.tlog import note, policy
from padan.tlog.note import Algorithm
from padan.witness import key
from padan.witness.book import Book

if TYPE_CHECKING:
    from pathlib import Path

    from padan.tlog.note import VerifierKey

_LOGS: Final = """# The logs that this witness watches, a line each, as the registry has handed it over:
#   log NAME+ID+KEY
# The form is that of C2SP tlog-policy.
quorum none
"""


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """A folder; nothing in it is opened yet."""

    path: Path

    @property
    def key(self) -> Path:
        """The private key."""
        return self.path / "key"

    @property
    def vkey(self) -> Path:
        """The public key, to be handed out."""
        return self.path / "vkey"

    @property
    def policy(self) -> Path:
        """The list of logs."""
        return self.path / "logs"

    @property
    def book(self) -> Path:
        """What was cosigned."""
        return self.path / "book.sqlite"

    def create(self, name: str) -> VerifierKey:
        """Make the folder with a new key, no log, and an empty book; give the public key.

        Raises:
            ConfigError: one of the files is there already or cannot be written, or the name cannot be used.
        """
        csr.refuse_existing(self.key, self.vkey, self.policy, self.book)
        public = key.create(self.key, name)
        csr.write_new(self.vkey, f"{public}\n".encode(), mode=0o644)
        csr.write_new(self.policy, _LOGS.encode(), mode=0o644)
        Book(self.book, create=True).close()
        return public

    def add_log(self, vkey: str) -> VerifierKey:
        """Add a log to the list.

        Raises:
            ConfigError: it is no log's key, or is in the list already.
        """
        try:
            added = note.parse_key(vkey)
        except LogFormatError as error:
            raise ConfigError(str(error), next_step="copy the log's key whole: NAME+ID+KEY") from None
        known = self.logs()
        if added.algorithm is not Algorithm.LOG or added.public_key in {log.public_key for log in known}:
            cause = "it is in the list already" if added in known else "it is not the key of another log"
            raise ConfigError(f"{added.name}: {cause}", next_step=f"see {self.policy}")
        try:
            text = self.policy.read_text(encoding="utf-8")
            self.policy.write_text(f"{text.rstrip()}\nlog {added}\n", encoding="utf-8")
        except OSError as error:
            raise self._unusable(error.strerror or "") from None
        return added

    def public(self) -> VerifierKey:
        """Read the public key; the private one may be sealed, and not be here.

        Raises:
            ConfigError: it cannot be used.
        """
        try:
            found = note.parse_key(self.vkey.read_text(encoding="ascii").removesuffix("\n"))
        except OSError as error:
            cause = error.strerror or ""
        except (UnicodeDecodeError, LogFormatError) as error:
            cause = str(error)
        else:
            if found.algorithm is Algorithm.COSIGNATURE:
                return found
            cause = "not a witness's key"
        raise ConfigError(
            f"{self.vkey}: {cause}",
            next_step="write the line into it that `padan-audit witness init` printed; the registry has it too",
        )

    def logs(self) -> list[VerifierKey]:
        """Read the list of logs.

        Raises:
            ConfigError: it cannot be used.
        """
        try:
            return list(policy.parse(self.policy.read_text(encoding="utf-8")).logs)
        except OSError as error:
            raise self._unusable(error.strerror or "") from None
        except (UnicodeDecodeError, LogFormatError) as error:
            raise self._unusable(str(error)) from None

    def _unusable(self, cause: str) -> ConfigError:
        return ConfigError(
            f"{self.policy}: {cause}", next_step="mend it, or make a folder: padan-audit witness init"
        )
