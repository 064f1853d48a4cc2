"""Lets custodians come once they decide together: a first roster may be set while the key agent runs.

Looks at the keyring's file, and reads its history when that has changed. A roster is replaced by another one and never
taken away, so custodians who were let in once stay in.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from keys.errors import KeysError
from verifier.errors import OperatorError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.desk import Papers

EVERY: Final = 2.0
"""Seconds between two looks."""

_LOGGER = logging.getLogger("padan.custody")


class RosterWatch:
    """Looks for a first roster.

    Args:
        papers: the keyring and its history.
        let_in: opens the listener of custodians; called until it does not raise, and then never again.
    """

    def __init__(self, papers: Papers, let_in: Callable[[], None]) -> None:
        self._papers = papers
        self._let_in = let_in
        self._seen = b""
        self._said = ""
        self.is_open = False
        """Whether custodians were let in."""

    def begin(self) -> None:
        """Look for the first time.

        Raises:
            RegistryUnavailableError: the keyring cannot be read.
            OperatorError: a roster stands, and the listener cannot be opened.
        """
        keyring = self._papers.keyring()
        if self._papers.table().sitting.register.roster is not None:
            self._let_in()
            self.is_open = True
        self._seen = keyring

    def look(self) -> None:
        """Look once more; what stands in the way is told once, and tried again at the next look."""
        if self.is_open:
            return
        try:
            if self._papers.keyring() != self._seen:
                self.begin()
        except (KeysError, OperatorError, ServiceError) as error:
            if str(error) != self._said:
                self._said = str(error)
                _LOGGER.warning("custodians are not let in yet", extra={"reason": self._said})
