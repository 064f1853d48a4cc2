"""The address of a NATS JetStream: `nats://HOST:PORT/STREAM` or `tls://…`, and what is said behind `?`. Pure.

    subject     the blocks' subject; default the stream's only one
    consumer    name of the durable consumer, one for each vault that follows the stream; default "padan"
    creds       file of a user's credentials (JWT and seed), as nsc writes it
    token-file  file with a token, on one line
    ca          certificates that the server's must come from, PEM; default the system's
    cert, key   a client certificate and its private key, PEM

Secrets are files: an address stands in logs and in lists of processes, so one with a name or password is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from verifier.feed.errors import FeedSourceError

SCHEMES: Final = frozenset({"nats", "tls"})
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_.*>-]{1,200}")
_FILES: Final = ("creds", "token-file", "ca", "cert", "key")
_TLS_FILES: Final = ("ca", "cert", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAddress:
    """Where a stream is, and what opens it; a file that is not named is None.

    Attributes:
        server: scheme, host and port.
        tls: whether the connection is encrypted.
        stream: its name.
        subject: of the blocks; empty for the stream's only one.
        consumer: name of the durable consumer.
    """

    server: str
    tls: bool
    stream: str
    subject: str
    consumer: str
    creds: Path | None
    token_file: Path | None
    ca: Path | None
    cert: Path | None
    key: Path | None

    @property
    def name(self) -> str:
        """The address without its files."""
        return f"{self.server}/{self.stream}" + (f"?subject={self.subject}" if self.subject else "")


def parse(text: str) -> StreamAddress:
    """Read an address.

    Raises:
        FeedSourceError: it is none; says what would be right.
    """
    try:
        parts = urlsplit(text)
        server = f"{parts.scheme}://{parts.hostname}:{parts.port or 4222}"
        said = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise FeedSourceError("the address is not nats://HOST:PORT/STREAM?NAME=VALUE") from error
    stream = parts.path.removeprefix("/")
    if parts.username is not None or parts.password is not None:
        raise FeedSourceError(
            "an address has no name or password in it: name a file with ?creds= or ?token-file="
        )
    if not parts.hostname or _NAME.fullmatch(stream) is None:
        raise FeedSourceError("the address is nats://HOST:PORT/STREAM, the stream of A-Z, a-z, 0-9, _ and -")
    subject, consumer = said.pop("subject", ""), said.pop("consumer", "padan")
    files = {name: Path(said.pop(name)) if name in said else None for name in _FILES}
    if said:
        raise FeedSourceError(f"the address says {min(said)}, which it cannot")
    if subject and _SUBJECT.fullmatch(subject) is None:
        raise FeedSourceError("the subject is 1 to 200 of A-Z, a-z, 0-9, '.', '_', '-', '*' and '>'")
    if _NAME.fullmatch(consumer) is None:
        raise FeedSourceError("the consumer is 1 to 64 of A-Z, a-z, 0-9, _ and -")
    tls = parts.scheme == "tls"
    if not tls and any(files[name] for name in _TLS_FILES):
        raise FeedSourceError("ca, cert and key are for tls:// addresses")
    if (files["cert"] is None) != (files["key"] is None):
        raise FeedSourceError("cert and key are named together")
    return StreamAddress(
        server=server,
        tls=tls,
        stream=stream,
        subject=subject,
        consumer=consumer,
        creds=files["creds"],
        token_file=files["token-file"],
        ca=files["ca"],
        cert=files["cert"],
        key=files["key"],
    )
