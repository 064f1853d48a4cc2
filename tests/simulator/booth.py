"""A booth in a simulated world, where residents are captured: everything that captures stand on, in memory.

The path, the keys of enrolments and the comparison are the service's own; only what lies around them is simulated: who
seals, which devices there are, how a capture becomes numbers, where references lie. A capture is an embedding, whatever
its modality.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keys.errors import KeyStateError
from keys.templatekey import TemplateKeys
from padan.asked import AskedQuestion
from padan.capture import Capture
from padan.nik import Nik
from padan.question import Question
from padan.v1 import biometric_pb2, verification_pb2
from padan.vocabulary import Modality
from tests.people import BUDI, SARI
from tests.service import request
from tests.simulator.references import SCHEMES, Reference, References
from tests.simulator.world import REALM, World
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.biometrics.template import FaceTemplate
from verifier.biometric.devices import Captured
from verifier.biometric.ports import Means
from verifier.biometric.refusals import CaptureEvidenceError
from verifier.biometric.verifier import BiometricVerifier
from verifier.errors import InvalidFieldError
from verifier.log.store import EntryRow

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from tests.terms import Terms
    from tokenizer.biometrics.template import Template
    from verifier.call import Reply

    Vector = NDArray[np.float32]

EXTRACTOR: Final = "seen/1.0"
SIZE: Final = 192
THRESHOLDS: Final = {"substantial": 0.62, "high": 0.66}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A template that was read."""

    template: Template
    position: int


def read(data: bytes, modality: str) -> Reading:
    """Read an embedding."""
    del modality
    try:
        message = biometric_pb2.Template.FromString(data)
        vector = np.frombuffer(message.embedding.elements, dtype="<f4")
    except ValueError:
        raise TemplateError("numbers of binary32") from None
    if not vector.size or not np.isfinite(vector).all():
        raise TemplateError("finite numbers")
    return Reading(template=FaceTemplate(vector=vector), position=message.position)


class Probes:
    """Opens what `Booth.capture` seals: the request's digest, and the template."""

    def binding(self, message: verification_pb2.VerifyRequest, agency: str) -> bytes:
        """Bind to agency, request_id, purpose and subject."""
        told = [agency, message.request_id, message.purpose, message.nik, message.subject_token.hex()]
        return hashlib.sha256("\n".join(told).encode()).digest()

    def open(self, probe: biometric_pb2.Probe, binding: bytes, *, field: str) -> bytes:
        """Open."""
        if probe.sealed[:32] != binding:
            raise InvalidFieldError("sealed for this request", field=f"{field}.sealed")
        return probe.sealed[32:]


class Devices:
    """Knows devices by name; a signature is a digest over what it must bind."""

    def __init__(self) -> None:
        self.known = {"scanner-1"}

    def sign(self, template: bytes, binding: bytes) -> bytes:
        """Sign."""
        return hashlib.sha512(b"device" + binding + template).digest()

    def check(
        self, probe: biometric_pb2.Probe, binding: bytes, template: bytes, *, now: float, field: str
    ) -> Captured:
        """See that it is signed."""
        del now
        evidence = probe.evidence
        if evidence.device not in self.known or evidence.signature != self.sign(template, binding):
            raise CaptureEvidenceError("signed by a registered device", field=f"{field}.evidence")
        return Captured(device=evidence.device, pad_level=1, presentation_attack=evidence.presentation_attack)


class Thresholds:
    """Knows one extractor."""

    def threshold(self, extractor: str, suite: str, level: str) -> float:
        """Find the threshold."""
        del suite
        if extractor != EXTRACTOR:
            raise TemplateError("no such extractor")
        return THRESHOLDS[level]

    def elements(self, extractor: str, suite: str) -> int | None:
        """Say how many elements a capture has."""
        del suite
        return SIZE if extractor == EXTRACTOR else None


class Keys:
    """Keys by number; the time of some is over.

    Attributes:
        over: whose time is over.
        primary: the key that new references are made under.
    """

    def __init__(self) -> None:
        self.over: set[int] = set()
        self.primary = 1

    def templates(self, key_id: int | None = None) -> TemplateKeys:
        """Give one."""
        number = self.primary if key_id is None else key_id
        if number in self.over:
            raise KeyStateError("its time is over")
        return TemplateKeys(REALM, bytearray(range(number, number + 32)), key_id=number)


class Booth:
    """Captures residents, enrols them, and asks.

    Attributes:
        budi: traits of somebody.
        sari: traits of somebody else.
    """

    def __init__(self, world: World, *, closed: bool = False) -> None:
        self.world = world
        self.numbers = np.random.default_rng(7)
        self.references = References(world.random.randbytes)
        self.devices, self.probes, self.keys = Devices(), Probes(), Keys()
        self.locks: set[int] = set()
        means = Means(
            probes=self.probes,
            devices=self.devices,
            read=read,
            scheme=lambda modality: SCHEMES[modality],
            thresholds=Thresholds(),
            references=self.references,
            keys=self.keys,
            locked=lambda _marks, attributes: bool(self.locks & set(attributes)),
        )
        self.budi, self.sari = self.person(), self.person()
        self.core = BiometricVerifier(None if closed else means, **world.ground)

    def person(self) -> Vector:
        """Draw somebody's traits."""
        return _unit(self.numbers.standard_normal(SIZE))

    def seen(self, traits: Vector, *, noise: float = 0.4) -> Vector:
        """Capture somebody once more."""
        return _unit(traits + noise * _unit(self.numbers.standard_normal(SIZE)))

    def enrol(
        self,
        nik: str,
        modality: str,
        traits: Vector,
        *,
        position: int = 0,
        extractor: str = EXTRACTOR,
        **other: Any,
    ) -> None:
        """Keep references of a resident, as many as the suite has samples."""
        scheme = SCHEMES[modality]
        r = self.world.epoch.inner.record_id(Nik(nik))
        draw = self.world.random.randbytes(16)
        key = self.keys.templates().derive(
            suite=scheme.suite.name, modality=modality, extractor=extractor, draw=draw, renewal=0
        )
        for slot in self.references.slots(scheme.suite, position):
            told: dict[str, Any] = {
                "suite": scheme.suite.number,
                "extractor": extractor,
                "key_id": 1,
                "draw": draw,
                "renewal": 0,
                "r": r,
                "protected": scheme.protect(self.seen(traits), key),
            }
            self.references.kept[slot, r] = Reference(**(told | other))

    def question(self, nik: str, **fields: Any) -> verification_pb2.VerifyRequest:
        """Make a question without claims."""
        bits = self.world.random.getrandbits
        made: dict[str, Any] = {
            "claims": {},
            "purpose": "present",
            "request_id": f"{bits(32):08x}-0000-4000-8000-{bits(48):012x}",
            "blind": self.world.random.randbytes(32),
        }
        return request(nik=nik, **(made | fields))

    def probe(
        self,
        question: verification_pb2.VerifyRequest,
        modality: str,
        vector: Vector,
        *,
        agency: str = "clinic",
        position: int = 0,
        extractor: str = EXTRACTOR,
        device: str = "",
        found: int = biometric_pb2.PRESENTATION_ATTACK_NONE_FOUND,
    ) -> biometric_pb2.Probe:
        """Seal a capture for a question."""
        template = biometric_pb2.Template(position=position)
        template.embedding.elements = vector.astype("<f4").tobytes()
        plain, binding = template.SerializeToString(), self.probes.binding(question, agency)
        name, _, version = extractor.partition("/")
        made = biometric_pb2.Probe(
            modality=biometric_pb2.Modality.ValueType(Modality.of(modality)),
            extractor=biometric_pb2.Extractor(name=name, version=version),
            key_id="k1",
            sealed=binding + plain,
        )
        if device:
            made.evidence.device = device
            made.evidence.captured_at.FromSeconds(1)
            made.evidence.presentation_attack = biometric_pb2.PresentationAttack.ValueType(found)
            made.evidence.signature = self.devices.sign(plain, binding)
        return made

    def reply(
        self, question: verification_pb2.VerifyRequest, *probes: biometric_pb2.Probe, agency: str = "clinic"
    ) -> Reply:
        """Ask."""
        message: Message = verification_pb2.VerifyBiometricRequest(question=question, probes=probes)
        (reply,) = self.core.verify_many([self.world.call(agency, message)])
        return reply

    def ask(
        self,
        nik: str,
        modality: str,
        vector: Vector,
        *,
        position: int = 0,
        agency: str = "clinic",
        **fields: Any,
    ) -> Reply:
        """Ask about a resident with one capture."""
        question = self.question(nik, **fields)
        probe = self.probe(question, modality, vector, agency=agency, position=position)
        return self.reply(question, probe, agency=agency)


def booth_with(**agencies: Terms) -> Booth:
    """Make a booth in a world of two residents, and enrol face and right thumb of one of them, Budi."""
    world = World(seed=5, agencies=agencies, people=[dict(BUDI), dict(SARI)])
    made = Booth(world)
    made.enrol(BUDI["NIK"], "face", made.budi)
    made.enrol(BUDI["NIK"], "finger", made.budi, position=1)
    return made


def answer_of(reply: Reply) -> verification_pb2.VerifyResponse:
    """Read an answer out of what encloses it."""
    assert reply.body is not None
    return verification_pb2.VerifyBiometricResponse.FromString(reply.body).answer


def verdicts_of(reply: Reply) -> dict[int, int]:
    """Read the verdicts."""
    return {item.attribute: item.verdict for item in answer_of(reply).verdicts}


def kept(question: verification_pb2.VerifyRequest, *probes: biometric_pb2.Probe) -> AskedQuestion:
    """Keep what an agency keeps of a question that it has asked."""
    captures = [
        Capture(modality=each.modality, extractor=each.extractor, template=each.sealed[32:])
        for each in probes
    ]
    return AskedQuestion.of(Question.from_body(question.SerializeToString()), captures)


def last_row(world: World) -> EntryRow:
    """Take the newest entry, to be written into another log."""
    row = world.log.rows[-1]
    told = (row.kind, row.agency, row.purpose, row.outcome, row.log_time_ms)
    return EntryRow(*told, row.entry, row.salt, row.leaf)


def _unit(vector: Any) -> Vector:
    scaled: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return scaled
