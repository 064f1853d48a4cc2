"""An address of the service, host:port, as gRPC, sockets and TLS each need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from padan.errors import ConfigError

_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read host:port or [IPv6]:port.

        Raises:
            ConfigError: not of that form.
        """
        host, colon, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        digits = port.isascii() and port.isdigit()
        if (
            not colon
            or not bare
            or not digits
            or not 0 < int(port) <= _LAST_PORT
            or (":" in bare and bare == host)
        ):
            raise ConfigError(
                "the address is not host:port",
                reason="CONFIG",
                next_step="write it as padan.example:7443, or [2001:db8::1]:7443",
            )
        return cls(host=bare, port=int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
