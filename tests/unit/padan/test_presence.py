"""Questions with captures, from both clients: sealed, sealed again once, and read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from padan import aio, commitment
from padan.biometric import template
from padan.capture import Capture
from padan.client import Client
from padan.errors import InvalidRequestError, ProbeKeyEndedError
from padan.question import Question
from padan.servicekey import ServiceKeyError
from padan.signature import Signer
from padan.vocabulary import Attribute, Modality, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.answer import Verification
    from tests.simulator.service import Service

FACE = template.face([0.25] * 192).SerializeToString()
OTHER = template.face([0.5] * 191 + [0.25]).SerializeToString()
ASK: dict[str, Any] = {
    "nik": "9971014101900001",
    "purpose": "treatment",
    "officer": "desk-7",
    "legal_basis": "public_task",
    "beside_captures": True,
}


def capture(data: bytes = FACE) -> Capture:
    """Make a capture of a face."""
    return Capture(modality=Modality.FACE, extractor=template.extractor("seen", "1.0"), template=data)


def question(**claims: str) -> Question:
    """Build a question."""
    return Question.build(claims=claims, **ASK)


def ask(
    kind: str,
    service: Service,
    files: dict[str, Any],
    asked: Question,
    captures: Sequence[Capture],
    *,
    times: int = 1,
) -> list[Verification]:
    """Ask with one client, once or more."""
    if kind == "sync":
        with Client.from_files(service.address, **files) as client:
            return [client.verify_biometric(asked, captures) for _ in range(times)]

    async def asking() -> list[Verification]:
        async with aio.Client.from_files(service.address, **files) as client:
            return [await client.verify_biometric(asked, captures) for _ in range(times)]

    return asyncio.run(asking())


@pytest.fixture(autouse=True)
def _published(service: Service) -> None:
    service.biometrics.publish(service.info)


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_captures_are_sealed_and_answered_after_the_claims(
    kind: str, service: Service, files: dict[str, Any]
) -> None:
    """The service opens what was captured; each modality has one verdict; nothing of a template is on the wire."""
    (answer,) = ask(kind, service, files, question(name="Sitti"), [capture(), capture(OTHER)])
    assert answer.outcome is Verdict.MATCH
    assert list(answer.verdicts) == [Attribute.NAME, Attribute.FACE]
    assert service.biometrics.opened == [[FACE, OTHER]]
    assert FACE[8:40] not in service.biometrics.asked[0].SerializeToString()


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_captures_are_sealed_once_again_to_another_key(
    kind: str, service: Service, files: dict[str, Any]
) -> None:
    """In one call, with the same request_id and blind; the next question asks for the key of then."""
    service.biometrics.ends = 1
    asked = question()
    answers = ask(kind, service, files, asked, [capture()])
    assert answers[0].request_id == asked.request_id
    first, second = service.biometrics.asked
    assert first.question.SerializeToString(deterministic=True) == asked.body
    assert second.question == first.question
    assert second.probes[0].key_id != first.probes[0].key_id
    assert service.biometrics.opened == [[FACE]]


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_captures_are_not_sealed_a_third_time(kind: str, service: Service, files: dict[str, Any]) -> None:
    """A service whose keys end at every question is told to the caller."""
    service.biometrics.ends = 2
    with pytest.raises(ProbeKeyEndedError):
        ask(kind, service, files, question(), [capture()])
    assert len(service.biometrics.asked) == 2


def test_the_key_is_asked_for_once(service: Service, files: dict[str, Any]) -> None:
    """A client keeps the key for as long as it may be sealed to."""
    ask("sync", service, files, question(), [capture()], times=3)
    assert len(service.remaining) == 1


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_kept_keys_decide_whom_captures_are_sealed_to(
    kind: str, service: Service, files: dict[str, Any]
) -> None:
    """A key that none of the agency's kept keys signed gets nothing, whatever the service says of itself."""
    own, foreign = service.biometrics.signer.public_key, Signer(bytes(range(1, 33))).public_key

    def asked(*signers: bytes) -> Verdict:
        if kind == "sync":
            with Client.from_files(service.address, **files, signers=signers) as client:
                return client.verify_biometric(question(), [capture()]).outcome

        async def asking() -> Verdict:
            async with aio.Client.from_files(service.address, **files, signers=signers) as client:
                return (await client.verify_biometric(question(), [capture()])).outcome

        return asyncio.run(asking())

    assert asked(foreign, own) is Verdict.MATCH
    service.biometrics.ends = 1
    assert asked(own) is Verdict.MATCH
    count = len(service.biometrics.asked)
    for signers in ((foreign,), ()):
        with pytest.raises(ServiceKeyError, match="not signed"):
            asked(*signers)
    assert len(service.biometrics.asked) == count


def test_a_question_without_claims_is_asked_with_captures_only(
    service: Service, files: dict[str, Any]
) -> None:
    """Before anything is sent; and without `beside_captures` it is not even built."""
    with Client.from_files(service.address, **files) as client:
        with pytest.raises(InvalidRequestError, match="verify_biometric"):
            client.ask(question())
        for captures in ([], [capture()] * 5):
            with pytest.raises(InvalidRequestError) as caught:
                client.verify_biometric(question(), captures)
            assert caught.value.fields[0].field == "probes"
    assert not service.bodies
    assert not service.biometrics.asked
    with pytest.raises(InvalidRequestError):
        Question.build(claims={}, **ASK | {"beside_captures": False})


def test_the_digest_is_the_services(service: Service, files: dict[str, Any]) -> None:
    """A receipt is proven with the question and its captures, also after both were read back."""
    asked = question()
    ask("sync", service, files, asked, [capture()])
    (request,) = service.biometrics.asked
    expected = commitment.request_digest(request.question, "clinic", [(int(Modality.FACE), FACE)])
    assert Question.from_body(asked.body).digest("clinic", [capture()]) == expected
    assert asked.digest("clinic") != expected
