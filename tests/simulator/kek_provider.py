"""A KEK provider in memory: keeps KEKs as durably as a test needs, and can be told to fail at a step."""

from __future__ import annotations

from keys.errors import KekFileError, KeyringExistsError
from keys.kek import Kek


class MemoryKekProvider:
    """Keeps KEK bytes between its users, as a device would.

    Args:
        single_custodian: what it says about itself.
    """

    uri = "memory:"

    def __init__(self, *, single_custodian: bool = False) -> None:
        self.single_custodian = single_custodian
        self.kept: list[bytes] = []
        self.fail_at: str = ""

    def create(self) -> Kek:
        """Make the first KEK."""
        if self.kept:
            raise KeyringExistsError("the provider keeps a KEK already")
        return self._add()

    def unlock(self) -> tuple[Kek, ...]:
        """Give every KEK."""
        if not self.kept:
            raise KekFileError("the provider keeps no KEK")
        return tuple(Kek(data) for data in self.kept)

    def renew(self) -> Kek:
        """Add a KEK."""
        self._step("renew")
        return self._add()

    def retire(self, kek_id: str) -> None:
        """Keep one KEK alone."""
        self._step("retire")
        kept = [data for data in self.kept if Kek(data).id == kek_id]
        if not kept:
            raise KekFileError("the provider does not keep this KEK")
        self.kept = kept

    def _add(self) -> Kek:
        kek = Kek.generate()
        self.kept.append(bytes(kek.reveal()))
        return kek

    def _step(self, name: str) -> None:
        if self.fail_at == name:
            self.fail_at = ""
            raise OSError(5, "the provider failed", name)
