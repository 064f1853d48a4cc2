"""The agency's configuration file: what the command lines would otherwise be told again and again.

Looked for in this order: the path given, $PADAN_CLIENT_CONFIG, ./padan-client.toml, padan/client.toml in
$XDG_CONFIG_HOME (~/.config). Paths in it are relative to it. It names files and never holds a secret.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from padan.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "PADAN_CLIENT_CONFIG"
LOCAL_NAME: Final = "padan-client.toml"
_PATHS = frozenset({"ca", "cert", "key"})
_NEXT = "docs/agency.md lists every setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of the agency's command lines; None where nothing is set."""

    address: str | None = None
    """host:port of the service."""
    audit_address: str | None = None
    """host:port of the log's listener."""
    server_name: str | None = None
    """The name in the server's certificate, where it is not the address's host."""
    ca: str | None = None
    """PEM of the CA that signed the server's certificate."""
    cert: str | None = None
    """PEM of the agency's certificate."""
    key: str | None = None
    """PEM of the agency's private key."""
    timeout: float | None = None
    """Seconds for a call with all its attempts."""
    purpose: str | None = None
    """Purpose where the command names none."""
    officer: str | None = None
    """Officer where the command names none."""
    legal_basis: str | None = None
    """Legal basis where the command names none."""


def load(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration; an empty one where no file is named and none is found.

    Raises:
        ConfigError: a file is not readable, not TOML, or has a setting that there is not.
    """
    chosen = path or _find(environment)
    if chosen is None:
        return Config()
    try:
        values = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{chosen} cannot be read ({type(error).__name__})", reason="CONFIG", next_step=_NEXT
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{chosen} is not TOML: {error}", reason="CONFIG", next_step=_NEXT) from None
    return Config(**{name: _value(chosen, name, value) for name, value in values.items()})


def _find(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get(VARIABLE):
        return Path(named)
    home = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    places = (Path(LOCAL_NAME), Path(home) / "padan" / "client.toml")
    return next((place for place in places if place.is_file()), None)


def _value(file: Path, name: str, value: Any) -> Any:
    known = {field.name for field in fields(Config)}
    if name not in known:
        raise ConfigError(
            f"{file}: no such setting: {name}; known are: {', '.join(sorted(known))}",
            reason="CONFIG",
            next_step=_NEXT,
        )
    if name == "timeout":
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ConfigError(
                f"{file}: timeout is a number of seconds above 0", reason="CONFIG", next_step=_NEXT
            )
        return float(value)
    if not isinstance(value, str):
        raise ConfigError(f"{file}: {name} is a text in quotes", reason="CONFIG", next_step=_NEXT)
    return str(file.parent / value) if name in _PATHS else value
