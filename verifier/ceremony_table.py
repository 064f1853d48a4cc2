"""The ceremonies that were executed, in the directory's database: each once, whoever tries at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from keys.errors import CeremonyEndedError
from verifier import schema
from verifier.directory import AlreadyThereError

if TYPE_CHECKING:
    from keys.ceremony import Proposal
    from verifier.directory import Directory


class CeremonyTable:
    """Reads and writes executed ceremonies; each method is a transaction of its own."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def is_executed(self, ceremony_id: bytes) -> bool:
        """Say whether a ceremony was executed, or was about to be when its executor ended.

        Raises:
            LogStoreError: the database failed.
        """
        table = schema.ceremony
        with self._directory.reading() as connection:
            return connection.execute(select(table.c.id).where(table.c.id == ceremony_id)).first() is not None

    def claim(self, ceremony_id: bytes, proposal: Proposal, *, now_ms: int) -> None:
        """Take the execution of a ceremony, which nobody can take again: not after a crash either, then propose anew.

        Raises:
            CeremonyEndedError: it was taken before.
            LogStoreError: the database failed.
        """
        row = {
            "id": ceremony_id,
            "action": proposal.action,
            "proposal": proposal.encode(),
            "executed_ms": now_ms,
        }
        try:
            with self._directory.writing() as connection:
                connection.execute(insert(schema.ceremony).values(row))
        except AlreadyThereError as error:
            raise CeremonyEndedError("the proposal was executed already") from error
