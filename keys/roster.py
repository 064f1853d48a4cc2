"""The custodians who decide together about a keyring, and how many of them it takes. Pure.

A roster is a canonical encoding (padan.canonical): 1 format u8, 2 threshold u8, 3 names, 4 public keys, and where the
custodians also hold shares of the KEK, 5 the keys to which shares are sealed (lists of the same order). It stands in
the keyring's history, where the keyring vouches for it, and changes only by a ceremony: as many as the roster demands
agree, and everybody who is new has signed too, so that each key on it has an owner.
"""

from __future__ import annotations

import base64
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from keys.errors import RosterError
from keys.realm import NAME
from keys.signing import PUBLIC_SIZE, thumbprint
from padan import canonical
from padan.proposal import FEWEST, MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1


class _Field(enum.IntEnum):
    FORMAT = 1
    THRESHOLD = 2
    NAMES = 3
    KEYS = 4
    SEALING = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """One custodian.

    Args:
        name: 1 to 63 of a-z, 0-9, ".", "_" and "-"; for people, it decides nothing.
        public_key: Ed25519, 32 bytes.
        sealing_key: X25519, 32 bytes, for the custodian's share of the KEK; empty where the KEK is not shared.
    """

    name: str
    public_key: bytes
    sealing_key: bytes = b""

    @property
    def key_id(self) -> str:
        """The key's thumbprint."""
        return thumbprint(self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Custodians and how many must agree.

    Args:
        threshold: how many, 2 or more.
        custodians: by name, at most 16.

    Raises:
        RosterError: a number, a name or a key is not what it must be, or stands twice.
    """

    threshold: int
    custodians: tuple[Custodian, ...]

    def __post_init__(self) -> None:
        if not FEWEST <= self.threshold <= len(self.custodians) <= MOST:
            raise RosterError(
                f"a roster has {FEWEST} to {MOST} custodians, of whom {FEWEST} or more must agree"
            )
        for custodian in self.custodians:
            if NAME.fullmatch(custodian.name) is None:
                raise RosterError(
                    "a custodian's name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
                )
            if len(custodian.public_key) != PUBLIC_SIZE:
                raise RosterError(f"the key of {custodian.name} is not an Ed25519 public key of 32 bytes")
        if {len(custodian.sealing_key) for custodian in self.custodians} not in ({0}, {PUBLIC_SIZE}):
            raise RosterError("every custodian has a key for a share of the KEK, of 32 bytes, or nobody has")
        names = [custodian.name for custodian in self.custodians]
        if names != sorted(set(names)):
            raise RosterError("each custodian's name stands once on a roster, in order")
        if len({custodian.public_key for custodian in self.custodians}) != len(names):
            raise RosterError("one key stands for two custodians: each has a key of their own")

    @classmethod
    def of(cls, threshold: int, custodians: Mapping[str, bytes]) -> Self:
        """Make a roster of names and public keys.

        Raises:
            RosterError: as the class.
        """
        found = (Custodian(name=name, public_key=key) for name, key in sorted(custodians.items()))
        return cls(threshold=threshold, custodians=tuple(found))

    @property
    def keys(self) -> dict[str, bytes]:
        """Key ids to public keys."""
        return {custodian.key_id: custodian.public_key for custodian in self.custodians}

    @property
    def names(self) -> dict[str, str]:
        """Key ids to names."""
        return {custodian.key_id: custodian.name for custodian in self.custodians}

    @property
    def holds_shares(self) -> bool:
        """Whether its custodians also hold shares of the KEK."""
        return bool(self.custodians[0].sealing_key)

    def encode(self) -> bytes:
        """Write the canonical encoding."""
        fields: dict[int, bytes] = {
            _Field.FORMAT: bytes((FORMAT,)),
            _Field.THRESHOLD: bytes((self.threshold,)),
            _Field.NAMES: canonical.encode_list(each.name.encode() for each in self.custodians),
            _Field.KEYS: canonical.encode_list(each.public_key for each in self.custodians),
        }
        if self.holds_shares:
            fields[_Field.SEALING] = canonical.encode_list(each.sealing_key for each in self.custodians)
        return canonical.encode(fields)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the canonical encoding.

        Raises:
            RosterError: malformed, of an unknown format, or not a roster.
        """
        try:
            fields = canonical.decode(data)
            sealing = fields.pop(_Field.SEALING, None)
            if fields.keys() != set(_Field) - {_Field.SEALING} or fields[_Field.FORMAT] != bytes((FORMAT,)):
                raise RosterError("the roster has a format that this release does not know")
            (threshold,) = fields[_Field.THRESHOLD]
            names = [name.decode() for name in canonical.decode_list(fields[_Field.NAMES])]
            keys = canonical.decode_list(fields[_Field.KEYS])
            sealed_to = [b""] * len(names) if sealing is None else canonical.decode_list(sealing)
            custodians = tuple(
                Custodian(name=name, public_key=key, sealing_key=to)
                for name, key, to in zip(names, keys, sealed_to, strict=True)
            )
        except ValueError as error:
            raise RosterError("the roster is malformed") from error
        found = cls(threshold=threshold, custodians=custodians)
        if found.holds_shares != (sealing is not None):
            raise RosterError("the roster is malformed")
        return found

    @property
    def text(self) -> str:
        """The encoding as base64, as it stands in the history."""
        return base64.b64encode(self.encode()).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what stands in the history.

        Raises:
            RosterError: as `decode`.
        """
        try:
            return cls.decode(base64.b64decode(text, validate=True))
        except ValueError as error:
            raise RosterError("the roster is malformed") from error
