"""Marks on residents, put and lifted without officers."""

from __future__ import annotations

import time
from contextlib import closing
from types import MappingProxyType
from typing import TYPE_CHECKING

from keys.purpose import Purpose
from padan.nik import parse
from tests.people import AS_OF
from tokenizer.inner import Inner
from verifier.log.open import open_log
from verifier.resident.marking import names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.installation import Installation
    from verifier.resident.mark import Mark, Marked
    from verifier.vault.epoch import Followed


def named(made: Installation, nik: str) -> Marked:
    """Name a number as marks do."""
    with closing(made.agent()) as agent:
        inner = Inner.of_agent(
            agent, index_id=agent.key_id(Purpose.INDEX), attribute_id=agent.key_id(Purpose.ATTRIBUTE)
        )
        return names_of(inner, parse(nik, AS_OF))


def put(
    database: str, marked: Marked, marks: Mark, followed: Mapping[str, Followed] = MappingProxyType({})
) -> None:
    """Put marks on a number."""
    now_ms = int(time.time() * 1000)
    with closing(open_log(database)) as log, log.transaction() as transaction:
        for mark in marks:
            transaction.marks().put(marked, mark, now_ms, followed)


def lift(database: str, tombstone: bytes, mark: Mark) -> bool:
    """Take a mark off a number; says whether it was there."""
    with closing(open_log(database)) as log, log.transaction() as transaction:
        return transaction.marks().lift(tombstone, mark)
