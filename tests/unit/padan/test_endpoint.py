"""Addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan.endpoint import Endpoint
from padan.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:7443", "localhost", 7443),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[2001:db8::1]:65535", "2001:db8::1", 65535),
    ],
)
def test_good_addresses(text: str, host: str, port: int) -> None:
    """An address is read, and written back as it was."""
    endpoint = Endpoint.parse(text)
    assert (endpoint.host, endpoint.port, str(endpoint)) == (host, port, text)


@pytest.mark.parametrize(
    "text", ["", "localhost", ":1", "h:", "h:0", "h:65536", "h:+1", "h:\u0661", "2001:db8::1", "[]:1"]
)
def test_other_addresses(text: str) -> None:
    """What is not host:port is refused."""
    with pytest.raises(ConfigError):
        Endpoint.parse(text)


@given(st.text(max_size=20))
def test_random_text(text: str) -> None:
    """Whatever is typed, an endpoint or a ConfigError comes out."""
    try:
        endpoint = Endpoint.parse(text)
    except ConfigError:
        return
    assert 0 < endpoint.port <= 65535
