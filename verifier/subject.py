"""About whom a request asks, by number; whom a token names says `verifier.token.subjects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from tokenizer.record import Handles


class Subject(Protocol):
    """Whoever is asked about, reduced to what the main path needs; knows no readable number."""

    @property
    def record_id(self) -> bytes:
        """The record's inner name r, 16 bytes."""
        ...

    @property
    def handles(self) -> Handles:
        """The handles for log and budgets; the same whether or not the registry holds the subject."""
        ...


class NikSubject:
    """A subject named by its NIK."""

    __slots__ = ("_handles", "_record_id")

    def __init__(self, nik: Nik, inner: Inner) -> None:
        self._record_id = inner.record_id(nik)
        self._handles = inner.handles(nik)

    @property
    def record_id(self) -> bytes:
        """The record's inner name r, 16 bytes."""
        return self._record_id

    @property
    def handles(self) -> Handles:
        """The handles for log and budgets."""
        return self._handles

    def __repr__(self) -> str:
        return "NikSubject(<redacted>)"
