"""What both databases are asked alike, each time on a connection of its own beside the one that writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from verifier.log import listing
from verifier.log.store import LeaderLostError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection

    from verifier.log.beside import Beside
    from verifier.log.scope import Scope
    from verifier.log.store import BlindRow, Head, StoredEntry


class LogReader(ABC):
    """Reads one log; `verifier.log.store.LogStore` says what each method gives and raises. Thread-safe."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]:
        """Connect, for the length of a `with` block.

        Raises:
            LogStoreError: the database cannot be read.
        """

    def require_term(self, term: int) -> None:
        """See that a leader's term is not over."""
        with self._reading() as connection:
            if not listing.is_term(connection, term):
                raise LeaderLostError(term)

    def head(self) -> Head:
        """Read the log's last place and time."""
        with self._reading() as connection:
            return listing.read_head(connection)

    def entries(
        self,
        after_sequence: int,
        limit: int,
        *,
        agency: str | None = None,
        purpose: str | None = None,
        outcome: int | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
        scope: Scope | None = None,
        through: int | None = None,
    ) -> list[StoredEntry]:
        """List entries by ascending place."""
        with self._reading() as connection:
            return listing.read_entries(
                connection,
                after_sequence,
                limit,
                agency=agency,
                purpose=purpose,
                outcome=outcome,
                from_ms=from_ms,
                until_ms=until_ms,
                scope=scope,
                through=through,
            )

    def leaves(self, after_sequence: int, limit: int) -> list[bytes]:
        """List the leaves that follow a place."""
        with self._reading() as connection:
            return listing.read_leaves(connection, after_sequence, limit)

    def blind_rows(self, after_sequence: int, limit: int) -> Sequence[BlindRow]:
        """List what the tree is made of."""
        with self._reading() as connection:
            return listing.read_blind_rows(connection, after_sequence, limit)

    def beside(self, where: Beside, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read rows beside the log."""
        with self._reading() as connection:
            return listing.read_beside(connection, where, names)
