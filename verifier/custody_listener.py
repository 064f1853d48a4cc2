"""The listener of custodians: mutual TLS like the others', and CustodyService behind it."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final

from verifier import transport
from verifier.tls import credentials_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from verifier.call import Call
    from verifier.config import Settings

_THREADS: Final = 4
_STOP_SECONDS: Final = 2.0
_LOGGER = logging.getLogger("padan.custody")


@contextlib.contextmanager
def listening(settings: Settings, methods: Mapping[str, Callable[[Call], bytes]]) -> Iterator[None]:
    """Serve custodians for the time of a block.

    Args:
        settings: name the address and the TLS files.
        methods: of CustodyService, by name; each answers or raises a VerifierError to refuse.

    Raises:
        TlsFilesError: the TLS files cannot be used.
        ListenError: the address cannot be listened on.
    """
    server = transport.new_server([transport.unary("padan.v1.CustodyService", methods)], threads=_THREADS)
    transport.listen(server, settings.custody_listen, credentials_of(settings))
    server.start()
    _LOGGER.info("custodians may come", extra={"address": settings.custody_listen})
    try:
        yield
    finally:
        server.stop(_STOP_SECONDS).wait(_STOP_SECONDS + 1)
