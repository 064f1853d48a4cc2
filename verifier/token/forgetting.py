"""Rows behind tokens of people who were erased: found by the names of their records, without anybody's number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizer.token import Quotients
from tokenizer.tokenrow import TokenRows
from verifier.log.beside import Beside
from verifier.token import keptrows
from verifier.token.rowtable import RowTable

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from keys.keyagent import KeyAgent
    from tokenizer.tokenrow import Named
    from verifier.directory import Directory


def forget(agent: KeyAgent, directory: Directory, gone: AbstractSet[Named]) -> int:
    """Delete the rows of people; reads every row once.

    Args:
        agent: holds the keys.
        directory: opens the log's database.
        gone: ids of index keys, and the names under them of whose rows are to go.

    Returns:
        How many rows went.

    Raises:
        TokensUnavailableError: a row does not open.
        LogStoreError: the log's database failed; those that went are gone.
        KeysError: a key is missing or may not be used.
    """
    table = RowTable(directory, Beside.TOKEN)
    if not gone or table.is_empty():
        return 0
    agent.refresh()
    rows = TokenRows.of(agent.realm, agent.tokens(), Quotients())
    deleted = 0
    for page in table.pages():
        found = [row.element for row in keptrows.open_rows(rows, page) if not gone.isdisjoint(row.records)]
        if found:
            with keptrows.changing(table, rows) as kept:
                for element in found:
                    kept.drop(element)
            deleted += len(found)
    return deleted
