"""Which keyring and KEK provider a custodian's command was given: options, environment, or the server's settings."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from keys.custody import Custody
from keys.provider import SharedKekProvider, open_provider
from padan.cli.console import CommandError, ExitCode
from verifier import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.provider import KekProvider
    from keys.roster import Roster


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Choice:
    """What stands before the command's name.

    Args:
        config_path: the server's configuration file; empty is $PADAN_CONFIG, else ./padan.toml where there is one.
        keyring: the keyring; empty is the configuration's.
        kek: URI of the KEK's provider; empty is the configuration's.
        now: wall clock, UTC.
    """

    config_path: Path | None = None
    keyring: Path | None = None
    kek: str = ""
    now: Callable[[], datetime] = _now

    def settings(self) -> config.Settings | None:
        """Read the server's settings; None where no file was named and there is none at the default places.

        Raises:
            ConfigError: the file is wrong, or was named and is missing.
        """
        named = self.config_path or (Path(os.environ[config.PATH_VARIABLE]) if _is_set() else None)
        if named is None and not config.DEFAULT_PATH.exists():
            return None
        return config.load(named)

    def keyring_path(self) -> Path:
        """Give the keyring's path.

        Raises:
            CommandError: neither an option nor a configuration names it.
        """
        if self.keyring is not None:
            return self.keyring
        settings = self.settings()
        if settings is None:
            raise _unnamed("keyring", "--keyring PATH")
        return settings.keyring

    def kek_scheme(self) -> str:
        """Name the scheme of the KEK's provider; "unknown" where nothing names one."""
        return self._kek().partition(":")[0] or "unknown"

    def _kek(self) -> str:
        settings = None if self.kek else self.settings()
        return self.kek or (settings.kek if settings is not None else "")

    def provider(self) -> KekProvider:
        """Open the provider of the KEK.

        Raises:
            CommandError: neither an option nor a configuration names it.
            ProviderError: the URI is not one.
        """
        uri = self._kek()
        if not uri:
            raise _unnamed("KEK provider", "--kek 'file:PATH?passphrase-file=PATH'")
        return open_provider(uri)

    def holders(self, kek_id: str) -> Roster | None:
        """Say who holds a KEK together, from what everybody may see; None where nobody does, or no provider is named.

        Raises:
            CustodianError: that cannot be read.
        """
        settings = None if self.kek else self.settings()
        if not (self.kek or (settings is not None and settings.kek)):
            return None
        provider = self.provider()
        return provider.roster(kek_id) if isinstance(provider, SharedKekProvider) else None

    def custody(self, provider: KekProvider | None = None) -> Custody:
        """Open the keyring for a change or a check, with a provider that is at hand or the one that is named."""
        return Custody(
            path=self.keyring_path(), provider=provider or self.provider(), actor=actor(), now=self.now
        )


CHOICE = Choice()
"""The choice of the command that runs in this process."""


def actor() -> str:
    """Name the account that runs the command, for the keyring's history."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _is_set() -> bool:
    return bool(os.environ.get(config.PATH_VARIABLE))


def _unnamed(what: str, option: str) -> CommandError:
    return CommandError(
        f"no {what} is named",
        next_step=f"put {option} before the command, or name the server's configuration with --config PATH",
        code=ExitCode.INPUT,
    )
