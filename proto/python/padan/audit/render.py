"""Writes entries for people and for programs: names instead of numbers, nothing left out.

A number or a field that this release does not know keeps its number, so that a newer log can still be read.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from padan import times
from padan.entry import Entry, EntryError, EntryKind, Field
from padan.v1 import error_pb2
from padan.vocabulary import Attribute, LawfulUse, LegalBasis, Verdict, label

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKETS: Final = {1: "1", 2: "2", 3: "3-5", 4: "6 and more"}
CLOCK_FLAGS: Final = {0: "in step", 1: "slewing", 2: "continued from the last entry"}
COLUMNS: Final = ("sequence", "log_time", "kind", "agency", "officer", "purpose", "outcome", "claims")
ERASED: Final = "(erased)"
_UUID_SIZE = 16


def kind_name(number: int) -> str:
    """Name an entry's kind."""
    return next((kind.name for kind in EntryKind if kind == number), f"KIND_{number}")


def reason_name(number: int) -> str:
    """Name the reason of a refusal."""
    found = error_pb2.ErrorReason.DESCRIPTOR.values_by_number.get(number)
    return found.name.removeprefix("ERROR_REASON_") if found is not None else f"REASON_{number}"


def document(sequence: int, entry: Entry | None, leaf: bytes) -> dict[str, Any]:
    """Write an entry as a JSON object: every field under its name in lower case; of an erased one, that it is so."""
    shown: dict[str, Any] = {"sequence": sequence, "leaf": leaf.hex()}
    if entry is None:
        return shown | {"erased": True}
    for number, value in entry.fields.items():
        field = next((known for known in Field if known == number), None)
        if field is None:
            shown[f"field_{number}"] = value.hex()
        else:
            shown[field.name.lower()] = _WRITERS[field](entry, field)
    return shown


def row(sequence: int, entry: Entry | None) -> tuple[str, ...]:
    """Write an entry as a line of a table with `COLUMNS`."""
    if entry is None:
        return str(sequence), "", ERASED, *[""] * (len(COLUMNS) - 3)
    outcome = label(Verdict, entry.number(Field.OUTCOME)).upper() if Field.OUTCOME in entry.fields else ""
    refused = entry.number(Field.FINAL_REASON) or entry.number(Field.REASON)
    detail = "; ".join(entry.texts(Field.DETAIL))
    return (
        str(sequence),
        _time(entry, Field.LOG_TIME) if Field.LOG_TIME in entry.fields else "",
        kind_name(entry.kind),
        entry.text(Field.AGENCY),
        entry.text(Field.OFFICER),
        entry.text(Field.PURPOSE),
        reason_name(refused) if refused else outcome,
        " ".join(_claims(entry, Field.CLAIMS)) or detail,
    )


def _hex(entry: Entry, field: Field) -> str:
    return entry.fields[field].hex()


def _text(entry: Entry, field: Field) -> str:
    return entry.text(field)


def _texts(entry: Entry, field: Field) -> list[str]:
    return entry.texts(field)


def _number(entry: Entry, field: Field) -> int:
    return entry.number(field)


def _kind(entry: Entry, _: Field) -> str:
    return kind_name(entry.kind)


def _reason(entry: Entry, field: Field) -> str:
    return reason_name(entry.number(field))


def _time(entry: Entry, field: Field) -> str:
    try:
        return times.text(datetime.fromtimestamp(entry.number(field) / 1000, tz=UTC))
    except (ValueError, OverflowError, OSError):
        raise EntryError("the entry's log time does not exist") from None


def _claims(entry: Entry, field: Field) -> list[str]:
    raw = entry.fields.get(field, b"")
    return [label(Attribute, int.from_bytes(raw[at : at + 2], "big")) for at in range(0, len(raw), 2)]


def _verdict(entry: Entry, field: Field) -> str:
    return label(Verdict, entry.number(field)).upper()


def _verdicts(entry: Entry, field: Field) -> list[str]:
    return [label(Verdict, number).upper() for number in entry.fields[field]]


def _bucket(entry: Entry, field: Field) -> str:
    return BUCKETS.get(entry.number(field), str(entry.number(field)))


def _clock(entry: Entry, field: Field) -> str:
    return CLOCK_FLAGS.get(entry.number(field), str(entry.number(field)))


def _request_id(entry: Entry, field: Field) -> str:
    raw = entry.fields[field]
    return str(uuid.UUID(bytes=raw)) if len(raw) == _UUID_SIZE else raw.hex()


def _lawful_use(entry: Entry, field: Field) -> str:
    return label(LawfulUse, entry.number(field))


def _legal_basis(entry: Entry, field: Field) -> str:
    return label(LegalBasis, entry.number(field))


_WRITERS: Final[dict[Field, Callable[[Entry, Field], Any]]] = {
    Field.KIND: _kind,
    Field.AGENCY: _text,
    Field.OFFICER: _text,
    Field.CERTIFICATE: _hex,
    Field.ON_BEHALF_OF: _text,
    Field.AGREEMENT: _text,
    Field.AGREEMENT_VERSION: _number,
    Field.CLAUSE: _text,
    Field.PURPOSE: _text,
    Field.LAWFUL_USE: _lawful_use,
    Field.LEGAL_BASIS: _legal_basis,
    Field.CONSENT_RECEIPT: _text,
    Field.SUBJECT: _hex,
    Field.NONCE: _hex,
    Field.PERIOD: _hex,
    Field.CLAIMS: _claims,
    Field.REQUEST_DIGEST: _hex,
    Field.EPOCH: _number,
    Field.KEY_VERSIONS: _texts,
    Field.POLICY_VERSIONS: _texts,
    Field.SENSITIVITY: _number,
    Field.RETENTION: _number,
    Field.DELAYED_DISCLOSURE: _text,
    Field.REASON: _reason,
    Field.DETAIL: _texts,
    Field.REQUEST_ID: _request_id,
    Field.TOKENS: _texts,
    Field.LOG_TIME: _time,
    Field.CLOCK_FLAG: _clock,
    Field.OUTCOME: _verdict,
    Field.VERDICTS: _verdicts,
    Field.AGENCY_BUCKET: _bucket,
    Field.OFFICER_BUCKET: _bucket,
    Field.FINAL_REASON: _reason,
}
