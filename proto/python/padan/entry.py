"""The private log entry: its kinds, its fields, its canonical encoding and its public leaf.

An entry is a format byte (1) and a canonical message. The worker writes the head (fields 1 to 39); the journal
adds the tail (fields 40 and up) inside the commit, when log time, outcome and buckets are fixed. The leaf is blind:
`0x01 | SHA-256(label | salt | entry)`, 33 bytes; who does not have the salt learns nothing from it.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from padan import canonical
from padan.errors import PadanError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = b"\x01"
SALT_SIZE = 32
LEAF_SIZE = 33
AREA_SIZE = 100
LEAF_LABEL = canonical.prefixed("padan/leaf/1")
_labelled = hashlib.sha256(LEAF_LABEL)


class EntryError(PadanError, ValueError):
    """The bytes are not a log entry of a known format."""


class EntryKind(enum.IntEnum):
    """Kinds of entries. Each area owns a hundred numbers; a number is never used again."""

    # 1 to 99: questions about residents
    VERIFY = 1
    REFUSED = 2
    REPLAY = 3
    VERIFY_BIOMETRIC = 4
    BUDGET_ALERT = 10
    # 100 to 199: the registry's data
    EPOCH_LOADED = 100
    EPOCH_ACTIVATED = 101
    FEED_APPLIED = 102
    FRESHNESS_BROKEN = 103
    FEED_OPENED = 104
    CHECKED = 110
    STAGE_REPORTED = 111
    # 200 to 299: keys
    KEYRING_CHANGED = 200
    SINGLE_CUSTODIAN = 201
    UNSEALED = 210
    CUSTODIANS_SET = 211
    CEREMONY_PROPOSED = 230
    CEREMONY_APPROVED = 231
    CEREMONY_EXECUTED = 232
    CEREMONY_ENDED = 233
    ROTATION_BEGUN = 240
    ROTATION_FLIPPED = 241
    ROTATION_REVERTED = 242
    ROTATION_FINISHED = 243
    ROTATION_ABANDONED = 244
    ROTATION_REPLAYED = 245
    # 300 to 399: the log itself
    PERIOD_OPENED = 300
    CLOCK_JUMP = 301
    # 400 to 499: tokens and sets
    TOKEN_ROWS_REKEYED = 400
    TOKENS_UPDATED = 410
    ENROLLED = 420
    WITHDRAWN = 421
    ENROLMENT_CHECKED = 422
    ENROLMENT_COUNTED = 423
    ENROLMENT_LIST = 424
    ENROLMENT_QUESTIONS_LISTED = 425
    TOKEN_CONVERTED = 430
    CONVERSION_HANDED_IN = 431
    CONVERSION_COLLECTED = 432
    CONVERSION_DELETED = 433
    TOKEN_DOMAIN_ENDED = 440
    # 500 to 599: biometrics
    REFERENCES_LOADED = 500
    REFERENCE_RENEWED = 501
    REFERENCE_WITHDRAWN = 502
    MODALITY_LOCKED = 503
    MODALITY_UNLOCKED = 504
    DEVICE_ADDED = 510
    DEVICE_REVOKED = 511
    # 600 to 699: agencies and agreements
    AGENCY_ENROLLED = 600
    CERTIFICATE_REVOKED = 601
    CERTIFICATE_ISSUED = 602
    AGENCY_REVOKED = 603
    AGENCY_RESTORED = 604
    AGREEMENT_ACTIVATED = 610
    AGREEMENT_SUSPENDED = 611
    # 700 to 799: auditors
    ENTRIES_LISTED = 700
    AUDITOR_GRANTED = 710
    AUDITOR_SUSPENDED = 711
    TRAIL_OPENED = 720
    # 800 to 899: residents' rights
    BUDGET_RESET = 800
    RESIDENT_MARKED = 801
    RESIDENT_LIFTED = 802
    RESIDENTS_PURGED = 803
    DISPUTE_OPENED = 810
    DISPUTE_ADVANCED = 811
    DISPUTE_RESOLVED = 812
    DISPUTE_OVERDUE = 813
    # 900 to 999: operations
    BACKED_UP = 900
    RESTORED = 901
    HEAD_RESET = 902
    RETENTION_APPLIED = 910


ANSWERED_KINDS = (EntryKind.VERIFY, EntryKind.VERIFY_BIOMETRIC)
"""Kinds of answers about a resident that an agency got under an agreement's purpose, with claims or captures."""
ALERT_KINDS = frozenset({EntryKind.BUDGET_ALERT})
"""Kinds that are noted about agencies for auditors; no agency reads them."""


class Area(enum.IntEnum):
    """Areas of kinds, each by the first of its hundred numbers."""

    QUESTIONS = 0
    REGISTRY = 100
    KEYS = 200
    LOG = 300
    TOKENS = 400
    BIOMETRICS = 500
    AGENCIES = 600
    AUDITORS = 700
    RESIDENTS = 800
    OPERATIONS = 900

    @property
    def kinds(self) -> range:
        """The numbers of the area."""
        return range(self.value, self.value + AREA_SIZE)


class Field(enum.IntEnum):
    """Numbers of an entry's fields. Integers are big-endian, texts UTF-8, lists `canonical.encode_list`."""

    KIND = 1  # u16
    AGENCY = 4
    OFFICER = 5
    CERTIFICATE = 6  # SHA-256 of the DER, 32
    ON_BEHALF_OF = 7
    AGREEMENT = 8
    AGREEMENT_VERSION = 9  # u32
    CLAUSE = 10
    PURPOSE = 11
    LAWFUL_USE = 12  # u8, padan.v1.LawfulUse
    LEGAL_BASIS = 13  # u8, padan.v1.LegalBasis
    CONSENT_RECEIPT = 14
    SUBJECT = 15  # HMAC(HMAC(K_period, h), nonce)[:16]
    NONCE = 16  # 16
    PERIOD = 17  # 16
    CLAIMS = 18  # u16 each, padan.v1.Attribute
    REQUEST_DIGEST = 19  # 32
    EPOCH = 20  # u32
    KEY_VERSIONS = 21  # list of text, "purpose:key id"
    POLICY_VERSIONS = 22  # list of text
    SENSITIVITY = 23  # u8
    RETENTION = 24  # u8
    DELAYED_DISCLOSURE = 25  # article that grants it
    REASON = 26  # u16, padan.v1.ErrorReason, where the request was refused before the commit
    DETAIL = 27  # list of text, "name=value", never about a resident
    REQUEST_ID = 28  # 16
    TOKENS = 29  # list of text: "subject=DOMAIN@VERSION" named it, "issue=DOMAIN@VERSION" leaves with a MATCH
    LOG_TIME = 40  # u64, milliseconds of the Unix epoch
    CLOCK_FLAG = 41  # u8: 0 in step, 1 slewing, 2 continued from the last entry
    OUTCOME = 42  # u8, padan.v1.Verdict
    VERDICTS = 43  # u8 each, where the agreement grants an answer per claim
    AGENCY_BUCKET = (
        44  # u8: 1, 2, 3 (3 to 5), 4 (6 and more) questions of this agency about this subject today
    )
    OFFICER_BUCKET = 45  # u8: the same for the officer
    FINAL_REASON = 46  # u16, padan.v1.ErrorReason, where the commit itself refused


FIRST_TAIL_FIELD = Field.LOG_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decoded entry."""

    fields: Mapping[int, bytes]

    @property
    def kind(self) -> int:
        """The entry's kind; may be a number that this version does not know."""
        return self.number(Field.KIND)

    def number(self, field: Field, default: int = 0) -> int:
        """Read an integer field."""
        value = self.fields.get(field)
        return default if value is None else int.from_bytes(value, "big")

    def text(self, field: Field) -> str:
        """Read a text field; empty where absent.

        Raises:
            EntryError: not UTF-8.
        """
        return _text(self.fields.get(field, b""))

    def texts(self, field: Field) -> list[str]:
        """Read a list of texts; empty where absent.

        Raises:
            EntryError: no list, or not UTF-8.
        """
        try:
            items = canonical.decode_list(self.fields.get(field, b""))
        except canonical.CanonicalError as error:
            raise EntryError("a list of the entry is not canonically encoded") from error
        return [_text(item) for item in items]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise EntryError("a text of the entry is not UTF-8") from None


def encode(head: bytes, tail: Mapping[int, bytes]) -> bytes:
    """Join an encoded head and the tail's fields into an entry."""
    return join(head, canonical.encode(tail))


def join(head: bytes, tail: bytes) -> bytes:
    """Join an encoded head and an encoded tail into an entry."""
    return b"".join((FORMAT, head, tail))


def decode(entry: bytes) -> Entry:
    """Decode an entry.

    Raises:
        EntryError: another format, or not canonical.
    """
    if entry[:1] != FORMAT:
        raise EntryError("unknown entry format; use a newer release of padan")
    try:
        return Entry(fields=canonical.decode(entry[1:]))
    except canonical.CanonicalError as error:
        raise EntryError("the entry is not canonically encoded") from error


def leaf(salt: bytes, entry: bytes) -> bytes:
    """Compute an entry's leaf, 33 bytes: format, then SHA-256 over label, salt and entry.

    Raises:
        EntryError: the salt is not 32 bytes.
    """
    if len(salt) != SALT_SIZE:
        raise EntryError("a salt has 32 bytes")
    digest = _labelled.copy()
    digest.update(salt)
    digest.update(entry)
    return FORMAT + digest.digest()
