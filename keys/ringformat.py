"""The keyring file to the byte: docs/formats/keyring.md, format 1. Pure.

Guarantees: one encoding of a keyring, checked byte for byte on reading; a MAC under the KEK over everything;
a single flipped bit anywhere is `KeyringIntegrityError`, and never taken for another KEK or for a newer
format. A purpose that this release does not know is kept as it stands, so that the release before can still
write the file.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from keys.document import pretty
from keys.errors import (
    KekMismatchError,
    KeyringCutError,
    KeyringFormatError,
    KeyringIntegrityError,
    KeysError,
)
from keys.keyset import Keyring, Keyset, RingKey
from keys.purpose import is_known, parse, rules
from keys.realm import Realm
from keys.state import KeyState
from padan.canonical import prefixed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keys.kek import Kek

FORMAT: Final = 1
MAX_SIZE: Final = 4 * 1024 * 1024
_MAC_PREFIX: Final = prefixed("padan", "keyring", "1")
_END: Final = b"\n}\n"
_DATES: Final = ("created", "activated", "deactivated", "compromised", "destroyed")
_STATUS: Final = MappingProxyType(
    {
        KeyState.PRE_ACTIVE: "DISABLED",
        KeyState.ACTIVE: "ENABLED",
        KeyState.DEACTIVATED: "ENABLED",
        KeyState.COMPROMISED: "DISABLED",
        KeyState.DESTROYED: "DESTROYED",
    }
)


def moment(at: datetime) -> str:
    """Write a date as the file does: UTC, whole seconds, `2026-01-31T12:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str) -> datetime:
    """Read a date.

    Raises:
        ValueError: another form.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def encode(ring: Keyring, kek: Kek) -> bytes:
    """Write a keyring.

    Raises:
        KekMismatchError: the KEK is not the one that the keyring names.
    """
    if ring.kek_id != kek.id:
        raise KekMismatchError("the keyring names another KEK than the one it is written under")
    content = _content(ring)
    return pretty({**content, "mac": _mac(content, kek)})


def describe(ring: Keyring) -> bytes:
    """Write a keyring WITHOUT a MAC, for another process of this host, which reads it with `peek`."""
    return pretty(_content(ring))


def kek_id(data: bytes) -> str:
    """Read which KEK a file names, unchecked, so that a provider which holds several can pick.

    Raises:
        KeyringIntegrityError: not readable.
    """
    return str(_parse(data).get("kek", ""))


def peek(data: bytes) -> Keyring:
    """Read a keyring WITHOUT checking its MAC: for showing what a file says where no KEK is at hand.

    Raises:
        KeyringIntegrityError: not readable.
        KeyringFormatError: of another format.
    """
    document = _parse(data)
    document.pop("mac", None)
    return _interpret(document)


def decode(data: bytes, keks: Iterable[Kek]) -> tuple[Keyring, Kek]:
    """Check and read a keyring.

    Args:
        data: the file.
        keks: the KEKs at hand; the file names one.

    Returns:
        The keyring and the KEK that wraps it.

    Raises:
        KeyringIntegrityError: the file is not what was written.
        KekMismatchError: intact as far as can be told, but under a KEK that is not at hand.
        KeyringFormatError: intact, of another format.
    """
    document = _parse(data)
    stored = document.pop("mac", None)
    known = tuple(keks)
    kek = next((kek for kek in known if kek.id == document.get("kek")), None)
    if kek is None:
        _refuse_changed_kek_id(document, stored, known)
        raise KekMismatchError("the keyring is wrapped under another KEK than the provider holds")
    if not _matches(document, stored, kek):
        if _is_newer(document) and not _matches({**document, "format": FORMAT}, stored, kek):
            raise KeyringFormatError(
                f"the keyring has a format other than {FORMAT}; a newer release wrote it"
            )
        raise KeyringIntegrityError(
            "the keyring's integrity code does not match: the file is not what was written"
        )
    return _interpret(document), kek


def _refuse_changed_kek_id(document: dict[str, Any], stored: object, keks: tuple[Kek, ...]) -> None:
    """Tell a flipped bit in the KEK's id from a file of another KEK: with the id put right, the MAC holds."""
    for kek in keks:
        if "kek" not in document or _matches({**document, "kek": kek.id}, stored, kek):
            raise KeyringIntegrityError("the KEK's id in the keyring was changed")


def _is_newer(document: dict[str, Any]) -> bool:
    number = document.get("format")
    return isinstance(number, int) and number != FORMAT


def _matches(content: dict[str, Any], stored: object, kek: Kek) -> bool:
    return isinstance(stored, str) and hmac.compare_digest(_mac(content, kek).encode(), stored.encode())


def _mac(content: dict[str, Any], kek: Kek) -> str:
    return kek.bind(_MAC_PREFIX).mac(compact(content)).hex()


def compact(content: Any) -> bytes:
    """Write JSON as it is hashed: sorted keys, no spaces, ASCII (RFC 8785 for what these files hold)."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_SIZE:
        raise KeyringIntegrityError(f"the keyring is larger than {MAX_SIZE} bytes")
    try:
        document = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise _unreadable(data) from error
    if _is_cut(data):
        raise _unreadable(data)
    if not isinstance(document, dict) or pretty(document) != data:
        raise KeyringIntegrityError(
            "the keyring is not written as Padan writes it: edited by hand or changed"
        )
    return document


def _unreadable(data: bytes) -> KeyringIntegrityError:
    if _is_cut(data):
        return KeyringCutError("the keyring ends too early: it was cut off, or its disk is full or damaged")
    return KeyringIntegrityError("the keyring is not JSON: changed")


def _is_cut(data: bytes) -> bool:
    """Tell a file that lacks its end from one in whose end a bit flipped; what stands inside is indented."""
    end = data[-len(_END) :]
    flipped = sum((a ^ b).bit_count() for a, b in zip(end, _END, strict=False))
    return len(end) < len(_END) or flipped > 1


def _content(ring: Keyring) -> dict[str, Any]:
    return {
        "counter": ring.counter,
        "environment": ring.realm.environment,
        "events": {"count": ring.events, "head": ring.events_head.hex()},
        "format": FORMAT,
        "kek": ring.kek_id,
        "keysets": {purpose: _keyset_content(keyset) for purpose, keyset in ring.keysets.items()},
        "registry": ring.realm.registry_id,
    }


def _keyset_content(keyset: Keyset) -> dict[str, Any]:
    return {"key": [_key_content(key) for key in keyset.keys], "primaryKeyId": keyset.primary}


def _key_content(key: RingKey) -> dict[str, Any]:
    data = {
        "algorithm": key.algorithm,
        "keyMaterialType": "ASYMMETRIC_PRIVATE" if key.public else "SYMMETRIC",
        "typeUrl": key.type_url,
        "wrapped": base64.b64encode(key.wrapped).decode(),
    }
    if key.public:
        data["publicKey"] = base64.b64encode(key.public).decode()
    dates = {name: getattr(key, name) for name in _DATES}
    return {
        "dates": {name: moment(at) for name, at in dates.items() if at is not None},
        "keyData": data,
        "keyId": key.key_id,
        "outputPrefix": key.prefix.hex(),
        "outputPrefixType": "TINK",
        "state": str(key.state),
        "status": _STATUS[key.state],
    }


def _interpret(content: dict[str, Any]) -> Keyring:
    """Build the keyring, and refuse whatever would be written differently."""
    if content.get("format") != FORMAT:
        raise KeyringFormatError(f"the keyring has a format other than {FORMAT}; a newer release wrote it")
    try:
        ring = Keyring(
            realm=Realm(registry_id=content["registry"], environment=content["environment"]),
            counter=content["counter"],
            kek_id=content["kek"],
            events=content["events"]["count"],
            events_head=bytes.fromhex(content["events"]["head"]),
            keysets=MappingProxyType(
                {purpose: _keyset(purpose, keyset) for purpose, keyset in content["keysets"].items()}
            ),
        )
        same = compact(_content(ring)) == compact(content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, KeysError) as error:
        raise KeyringFormatError("the keyring's content does not have the shape of its format") from error
    if not same:
        raise KeyringFormatError(
            "the keyring's content contradicts itself or holds what its format does not have"
        )
    return ring


def _keyset(purpose: str, content: dict[str, Any]) -> Keyset:
    keyset = Keyset(
        purpose=purpose, primary=content["primaryKeyId"], keys=tuple(_key(item) for item in content["key"])
    )
    if is_known(purpose) and any(key.algorithm != rules(parse(purpose)).algorithm for key in keyset.keys):
        raise KeyringFormatError(f"a {purpose} key has another algorithm than its purpose")
    if keyset.primary is not None and not keyset.find(keyset.primary).state.may_protect:
        raise KeyringFormatError(f"the primary {purpose} key is not active")
    return keyset


def _key(content: dict[str, Any]) -> RingKey:
    data, dates = content["keyData"], content["dates"]
    moments = {name: parse_moment(dates[name]) for name in _DATES if name in dates}
    return RingKey(
        key_id=content["keyId"],
        state=KeyState(content["state"]),
        algorithm=data["algorithm"],
        type_url=data["typeUrl"],
        wrapped=base64.b64decode(data["wrapped"], validate=True),
        public=base64.b64decode(data.get("publicKey", ""), validate=True),
        **moments,
    )
