"""VerifyBiometric over mutual TLS: sealed captures, loaded references, calibrated thresholds, all of them real."""

from __future__ import annotations

import base64
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from padan import nik as nik_grammar
from padan import probe, receipt
from padan.asked import AskedQuestion
from padan.biometric import template
from padan.entry import EntryKind, Field, decode, leaf
from padan.errors import ConflictError, InvalidRequestError, NotGrantedError, ReceiptError
from padan.probe import Binding
from padan.sealing import Recipient
from padan.signature import Signer
from padan.v1 import biometric_pb2, verification_pb2
from padan.vocabulary import Attribute, Verdict
from tests.enrolment import LEVEL, SETTING, calibrate, capture, enrol, question, taken
from tests.installation import ENVIRONMENT, REGISTRY, install
from tests.marks import put
from tests.operating import operate
from tests.people import ALMARHUM, AS_OF, BUDI, PEOPLE, SARI, UNKNOWN_NIK
from tests.service import running
from tests.terms import Present, Terms
from tokenizer.biometrics import suites
from tokenizer.codes import CodeLists
from verifier.directory import Directory
from verifier.dispute import casefile
from verifier.dispute.table import DisputeTable
from verifier.epoch import EpochHolder
from verifier.log.open import open_log
from verifier.resident.mark import Mark
from verifier.resident.marking import names_of
from verifier.synthetic.biometrics import archive
from verifier.synthetic.biometrics.trial import EXTRACTOR, Traits
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from padan.answer import Verification
    from padan.capture import Capture
    from padan.client import Client
    from padan.question import Question
    from tests.installation import Installation
    from tests.service import RunningService

WAYAN = {**BUDI, "NIK": "3273010101909012", "NAMA_LGKP": "WAYAN SUKERTI"}
TRAITS = {BUDI["NIK"]: Traits(1), SARI["NIK"]: Traits(2), WAYAN["NIK"]: Traits(3)}
STRANGER = Traits(4)
HELD = {BUDI["NIK"]: ("finger", "face", "iris"), SARI["NIK"]: ("face",), WAYAN["NIK"]: ("finger", "face")}
"""Sari has her face enrolled alone; Wayan has locked the fingers."""
OTHERS = range(100, 208)
"""Whose faces are calibrated on: 108 people, twice each."""
DEVICE, SIGNER = "counter-3", Signer(b"d" * 32)
OFFICER = Recipient(b"o" * 32)
PRESENT = Present(level="substantial")
FACE, FINGER, IRIS = Attribute.FACE, Attribute.FINGER, Attribute.IRIS
MATCH, NO_MATCH, NOT_HELD = Verdict.MATCH, Verdict.NO_MATCH, Verdict.NOT_HELD
SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A running service, and who asks it.

    Attributes:
        clients: of each agency.
        early: a client of the clinic that was opened before the service was last started.
    """

    service: RunningService
    clients: Mapping[str, Client]
    early: Client

    @property
    def installation(self) -> Installation:
        """What it runs on."""
        return self.service.installation

    def ask(self, nik: str, *seen: Capture, agency: str = "clinic", **claims: str) -> Verification:
        """Ask about who stands at the counter."""
        return self.clients[agency].verify_biometric(question(nik, **claims), seen)

    def entry_of(self, request_id: str) -> Any:
        """Find the entry of a question, and see that it fits its leaf."""
        with closing(open_log(self.installation.settings.log_database)) as log:
            rows = log.entries(0, 100_000)
        wanted = bytes.fromhex(request_id.replace("-", ""))
        asked = [row for row in rows if row.kind == EntryKind.VERIFY_BIOMETRIC]
        (row,) = [each for each in asked if decode(each.entry).fields[Field.REQUEST_ID] == wanted]
        assert leaf(row.salt, row.entry) == row.leaf
        return row


@cache
def good(modality: str, nik: str = "") -> Capture:
    """Capture a resident, or a stranger."""
    return capture(modality, TRAITS.get(nik, STRANGER).good(modality))


def worn() -> Capture:
    """Capture Budi's finger so badly that nothing can be said."""
    return capture("finger", TRAITS[BUDI["NIK"]].worn(0))


@pytest.fixture(scope="module")
def thresholds(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that `padan-server calibrate` makes at level substantial: of faces, and of scores of the others."""
    folder = tmp_path_factory.mktemp("calibration")
    made = install(folder / "installation", agencies={}, people=())
    archive.write_faces(folder / "face.npz", OTHERS, 2)
    operate(
        made,
        *("calibrate", "templates", folder / "face.npz", "--modality", "face", "--impostors", 3_000),
        *("--extractor", EXTRACTOR, "--level", LEVEL, "--out", made.root / "thresholds.json"),
    )
    calibrate(made, "finger", "iris")
    return (made.root / "thresholds.json").read_bytes()


@pytest.fixture(scope="module")
def counter(
    thresholds: bytes, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Counter]:
    """A service on each engine with references of three residents, which was started twice."""
    made = install(
        tmp_path_factory.mktemp("counter"),
        agencies={
            "clinic": Terms(subject=1_000, present=PRESENT),
            "desk": Terms(subject=1, present=PRESENT),
            "border": Terms(
                subject=1_000, present=Present(level="substantial", device=True, attack="none_found")
            ),
            "bank": Terms(subject=1_000, present=Present(level="high")),
        },
        people=(*PEOPLE, WAYAN),
        log_url=database_url,
        vault_url=database_url,
        extra=f'{SETTING}dispute_key = "{base64.b64encode(OFFICER.public_key).decode()}"\n',
    )
    (made.root / "thresholds.json").write_bytes(thresholds)
    loaded = enrol(made, ((nik, taken(TRAITS[nik], modalities)) for nik, modalities in HELD.items()))
    assert "10 references stored, 0 rows rejected" in loaded
    _lock_fingers(made, WAYAN["NIK"])
    key = made.root / "device.pub"
    key.write_text(base64.b64encode(SIGNER.public_key).decode())
    operate(
        made, "device", "add", DEVICE, "--agency", "border", "--key", key, "--model", "X1", "--pad-level", 2
    )
    with ExitStack() as opened:
        with running(made) as service:
            early = opened.enter_context(service.client("clinic", timeout=SECONDS))
            assert early.verify_biometric(question(BUDI["NIK"]), [good("face", BUDI["NIK"])]).confirmed
        service = opened.enter_context(running(made))
        clients = {
            name: opened.enter_context(service.client(name, timeout=SECONDS)) for name in made.identities
        }
        yield Counter(service=service, clients=clients, early=early)


def _lock_fingers(made: Installation, nik: str) -> None:
    settings = made.settings
    with (
        closing(made.agent()) as agent,
        closing(open_vault(settings.vault_database)) as vault,
    ):
        inner = EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin().inner
        name = names_of(inner, nik_grammar.parse(nik, AS_OF))
        put(settings.log_database, name, Mark.FINGER_LOCKED)


@pytest.mark.parametrize(
    ("nik", "seen", "claims", "outcome", "verdicts"),
    [
        (BUDI["NIK"], ["finger"], {}, MATCH, {FINGER: MATCH}),
        (BUDI["NIK"], ["face"], {}, MATCH, {FACE: MATCH}),
        (BUDI["NIK"], ["iris"], {}, MATCH, {IRIS: MATCH}),
        (
            BUDI["NIK"],
            ["face", "finger", "iris"],
            {"name": "Budi Santoso", "marital_status": "KAWIN"},
            MATCH,
            dict.fromkeys((Attribute.NAME, Attribute.MARITAL_STATUS, FACE, FINGER, IRIS), MATCH),
        ),
        (
            BUDI["NIK"],
            ["face"],
            {"marital_status": "1"},
            NO_MATCH,
            {Attribute.MARITAL_STATUS: NO_MATCH, FACE: MATCH},
        ),
        (SARI["NIK"], ["face", "finger"], {}, NOT_HELD, {FACE: MATCH, FINGER: NOT_HELD}),
        (SARI["NIK"], ["finger"], {}, NO_MATCH, {FINGER: NO_MATCH}),
        (ALMARHUM["NIK"], ["face"], {}, NO_MATCH, {FACE: NO_MATCH}),
        (UNKNOWN_NIK, ["face", "finger"], {}, NO_MATCH, {FACE: NO_MATCH, FINGER: NO_MATCH}),
    ],
)
def test_captures_are_compared_with_what_is_held(  # noqa: PLR0917 - a table
    counter: Counter,
    nik: str,
    seen: Sequence[str],
    claims: Mapping[str, str],
    outcome: Verdict,
    verdicts: Mapping[Attribute, Verdict],
) -> None:
    """A resident's own captures match, beside claims too; what is not enrolled is not held, of nobody a no."""
    answer = counter.ask(nik, *(good(modality, nik) for modality in seen), **claims)
    assert (answer.outcome, answer.verdicts) == (outcome, verdicts)


@pytest.mark.parametrize("modality", ["face", "finger", "iris"])
def test_somebody_else_does_not_match(counter: Counter, modality: str) -> None:
    """A stranger's face, finger or eye under Budi's number is a no."""
    assert counter.ask(BUDI["NIK"], good(modality)).outcome is NO_MATCH


def test_one_try_of_several_is_enough(counter: Counter) -> None:
    """A finger that was captured badly, then wrongly, then well matches; nobody learns which."""
    answer = counter.ask(BUDI["NIK"], worn(), good("finger"), good("finger", BUDI["NIK"]))
    assert answer.verdicts == {FINGER: MATCH}


def test_a_poor_capture_costs_nothing(counter: Counter) -> None:
    """QUALITY spends no budget, whoever is asked about, and is said of every claim; the budget of one blocks then."""
    for _ in range(3):
        answer = counter.ask(SARI["NIK"], worn(), agency="desk", name="nobody")
        assert answer.outcome is Verdict.QUALITY
        assert set(answer.verdicts.values()) == {Verdict.QUALITY}
    assert counter.ask(UNKNOWN_NIK, worn(), agency="desk").outcome is Verdict.QUALITY
    assert counter.ask(SARI["NIK"], good("face"), agency="desk").outcome is NO_MATCH
    assert counter.ask(SARI["NIK"], good("face"), agency="desk").outcome is Verdict.BLOCKED
    assert counter.ask(SARI["NIK"], worn(), agency="desk").outcome is Verdict.QUALITY


def test_each_capture_needs_a_guess_of_its_own(counter: Counter) -> None:
    """Two of a stranger are not answered where one guess is left, and spend none; one is, and is the last."""
    nik = BUDI["NIK"]
    assert counter.ask(nik, good("face"), good("face"), agency="desk").outcome is Verdict.BLOCKED
    assert counter.ask(nik, good("face"), agency="desk").outcome is NO_MATCH
    assert counter.ask(nik, good("face"), agency="desk").outcome is Verdict.BLOCKED


def test_a_locked_modality_is_withheld(counter: Counter) -> None:
    """Wayan's fingers are not available, whoever's are shown; her face is answered."""
    for seen in (good("finger", WAYAN["NIK"]), good("finger")):
        answer = counter.ask(WAYAN["NIK"], seen)
        assert (answer.outcome, answer.verdicts) == (
            Verdict.NOT_AVAILABLE,
            {FINGER: Verdict.NOT_AVAILABLE},
        )
    assert counter.ask(WAYAN["NIK"], good("face", WAYAN["NIK"])).outcome is MATCH


def test_a_key_that_is_no_more_is_made_good_within_the_call(counter: Counter) -> None:
    """A client that knows the key of before the restart is refused once, seals again, and gets its answer."""
    ended = len(_refused_for_their_key(counter))
    asked = question(BUDI["NIK"])
    assert counter.early.verify_biometric(asked, [good("finger", BUDI["NIK"])]).outcome is MATCH
    assert len(_refused_for_their_key(counter)) == ended + 1
    assert counter.early.verify_biometric(question(BUDI["NIK"]), [good("finger")]).outcome is NO_MATCH
    assert len(_refused_for_their_key(counter)) == ended + 1


def _refused_for_their_key(counter: Counter) -> list[Any]:
    with closing(open_log(counter.installation.settings.log_database)) as log:
        entries = [decode(row.entry) for row in log.entries(0, 100_000) if row.kind == EntryKind.REFUSED]
    return [each for each in entries if each.number(Field.REASON) == 110]


def test_what_a_device_must_say(counter: Counter) -> None:
    """Without a registered device's word it is refused; with it over another question too; with it, it matches."""
    nik = BUDI["NIK"]
    asked, seen = question(nik), TRAITS[nik].good("finger")
    client = counter.clients["border"]

    def signed(of: Question, *, signer: Signer = SIGNER) -> Capture:
        message = verification_pb2.VerifyRequest.FromString(of.body)
        evidence = probe.sign(
            Binding.of(message, registry_id=REGISTRY, environment=ENVIRONMENT, agency="border"),
            modality=biometric_pb2.MODALITY_FINGER,
            extractor=template.extractor(*EXTRACTOR.split("/")),
            template=seen,
            device=DEVICE,
            signer=signer,
            captured_at=datetime.now(tz=UTC),
            presentation_attack=biometric_pb2.PRESENTATION_ATTACK_NONE_FOUND,
        )
        return capture("finger", seen, evidence=evidence)

    with pytest.raises(InvalidRequestError) as missing:
        client.verify_biometric(question(nik), [capture("finger", seen)])
    assert [each.field for each in missing.value.fields] == ["probes[0].evidence"]
    for wrong in (signed(question(nik)), signed(asked, signer=Signer(b"e" * 32))):
        with pytest.raises(NotGrantedError) as refused:
            client.verify_biometric(asked, [wrong])
        assert refused.value.reason == "CAPTURE_EVIDENCE_REFUSED"
    assert client.verify_biometric(asked, [signed(asked)]).outcome is MATCH
    told = decode(counter.entry_of(asked.request_id).entry).texts(Field.DETAIL)
    assert told[-1] == f"device_1={DEVICE} none_found"


def test_a_level_without_a_threshold_is_refused(counter: Counter) -> None:
    """The bank's agreement asks for the level high, for which nothing was calibrated."""
    with pytest.raises((ConflictError, InvalidRequestError, NotGrantedError)) as refused:
        counter.ask(BUDI["NIK"], good("face", BUDI["NIK"]), agency="bank")
    assert refused.value.reason == "EXTRACTOR_UNKNOWN"


def test_what_was_captured_is_disputed(counter: Counter) -> None:
    """A finger that is not held is disputed: the officer learns whom it is about and what was asked, no template."""
    asked, seen = question(SARI["NIK"]), [good("face", SARI["NIK"]), good("finger")]
    client = counter.clients["clinic"]
    contest = client.verify_biometric(asked, seen).contest
    opened = client.open_dispute(AskedQuestion.of(asked, seen), contest=contest, claims=["finger"])
    with closing(Directory(counter.installation.settings.log_database)) as directory:
        table = DisputeTable(directory)
        dispute = table.find(opened.dispute_id)
        assert dispute is not None
        answer = table.answer_at(dispute.answer)
    assert answer is not None
    file = casefile.of(counter.installation.realm, dispute, answer)
    assert casefile.read(file, OFFICER).nik == SARI["NIK"]
    assert (casefile.asked(file), opened.claims) == ((FACE, FINGER), (FINGER,))
    assert not any(each.template[8:40] in casefile.encode(file) for each in seen)


def test_entry_and_receipt_hold_what_was_asked_and_nothing_of_it(counter: Counter) -> None:
    """The receipt's digest is of question and captures; the entry names extractor and level, no number, no template."""
    asked, nik = question(BUDI["NIK"], name="Budi Santoso"), BUDI["NIK"]
    seen = [good("finger", nik), good("iris", nik)]
    client = counter.clients["clinic"]
    answer = client.verify_biometric(asked, seen)
    assert client.verify_biometric(asked, seen) == answer  # answered once
    info = client.service_info()
    keys = info.jwks()
    kept = AskedQuestion.decode(AskedQuestion.of(asked, seen).encode())
    found = receipt.check(answer.receipt, keys, question=kept, audience="clinic", issuer=REGISTRY)
    for others in ((), seen[:1], seen[::-1]):
        with pytest.raises(ReceiptError, match="another question"):
            receipt.check(answer.receipt, keys, question=AskedQuestion.of(asked, others))
    row = counter.entry_of(asked.request_id)
    entry = decode(row.entry)
    assert (row.kind, row.leaf) == (EntryKind.VERIFY_BIOMETRIC, found.leaf)
    assert entry.fields[Field.REQUEST_DIGEST] == found.digest
    assert entry.texts(Field.DETAIL) == [
        "level=substantial",
        *(
            f"capture_{place}={modality} {EXTRACTOR} {suites.enrolling(modality).suite.name}"
            for place, modality in enumerate(("finger", "iris"), 1)
        ),
    ]
    assert nik.encode() not in row.entry
    for each in seen:
        for start in range(0, len(each.template) - 16, 16):
            assert each.template[start : start + 16] not in row.entry
