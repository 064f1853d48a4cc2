"""A feed file: a run of changes that the registry has signed. Pure.

JSON Lines in UTF-8, every line ended by a line feed:

    {"format": 1, "use": "feed", "registry_id": ..., "environment": ..., "source": ..., "after": n, "as_of": TIME}
    {"position": n + 1, "change": "moved", "row": {"NIK": ..., every field of the row as it is now}}
    ...
    {"end": m, "changes": count, "key_id": ..., "signature": base64}

A source numbers its changes; `after` is the number before the file's first, so that a missing file is noticed. A change
carries the whole row as it is now. A row of the vault keeps the position that wrote it, so that a change that comes
twice, or late, changes nothing. `also` lists numbers that were merged into the person, `was` numbers that are theirs no
longer. The signature is Ed25519 over `label "feed" | SHA-256 of everything before the last line`.

Guarantees: nothing of a file is used that is not whole, of this registry and environment, and signed by a trusted key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from keys.errors import SignatureError
from keys.signing import verify
from verifier.feed.errors import FeedFormatError, FeedSignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.realm import Realm
    from keys.signing import Signer

FORMAT: Final = 1
USE: Final = "feed"
MAX_FILE: Final = 256 * 1024 * 1024
"""Bytes of a file; a longer feed is several files."""
MAX_ALIASES: Final = 16
WITHDRAWN: Final = "withdrawn"
ERASED: Final = "erased"
NIK_CHANGED: Final = "nik_changed"
MERGED: Final = "merged"
CHANGES: Final = frozenset({"new", "changed", "deceased", "moved", NIK_CHANGED, MERGED, WITHDRAWN, ERASED})
_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_LAST_POSITION: Final = (1 << 63) - 1
_HEAD_KEYS: Final = frozenset({"format", "use", "registry_id", "environment", "source", "after", "as_of"})
_END_KEYS: Final = frozenset({"end", "changes", "key_id", "signature"})
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        position: its number in the source.
        as_of_ms: `Feed.as_of_ms` of the file that it stands in.
        name: what happened; of the signed names.
        row: the registry's fields as they are now; empty where the person was withdrawn or erased.
        nik: the number that was withdrawn or erased; empty otherwise.
        was: numbers that are the person's no longer.
        also: numbers that were merged into the person.
    """

    position: int
    as_of_ms: int
    name: str
    row: Mapping[str, str]
    nik: str
    was: tuple[str, ...]
    also: tuple[str, ...]

    def __repr__(self) -> str:
        return "Change(<redacted>)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A file that is whole and signed.

    Attributes:
        source: whose changes they are.
        after: the position before the first.
        end: the position of the last; `after` where there is none.
        as_of_ms: the registry's state after them, milliseconds of the Unix epoch.
        changes: in ascending position.
        signer: id of the key that signed.
        digest: SHA-256 of everything that was signed.
    """

    source: str
    after: int
    end: int
    as_of_ms: int
    changes: tuple[Change, ...]
    signer: str
    digest: bytes


def sign(realm: Realm, body: bytes, signer: Signer) -> bytes:
    """Sign a file that has no last line yet, and return it whole.

    Raises:
        FeedFormatError: it is not a feed of this registry and environment, or a line is wrong.
    """
    if body and not body.endswith(b"\n"):
        body += b"\n"
    head, changes = _read(realm, body)
    end = {
        "end": changes[-1].position if changes else head["after"],
        "changes": len(changes),
        "key_id": signer.key_id,
        "signature": base64.b64encode(signer.sign(_message(realm, body))).decode(),
    }
    return body + json.dumps(end).encode() + b"\n"


def parse(realm: Realm, data: bytes, signers: Mapping[str, bytes]) -> Feed:
    """Check a file, and read it.

    Args:
        realm: this registry and environment.
        data: the file.
        signers: the keys that are trusted: key ids to public keys.

    Raises:
        FeedFormatError: cut off, malformed, or of another registry or environment; names the line.
        FeedSignatureError: signed by nobody who is trusted, or changed since.
    """
    if len(data) > MAX_FILE:
        raise FeedFormatError(f"a feed file has at most {MAX_FILE // 1024 // 1024} MiB; cut it into several")
    body, _, last = data[:-1].rpartition(b"\n")
    body += b"\n"
    end = _decode(last) or {}
    if not data.endswith(b"\n") or end.keys() != _END_KEYS or json.dumps(end).encode() != last:
        raise FeedFormatError("the file has no signed end: it is cut off, or was never signed")
    key_id = end["key_id"]
    key = signers.get(key_id) if isinstance(key_id, str) else None
    if key is None:
        raise FeedSignatureError("the feed is signed by nobody in feed_signers")
    try:
        signature = base64.b64decode(end["signature"], validate=True)
        if base64.b64encode(signature).decode() != end["signature"]:
            raise FeedSignatureError("the signature is not written as base64 should be")
        verify(key, _message(realm, body), signature)
    except (SignatureError, ValueError, TypeError) as error:
        raise FeedSignatureError(
            "the signature does not fit: the file was changed, or is of another registry or environment"
        ) from error
    head, changes = _read(realm, body)
    last_position = changes[-1].position if changes else head["after"]
    if (end["end"], end["changes"]) != (last_position, len(changes)):
        raise FeedFormatError("the file's end does not fit its changes")
    return Feed(
        source=head["source"],
        after=head["after"],
        end=last_position,
        as_of_ms=_moment(head["as_of"]),
        changes=tuple(changes),
        signer=key_id,
        digest=hashlib.sha256(body).digest(),
    )


def time_text(milliseconds: int) -> str:
    """Write a time of the Unix epoch as a head's `as_of` has it; texts of times sort as the times do."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime(_TIME)


def _message(realm: Realm, body: bytes) -> bytes:
    return realm.label("feed") + hashlib.sha256(body).digest()


def _read(realm: Realm, body: bytes) -> tuple[dict[str, Any], list[Change]]:
    first, *lines = body.split(b"\n")[:-1] or [b""]
    head = _object(first, 1)
    if head.keys() != _HEAD_KEYS or head["use"] != USE:
        raise FeedFormatError("line 1: not the head of a feed")
    if head["format"] != FORMAT:
        raise FeedFormatError("line 1: a format that this release does not know")
    if (head["registry_id"], head["environment"]) != (realm.registry_id, realm.environment):
        raise FeedFormatError("line 1: the feed is of another registry or environment")
    if not isinstance(head["source"], str) or _SOURCE.fullmatch(head["source"]) is None:
        raise FeedFormatError("line 1: source is 1 to 63 of a-z, 0-9, '.', '_' and '-'")
    position = _number(head["after"], 1, "after", least=0)
    as_of_ms = _moment(head["as_of"])
    changes: list[Change] = []
    for number, line in enumerate(lines, 2):
        change = _change(_object(line, number), number, as_of_ms)
        if change.position <= position:
            raise FeedFormatError(f"line {number}: position does not grow")
        position = change.position
        changes.append(change)
    return head, changes


def _change(value: dict[str, Any], line: int, as_of_ms: int) -> Change:
    name = value.pop("change", None)
    if not isinstance(name, str) or name not in CHANGES:
        raise FeedFormatError(f"line {line}: change is one of {', '.join(sorted(CHANGES))}")
    nik, row = value.pop("nik", ""), value.pop("row", {})
    was, also = (_numbers(value.pop(key, []), line, key) for key in ("was", "also"))
    position = _number(value.pop("position", None), line, "position")
    if value:
        raise FeedFormatError(f"line {line}: a key that this release does not know")
    if not isinstance(row, dict) or not all(isinstance(text, str) for text in row.values()):
        raise FeedFormatError(f"line {line}: row is an object of texts")
    gone = name in {WITHDRAWN, ERASED}
    if not isinstance(nik, str) or gone != bool(nik) or gone == bool(row):
        raise FeedFormatError(
            f"line {line}: withdrawn and erased have nik and no row, every other change a row and no nik"
        )
    if bool(was) != (name == NIK_CHANGED) or (name == MERGED and not also) or (name == WITHDRAWN and also):
        raise FeedFormatError(f"line {line}: nik_changed has was, merged has also")
    return Change(position=position, as_of_ms=as_of_ms, name=name, row=row, nik=nik, was=was, also=also)


def _numbers(value: Any, line: int, key: str) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or len(value) > MAX_ALIASES
        or not all(isinstance(each, str) for each in value)
    ):
        raise FeedFormatError(f"line {line}: {key} is a list of at most {MAX_ALIASES} texts")
    return tuple(value)


def _number(value: Any, line: int, key: str, *, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= _LAST_POSITION:
        raise FeedFormatError(f"line {line}: {key} is a whole number from {least} on")
    return value


def _moment(value: Any) -> int:
    try:
        return int(datetime.strptime(value, _TIME).replace(tzinfo=UTC).timestamp() * 1000)
    except (TypeError, ValueError) as error:
        raise FeedFormatError("line 1: as_of is written as 2026-11-28T05:00:00Z") from error


def _object(line: bytes, number: int) -> dict[str, Any]:
    value = _decode(line)
    if value is None:
        raise FeedFormatError(f"line {number}: not a JSON object")
    return value


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
