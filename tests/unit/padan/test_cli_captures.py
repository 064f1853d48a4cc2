"""`padan verify` with captures."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from padan import signature
from padan.asked import AskedQuestion
from padan.biometric import template
from padan.cli.console import ExitCode
from padan.sealing import Recipient
from padan.v1 import dispute_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.service import Service

Ended = Any
FACE = template.face([0.25] * 192).SerializeToString()
SAID = (
    "--nik",
    "9971014101900001",
    "--purpose",
    "treatment",
    "--officer",
    "d",
    "--legal-basis",
    "public_task",
)


@pytest.fixture
def face(tmp_path: Path, service: Service) -> str:
    """A capture in a file, and a service to which it can be sealed."""
    service.biometrics.publish(service.info)
    path = tmp_path / "face.bin"
    path.write_bytes(FACE)
    return str(path)


def test_a_capture_is_asked_with(padan: Callable[..., Ended], service: Service, face: str) -> None:
    """A face without a claim is asked, and answered by modality."""
    done = padan("verify", *SAID, "--face", face, "--extractor", "face=seen/1.0", "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["verdicts"] == {"face": "MATCH"}
    assert service.biometrics.opened == [[FACE]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--extractor face=NAME/VERSION"),
        (("--extractor", "face"), "MODALITY=NAME/VERSION"),
        (("--extractor", "nose=a/1"), "known are"),
        (("--extractor", "face=seen/1.0", "--finger", "FACE"), "no template of a finger"),
        (("--extractor", "face=seen/1.0", "--iris", "none.bin"), "cannot be read"),
    ],
)
def test_bad_captures_are_told_with_the_next_step(
    padan: Callable[..., Ended], service: Service, face: str, options: tuple[str, ...], says: str
) -> None:
    """Before anything is sent."""
    given = [face if option == "FACE" else option for option in options]
    done = padan("verify", *SAID, "--face", face, *given)
    assert done.code != 0
    assert says in done.err
    assert not service.biometrics.asked


def test_captures_are_sealed_under_the_kept_keys(
    padan: Callable[..., Ended], service: Service, face: str, tmp_path: Path
) -> None:
    """`--keys` takes what `info --jwks` printed; another service's keys, no keys and none at all are told."""
    asked = ("verify", *SAID, "--face", face, "--extractor", "face=seen/1.0")
    service.info.keys[0].key_id = signature.thumbprint(service.biometrics.signer.public_key)
    kept = padan("info", "--jwks").out
    (tmp_path / "keys.json").write_text(kept)
    assert padan(*asked, "--keys", "keys.json").code == 0
    (entry,) = json.loads(kept)["keys"]
    foreign = signature.Signer(bytes(range(1, 33))).public_key
    spelt = base64.urlsafe_b64encode(foreign).rstrip(b"=").decode()
    other = {**entry, "x": spelt, "kid": signature.thumbprint(foreign)}
    for keys, says in (
        ([other], "not signed by a key"),
        ([{**entry, "x": spelt}], "kept keys are not"),
        ([{**entry, "x": "é"}], "kept keys are not"),
        ([entry, {**entry, "crv": "X25519"}], "kept keys are not"),
        ([], "kept keys are not"),
        ("none", "kept keys are not"),
    ):
        (tmp_path / "other.json").write_text(json.dumps({"keys": keys}))
        refused = padan(*asked, "--keys", "other.json")
        assert refused.code != 0
        assert says in refused.err
    assert "none.json cannot be read" in padan(*asked, "--keys", "none.json").err
    beside = padan("verify", *SAID, "--claim", "name=Sitti", "--keys", "keys.json")
    assert (beside.code, "--keys is for captures" in beside.err) == (2, True)
    assert len(service.biometrics.asked) == 1


def test_info_shows_what_captures_are_sealed_to(padan: Callable[..., Ended], service: Service) -> None:
    """Id and end of the key for people, where there is one."""
    del service.info.keys[:]
    assert "captures     sealed to" not in padan("info").out
    service.biometrics.publish(service.info)
    until = service.info.keys[1].not_after.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = padan("info").out
    assert f"captures     sealed to {service.biometrics.recipient.key_id}, until {until}" in shown


def test_receipt_with_captures_is_proven_by_the_kept_file(
    padan: Callable[..., Ended], service: Service, face: str, tmp_path: Path
) -> None:
    """What `verify` keeps proves the receipt without a template in it; the question alone does not."""
    seed, public = bytes(range(32)), service.biometrics.signer.public_key
    d, x = (base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in (seed, public))
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x, "d": d})
    service.info.keys[0].key_id = key.thumbprint()

    def signed(request_id: str, digest: bytes) -> str:
        claims = {
            "iss": "registry.test",
            "aud": "clinic",
            "iat": 1_795_000_000,
            "jti": request_id,
            "origin": "registry.test/log",
            "leaf": "01" * 33,
            "mmd": 60,
            "digest": digest.hex(),
            "outcome": "MATCH",
            "agreement": "clinic-2026@2",
            "epoch": 3,
            "keys": [],
        }
        header = {"alg": "Ed25519", "typ": "padan-receipt+jwt", "kid": key.thumbprint()}
        return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["Ed25519"])

    service.biometrics.receipt = signed
    kept = ("--save-request", "q.bin", "--save-receipt", "r.jws")
    done = padan("verify", *SAID, "--face", face, "--extractor", "face=seen/1.0", *kept)
    assert done.code == 0, done.err
    data = (tmp_path / "q.bin").read_bytes()
    assert FACE[8:40] not in data
    assert stat.S_IMODE((tmp_path / "q.bin").stat().st_mode) == 0o600
    (tmp_path / "keys.json").write_text(padan("info", "--jwks").out)
    words = ("receipt", "check", "r.jws", "--keys", "keys.json", "--request")
    proven = padan(*words, "q.bin", "--json")
    assert proven.code == 0, proven.err
    assert json.loads(proven.out)["question"] == "belongs to it"
    (tmp_path / "alone.bin").write_bytes(AskedQuestion.decode(data).question.body)
    wrong = padan(*words, "alone.bin")
    assert (wrong.code, wrong.out) == (ExitCode.NO, "")
    assert "with other captures" in wrong.err
    (tmp_path / "cut.bin").write_bytes(data[:-1])
    cut = padan(*words, "cut.bin")
    assert (cut.code, "--save-request" in cut.err) == (ExitCode.INPUT, True)


def test_a_capture_is_disputed_with_the_kept_file(
    padan: Callable[..., Ended], service: Service, face: str, tmp_path: Path
) -> None:
    """By its attribute, which the question has; the message holds no template."""
    officer = Recipient(bytes(range(32)))
    service.info.keys.add(
        purpose="dispute", key_id=officer.key_id, algorithm="X25519", public_key=officer.public_key
    )
    done = padan("verify", *SAID, "--face", face, "--extractor", "face=seen/1.0", "--save-request", "q.bin")
    assert done.code == 0, done.err
    words = ("dispute", "open", "6b0b68c652373d205d0f2526", "--request", "q.bin", "--claim")
    opened = padan(*words, "face", "--json")
    assert opened.code == 0, opened.err
    assert json.loads(opened.out)["claims"] == ["face"]
    (body,) = service.disputes.opened
    asked = AskedQuestion.decode((tmp_path / "q.bin").read_bytes())
    assert dispute_pb2.OpenDisputeRequest.FromString(body).statement == asked.statement("clinic")
    assert FACE[8:40] not in body
    other = padan(*words, "finger")
    assert (other.code, "claims and captures of the question" in other.err) == (ExitCode.INPUT, True)
