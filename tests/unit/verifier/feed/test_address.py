"""The address of a stream: what it may say, and what it must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.feed import address
from verifier.feed.errors import FeedSourceError


def test_an_address_says_everything() -> None:
    """Server, stream, subject, consumer and files; the name that logs show has no file in it."""
    read = address.parse(
        "tls://nats.example:4443/FEED?subject=registry.feed&consumer=padan-2&creds=/run/creds&ca=ca.pem"
        "&cert=c.pem&key=k.pem&token-file=t"
    )
    assert (read.server, read.tls, read.stream) == ("tls://nats.example:4443", True, "FEED")
    assert (read.subject, read.consumer) == ("registry.feed", "padan-2")
    assert (read.creds, read.token_file) == (Path("/run/creds"), Path("t"))
    assert (read.ca, read.cert, read.key) == (Path("ca.pem"), Path("c.pem"), Path("k.pem"))
    assert read.name == "tls://nats.example:4443/FEED?subject=registry.feed"


def test_little_is_enough() -> None:
    """The port is that of NATS, the subject the stream's own, the consumer Padan's."""
    read = address.parse("nats://10.0.0.7/FEED")
    assert (read.server, read.subject, read.consumer) == ("nats://10.0.0.7:4222", "", "padan")
    assert read.name == "nats://10.0.0.7:4222/FEED"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nats://host", "the address is nats://HOST:PORT/STREAM"),
        ("nats:///FEED", "the address is nats://HOST:PORT/STREAM"),
        ("nats://host/FEED/more", "the stream of A-Z"),
        ("nats://host:port/FEED", "is not nats://HOST:PORT/STREAM"),
        ("nats://host/FEED?subject", "is not nats://HOST:PORT/STREAM"),
        ("nats://user:secret@host/FEED", "no name or password in it"),
        ("nats://token@host/FEED", "no name or password in it"),
        ("nats://host/FEED?token=secret", "says token, which it cannot"),
        ("nats://host/FEED?subject=a%20b", "the subject is"),
        ("nats://host/FEED?consumer=a.b", "the consumer is"),
        ("nats://host/FEED?ca=ca.pem", "are for tls://"),
        ("tls://host/FEED?cert=c.pem", "named together"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    """And never what stands in the place of a secret."""
    with pytest.raises(FeedSourceError, match=said) as refused:
        address.parse(text)
    assert "secret" not in str(refused.value)
