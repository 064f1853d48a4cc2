"""Scenarios: read from files, made from the registry's rows."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from padan import info as service
from padan import nik as nik_grammar
from padan.vocabulary import Verdict
from verifier.projector.columns import COLUMNS
from verifier.projector.fieldmap import FieldMap
from verifier.projector.source import open_source
from verifier.stage import casting, nobody, scenario_file
from verifier.stage.asking import Ask, asks, require_quota
from verifier.stage.errors import AgreementGapError, ScenarioFileError
from verifier.synthetic import output
from verifier.synthetic.population import Population, Tally

TODAY = date(2026, 6, 1)
NAME = "SOMEBODY SYNTHETIC"
NIK = "3273010101909001"
ASK = Ask(purpose="loan", legal_basis="contract", anchor="name", others=("birth_date", "mother_name"))
TOML = f"""
[[scenarios]]
purpose = "loan"
nik = "{NIK}"
expect = "match"
claims = {{ name = "{NAME}" }}
[[scenarios]]
purpose = "other"
legal_basis = "consent"
kind = "consent"
nik = "{NIK}"
expect = "MATCH_NOT_ACTIVE"
claims = {{ name = "{NAME}", birth_date = "1990-01-01" }}
"""


def test_a_file_of_each_kind_gives_the_same() -> None:
    """TOML and CSV say the same questions, with the purpose's own legal basis where none is named."""
    table = (
        "purpose,nik,expect,kind,legal_basis,name,birth_date\n"
        f"loan,{NIK},match,,,{NAME},\nother,{NIK},match_not_active,consent,consent,{NAME},1990-01-01\n"
    )
    read = scenario_file.read(Path("a.toml"), TOML.encode(), {"loan": "contract"})
    assert scenario_file.read(Path("a.csv"), table.encode(), {"loan": "contract"}) == read
    assert [(each.row, each.kind, each.purpose, each.legal_basis, each.expected) for each in read] == [
        (1, "as in the file", "loan", "contract", Verdict.MATCH),
        (2, "consent", "other", "consent", Verdict.MATCH_NOT_ACTIVE),
    ]
    assert read[1].claims == {"name": NAME, "birth_date": "1990-01-01"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1 to 10,000 scenarios"),
        ("scenarios = 3", "1 to 10,000 scenarios"),
        ("[[scenarios]", "not readable"),
        (TOML.replace('expect = "match"', ""), "scenario 1: lacks expect"),
        (TOML.replace('expect = "match"', 'expect = "yes"'), "scenario 1: unknown verdict"),
        (TOML.replace("{ name =", "{ nama ="), "scenario 1: unknown attribute"),
        (TOML.replace('kind = "consent"', "kind = 3"), "scenario 2: every value is a text"),
        (TOML.replace('kind = "consent"', 'sort = "x"'), "scenario 2: unknown sort"),
        (TOML.replace('legal_basis = "consent"', 'legal_basis = "whim"'), "scenario 2: unknown legalbasis"),
        (TOML.replace('"loan"', '"gift"'), "scenario 1: the agreement has no such purpose"),
    ],
)
def test_a_wrong_file_is_told_by_the_scenarios_number(text: str, told: str) -> None:
    """Each fault names the scenario and what is wrong, and never what is asked."""
    with pytest.raises(ScenarioFileError) as caught:
        scenario_file.read(Path("a.toml"), text.encode(), {"loan": "contract"})
    assert told in str(caught.value)
    assert NAME not in str(caught.value)
    assert NIK not in str(caught.value)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[casting.Actor]:
    """People of a source with doubled and broken rows."""
    rows = list(Population(people=400, seed=8, faults=False).rows(Tally()))
    rows += [list(rows[0]), ["not a number", *rows[1][1:]]]
    path = tmp_path_factory.mktemp("source") / "people.csv"
    output.write(path, COLUMNS, rows)
    return casting.actors(open_source(str(path)), FieldMap(), TODAY)


def test_actors_are_what_a_load_would_take(people: list[casting.Actor]) -> None:
    """Doubled and broken rows play no part; a row's number is that of the source."""
    assert [actor.row for actor in people] == list(range(1, 401))
    assert any(not actor.alive for actor in people)
    assert all("name" in actor.claims for actor in people)


def test_scenarios_try_what_they_say(people: list[casting.Actor]) -> None:
    """True claims are the row's own, changed ones are not; the dead are expected as such, and nobody is held."""
    made = casting.cast(people, [ASK, replace(ASK, purpose="other")], each=8, source=random.Random(1))
    actors = {actor.row: actor for actor in people}
    kinds = {kind: [each for each in made if each.kind == kind] for kind in {each.kind for each in made}}
    assert len(kinds[casting.TRUE]) == 16
    for each in kinds[casting.TRUE] + kinds[casting.DECEASED]:
        actor = actors[each.row]
        assert each.nik == actor.nik
        assert each.claims.items() <= actor.claims.items()
        assert each.expected is (Verdict.MATCH if actor.alive else Verdict.MATCH_NOT_ACTIVE)
    for each in kinds[casting.CHANGED]:
        assert each.claims["name"] != actors[each.row].claims["name"]
    for each in kinds[casting.PARTLY]:
        assert each.claims["name"] == actors[each.row].claims["name"]
        assert each.claims["birth_date"] != actors[each.row].claims["birth_date"]
    wrong = [each for each in made if each.expected is Verdict.NO_MATCH and each.row]
    assert len({each.row for each in wrong}) == len(wrong) > 4
    assert {(each.row, each.expected) for each in kinds[casting.UNKNOWN]} == {(0, Verdict.NO_MATCH)}
    assert not any(each.nik in {actor.nik for actor in people} for each in kinds[casting.UNKNOWN])


def test_nothing_of_a_question_shows(people: list[casting.Actor]) -> None:
    """A scenario and an actor tell rows and kinds alone, and a scenario is not pickled."""
    (first, *_) = casting.cast(people, [ASK], each=1, source=random.Random(2))
    for shown in (repr(first), repr(people[0])):
        assert people[0].nik not in shown
        assert first.nik not in shown
        assert people[0].claims["name"] not in shown
    with pytest.raises(TypeError):
        pickle.dumps(first)


def test_nobody_has_the_numbers_of_a_load() -> None:
    """Such a number is valid, of a region that does not exist, and synthetic at sight."""
    numbers = [nobody.number(random.Random(seed)) for seed in range(300)]
    for number in numbers:
        assert nik_grammar.parse(number, TODAY).prefix == nobody.REGION
        assert int(number[12:]) >= 9_000
    assert len(set(numbers)) > 290


def granted(*purposes: service.Purpose, quota: int = 100) -> service.ServiceInfo:
    """Say that these purposes are granted."""
    agreement = service.Agreement(
        agreement_id="a", version=1, valid_from=None, valid_until=None, daily_quota=quota, purposes=purposes
    )
    limits = service.Limits(
        max_request_bytes=1, max_claims=1, max_claim_bytes=1, max_deadline_ms=1, replay_window_seconds=1
    )
    return service.ServiceInfo(
        service_version="", registry_id="", environment="", role="", time=None, epochs=(), keys=(),
        agreement=agreement if purposes else None, code_lists=(), limits=limits, profiles=(), normaliser_version="",
    )  # fmt: skip


PURPOSE = service.Purpose(
    code="loan", lawful_use="", attributes=("name", "sex", "birth_date"), anchors=("name",), profile="",
    answer_form="", legal_bases=("consent", "contract"), ages=(), region_levels=(), subject_budget=3,
)  # fmt: skip


def test_a_purpose_is_asked_under_by_its_anchor() -> None:
    """Text attributes are claimed, coded ones are not, and consent names a receipt."""
    (ask,) = asks(granted(PURPOSE))
    assert (ask.anchor, ask.others, ask.legal_basis, ask.consent_receipt) == (
        "name", ("birth_date",), "consent", "padan-stage",
    )  # fmt: skip
    assert ASK.consent_receipt == ""


def test_what_cannot_be_asked_is_told() -> None:
    """No agreement, an unknown purpose, one without an anchor of ours, and a quota that is too small."""
    with pytest.raises(AgreementGapError, match="anchor"):
        asks(granted())
    with pytest.raises(AgreementGapError, match="no purpose gift"):
        asks(granted(PURPOSE), ["gift"])
    with pytest.raises(AgreementGapError, match="anchor"):
        asks(granted(replace(PURPOSE, anchors=("address",))))
    require_quota(granted(PURPOSE), 100)
    with pytest.raises(AgreementGapError, match="101 calls"):
        require_quota(granted(PURPOSE), 101)
