"""SQL over a copy's private entries that can read and do nothing else.

What is asked must be one statement that only reads. Beside that DuckDB's own locks hold: the database is opened
read-only, no file, extension, Python object or network can be reached, and the settings are locked.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final, Self

import duckdb
import pyarrow as pa

from padan.audit import render
from padan.audit.mirror import columns
from padan.audit.mirror.database import BATCH, Database, guard
from padan.entry import EntryKind
from padan.errors import CopyError, QueryError
from padan.v1 import error_pb2
from padan.vocabulary import LawfulUse, LegalBasis, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from padan.audit.mirror.place import Copy

DEFAULT_MEMORY: Final = 768
"""Megabytes that a query may take."""
TIME: Final = "time"
"""Reason of the error where a query took too long."""
_AGAIN: Final = 0.1
_NEXT: Final = (
    "ask with one SELECT (or WITH ... SELECT) over the view `entries`; `DESCRIBE entries` lists its columns"
)


def _names(column: str, names: Mapping[int, str], other: str) -> str:
    cases = " ".join(f"WHEN {number} THEN '{name}'" for number, name in sorted(names.items()))
    return f"CASE {column} {cases} ELSE '{other}' || {column} END"


KIND: Final = _names("kind", {int(kind): kind.name for kind in EntryKind}, "KIND_")
OUTCOME: Final = _names("outcome", {int(word): word.name for word in Verdict}, "VERDICT_")
REASONS: Final = {
    value.number: render.reason_name(value.number)
    for value in error_pb2.ErrorReason.DESCRIPTOR.values
    if value.number
}


def reason(column: str) -> str:
    """Write SQL that names the reason of a refusal."""
    return _names(column, REASONS, "REASON_")


_VIEW: Final = f"""
CREATE TEMP VIEW entries AS SELECT
    sequence, {KIND} AS kind, epoch_ms(log_time_ms::BIGINT) AS log_time, agency, officer, on_behalf_of, agreement,
    agreement_version, clause, purpose, {_names("lawful_use", {int(word): word.label for word in LawfulUse}, "")} AS
    lawful_use, {_names("legal_basis", {int(word): word.label for word in LegalBasis}, "")} AS legal_basis,
    consent_receipt, claims, {OUTCOME} AS outcome, {reason("coalesce(final_reason, reason)")} AS reason,
    {_names("agency_bucket", render.BUCKETS, "")} AS agency_bucket,
    {_names("officer_bucket", render.BUCKETS, "")} AS officer_bucket, epoch, sensitivity, retention, delayed_disclosure,
    detail, ADDED lower(hex(request_id)) AS request_id, lower(hex(certificate)) AS certificate,
    {_names("clock_flag", render.CLOCK_FLAGS, "")} AS clock, raw IS NULL AS erased
FROM entry
"""  # noqa: S608 - our own names


def batches(answer: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Give an answer batch by batch: a query may fail when rows of it have come.

    Raises:
        QueryError: it does.
    """
    try:
        yield from answer
    except (pa.ArrowException, OSError) as error:  # what DuckDB says comes by way of Arrow's stream
        raise QueryError(f"the query cannot be answered: {_line(error)}", next_step=_NEXT) from None


class Session:
    """An open copy that answers questions; use as a context manager."""

    def __init__(self, database: Database) -> None:
        """Take over an open database, add the view and lock it."""
        self._database = database
        with guard():
            own = "".join(f"{name}, " for name in columns.ADDED if name in database.names)
            database.connection.execute(_VIEW.replace("ADDED ", own))
            database.connection.execute("SET lock_configuration = true")

    @classmethod
    def open(cls, copy: Copy, *, memory: int = DEFAULT_MEMORY) -> Self:
        """Open a copy.

        Args:
            copy: the copy.
            memory: megabytes that a query may take.

        Raises:
            CopyError: it has no private entries.
            DamageError: its database is damaged.
        """
        if not copy.database.exists():
            raise CopyError(
                f"{copy.folder} holds no private entries",
                next_step="fetch them with `padan-audit mirror --entries`, under a grant that shows them",
            )
        return cls(Database.open(copy.database, settings={"memory_limit": f"{memory}MB"}))

    @classmethod
    def over(cls, rows: pa.Table) -> Self:
        """Open a session over a few rows."""
        return cls(Database.memory(rows))

    def ask(self, sql: str) -> pa.RecordBatchReader:
        """Answer a question, batch by batch.

        Raises:
            QueryError: it is not one statement that only reads, or not SQL over the tables that there are.
            CopyError: the memory does not suffice.
        """
        self.require_reading(sql)
        try:
            return self._database.connection.sql(sql).to_arrow_reader(BATCH)
        except duckdb.OutOfMemoryException:
            raise CopyError(
                "the memory that the query may take does not suffice",
                next_step="allow more with --memory, or ask for less",
            ) from None
        except (duckdb.IOException, duckdb.InternalException, duckdb.FatalException):
            with guard():
                raise
        except duckdb.Error as error:
            raise QueryError(f"the query cannot be answered: {_line(error)}", next_step=_NEXT) from None

    def rows(self, sql: str, *, most: int | None = None, seconds: float | None = None) -> pa.Table:
        """Answer a question at once; errors as for `ask`.

        Args:
            sql: the question.
            most: rows after which reading ends, up to a batch later; None reads all.
            seconds: after which the question is ended; None for no end.

        Raises:
            QueryError: with the reason `TIME` where it takes longer.
        """
        with guard(), self._within(seconds):
            answer = self.ask(sql)
            found, count = [], 0
            for batch in batches(answer):
                found.append(batch)
                count += batch.num_rows
                if most is not None and count > most:
                    break
            return pa.Table.from_batches(found, answer.schema)

    @contextlib.contextmanager
    def _within(self, seconds: float | None) -> Iterator[None]:
        """End what is asked after so many seconds."""
        done, over = threading.Event(), threading.Event()

        def watch() -> None:
            if done.wait(seconds):
                return
            over.set()
            while not done.wait(_AGAIN):  # what has not begun yet is not interrupted by one that came before
                self._database.connection.interrupt()

        watcher = threading.Thread(target=watch, name="padan-query")
        if seconds is not None:
            watcher.start()
        try:
            yield
        except (QueryError, duckdb.Error):
            if over.is_set():
                raise QueryError(
                    f"the query took longer than {seconds:g} seconds, and was ended",
                    next_step="look at it before you ask again; ask for less, or have whoever made it do so",
                    reason=TIME,
                ) from None
            raise
        finally:
            done.set()
            if seconds is not None:
                watcher.join()

    def require_reading(self, sql: str) -> None:
        """Require one statement that only reads.

        Raises:
            QueryError: it is none.
        """
        try:
            found = self._database.connection.extract_statements(sql)
        except duckdb.Error as error:
            raise QueryError(f"the query is not SQL: {_line(error)}", next_step=_NEXT) from None
        kinds = [statement.type for statement in found]
        if kinds != [duckdb.StatementType.SELECT]:
            names = ", ".join(kind.name for kind in kinds) or "nothing"
            raise QueryError(
                f"the query is not one statement that only reads: {names}",
                next_step=_NEXT,
                reason="read_only",
            )

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
