"""Calls that move tokens, one after the other, at the pace that the service takes.

Guarantees: what comes is proven (padan/update.py); a call that was refused for its rate is made again with the same
bytes; where the domain is rotated meanwhile, the new key is fetched and the call made again.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from padan import update
from padan.errors import PadanError
from padan.issuing.granted import domain_of
from padan.issuing.pace import Pace
from padan.update import Update, UpdateProofError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.info import ServiceInfo, TokenDomain
    from padan.issuing.run import Terms
    from padan.update import Updated

PAUSE: Final = 0.2
"""Seconds between two calls: the service takes five a second of an agency."""
_RATE: Final = "RATE_LIMITED"


class Asker(Protocol):
    """A client."""

    def update_tokens(self, tokens: Update, *, keys: Mapping[int, bytes] | None = None) -> Updated:
        """Have tokens moved, with proof."""
        ...

    def service_info(self) -> ServiceInfo:
        """Ask what may be asked."""
        ...


class Calls:
    """Moves tokens.

    Args:
        asker: the client.
        terms: under what is asked.
        consent_receipt: where the legal basis is consent.
        clock: monotonic seconds.
        pause: seconds between two calls.

    Raises:
        PadanError: the agreement grants no tokens under these terms, or the service does not say.
    """

    def __init__(
        self,
        asker: Asker,
        terms: Terms,
        *,
        consent_receipt: str = "",
        clock: Callable[[], float] = time.monotonic,
        pause: float = PAUSE,
    ) -> None:
        self._asker, self._terms, self._consent = asker, terms, consent_receipt
        self._clock = clock
        self._pace = Pace(pause)
        self._stopped = threading.Event()
        self._look()

    def _look(self) -> None:
        self.info: ServiceInfo = self._asker.service_info()
        self.domain: TokenDomain = domain_of(self.info, self._terms)
        self._keys = update.keys_of(self.info, self.domain.name)

    @property
    def current(self) -> int:
        """The version that issues."""
        return self.domain.versions[0].number

    @property
    def stopped(self) -> bool:
        """Whether no further call is made."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Make no further call; the one that is under way is waited for."""
        self._stopped.set()

    def ask(self, tokens: Sequence[bytes], *, done: int = 0, total: int = 0) -> Updated | None:
        """Have tokens of one version moved; None where the run was stopped before.

        Args:
            tokens: 1 to 500.
            done: tokens of this version that the agency has moved with this call; custodians see it.
            total: tokens of this version that it had.

        Raises:
            UpdateProofError: what came is not proven.
            PadanError: see `padan errors`.
        """
        call = Update.build(
            tokens,
            purpose=self._terms.purpose,
            officer=self._terms.officer,
            legal_basis=self._terms.legal_basis,
            consent_receipt=self._consent,
            done=done,
            total=total,
        )
        while not self._stopped.wait(self._pace.wait(self._clock())):
            try:
                found = self._asker.update_tokens(call, keys=self._keys)
            except UpdateProofError:
                known = self._keys
                self._look()
                if self._keys == known:
                    raise
                continue
            except PadanError as error:
                if error.reason != _RATE:
                    raise
                self._pace.refused(self._clock(), error.retry_after)
                continue
            self._pace.answered()
            if found.new_version > self.current:
                self._look()
            return found
        return None
