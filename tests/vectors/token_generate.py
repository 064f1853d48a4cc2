"""Write token.json: tokens, elements of the match domain, and rows beside the log, under fixed keys.

Computed here from docs/formats/token.md and the RFCs that it names, without a line of the packages; the group's
arithmetic is that of libsodium, called by ctypes.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TARGET = Path(__file__).with_name("token.json")
REALM = ("id-test", "development")
SEEDS = {
    name: bytes([place]) * 32
    for place, name in enumerate(("domain-1", "domain-2", "match", "tag", "index", "set", "seal"), 1)
}
IDS = {"match": 0x01020304, "index": 0x11121314, "set": 0x21222324, "seal": 0x31323334}
EPOCH_KEYS = (0x41424344, 0x51525354)
DOMAIN, CATEGORY = "tax-payers", "family-aid"
NIK = b"3273010101909000"
OTHERS = tuple(b"327301010190900%d" % number for number in range(1, 5))
CONTEXT = b"OPRFV1-\x00-ristretto255-SHA512"
NONCE = bytes(range(12))
FILL = b"\xa5"
COLLECTOR, JOB_ID, JOB_SEED = "family-aid", bytes(range(100, 116)), bytes(range(32))
DAY, PAYLOAD = (20_500).to_bytes(2, "big"), b"sealed by one agency to the other"

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")


def call(name: str, size: int, *parts: bytes) -> bytes:
    """Call a function of libsodium that writes `size` bytes."""
    out = ctypes.create_string_buffer(size)
    if getattr(sodium, name)(out, *parts) not in {0, None}:
        raise RuntimeError(name)
    return out.raw


def reduce(wide: bytes) -> bytes:
    """Reduce 64 bytes to a scalar."""
    out = ctypes.create_string_buffer(32)
    sodium.crypto_core_ristretto255_scalar_reduce(out, wide)
    return out.raw


def expand(message: bytes, tag: bytes) -> bytes:
    """Expand to 64 bytes: expand_message_xmd of RFC 9380 with SHA-512, one block."""
    suffix = tag + bytes([len(tag)])
    first = hashlib.sha512(bytes(128) + message + (64).to_bytes(2, "big") + b"\0" + suffix).digest()
    return hashlib.sha512(first + b"\1" + suffix).digest()


def hashed(nik: bytes) -> bytes:
    """Hash a number to the group: HashToGroup of RFC 9497."""
    return call("crypto_core_ristretto255_from_hash", 32, expand(nik, b"HashToGroup-" + CONTEXT))


def key(seed: bytes, info: bytes) -> bytes:
    """Derive a scalar: DeriveKeyPair of RFC 9497, whose first counter gives one here."""
    message = seed + len(info).to_bytes(2, "big") + info + b"\0"
    return reduce(expand(message, b"DeriveKeyPair" + CONTEXT))


def times(scalar: bytes, element: bytes) -> bytes:
    """Multiply an element."""
    return call("crypto_scalarmult_ristretto255", 32, scalar, element)


def prefixed(*texts: str) -> bytes:
    """Join texts, each with its u16 length."""
    return b"".join(len(text).to_bytes(2, "big") + text.encode() for text in texts)


def label(construction: str) -> bytes:
    """Make a label."""
    return prefixed("padan", construction, "1", *REALM)


def mac(seed: bytes, construction: str, value: bytes) -> bytes:
    """Compute a keyed value."""
    scope = bytes(5)  # the registry's own source, no attribute, no profile
    data = label(construction) + scope + len(value).to_bytes(4, "big") + value
    return hmac.digest(seed, data, "sha256")


def token(version: int, nik: bytes) -> bytes:
    """Issue a token."""
    scalar = key(SEEDS[f"domain-{version}"], label("token-domain") + prefixed(DOMAIN))
    front = (
        bytes([1, len(DOMAIN)]) + DOMAIN.encode() + version.to_bytes(2, "big") + times(scalar, hashed(nik))
    )
    return front + mac(SEEDS["tag"], "token-tag", front)[:16]


def matched(nik: bytes) -> bytes:
    """Compute M."""
    return times(key(SEEDS["match"], label("match-domain")), hashed(nik))


def record(nik: bytes, key_id: int) -> bytes:
    """Compute a name of a record, which is another page's; any 16 bytes do here."""
    return hashlib.sha256(nik + key_id.to_bytes(4, "big")).digest()[:16]


def row(construction: str, index: str, front: bytes, element: bytes, content: bytes) -> dict[str, str]:
    """Name and seal a row."""
    return sealed(construction, index, mac(SEEDS[index], construction, front + element)[:16], content)


def sealed(construction: str, index: str, name: bytes, content: bytes) -> dict[str, str]:
    """Seal a row that has a name."""
    head = struct.pack(">II", IDS["match"], IDS[index])
    info = label("row-seal") + bytes(4) + prefixed("registry", construction, "")
    sealing = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(SEEDS["seal"])
    data = label(f"{construction}-row") + head + name
    box = NONCE + AESGCM(sealing).encrypt(NONCE, content, data)
    ring = b"\1" + IDS["seal"].to_bytes(4, "big")
    return {"name": name.hex(), "content": content.hex(), "box": (head + ring + box).hex()}


def token_row(members: int, *, survivor: bytes = b"", keys: int = 1) -> bytes:
    """Write the content of a token's row; what is absent is FILL."""
    names = [key_id.to_bytes(4, "big") + record(NIK, key_id) for key_id in EPOCH_KEYS[:keys]]
    others = [survivor, *map(matched, OTHERS[:members])]
    others += [b""] * (4 - len(others))
    names += [b""] * (2 - len(names))
    there = sum(1 << place for place, each in enumerate([*others, *names]) if each)
    filled = b"".join(each or FILL * 32 for each in others)
    return (
        b"\1"
        + b"".join(each or FILL * 20 for each in names)
        + matched(NIK)
        + filled
        + bytes([there])
        + FILL * 6
    )


def enrolment(first: int, last: int) -> bytes:
    """Write the content of an enrolment's row."""
    texts = b"".join(bytes([len(text)]) + text.encode().ljust(63, b"\0") for text in (CATEGORY, DOMAIN))
    return b"\1" + matched(NIK) + struct.pack(">II", first, last) + texts + FILL * 39


def conversion() -> list[dict[str, str]]:
    """Name and seal the rows of a job: its own, a part's, that which closes it, and a token's."""
    place = hmac.digest(JOB_SEED, b"job", "sha256")[:5]

    def named(kind: int, part: int, at: int) -> bytes:
        own = hmac.digest(JOB_SEED, struct.pack(">BIH", kind, part, at), "sha256")[:9]
        return DAY + place + own

    def content(kind: int, body: bytes, payload: bytes = b"") -> bytes:
        return (bytes([1, kind]) + JOB_ID + body).ljust(208, FILL) + (payload or FILL * len(PAYLOAD))

    domains = b"".join(bytes([len(name)]) + name.encode().ljust(63, b"\0") for name in (DOMAIN, COLLECTOR))
    tag = mac(SEEDS["index"], "conversion", prefixed(DOMAIN) + JOB_ID)[:14]
    refused = bytes([0b0000_0010]) + bytes(62), bytes(62) + bytes([0b0000_1000])
    part = (
        struct.pack(">I", 7) + hashlib.sha256(b"tokens").digest() + struct.pack(">H", 3) + b"".join(refused)
    )
    own = JOB_SEED + DAY + len(PAYLOAD).to_bytes(2, "big") + domains
    rows = (
        (DAY + tag, content(1, own)),
        (named(2, 7, 0), content(2, part)),
        (named(3, 0, 0), content(3, struct.pack(">IQ", 9, 4_321))),
        (named(4, 7, 499), content(4, struct.pack(">IB", 7, 1) + matched(NIK), PAYLOAD)),
    )
    return [sealed("conversion", "index", name, each) for name, each in rows]


def build() -> str:
    """Compute everything, as text."""
    front = prefixed(CATEGORY, DOMAIN)
    return (
        json.dumps(
            {
                "realm": {"registry_id": REALM[0], "environment": REALM[1]},
                "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
                "ids": IDS,
                "epoch_keys": EPOCH_KEYS,
                "domain": DOMAIN,
                "category": CATEGORY,
                "nik": NIK.decode(),
                "others": [other.decode() for other in OTHERS],
                "fill": FILL.hex(),
                "hashed": hashed(NIK).hex(),
                "tokens": [token(1, NIK).hex(), token(2, NIK).hex()],
                "matched": matched(NIK).hex(),
                "records": [record(NIK, key_id).hex() for key_id in EPOCH_KEYS],
                "token_rows": [
                    row("token", "index", b"", matched(NIK), token_row(0)),
                    row("token", "index", b"", matched(NIK), token_row(3, keys=2)),
                    row("token", "index", b"", matched(NIK), token_row(1, survivor=matched(OTHERS[3]))),
                ],
                "enrolments": [
                    row("enrolment", "set", front, matched(NIK), enrolment(20_000, 20_364)),
                    row("enrolment", "set", front, matched(NIK), enrolment(20_000, 2**32 - 1)),
                ],
                "target": COLLECTOR,
                "job_id": JOB_ID.hex(),
                "job_seed": JOB_SEED.hex(),
                "payload": PAYLOAD.hex(),
                "conversion": conversion(),
            },
            indent=1,
        )
        + "\n"
    )


def main() -> None:
    """Write the file that is named, or the one beside this."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(build(), encoding="utf-8")


if __name__ == "__main__":
    sodium.sodium_init()
    main()
