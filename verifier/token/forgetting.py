"""Rows behind tokens of people who were erased: found by the names of their records, without anybody's number.

1 read every row behind a token, for the numbers of these records  2 read every enrolment, and delete those of these
numbers  3 delete the rows behind tokens, so that whoever is killed before finds the numbers again
"""

from __future__ import annotations

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
    from collections.abc import Generator
    from collections.abc import Set as AbstractSet

    from keys.keyagent import KeyAgent
    from tokenizer.tokenrow import Named
    from verifier.directory import Directory


def forget(agent: KeyAgent, directory: Directory, gone: AbstractSet[Named]) -> Generator[None, None, int]:
    """Delete the rows of people, and their enrolments, piece by piece; reads every row once.

    Args:
        agent: holds the keys.
        directory: opens the log's database.
        gone: ids of index keys, and the names under them of whose rows are to go.

    Yields:
        Between two pieces, some ms of work each.

    Returns:
        How many rows behind tokens went.

    Raises:
        TokensUnavailableError: a row does not open.
        LogStoreError: the log's database failed; those that went are gone.
        KeysError: a key is missing or may not be used.
    """
    table = RowTable(directory, Beside.TOKEN)  # 1
    if not gone or table.is_empty():
        return 0
    agent.refresh()
    rows = TokenRows.of(agent.realm, agent.tokens(), Quotients())
    found: set[bytes] = set()
    for page in table.pages():
        found |= {row.element for row in keptrows.open_rows(rows, page) if not gone.isdisjoint(row.records)}
        yield
    if found:
        yield from _forget_enrolments(agent, directory, found)  # 2
        elements = sorted(found)
        for start in range(0, len(elements), PAGE):  # 3
            with keptrows.changing(table, rows) as kept:
                for element in elements[start : start + PAGE]:
                    kept.drop(element)
            yield
    return len(found)


def _forget_enrolments(
    agent: KeyAgent, directory: Directory, elements: AbstractSet[bytes]
) -> Generator[None]:
    table = RowTable(directory, Beside.ENROLMENT)
    if table.is_empty():
        return
    enrolments = Enrolments.of(agent.realm, agent.tokens(), Quotients())
    for page in table.pages():
        try:
            names = [name for name, box in page if enrolments.open(name, box).element in elements]
        except (BoxError, RecordError) as error:
            raise TokensUnavailableError("an enrolment's row cannot be read") from error
        if names:
            with table.changing() as change:
                change.write(drop=names)
        yield
