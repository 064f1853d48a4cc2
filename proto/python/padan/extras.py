"""What is said where an extra of the package is not installed."""

from __future__ import annotations

from padan.errors import ConfigError


def sealing_missing() -> ConfigError:
    """Make the error that asks for the extra `sealing`."""
    return ConfigError(
        "cryptography is not installed", reason="EXTRA", next_step="pip install 'padan[sealing]'"
    )
