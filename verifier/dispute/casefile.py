"""A dispute as a file for the officer, who opens it away from the service (docs/formats/dispute.md).

Guarantees: `read` gives a subject only if the whole chain holds, from the leaf that the log published to the sealed
number. Whoever opens a dispute with another person's number, or about another answer, is found out here.

 1 the entry is the one in the leaf  2 it is an answer to this agency, with this request digest
 3 the statement makes the digest, and the reference is its  4 the claims are among those of the question
 5 the box opens with the officer's key, for this question alone  6 what it holds opens the statement's subject
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys.errors import KeyUseError
from keys.realm import Realm
from padan import entry as log_entry
from padan import opening
from padan.entry import ANSWERED_KINDS, Field
from padan.errors import PadanError
from verifier.dispute import case, contest
from verifier.dispute.errors import CaseFileError
from verifier.errors import InvalidFieldError

if TYPE_CHECKING:
    from padan.opening import Opening
    from padan.sealing import Recipient
    from verifier.dispute.case import Case
    from verifier.dispute.table import Answer, Dispute

FORMAT: Final = 1
MAX_SIZE: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """What an officer is handed.

    Attributes:
        id: of the dispute.
        agency: whose it is.
        case: what it was opened with.
        entry: the answer's private entry, with its salt and its leaf.
    """

    realm: Realm
    id: str
    agency: str
    case: Case
    entry: bytes
    salt: bytes
    leaf: bytes


def of(realm: Realm, dispute: Dispute, answer: Answer) -> CaseFile:
    """Make the file of a dispute."""
    return CaseFile(
        realm=realm,
        id=dispute.id,
        agency=dispute.agency,
        case=dispute.case,
        entry=answer.entry,
        salt=answer.salt,
        leaf=answer.leaf,
    )


def encode(file: CaseFile) -> bytes:
    """Write a file: JSON, binary values in base64."""
    content = {
        "format": FORMAT,
        "registry": file.realm.registry_id,
        "environment": file.realm.environment,
        "dispute": file.id,
        "agency": file.agency,
        "case": _text(file.case.encode()),
        "entry": _text(file.entry),
        "salt": _text(file.salt),
        "leaf": _text(file.leaf),
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def decode(data: bytes) -> CaseFile:
    """Read a file; what it holds is not yet checked.

    Raises:
        CaseFileError: malformed, or of another format.
    """
    content = _content(data)
    try:
        return CaseFile(
            realm=Realm(registry_id=content["registry"], environment=content["environment"]),
            id=content["dispute"],
            agency=content["agency"],
            case=case.decode(_bytes(content["case"])),
            entry=_bytes(content["entry"]),
            salt=_bytes(content["salt"]),
            leaf=_bytes(content["leaf"]),
        )
    except (ValueError, KeyError, TypeError, KeyUseError) as error:
        raise CaseFileError("the file is malformed") from error


def read(file: CaseFile, recipient: Recipient) -> Opening:
    """Open a dispute: whom it is about, proven against the log's entry.

    Raises:
        CaseFileError: a step of the chain does not hold; the message says which.
    """
    held, digest = file.case, file.case.digest
    try:
        if log_entry.leaf(file.salt, file.entry) != file.leaf:  # 1
            raise CaseFileError("the entry is not the one whose leaf the log has")
        entry = log_entry.decode(file.entry)
        if entry.kind not in ANSWERED_KINDS or entry.text(Field.AGENCY) != file.agency:  # 2
            raise CaseFileError("the entry is no answer to this agency")
        if not hmac.compare_digest(entry.fields.get(Field.REQUEST_DIGEST, b""), digest):  # 3
            raise CaseFileError("the statement is not of the question that the entry is about")
        reference = contest.parse(held.contest, answered_ms=None if len(held.contest) == contest.SIZE else 0)
        if not digest.startswith(reference.tag):
            raise CaseFileError("the reference is not of this answer")
        if not {*held.claims} <= {*case.unpack(entry.fields.get(Field.CLAIMS, b""))}:  # 4
            raise CaseFileError("a disputed claim is not one of the question's")
        return opening.unseal(  # 5, 6
            held.box,
            statement=held.statement,
            registry_id=file.realm.registry_id,
            environment=file.realm.environment,
            recipient=recipient,
        )
    except (PadanError, InvalidFieldError) as error:
        raise CaseFileError(f"{error}; the dispute is to be rejected") from error


def asked(file: CaseFile) -> tuple[int, ...]:
    """List what the question was about, numbers of padan.v1.Attribute: claims, then what was captured.

    Of the entry; whether that is the log's is proven by `read`.

    Raises:
        CaseFileError: the entry is malformed.
    """
    try:
        return case.unpack(log_entry.decode(file.entry).fields.get(Field.CLAIMS, b""))
    except PadanError as error:
        raise CaseFileError("the entry is malformed") from error


def _content(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data) if len(data) <= MAX_SIZE else None
    except (ValueError, RecursionError) as error:
        raise CaseFileError("the file is no JSON") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CaseFileError("not a dispute's file of a format that this release knows")
    return content


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
