"""Whose references may be kept: a number that the registry holds as its resident's own, and that was not erased."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from tokenizer.record import Record
from verifier.projector import rejects
from verifier.resident.mark import ERASED, NONE
from verifier.resident.marking import names_of
from verifier.rotation.translation import outer_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from verifier.resident.table import MarkTable
    from verifier.vault.epoch import Epoch
    from verifier.vault.rows import VaultRows

UNKNOWN: Final = "nik.unknown"
MERGED: Final = "nik.merged"


class Residents:
    """Looks residents up in the epoch in use.

    Args:
        agent: holds the keys.
        vault: its rows.
        marks: the marks.
    """

    def __init__(self, agent: KeyAgent, vault: VaultRows, marks: MarkTable) -> None:
        self._agent = agent
        self._vault = vault
        self._marks = marks

    def refused(self, epoch: Epoch, inner: Inner, numbers: Collection[Nik]) -> dict[Nik, str]:
        """Say of whom no reference may be kept, and by which rule.

        Raises:
            BoxError, RecordError: a row does not open.
            VaultUnavailableError, LogStoreError: a database failed.
        """
        outer = outer_of(self._agent, epoch)
        ids = {nik: inner.record_id(nik) for nik in numbers}
        tokens = dict(zip(ids, outer.tokens(list(ids.values())), strict=True)) if ids else {}
        boxes = self._vault.boxes(epoch.number, sorted(tokens.values()))
        found = dict.fromkeys(self.erased(inner, numbers), rejects.ERASED)
        for nik, token in tokens.items():
            if nik not in found and (
                rule := self._rule(outer.open(token, boxes[token]), nik, ids[nik], inner)
                if token in boxes
                else UNKNOWN
            ):
                found[nik] = rule
        return found

    def erased(self, inner: Inner, numbers: Collection[Nik]) -> list[Nik]:
        """List the numbers that are marked as erased."""
        names = {nik: names_of(inner, nik).tombstone for nik in numbers}
        marks = self._marks.of(names.values())
        return [nik for nik, tombstone in names.items() if marks.get(tombstone, NONE) & ERASED]

    @staticmethod
    def _rule(plain: bytes, nik: Nik, r: bytes, inner: Inner) -> str:
        record = Record.unpack(plain)
        if not hmac.compare_digest(record.r, r):
            return UNKNOWN
        own = names_of(inner, nik).handle
        return "" if hmac.compare_digest(record.handles.budget_subject, own) else MERGED
