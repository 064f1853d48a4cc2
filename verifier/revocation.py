"""Which certificates may be used: those that are registered here, and not revoked, of agencies that are not.

grpcio knows no revocation list, and a connection lives for hours: so every call looks its certificate up in this
snapshot. A certificate that an accepted CA signed but nobody registered is refused as unknown, whatever it says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from verifier.identity import KINDS, CertificateRefusedError, UnknownCallerError
from verifier.snapshot import LIMIT_SECONDS, POLL_SECONDS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from verifier.directory import Certificate, Revoked
    from verifier.identity import Peer

AGENCY: Final = "agency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A certificate as it was registered: for whom, and whether it is revoked."""

    kind: str
    id: str
    serial: str
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """All registrations by fingerprint, and the agencies that are revoked as a whole."""

    certificates: Mapping[bytes, Registration]
    revoked_agencies: AbstractSet[str]

    def require(self, peer: Peer) -> None:
        """Refuse a peer whose certificate may not be used.

        Raises:
            UnknownCallerError: not registered, or for another caller.
            CertificateRefusedError: revoked, by serial or with its agency.
        """
        known = self.certificates.get(peer.fingerprint)
        if known is None or known.id != peer.id or known.kind != peer.kind or known.serial != peer.serial:
            raise UnknownCallerError("the certificate is not registered for this caller")
        if known.revoked or (peer.kind == AGENCY and peer.id in self.revoked_agencies):
            raise CertificateRefusedError("the certificate is revoked")


class CertificateSource(Protocol):
    """The part of the directory that says which certificates may be used; raises where it cannot."""

    def generation(self) -> int:
        """Read the number that every write counts up."""
        ...

    def certificates(self, holder: str | None = None, *, role: str = AGENCY) -> Sequence[Certificate]:
        """List the certificates of a role."""
        ...

    def revoked(self) -> Revoked:
        """Read everything that is revoked."""
        ...


class RegisterReader:
    """Reads the register, and only when the directory was written to."""

    def __init__(self, source: CertificateSource) -> None:
        self._source = source
        self._last: tuple[int, Register] | None = None

    def read(self) -> Register:
        """Read the register.

        Raises:
            LogUnavailableError: the directory cannot be read.
        """
        # Read before the rest: what is written in between counts it up again, and is read the next time.
        generation = self._source.generation()
        if self._last is None or self._last[0] != generation:
            self._last = (generation, self._all())
        return self._last[1]

    def _all(self) -> Register:
        certificates = [each for role in KINDS for each in self._source.certificates(role=role)]
        revoked = self._source.revoked()
        return Register(
            certificates={
                each.fingerprint: Registration(
                    kind=each.role,
                    id=each.holder,
                    serial=each.serial,
                    revoked=each.revoked_ms is not None or each.serial in revoked.serials,
                )
                for each in certificates
            },
            revoked_agencies=revoked.agencies,
        )


def register_snapshot(
    source: CertificateSource,
    *,
    clock: Callable[[], float] = time.monotonic,
    poll: float = POLL_SECONDS,
    limit: float = LIMIT_SECONDS,
) -> Snapshot[Register]:
    """Make the snapshot that a `PeerGate` looks certificates up in; `start` it before the first call."""
    return Snapshot(RegisterReader(source).read, clock=clock, poll=poll, limit=limit)
