"""A witness that runs: opens its folder, listens, and ends on SIGTERM or SIGINT with what it was deciding answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from padan.errors import ConfigError, PadanError
from padan.witness import figures, key
from padan.witness.book import Book
from padan.witness.listener import Limits, Listener, submission_routes
from padan.witness.witness import Answer, Witness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from padan.witness.folder import WitnessFolder
    from padan.witness.listener import Route

_LOGGER = logging.getLogger("padan.witness")
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a witness listens.

    Attributes:
        listen: host and port for logs.
        prefix: of the path; empty for none.
        metrics: host and port for Prometheus; None for none.
        certificate: PEM of the server's certificate chain; None for plain HTTP.
        private_key: its key, PEM.
        limits: what a caller may take.
    """

    listen: tuple[str, int]
    prefix: str = ""
    metrics: tuple[str, int] | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    limits: Limits = field(default_factory=Limits)


def run(
    folder: WitnessFolder,
    place: Place,
    *,
    key_file: Path | None = None,
    on_ready: Callable[[str], object] = lambda _address: None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        folder: the witness's.
        place: where to listen.
        key_file: the key, where it is not in the folder.
        on_ready: is told the address that is listened on, host:port.

    Raises:
        ConfigError: a file or address cannot be used.
    """
    signing = key.load(key_file or folder.key)
    logs = folder.logs()
    if not logs:
        raise ConfigError(
            f"{folder.policy}: no log is named", next_step="add one: padan-audit witness add-log FOLDER VKEY"
        )
    tls = _tls(place)
    with contextlib.closing(Book(folder.book)) as book:
        witness = Witness(logs=logs, book=book, cosign=signing.cosign)
        _LOGGER.info("%s watches %s", signing.public.name, ", ".join(witness.origins))
        asyncio.run(_serve(witness, book, place, tls, on_ready))


async def _serve(
    witness: Witness,
    book: Book,
    place: Place,
    tls: ssl.SSLContext | None,
    on_ready: Callable[[str], object],
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    listener = Listener(submission_routes(witness, place.prefix), place.limits)
    watching = Listener(_watching(listener, book), Limits(connections=16))
    try:
        host, port = await listener.start(*place.listen, tls)
        if place.metrics is not None:
            await watching.start(*place.metrics)
    except OSError as error:
        raise ConfigError(
            f"cannot listen ({error.strerror})", next_step="name another --listen or --metrics-listen"
        ) from None
    on_ready(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    await stopping.wait()
    _LOGGER.info("stopping")
    await listener.stop()
    await watching.stop()


def _watching(listener: Listener, book: Book) -> dict[tuple[str, str], Route]:
    def metrics(_body: bytes) -> Answer:
        try:
            return Answer(200, figures.text(listener, book).encode(), _METRICS)
        except PadanError as error:
            return Answer(503, f"{error}\n".encode())

    return {("GET", "/metrics"): metrics}


def _tls(place: Place) -> ssl.SSLContext | None:
    if place.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(place.certificate, place.private_key)
    except (OSError, ssl.SSLError):
        raise ConfigError(
            f"{place.certificate}: certificate and key cannot be used",
            next_step="name PEM files that belong together",
        ) from None
    return context
