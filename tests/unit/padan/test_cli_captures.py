"""`padan verify` with captures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from padan.biometric import template
from padan.v1 import biometric_pb2

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


def test_what_a_device_says_goes_along(
    padan: Callable[..., Ended], service: Service, face: str, tmp_path: Path
) -> None:
    """Evidence in a file stands beside its capture; another number of files is refused."""
    evidence = tmp_path / "evidence.bin"
    evidence.write_bytes(biometric_pb2.CaptureEvidence(device="scanner-1").SerializeToString())
    asked = ("verify", *SAID, "--face", face, "--extractor", "face=seen/1.0", "--evidence", str(evidence))
    assert padan(*asked).code == 0
    assert service.biometrics.asked[0].probes[0].evidence.device == "scanner-1"
    assert padan(*asked, "--evidence", str(evidence)).code == 2


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
