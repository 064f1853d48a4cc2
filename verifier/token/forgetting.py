"""Rows behind tokens of people who were erased: found by the names of their records, without anybody's number.

1 read every row behind a token, for the numbers of these records  2 read every enrolment, and delete those of these
numbers  3 delete the rows behind tokens, so that whoever is killed before finds the numbers again

Each row is opened again in the transaction that deletes: its number may lead to another resident by then.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tokenizer.enrolment import Enrolments
from tokenizer.errors import BoxError, RecordError
from tokenizer.token import Quotients
from tokenizer.tokenrow import TokenRows
from verifier.log.beside import Beside
from verifier.token import keptrows
from verifier.token.errors import TokensUnavailableError
from verifier.token.rowtable import PAGE, RowTable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from collections.abc import Set as AbstractSet

    from keys.keyagent import KeyAgent
    from tokenizer.tokenrow import Named
    from verifier.directory import Directory
    from verifier.token.keptrows import KeptRows


class Forgetting:
    """Finds and deletes, piece by piece. For one thread, and one time: keys are those of its beginning.

    Args:
        agent: holds the keys.
        directory: opens the log's database.
    """

    def __init__(self, agent: KeyAgent, directory: Directory) -> None:
        self._agent = agent
        self._table = RowTable(directory, Beside.TOKEN)
        self._enrolled = RowTable(directory, Beside.ENROLMENT)

    @cached_property
    def _rows(self) -> TokenRows:
        self._agent.refresh()
        return TokenRows.of(self._agent.realm, self._agent.tokens(), Quotients())

    @cached_property
    def _enrolments(self) -> Enrolments:
        return Enrolments.of(self._agent.realm, self._agent.tokens(), Quotients())

    def bearers(self, gone: AbstractSet[Named]) -> Generator[None, None, set[bytes]]:
        """Find the numbers whose rows have one of some names; reads every row once.

        Args:
            gone: ids of index keys, and the names under them of whose rows are to go.

        Yields:
            Between two pieces, some ms of work each.

        Returns:
            M of the numbers, under the primary match key.

        Raises:
            TokensUnavailableError: a row does not open.
            LogStoreError: the log's database failed.
            KeysError: a key is missing or may not be used; none is asked for where no token was ever issued.
        """
        found: set[bytes] = set()
        if not gone or self._table.is_empty():
            return found
        for page in self._table.pages():  # 1
            rows = keptrows.open_rows(self._rows, page)
            found |= {row.element for row in rows if not gone.isdisjoint(row.records)}
            yield
        return found

    def forget(self, elements: AbstractSet[bytes], gone: AbstractSet[Named]) -> Generator[None, None, int]:
        """Delete the rows of people, and their enrolments; reads every enrolment once.

        Args:
            elements: what `bearers` has found; a row that has none of the names any more stays, with its enrolments.
            gone: ids of index keys, and the names under them of whose rows are to go.

        Yields:
            As `bearers`.

        Returns:
            How many rows behind tokens went.

        Raises:
            TokensUnavailableError: a row does not open.
            LogStoreError: the log's database failed; those that went are gone.
            KeysError: a key is missing or may not be used.
        """
        if not elements or not gone:
            return 0
        yield from self._forget_enrolments(elements, gone)  # 2
        wanted, count = sorted(elements), 0
        for start in range(0, len(wanted), PAGE):  # 3
            with keptrows.changing(self._table, self._rows) as kept:
                going = _bearing(kept, wanted[start : start + PAGE], gone)
                for element in going:
                    kept.drop(element)
            count += len(going)
            yield
        return count

    def _forget_enrolments(self, elements: AbstractSet[bytes], gone: AbstractSet[Named]) -> Generator[None]:
        for page in self._enrolled.pages():
            try:
                opened = {name: self._enrolments.open(name, box).element for name, box in page}
            except (BoxError, RecordError) as error:
                raise TokensUnavailableError("an enrolment's row cannot be read") from error
            if hit := elements & set(opened.values()):
                with keptrows.changing(self._table, self._rows) as kept:
                    going = set(_bearing(kept, sorted(hit), gone))
                    names = [name for name, element in opened.items() if element in going]
                    kept.beside(Beside.ENROLMENT).write(drop=names)
            yield


def _bearing(kept: KeptRows, elements: Sequence[bytes], gone: AbstractSet[Named]) -> list[bytes]:
    """Say which numbers' rows have one of some names now."""
    kept.fetch(elements)
    rows = [kept.get(element) for element in elements]
    return [row.element for row in rows if row is not None and not gone.isdisjoint(row.records)]
