"""Write auditors.json: golden vectors of the auditors' key, of shares in the exponent, of period envelopes.

Usage: auditors_generate.py [TARGET]

Written from docs/formats/auditors-key.md, docs/formats/period-envelope.md and RFC 9496 alone: the group is computed
here in plain integers, so that the vectors and the code check each other. AES-256-GCM and Ed25519 come from
`cryptography`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TARGET = Path(__file__).with_name("auditors.json")
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
REGISTRY, ENVIRONMENT = "registry.example", "production"
NAMES = ("alpha", "beta", "gamma")
THRESHOLD = 2


def negative(number: int) -> bool:
    """RFC 9496: an odd residue is negative."""
    return number % P % 2 == 1


def root_ratio(u: int, v: int) -> tuple[bool, int]:
    """RFC 9496 section 4.2, SQRT_RATIO_M1."""
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    if check == -u % P:
        r, good = r * SQRT_M1 % P, True
    elif check == -u * SQRT_M1 % P:
        r, good = r * SQRT_M1 % P, False
    else:
        good = check == u % P
    return good, P - r if negative(r) else r


INVSQRT_A_MINUS_D = root_ratio(1, (-1 - D) % P)[1]
BASE_Y = 4 * pow(5, -1, P) % P
_X = pow((BASE_Y**2 - 1) * pow(D * BASE_Y**2 + 1, -1, P), (P + 3) // 8, P)
BASE_X = _X if (_X * _X - (BASE_Y**2 - 1) * pow(D * BASE_Y**2 + 1, -1, P)) % P == 0 else _X * SQRT_M1 % P
BASE_X = P - BASE_X if negative(BASE_X) else BASE_X


def add(one: Point, other: Point) -> Point:
    """Add points of edwards25519 in extended coordinates (RFC 8032 section 5.1.4)."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def encode(point: Point) -> bytes:
    """RFC 9496 section 4.3.2."""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    _, inverse = root_ratio(1, u1 * u2 * u2 % P)
    den1, den2 = inverse * u1 % P, inverse * u2 % P
    z_inv = den1 * den2 * t0 % P
    x, y, den = (
        (y0 * SQRT_M1, x0 * SQRT_M1, den1 * INVSQRT_A_MINUS_D) if negative(t0 * z_inv) else (x0, y0, den2)
    )
    if negative(x * z_inv):
        y = -y
    s = den * (z0 - y) % P
    return (P - s if negative(s) else s).to_bytes(32, "little")


def times(scalar: int) -> bytes:
    """Multiply the generator."""
    found: Point = (0, 1, 1, 0)
    power: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
    while scalar:
        if scalar & 1:
            found = add(found, power)
        power, scalar = add(power, power), scalar >> 1
    return encode(found)


def number(text: str) -> int:
    """Draw a scalar by a name."""
    return int.from_bytes(hashlib.sha512(text.encode()).digest(), "little") % L


def texts(*parts: str) -> bytes:
    """Join texts, each after its u16 length."""
    return b"".join(struct.pack(">H", len(part.encode())) + part.encode() for part in parts)


def fields(*values: bytes) -> bytes:
    """Encode fields numbered from 1: u16 number, u32 length, value."""
    return b"".join(struct.pack(">HI", at, len(value)) + value for at, value in enumerate(values, 1))


def listed(items: list[bytes]) -> bytes:
    """Encode a list: u32 length and bytes of each item."""
    return b"".join(struct.pack(">I", len(item)) + item for item in items)


def text(data: bytes) -> str:
    """Write standard base64."""
    return base64.b64encode(data).decode()


def envelopes_of(
    secret: int, shares: list[int], public: bytes, key_id: bytes
) -> list[dict[str, str | list[str]]]:
    """Seal two periods."""
    envelopes: list[dict[str, str | list[str]]] = []
    for at in range(2):
        drawn, period_id = number(f"envelope {at}"), hashlib.sha256(b"period %d" % at).digest()[:16]
        period_key = hashlib.sha256(b"period key %d" % at).digest()
        element, shared = times(drawn), times(drawn * secret % L)
        info = (
            texts("padan", "period-envelope", "2", REGISTRY, ENVIRONMENT)
            + key_id
            + element
            + public
            + period_id
        )
        prk = hmac.digest(bytes(32), shared, "sha256")
        key = hmac.digest(prk, info + b"\x01", "sha256")
        sealed = AESGCM(key).encrypt(bytes(12), period_key, info)
        envelopes.append(
            {
                "envelope": (b"\x02" + key_id + period_id + element + sealed).hex(),
                "period_id": period_id.hex(),
                "period_key": period_key.hex(),
                "shared": shared.hex(),
                "parts": [times(share * drawn % L).hex() for share in shares],
            }
        )
    return envelopes


def trail_of(key: Ed25519PrivateKey) -> dict[str, str]:
    """Propose to open a trail, and approve it, as docs/formats/trail.md and ceremony.md say."""
    blind, nik = hashlib.sha256(b"blind").digest(), "9971014101909001"
    label = texts("padan", "trail-subject", "1", REGISTRY, ENVIRONMENT)
    commitment = hashlib.sha256(label + blind + nik.encode()).digest()
    body = fields(
        bytes(range(16)), commitment, b"the resident asks", b"Letter 1", struct.pack(">Q", 1_790_000_000)
    )
    spelt = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    thumbprint = f'{{"crv":"Ed25519","kty":"OKP","x":"{spelt}"}}'
    proposer = base64.urlsafe_b64encode(hashlib.sha256(thumbprint.encode()).digest()).rstrip(b"=")
    times_ = (struct.pack(">Q", 1_790_000_100), struct.pack(">Q", 1_790_000_100 + 3 * 86_400))
    proposal = fields(b"\x01", b"trail.open", body, bytes(32), bytes(range(16)), *times_, b"\x02", proposer)
    number = hashlib.sha256(texts("padan", "ceremony", "1", REGISTRY, ENVIRONMENT) + proposal).digest()
    approval = texts("padan", "ceremony-approval", "1", REGISTRY, ENVIRONMENT) + number
    return {
        "blind": blind.hex(),
        "nik": nik,
        "commitment": commitment.hex(),
        "proposal": proposal.hex(),
        "id": number.hex(),
        "signature": key.sign(approval).hex(),
    }


def build() -> str:
    """Build the file."""
    polynomials = [[number(f"{name} {power}") for power in range(THRESHOLD)] for name in NAMES]
    shares = [
        sum(coefficient * member**power for each in polynomials for power, coefficient in enumerate(each)) % L
        for member in range(1, len(NAMES) + 1)
    ]
    secret = sum(each[0] for each in polynomials) % L
    public, verification = times(secret), [times(share) for share in shares]
    seeds = [hashlib.sha256(f"sign {name}".encode()).digest() for name in NAMES]
    boxes = [hashlib.sha256(f"seal {name}".encode()).digest() for name in NAMES]
    signing = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
    cards = [
        (
            name.encode(),
            key.public_key().public_bytes_raw(),
            X25519PrivateKey.from_private_bytes(box).public_key().public_bytes_raw(),
        )
        for name, key, box in zip(NAMES, signing, boxes, strict=True)
    ]
    members = [fields(*card, element) for card, element in zip(cards, verification, strict=True)]
    statement = fields(
        b"\x01", REGISTRY.encode(), ENVIRONMENT.encode(), bytes([THRESHOLD]), public, listed(members)
    )
    message = texts("padan", "auditors-key", "1", REGISTRY, ENVIRONMENT) + statement
    key_id = hashlib.sha256(message).digest()[:16]
    envelopes = envelopes_of(secret, shares, public, key_id)
    document = {
        "dealt": [[times(coefficient).hex() for coefficient in each] for each in polynomials],
        "shares": [share.to_bytes(32, "little").hex() for share in shares],
        "statement": statement.hex(),
        "key_id": key_id.hex(),
        "file": {
            "format": 1,
            "use": "auditors-key",
            "registry_id": REGISTRY,
            "environment": ENVIRONMENT,
            "threshold": THRESHOLD,
            "public_key": text(public),
            "auditors": [
                {
                    "name": card[0].decode(),
                    "signing_key": text(card[1]),
                    "sealing_key": text(card[2]),
                    "verification_key": text(element),
                    "signature": text(key.sign(message)),
                }
                for card, element, key in zip(cards, verification, signing, strict=True)
            ],
        },
        "envelopes": envelopes,
        "trail": trail_of(signing[0]),
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET).write_text(build())
