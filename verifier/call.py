"""A call and its reply, as transport and core exchange them, and the moment at which a call is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan.value import value

if TYPE_CHECKING:
    import datetime as dt


@value
class Now:
    """One reading of the clocks: seconds of the Unix epoch, monotonic seconds, and the day in the registry's zone."""

    wall: float
    mono: float
    today: dt.date


@value
class Call:
    """One call as the transport received it.

    Attributes:
        raw: the message's bytes.
        certificate: the TLS peer's certificate, PEM.
        peer: the transport's name of the peer's address, "ipv4:127.0.0.1:50000".
        remaining: seconds left of the deadline; None where the call has none.
        arrived: monotonic second of arrival.
    """

    raw: bytes
    certificate: bytes
    peer: str
    remaining: float | None
    arrived: float

    def __repr__(self) -> str:
        return "Call(<redacted>)"


@value
class Reply:
    """What leaves: a serialised response, or an error.

    Attributes:
        agency: who asked, for metrics; empty where unknown.
        outcome: the released verdict; 0 where refused.
        replayed: the answer is a stored one.
    """

    body: bytes | None
    error: Exception | None
    agency: str = ""
    outcome: int = 0
    replayed: bool = False
