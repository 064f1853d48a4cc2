"""What travels along with a token that is converted, sealed by one agency to the other: nobody between reads it.

    plain = u16 length | data | zeros, a multiple of 64 bytes, the same for a whole job
    box   = padan.sealing of it: HPKE (RFC 9180), 49 bytes more
    info  = "padan/conversion/1", registry, environment, domain that hands in, domain that collects, job id;
            each with its u16 length

The info binds a payload to its job: in another one, or between other domains, it does not open. Assumes the extra
`sealing` (cryptography). To the byte: docs/formats/conversion.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from padan import sealing
from padan.canonical import prefixed
from padan.conversion import MOST_PAYLOAD
from padan.errors import ConfigError, InvalidRequestError, SealingError
from padan.padding import LENGTH_SIZE, PaddingError, pad, unpad
from padan.value import value

if TYPE_CHECKING:
    from padan.sealing import Recipient

BLOCK: Final = 64
MOST: Final = (MOST_PAYLOAD - sealing.OVERHEAD) // BLOCK * BLOCK - LENGTH_SIZE
"""Bytes of data that a payload holds at most: 958."""


class PayloadError(InvalidRequestError):
    """A payload is too long, or does not open."""


@value
class Envelope:
    """How the payloads of a job are sealed.

    Attributes:
        info: what they are bound to.
        room: bytes of data that each has room for.
    """

    info: bytes
    room: int

    @classmethod
    def of(cls, *, registry: str, source: str, target: str, job_id: str, longest: int) -> Self:
        """Take what a job is.

        Args:
            registry: id and environment, "ID/ENVIRONMENT".
            source: token domain of the agency that hands in.
            target: token domain of the one that collects.
            job_id: of the job.
            longest: bytes of its longest data; all payloads become as long.

        Raises:
            PayloadError: it is too long.
        """
        if longest > MOST:
            raise PayloadError(f"the data of a payload has at most {MOST} bytes", reason="payload")
        identity, _, environment = registry.partition("/")
        return cls(
            info=prefixed("padan/conversion/1", identity, environment, source, target, job_id),
            room=-(-(longest + LENGTH_SIZE) // BLOCK) * BLOCK - LENGTH_SIZE,
        )

    @property
    def size(self) -> int:
        """Bytes of a sealed payload."""
        return self.room + LENGTH_SIZE + sealing.OVERHEAD

    def seal(self, data: bytes, public_key: bytes) -> bytes:
        """Seal data to the other agency's key, 32 bytes.

        Raises:
            PayloadError: it is longer than there is room for.
            ConfigError: the key is not usable.
        """
        if len(data) > self.room:
            raise PayloadError(f"the data has more than {self.room} bytes", reason="payload")
        try:
            return sealing.seal(pad(data, self.room + LENGTH_SIZE), public_key=public_key, info=self.info)
        except SealingError as error:
            raise ConfigError(
                error.message, reason="key", next_step="use the file that the other agency gave you"
            ) from None

    def open(self, box: bytes, recipient: Recipient) -> bytes:
        """Open a payload; of any length.

        Raises:
            PayloadError: of another key, job or domain, changed, or not padded as it must be.
        """
        try:
            plain = recipient.open(box, info=self.info)
        except SealingError:
            raise PayloadError("the payload does not open with this key", reason="payload") from None
        if len(plain) % BLOCK:
            raise PayloadError("the payload is not padded as it must be", reason="payload")
        try:
            return unpad(plain)
        except PaddingError:
            raise PayloadError("the payload is not padded as it must be", reason="payload") from None
