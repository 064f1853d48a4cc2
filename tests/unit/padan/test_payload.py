"""What travels along with converted tokens: HPKE as RFC 9180 has it, bound to its job, of one length."""

from __future__ import annotations

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from padan import payload, sealing
from padan.errors import ConfigError, SealingError
from padan.payload import Envelope, PayloadError
from padan.sealing import Recipient

JOB = "00000000-0000-0000-0000-000000000007"
OWN = Recipient(bytes(range(1, 33)))


def envelope(longest: int = 20, **changed: str) -> Envelope:
    """Make a job's."""
    told = {"registry": "id-test/development", "source": "tax", "target": "aid", "job_id": JOB, **changed}
    return Envelope.of(**told, longest=longest)


class Reference:
    """RFC 9180 in base mode with DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256, written down from its section 4 to 7.

    Args:
        aead: its number; 1 is AES-128-GCM, 2 AES-256-GCM.
    """

    def __init__(self, aead: int) -> None:
        self.kem = b"KEM" + (0x20).to_bytes(2, "big")
        self.suite = b"HPKE" + b"".join(each.to_bytes(2, "big") for each in (0x20, 1, aead))
        self.size = {1: 16, 2: 32}[aead]

    @staticmethod
    def extract(suite: bytes, label: bytes, secret: bytes, salt: bytes = b"") -> bytes:
        """LabeledExtract."""
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")

    @staticmethod
    def expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
        """LabeledExpand, of one block."""
        told = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return hmac.digest(key, told + b"\1", "sha256")[:size]

    def shared(self, private: bytes, public: bytes, enc: bytes, recipient: bytes) -> bytes:
        """ExtractAndExpand of what both sides have in common."""
        agreed = X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
        secret = self.extract(self.kem, b"eae_prk", agreed)
        return self.expand(self.kem, secret, b"shared_secret", enc + recipient, 32)

    def schedule(self, shared: bytes, info: bytes) -> tuple[bytes, bytes]:
        """KeySchedule in base mode: key and base nonce."""
        context = b"\0" + self.extract(self.suite, b"psk_id_hash", b"")
        context += self.extract(self.suite, b"info_hash", info)
        secret = self.extract(self.suite, b"secret", b"", shared)
        key = self.expand(self.suite, secret, b"key", context, self.size)
        return key, self.expand(self.suite, secret, b"base_nonce", context, 12)


def test_the_reference_computes_the_vector_of_the_rfc() -> None:
    """RFC 9180 appendix A.1.1, with its first encryption."""
    drawn = bytes.fromhex("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736")
    enc = bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
    recipient = bytes.fromhex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")
    reference = Reference(1)
    assert X25519PrivateKey.from_private_bytes(drawn).public_key().public_bytes_raw() == enc
    shared = reference.shared(drawn, recipient, enc, recipient)
    assert shared.hex() == "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
    key, nonce = reference.schedule(shared, bytes.fromhex("4f6465206f6e2061204772656369616e2055726e"))
    assert (key.hex(), nonce.hex()) == ("4531685d41d65f03dc48f6b8302c05b0", "56d890e5accaaf011cff4b7d")
    sealed = AESGCM(key).encrypt(nonce, b"Beauty is truth, truth beauty", b"Count-0")
    assert sealed.hex() == (
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"
    )


def test_what_is_sealed_is_that_hpke() -> None:
    """The reference opens a payload, and what it seals is opened: the same key schedule, with AES-256-GCM."""
    job, reference = envelope(), Reference(2)
    box = job.seal(b"data", OWN.public_key)
    enc = box[1:33]
    key, nonce = reference.schedule(reference.shared(bytes(range(1, 33)), enc, enc, OWN.public_key), job.info)
    plain = AESGCM(key).decrypt(nonce, box[33:], b"")
    assert plain == b"\0\4data" + bytes(58)
    drawn = X25519PrivateKey.generate()
    enc = drawn.public_key().public_bytes_raw()
    key, nonce = reference.schedule(
        reference.shared(drawn.private_bytes_raw(), OWN.public_key, enc, OWN.public_key), job.info
    )
    assert job.open(b"\1" + enc + AESGCM(key).encrypt(nonce, plain, b""), OWN) == b"data"


@given(st.lists(st.binary(max_size=payload.MOST), min_size=1, max_size=5))
def test_payloads_of_a_job_are_of_one_length_and_open(data: list[bytes]) -> None:
    """Whatever travels along, the boxes look alike, fit into a message, and hold what was put in."""
    job = envelope(max(map(len, data)))
    boxes = [job.seal(each, OWN.public_key) for each in data]
    assert {len(box) for box in boxes} == {job.size}
    assert job.size <= 1_024
    assert (job.size - sealing.OVERHEAD) % 64 == 0
    assert [job.open(box, OWN) for box in boxes] == data


@pytest.mark.parametrize(
    "changed",
    [
        {"registry": "id-other/development"},
        {"registry": "id-test/production"},
        {"source": "aid"},
        {"target": "tax"},
        {"job_id": JOB[:-1] + "8"},
    ],
)
def test_a_payload_opens_in_its_own_job_alone(changed: dict[str, str]) -> None:
    """Under another registry, domain or job it does not."""
    box = envelope().seal(b"data", OWN.public_key)
    with pytest.raises(PayloadError):
        envelope(20, **changed).open(box, OWN)


@pytest.mark.parametrize("at", [0, 1, 33, -1])
def test_a_changed_payload_does_not_open(at: int) -> None:
    """Format, key, text or tag; nor does it open with another key, cut off, or as nothing."""
    box = bytearray(envelope().seal(b"data", OWN.public_key))
    whole = bytes(box)
    box[at] ^= 1
    for bad in (bytes(box), whole[:-1], whole[:49], b""):
        with pytest.raises(PayloadError):
            envelope().open(bad, OWN)
    with pytest.raises(PayloadError):
        envelope().open(whole, Recipient.make())


@pytest.mark.parametrize(
    "plain", [b"\0\5data" + bytes(57) + b"\1", b"\xff\xff" + bytes(62), b"\0\0", bytes(65)]
)
def test_a_payload_that_is_not_padded_is_refused(plain: bytes) -> None:
    """What stands behind the data is zeros, up to a multiple of 64 bytes."""
    job = envelope()
    with pytest.raises(PayloadError):
        job.open(sealing.seal(plain, public_key=OWN.public_key, info=job.info), OWN)


def test_data_is_bounded() -> None:
    """More than a payload can hold, or than the job has room for, is refused."""
    assert payload.MOST == 958
    with pytest.raises(PayloadError):
        envelope(payload.MOST + 1)
    with pytest.raises(PayloadError):
        envelope(62).seal(bytes(63), OWN.public_key)
    with pytest.raises(ConfigError):
        envelope().seal(b"", bytes(31))


def test_keys_are_files_that_openssl_reads() -> None:
    """PKCS #8 and SubjectPublicKeyInfo in PEM; anything else is refused, as is one kind in the place of the other."""
    made = Recipient.make()
    private, public = made.pems()
    assert Recipient.from_pem(private).public_key == made.public_key == sealing.public_key_of(public)
    assert private.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert public.startswith(b"-----BEGIN PUBLIC KEY-----")
    for bad in (b"", public, os.urandom(40), hashlib.sha256(private).digest()):
        with pytest.raises(SealingError):
            Recipient.from_pem(bad)
    for bad in (b"", private, os.urandom(40)):
        with pytest.raises(SealingError):
            sealing.public_key_of(bad)
