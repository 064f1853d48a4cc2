"""Questions with captures, on simulated ground: what is answered, what it costs, and what stands in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.nik import Nik
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import biometric_pb2, verification_pb2
from padan.vocabulary import Attribute
from tests.people import BUDI, SARI, UNKNOWN_NIK
from tests.simulator import booth as simulated
from tests.simulator.booth import Booth, answer_of, booth_with, verdicts_of
from tests.simulator.references import SCHEMES
from tests.terms import Present, Terms
from verifier.errors import VerifierError
from verifier.resident.mark import Mark

if TYPE_CHECKING:
    from verifier.call import Reply

NAME, FACE, FINGER = Attribute.NAME, Attribute.FACE, Attribute.FINGER
MATCH, NO_MATCH, NOT_HELD = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH, vocabulary.VERDICT_NOT_HELD
QUALITY, BLOCKED = vocabulary.VERDICT_QUALITY, vocabulary.VERDICT_BLOCKED
NOT_AVAILABLE = vocabulary.VERDICT_NOT_AVAILABLE
NIK, OTHER = BUDI["NIK"], SARI["NIK"]
CLAIM = {int(NAME): BUDI["NAMA_LGKP"]}


@pytest.fixture
def booth() -> Booth:
    """A booth of a clinic, which may ask at level high, and of a tax office."""
    return booth_with(clinic=Terms(present=Present()), tax=Terms(present=Present()))


def reason_of(reply: Reply) -> str:
    """Name a refusal's reason."""
    return error_of(reply).reason


def error_of(reply: Reply) -> VerifierError:
    """Give why a question was refused."""
    assert reply.body is None
    assert isinstance(reply.error, VerifierError)
    return reply.error


def last_entry(booth: Booth) -> log_entry.Entry:
    """Decode the newest entry."""
    return log_entry.decode(booth.world.log.rows[-1].entry)


def test_a_capture_of_the_resident_matches_and_one_of_another_person_does_not(booth: Booth) -> None:
    """One verdict a modality; the answer is what Verify would have answered, in an envelope."""
    matched = booth.ask(NIK, "face", booth.seen(booth.budi))
    assert (answer_of(matched).outcome, verdicts_of(matched)) == (MATCH, {FACE: MATCH})
    parsed = verification_pb2.VerifyBiometricResponse.FromString(matched.body or b"")
    assert parsed.SerializeToString() == matched.body
    refused = booth.ask(NIK, "face", booth.seen(booth.sari))
    assert (answer_of(refused).outcome, verdicts_of(refused)) == (NO_MATCH, {FACE: NO_MATCH})


def test_mismatch_decoy_and_unknown_number_look_alike(booth: Booth) -> None:
    """A wrong capture, a modality that is not held, and a number that is not, have one shape and size."""
    shapes = set()
    answer = verification_pb2.VerifyResponse()
    for nik, modality, position in (
        (NIK, "face", 0),
        (NIK, "finger", 2),
        (OTHER, "face", 0),
        (UNKNOWN_NIK, "face", 0),
    ):
        reply = booth.ask(nik, modality, booth.seen(booth.sari), position=position)
        answer = answer_of(reply)
        assert reply.body is not None
        shapes.add(
            (
                len(reply.body),
                answer.outcome,
                tuple(item.verdict for item in answer.verdicts),
                len(answer.contest),
            )
        )
    assert len(shapes) == 1
    assert answer.outcome == NO_MATCH


def test_a_modality_that_is_not_held_is_told_only_behind_a_matched_anchor(booth: Booth) -> None:
    """With the right name NOT_HELD is said of the iris; with a wrong one everything is NO_MATCH."""
    for name, expected in ((BUDI["NAMA_LGKP"], (MATCH, NOT_HELD)), ("SITI RAHAYU", (NO_MATCH, NO_MATCH))):
        reply = booth.ask(NIK, "iris", booth.seen(booth.budi), position=1, claims={int(NAME): name})
        assert tuple(verdicts_of(reply).values()) == expected


def test_claims_are_answered_beside_captures(booth: Booth) -> None:
    """A matched finger is an anchor: a wrong claim beside it fails by itself."""
    question = booth.question(NIK, claims={int(Attribute.MARITAL_STATUS): "4"})
    reply = booth.reply(question, booth.probe(question, "finger", booth.seen(booth.budi), position=1))
    assert verdicts_of(reply) == {Attribute.MARITAL_STATUS: NO_MATCH, FINGER: MATCH}
    assert answer_of(reply).outcome == NO_MATCH


def test_several_captures_of_one_modality_are_tries_of_it(booth: Booth) -> None:
    """One that matches is enough, and each modality has one verdict, in the order in which it comes first."""
    question = booth.question(NIK)
    reply = booth.reply(
        question,
        booth.probe(question, "finger", booth.seen(booth.sari), position=1),
        booth.probe(question, "face", booth.seen(booth.sari)),
        booth.probe(question, "finger", booth.seen(booth.budi), position=1),
    )
    assert list(verdicts_of(reply).items()) == [(FINGER, MATCH), (FACE, NO_MATCH)]


def test_an_embedding_of_another_dimension_is_refused_before_anything_is_looked_up(booth: Booth) -> None:
    """The same for everybody, with the number that it takes; nothing is looked up, and no guess is spent."""
    for nik in (NIK, OTHER, UNKNOWN_NIK):
        for vector in (booth.seen(booth.budi)[:-1], np.append(booth.seen(booth.budi), np.float32(0))):
            error = error_of(booth.ask(nik, "face", vector, claims=CLAIM))
            assert (error.reason, error.field) == ("INVALID_FIELD", "probes[0].sealed")
            assert f"an embedding of {simulated.SIZE} elements" in str(error)
    assert (booth.references.looked, booth.world.opened.logged) == (0, 0)
    for _ in range(2):
        assert verdicts_of(booth.ask(NIK, "face", booth.seen(booth.budi))) == {FACE: MATCH}


def test_quality_is_said_before_anything_is_looked_up_and_costs_nothing(booth: Booth) -> None:
    """The same for everybody, logged, without a look-up; and no spent budget stands in its way."""
    for nik in (NIK, OTHER, UNKNOWN_NIK):
        reply = booth.ask(nik, "face", 0.1 * booth.seen(booth.budi), claims=CLAIM)
        assert verdicts_of(reply) == {NAME: QUALITY, FACE: QUALITY}
        assert (booth.references.looked, booth.world.opened.logged) == (0, 0)
        entry = last_entry(booth)
        assert (entry.kind, entry.number(Field.OUTCOME)) == (EntryKind.VERIFY_BIOMETRIC, QUALITY)
    booth.references.away = booth.world.rows.away = True
    assert answer_of(booth.ask(NIK, "face", 0.1 * booth.seen(booth.budi))).outcome == QUALITY


def test_quality_is_said_of_a_modality_of_which_no_try_is_good_enough(booth: Booth) -> None:
    """A faint try beside a good one is left out; of two modalities both must have a good one."""
    question = booth.question(NIK)
    good = booth.probe(question, "finger", booth.seen(booth.budi), position=1)
    faint = booth.probe(question, "finger", 0.1 * booth.seen(booth.budi), position=1)
    assert verdicts_of(booth.reply(question, faint, good)) == {FINGER: MATCH}
    again = booth.question(NIK)
    probes = [
        booth.probe(again, "finger", booth.seen(booth.budi), position=1),
        booth.probe(again, "face", 0.1 * booth.budi),
    ]
    assert verdicts_of(booth.reply(again, *probes)) == {FINGER: QUALITY, FACE: QUALITY}


def test_an_unknown_extractor_is_refused_before_anything_else(booth: Booth) -> None:
    """Nothing is opened or looked up, and the refusal is an entry."""
    question = booth.question(NIK)
    probe = booth.probe(question, "face", booth.seen(booth.budi), extractor="other/1.0")
    probe.sealed = b"does not open"
    assert reason_of(booth.reply(question, probe)) == "EXTRACTOR_UNKNOWN"
    assert booth.references.looked == 0
    assert last_entry(booth).kind == EntryKind.REFUSED


@pytest.mark.parametrize(
    "other", [{"extractor": "before/1.0"}, {"suite": 99}, {"suite": 99, "protected": bytes(64)}]
)
def test_a_reference_of_another_extractor_or_suite_counts_as_not_held(other: dict[str, Any]) -> None:
    """It is compared like any other, and never accepted."""
    booth: Booth = booth_with(clinic=Terms(present=Present()))
    booth.enrol(OTHER, "face", booth.sari, **other)
    reply = booth.ask(OTHER, "face", booth.seen(booth.sari), claims={int(NAME): SARI["NAMA_LGKP"]})
    assert verdicts_of(reply) == {NAME: MATCH, FACE: NOT_HELD}


def test_nothing_of_a_decoy_is_ever_accepted(booth: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where every score reaches the threshold."""
    monkeypatch.setitem(simulated.THRESHOLDS, "high", 0.0)
    assert answer_of(booth.ask(NIK, "face", booth.seen(booth.sari))).outcome == MATCH
    for nik, modality, position in ((NIK, "finger", 2), (OTHER, "face", 0), (UNKNOWN_NIK, "finger", 1)):
        assert (
            answer_of(booth.ask(nik, modality, booth.seen(booth.sari), position=position)).outcome == NO_MATCH
        )


def test_a_locked_modality_is_not_available_whatever_is_held(booth: Booth) -> None:
    """Held or not, matched or not: nothing is said, nothing is charged, and other modalities are answered."""
    booth.locks.add(int(FACE))
    for traits in (booth.budi, booth.sari):
        reply = booth.ask(NIK, "face", booth.seen(traits), claims=CLAIM)
        assert verdicts_of(reply) == {NAME: NOT_AVAILABLE, FACE: NOT_AVAILABLE}
    assert answer_of(booth.ask(NIK, "finger", booth.seen(booth.budi), position=1)).outcome == MATCH
    handle = booth.world.epoch.inner.handles(Nik(NIK)).budget_subject
    booth.world.marks.on[handle] = int(Mark.ERASED)
    assert answer_of(booth.ask(NIK, "face", booth.seen(booth.budi))).outcome == NO_MATCH


def test_who_was_not_renewed_in_time_is_answered_as_if_not_enrolled(booth: Booth) -> None:
    """Where the time of an enrolment's key is over, its resident is answered as others who have none."""
    booth.keys.over, booth.keys.primary = {1}, 2
    for claims, said in (({}, {FACE: NO_MATCH}), (CLAIM, {NAME: MATCH, FACE: NOT_HELD})):
        for nik, name in ((NIK, BUDI["NAMA_LGKP"]), (OTHER, SARI["NAMA_LGKP"])):
            asked = {int(NAME): name} if claims else {}
            assert verdicts_of(booth.ask(nik, "face", booth.seen(booth.budi), claims=asked)) == said
    booth.keys.over = {1, 2}
    assert reason_of(booth.ask(NIK, "face", booth.seen(booth.budi))) == "REGISTRY_UNAVAILABLE"


def test_an_outage_is_never_a_no(booth: Booth) -> None:
    """References that cannot be read, or do not open, refuse the question, and the accounts of rows come out even."""
    booth.references.away = True
    assert reason_of(booth.ask(NIK, "face", booth.seen(booth.budi))) == "REGISTRY_UNAVAILABLE"
    booth.references.away, booth.references.keyless = False, True
    assert reason_of(booth.ask(NIK, "face", booth.seen(booth.budi))) == "REGISTRY_UNAVAILABLE"
    assert last_entry(booth).kind == EntryKind.REFUSED
    booth.references.keyless, booth.references.damaged = False, {"face"}
    assert reason_of(booth.ask(NIK, "face", booth.seen(booth.budi))) == "REGISTRY_UNAVAILABLE"
    assert last_entry(booth).kind == EntryKind.REFUSED
    before = booth.world.opened.logged
    booth.ask(NIK, "finger", booth.seen(booth.budi), position=1)
    assert booth.world.opened.logged - before == 2 + 2 * 3
    before = booth.world.opened.logged
    question = booth.question(NIK)
    thumb = booth.probe(question, "finger", booth.seen(booth.budi), position=1)
    assert reason_of(booth.reply(question, thumb, booth.probe(question, "face", booth.seen(booth.budi)))) == (
        "REGISTRY_UNAVAILABLE"
    )
    assert (
        booth.world.opened.logged - before == 2 * 3 + 1
    )  # those of the finger, and the one that opened of the face
    assert booth.world.opened.beside() == -booth.world.opened.logged


def test_every_comparison_is_made_whatever_is_held(booth: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Match, mismatch, modality and number not held: as many look-ups and comparisons."""
    compared: list[int] = []
    scheme, counted = SCHEMES["finger"], SCHEMES["finger"].score

    def score(*given: Any) -> float:
        compared.append(1)
        return float(counted(*given))

    monkeypatch.setattr(scheme, "score", score)
    work = set()
    for nik, traits, position in (
        (NIK, booth.budi, 1),
        (NIK, booth.sari, 1),
        (NIK, booth.budi, 2),
        (UNKNOWN_NIK, booth.budi, 1),
    ):
        looked = booth.references.looked
        compared.clear()
        booth.ask(nik, "finger", booth.seen(traits), position=position)
        work.add((len(compared), booth.references.looked - looked))
    assert work == {(3, 3)}


def test_the_same_question_is_answered_once_however_it_is_sealed(booth: Booth) -> None:
    """A capture that is sealed anew is the same question; another capture is another one."""
    question = booth.question(NIK)
    vector = booth.seen(booth.budi)
    probe = booth.probe(question, "face", vector)
    first = booth.reply(question, probe)
    probe.key_id = "k2"
    second = booth.reply(question, probe)
    assert (second.body, second.replayed) == (first.body, True)
    other = booth.probe(question, "face", booth.seen(booth.budi))
    assert reason_of(booth.reply(question, other)) == "REQUEST_ID_REUSED"
    question.claims.add(attribute=vocabulary.ATTRIBUTE_NAME, value="BUDI")
    (plain,) = booth.world.ask("clinic", question)
    assert reason_of(plain) == "REQUEST_ID_REUSED"


def test_the_entry_tells_what_was_captured_and_nothing_of_it(booth: Booth) -> None:
    """Level, modality, extractor, suite and device stand in the log; no template and no score."""
    question = booth.question(NIK)
    vector = booth.seen(booth.budi)
    booth.reply(
        question,
        booth.probe(question, "face", vector, device="scanner-1"),
        booth.probe(question, "finger", vector, position=1),
    )
    entry = last_entry(booth)
    assert entry.kind == EntryKind.VERIFY_BIOMETRIC
    assert entry.texts(Field.DETAIL) == [
        "level=high",
        "capture_1=face seen/1.0 face-hd3-1024/1",
        "device_1=scanner-1 none_found",
        "capture_2=finger seen/1.0 finger-signs/1",
    ]
    assert entry.fields[Field.CLAIMS] == b"\x00\x29\x00\x2a"
    assert entry.fields[Field.VERDICTS] == bytes((MATCH, MATCH))
    raw = booth.world.log.rows[-1].entry
    assert vector.tobytes()[:16] not in raw


def test_what_a_device_must_say_is_the_agreements() -> None:
    """Without a registered device's signature over this very question, or with less than asked, it is refused."""
    booth: Booth = booth_with(clinic=Terms(present=Present(device=True, attack="none_found")))
    question = booth.question(NIK)
    vector = booth.seen(booth.budi)
    signed = booth.probe(question, "face", vector, device="scanner-1")
    not_tested = booth.probe(
        question, "face", vector, device="scanner-1", found=biometric_pb2.PRESENTATION_ATTACK_NOT_TESTED
    )
    unsigned = booth.probe(question, "face", vector)
    unknown = booth.probe(question, "face", vector, device="scanner-2")
    replayed = booth.probe(booth.question(NIK), "face", vector, device="scanner-1")
    for probe, field in (
        (unsigned, "probes[0].evidence"),
        (not_tested, "probes[0].evidence.presentation_attack"),
        (unknown, "probes[0].evidence"),
        (replayed, "probes[0].sealed"),
    ):
        reply = booth.reply(question, probe)
        assert reason_of(reply) in {"INVALID_FIELD", "CAPTURE_EVIDENCE_REFUSED"}
        assert error_of(reply).field == field
    assert booth.references.looked == 0
    assert answer_of(booth.reply(question, signed)).outcome == MATCH


def test_a_device_that_is_not_believed_is_refused_also_where_none_is_needed(booth: Booth) -> None:
    """What is said is checked, or not said at all."""
    question = booth.question(NIK)
    probe = booth.probe(question, "face", booth.seen(booth.budi), device="scanner-2")
    assert reason_of(booth.reply(question, probe)) == "CAPTURE_EVIDENCE_REFUSED"


def test_malformed_templates_are_refused_by_rule(booth: Booth) -> None:
    """Not a number is refused, and never answered with no."""
    question = booth.question(NIK)
    vector = booth.seen(booth.budi)
    vector[0] = float("nan")
    reply = booth.reply(question, booth.probe(question, "face", vector))
    assert reason_of(reply) == "INVALID_FIELD"
    assert (error_of(reply).field, str(error_of(reply))) == ("probes[0].sealed", "finite numbers")


def test_a_purpose_without_modalities_takes_no_captures(booth: Booth) -> None:
    """The agreement grants attributes, and a modality is one."""
    assert reason_of(booth.ask(NIK, "face", booth.seen(booth.budi), purpose="service", claims=CLAIM)) == (
        "ATTRIBUTE_NOT_GRANTED"
    )


def test_a_service_without_references_refuses_and_logs(booth: Booth) -> None:
    """BIOMETRICS_CLOSED, an entry like any other refusal."""
    closed = Booth(booth.world, closed=True)
    assert reason_of(closed.ask(NIK, "face", closed.person())) == "BIOMETRICS_CLOSED"
    assert last_entry(booth).kind == EntryKind.REFUSED


def test_a_token_names_the_resident_and_is_issued_with_a_match() -> None:
    """As with claims: by token nothing is charged over all agencies, and only a match brings one."""
    booth: Booth = booth_with(clinic=Terms(token_domain="clinic", present=Present(tokens="clinic")))
    question = booth.question(NIK, issue_token=True)
    reply = booth.reply(question, booth.probe(question, "face", booth.seen(booth.budi)))
    token = answer_of(reply).subject_token
    assert token
    by_token = booth.question("", subject_token=token)
    reply = booth.reply(by_token, booth.probe(by_token, "finger", booth.seen(booth.budi), position=1))
    assert verdicts_of(reply) == {FINGER: MATCH}
    faint = booth.question("", subject_token=token)
    assert answer_of(booth.reply(faint, booth.probe(faint, "face", 0.1 * booth.budi))).outcome == QUALITY
