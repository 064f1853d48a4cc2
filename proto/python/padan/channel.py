"""What both clients need to open a channel: the agency's three files, mutual TLS, and nothing that weakens it.

There is no switch that turns a check off. `server_name` names the certificate that must be presented when the address
is not the service's name (a tunnel, a test); the certificate is verified all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import grpc

from padan.errors import ConfigError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

DEFAULT_TIMEOUT = 2.0
AT_ONCE = 32
"""Calls that a client has under way; more wait for their turn, within their deadline. The service refuses a connection
that has many more."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The contents of the agency's three PEM files; the repr shows none, and they are not pickled."""

    ca: bytes
    cert: bytes
    key: bytes

    def credentials(self) -> grpc.ChannelCredentials:
        """Make mutual TLS credentials."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca, private_key=self.key, certificate_chain=self.cert
        )

    def __repr__(self) -> str:
        return "Files(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def read_files(
    *, ca: str | os.PathLike[str], cert: str | os.PathLike[str], key: str | os.PathLike[str]
) -> Files:
    """Read the agency's files.

    Raises:
        ConfigError: a file cannot be read, or is no PEM of its kind.
    """
    return Files(
        ca=_read(ca, "CERTIFICATE", "the CA file"),
        cert=_read(cert, "CERTIFICATE", "the certificate"),
        key=_read(key, "PRIVATE KEY", "the private key"),
    )


def secure(
    address: str,
    *,
    ca: str | os.PathLike[str],
    cert: str | os.PathLike[str],
    key: str | os.PathLike[str],
    server_name: str | None,
) -> grpc.Channel:
    """Open a channel for blocking calls with the agency's files.

    Raises:
        ConfigError: a file is not usable.
    """
    credentials = read_files(ca=ca, cert=cert, key=key).credentials()
    return grpc.secure_channel(address, credentials, options=options(server_name))


def options(server_name: str | None) -> Sequence[tuple[str, str | int]]:
    """Make the channel's options.

    Args:
        server_name: the name that the server's certificate must carry; None for the address's own.
    """
    chosen: list[tuple[str, str | int]] = [
        ("grpc.enable_retries", 0),  # padan/retry.py retries, within the caller's deadline
        ("grpc.service_config_disable_resolution", 1),  # DNS must not change how we call
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5000),
        ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ]
    if server_name:
        chosen.append(("grpc.ssl_target_name_override", server_name))
    return chosen


def _read(path: str | os.PathLike[str], kind: str, what: str) -> bytes:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{what} {path} cannot be read ({error.strerror or type(error).__name__})",
            reason="FILE",
            next_step="name the file that `padan init` or the operator gave you",
        ) from None
    if f"{kind}-----".encode() not in content:
        raise ConfigError(
            f"{what} {path} is no PEM file of its kind",
            reason="FILE",
            next_step=f"look for a line -----BEGIN {kind}----- in it",
        )
    return content
