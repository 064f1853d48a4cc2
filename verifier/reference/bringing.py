"""References along with an activation: into the epoch that is to be used, before it is, and out of the other one after.

 1 where the epoch in use keeps references, see that people have the same record ids in the other one  2 bring those of
 everybody whom that holds  3 once it is in use, and no process answers from the one before, delete that one's

Where the first references come between 1 and the activation, that is refused, and references are brought again: what
is deleted at 3 stands in the other epoch too.

Killed in between, both epochs keep references, and every change goes to both; the next activation or drop clears up.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose
from verifier.reference.errors import ReferencesLeftError
from verifier.reference.moving import Moving
from verifier.reference.table import ReferenceTable
from verifier.reference.writer import ReferenceWriter
from verifier.rotation.translation import outer_of
from verifier.vault.open import open_rows, place_of
from verifier.vault.store import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from keys.keyagent import KeyAgent
    from verifier.vault.epoch import Epoch

ANSWER_SECONDS: Final = 2.0
"""How long a question that began before an activation may still read the epoch before."""


class Bringing:
    """Brings references along.

    Args:
        database: as `Settings.vault_database` has it.
        unlock: gives the keys, where there is anything to bring.
    """

    def __init__(self, database: str, unlock: Callable[[], AbstractContextManager[KeyAgent]]) -> None:
        self._database = database
        self._unlock = unlock

    def before(self, active: Epoch, target: Epoch) -> None:
        """Bring the references of the epoch in use into the one that is to take its place.

        Raises:
            ReferencesLeftError: people have other record ids there.
            ServiceError: the vault failed; what was brought is kept.
            KeysError: a key is missing or may not be used.
        """
        with closing(ReferenceTable(place_of(self._database))) as table:
            if not table.keeps(active.number):
                return
            if active.key_ids[Purpose.INDEX] != target.key_ids[Purpose.INDEX]:  # 1
                raise ReferencesLeftError(
                    f"people have other record ids in epoch {target.number}, so that their references cannot follow"
                )
            with self._unlock() as agent, closing(open_rows(self._database)) as rows:
                outer = outer_of(agent, target)

                def held(ids: Sequence[bytes]) -> Collection[bytes]:
                    tokens = outer.tokens(ids) if ids else []
                    boxes = rows.boxes(target.number, tokens)
                    return {r for r, token in zip(ids, tokens, strict=True) if token in boxes}

                Moving(active.number, target.number, only=held).move(ReferenceWriter(agent, table))  # 2

    def after(self, active: Epoch) -> None:
        """Delete the references of the epoch that is no longer in use.

        Raises:
            ServiceError: the vault failed.
        """
        with closing(ReferenceTable(place_of(self._database))) as table:
            if table.keeps(active.number):
                time.sleep(2 * POLL_SECONDS + ANSWER_SECONDS)
                table.forget(active.number)  # 3
