"""The register as the directory gives it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from verifier.directory import Certificate, Revoked
from verifier.identity import KINDS
from verifier.revocation import RegisterReader, register_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

CERTIFICATE = Certificate(
    serial="a1",
    role="agency",
    holder="health",
    kind="own",
    fingerprint=bytes(32),
    not_before_ms=0,
    not_after_ms=1,
)


@dataclass
class SimulatedDirectory:
    """A directory in memory."""

    rows: list[Certificate] = field(default_factory=lambda: [CERTIFICATE])
    gone: Revoked = field(default_factory=lambda: Revoked(serials=frozenset(), agencies=frozenset()))
    written: int = 1
    asked: list[str] = field(default_factory=list)

    def generation(self) -> int:
        """Count writes."""
        return self.written

    def certificates(self, holder: str | None = None, *, role: str = "agency") -> Sequence[Certificate]:
        """List rows of a role."""
        self.asked.append(role)
        return [row for row in self.rows if row.role == role and holder in {None, row.holder}]

    def revoked(self) -> Revoked:
        """Tell what is revoked."""
        return self.gone


def test_every_role_is_read() -> None:
    """Certificates of all kinds of callers are in the register."""
    directory = SimulatedDirectory(
        [replace(CERTIFICATE, role=role, fingerprint=bytes([i]) * 32) for i, role in enumerate(KINDS)]
    )
    register = RegisterReader(directory).read()
    assert {each.kind for each in register.certificates.values()} == set(KINDS)


def test_revocations_are_read_by_serial_row_and_agency() -> None:
    """A certificate is revoked by its row or by the list; an agency by the list."""
    for directory in (
        SimulatedDirectory([replace(CERTIFICATE, revoked_ms=5)]),
        SimulatedDirectory(gone=Revoked(serials=frozenset({"a1"}), agencies=frozenset())),
    ):
        assert RegisterReader(directory).read().certificates[bytes(32)].revoked
    directory = SimulatedDirectory(gone=Revoked(serials=frozenset(), agencies=frozenset({"health"})))
    register = RegisterReader(directory).read()
    assert not register.certificates[bytes(32)].revoked
    assert register.revoked_agencies == {"health"}


def test_what_did_not_change_is_not_read_again() -> None:
    """While nothing was written, one number is all that is read."""
    directory = SimulatedDirectory()
    reader = RegisterReader(directory)
    first = reader.read()
    assert reader.read() is first
    assert len(directory.asked) == len(KINDS)
    directory.written += 1
    assert reader.read() is not first


def test_the_snapshot_is_of_the_register() -> None:
    """The snapshot gives what the reader reads."""
    snapshot = register_snapshot(SimulatedDirectory())
    snapshot.refresh()
    assert snapshot.current().certificates[bytes(32)].id == "health"
