"""The linter: a table of agreements that would be oracles, unlawful or useless, and the rule that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from verifier.agreement import vocabulary
from verifier.agreement.finding import Severity
from verifier.agreement.lint import LintFinding, lint
from verifier.agreement.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_780_000_000.0  # 2026-05-28
SECOND_PURPOSE = """
[[purposes]]
code = "second"
title = "t"
clause = "c"
lawful_use = "public_service"
legal_bases = ["public_task"]
attributes = ["name", "age_at_least"]
anchors = ["name"]
answer_form = "overall"
profile = "strict"
ages = [{ages}]
"""


def findings(data: bytes, now: float = NOW) -> dict[str, LintFinding]:
    """Lint a document, by rule."""
    return {found.rule: found for found in lint(parse(data).agreement, now=now, code_lists={15: {"1", "2"}})}


def test_the_document_is_clean(document: str) -> None:
    """The document that the cases change has nothing wrong with it."""
    assert findings(document.encode()) == {}


FINGER: dict[str, str | None] = {
    "attributes": '["name", "finger"]',
    "anchors": '["finger"]',
    "ages": None,
    "region_levels": None,
    "biometrics": '{ level = "high", require_device = true, presentation_attack = "none_found" }',
    "sensitivity": '"specific"',
    "dpia": '"DPIA-1"',
}
"""A purpose with a modality as its only anchor, which has nothing wrong with it."""
ERRORS = [
    ("no-anchor", {"anchors": "[]"}),
    *[
        (
            "implied-anchor",
            {"anchors": f'["{name}"]', "attributes": f'["{name}"]', "ages": None, "region_levels": None},
        )
        for name in ("birth_date", "sex", "district", "regency", "province", "citizenship", "religion")
    ],
    (
        "implied-anchor",
        {"anchors": '["alive"]', "attributes": '["alive"]', "ages": None, "region_levels": None},
    ),
    ("implied-anchor", {"anchors": '["life_status"]', "attributes": '["life_status"]'}),
    ("implied-anchor", {"anchors": '["name", "age_at_least"]'}),
    ("implied-anchor", {"anchors": '["resident_in_region"]'}),
    *[
        (
            "weak-anchor",
            {"anchors": f'["{name}"]', "attributes": f'["{name}"]', "ages": None, "region_levels": None},
        )
        for name in (
            "rt",
            "rw",
            "village",
            "birth_place",
            "occupation",
            "education",
            "blood_type",
            "marital_status",
        )
    ],
    ("anchor-not-granted", {"anchors": '["mother_name"]'}),
    ("anchor-not-granted", {"attributes": '["address"]', "anchors": '["address"]', "ages": None}),
    ("small-budget", {"subject_per_day": "2"}),
    ("small-budget", {"subject_per_day": "5", "answer_form": '"per_claim"'}),
    ("large-budget", {"subject_per_day": "19", "answer_form": '"per_claim"'}),
    ("large-budget", {"subject_per_day": "11"}),
    ("small-budget", FINGER | {"attributes": '["name", "face", "finger"]', "subject_per_day": "1"}),
    (
        "large-budget",
        FINGER
        | {
            "attributes": '["name", "face", "finger", "iris", "alive", "age_at_least", "resident_in_region"]',
            "ages": "[17]",
            "region_levels": "[4]",
            "subject_per_day": "11",
        },
    ),
    ("prefix-budget", {"prefix_per_day": "101"}),
    ("ages", {"ages": "[17, 18]"}),
    ("ages", {"ages": "[10, 20, 30, 40, 50]"}),
    ("region-levels", {"region_levels": "[2, 4, 6]"}),
    ("parameter", {"ages": "[]"}),
    ("parameter", {"region_levels": "[]"}),
    ("parameter", {"attributes": '["name", "address", "rt", "rw", "resident_in_region"]'}),
    ("existence", {"existence_reason": '"yes"'}),
    ("sensitivity", {"attributes": '["name", "blood_type"]', "anchors": '["name"]'}),
    ("dpia", {"sensitivity": '"specific"'}),
    ("approval", {"sensitivity": '"protected"', "dpia": '"D-1"', "lawful_use": '"law_enforcement"'}),
    ("lawful-use", {"sensitivity": '"protected"', "dpia": '"D-1"', "approval": '"A-1"'}),
    ("open-network", {"source_addresses": '["0.0.0.0/0"]'}),
    ("open-network", {"source_addresses": '["::/0"]'}),
    ("open-network", {"source_addresses": '["10.0.0.0/7"]'}),
    ("not-available", {"source_addresses": '["10.0.0.0/8"]\nminimum_tls = "1.3"'}),
    ("enrolment-domain", {"enrolments": '[{ class = "aid", ask = true }]'}),
    ("enrolment-empty", {"enrolments": '[{ class = "aid" }]\ntoken_domain = "aid"'}),
    ("conversion", {"conversions": '["tax"]'}),
    ("conversion", {"converted_from": '["tax"]'}),
    ("conversion", {"token_domain": '"tax"', "conversions": '["aid", "tax"]'}),
    ("conversion", {"token_domain": '"tax"', "converted_from": '["tax"]'}),
    ("conversion", {"token_domain": '"tax"', "conversions": str([f"d{n}" for n in range(17)])}),
    ("biometrics", {"attributes": '["name", "finger"]'}),
    ("biometrics", {"biometrics": '{ level = "high" }'}),
    ("sensitivity", FINGER | {"sensitivity": '"general"'}),
    ("dpia", FINGER | {"dpia": None}),
    ("presentation", FINGER | {"biometrics": '{ level = "high", presentation_attack = "none_found" }'}),
    ("anchor-not-granted", {"anchors": '["iris"]'}),
    ("unknown-code", {"M": '"9"'}),
]


@pytest.mark.parametrize(("rule", "keys"), ERRORS)
def test_lint_refuses(change: Callable[..., bytes], rule: str, keys: dict[str, str | None]) -> None:
    """The change is refused by the rule."""
    found = findings(change(**keys))
    assert rule in found
    assert found[rule].severity is Severity.ERROR
    assert found[rule].wrong
    assert found[rule].right


WARNINGS = [
    ("knowledge-question", {"anchors": '["mother_name"]', "attributes": '["name", "mother_name"]'}, NOW),
    ("existence", {"existence_reason": '"the ministry must find numbers that were never issued"'}, NOW),
    ("expired", {}, 1_900_000_000.0),
    ("long-validity", {"until": "2040-01-01T00:00:00+07:00"}, NOW),
    (
        "enrolment-rows",
        {"enrolments": '[{ class = "aid", ask = true, lists = "rows" }]\ntoken_domain = "aid"'},
        NOW,
    ),
    ("iso27001", {"kind": '"regional"'}, NOW),
    ("iso27001", {"basis": '["x"]\niso27001_until = 2026-06-01'}, NOW),
    ("prefix-budget", {"prefix_per_day": "5"}, NOW),
    ("conversion", {"token_domain": '"tax"', "conversions": '["aid"]'}, NOW),
    ("biometric-anchor", FINGER | {"biometrics": '{ level = "substantial" }'}, NOW),
]


def test_a_modality_may_be_an_anchor(change: Callable[..., bytes]) -> None:
    """A purpose that takes captures, with level, evidence, sensitivity and impact assessment, is clean."""
    assert findings(change(**FINGER)) == {}
    both = FINGER | {"anchors": '["finger", "name"]', "biometrics": '{ level = "substantial" }'}
    assert findings(change(**both)) == {}


@pytest.mark.parametrize(("rule", "keys", "now"), WARNINGS)
def test_lint_warns(change: Callable[..., bytes], rule: str, keys: dict[str, str | None], now: float) -> None:
    """The change is allowed, and the people who sign are told."""
    assert findings(change(**keys), now)[rule].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("days", "text"),
    [(91, ""), (89, "within 90 days"), (29, "within 30 days"), (6, "within 7 days"), (-2, "has run out")],
)
def test_iso27001_is_warned_of_in_time(change: Callable[..., bytes], days: int, text: str) -> None:
    """The end of an ISO/IEC 27001 certificate is told 90, 30 and 7 days ahead."""
    data = change(basis='["x"]\niso27001_until = 2026-12-31')
    end = 1_798_761_600  # 2027-01-01T00:00:00Z, when the last day is over
    found = findings(data, end - days * 86_400).get("iso27001")
    assert (found.wrong if found else "").endswith(text)
    assert bool(found) == bool(text)


def test_ages_are_judged_over_all_purposes(document: str) -> None:
    """An agency that may ask 17 here and 18 there could put the answers together."""
    assert "ages" in findings((document + SECOND_PURPOSE.format(ages=18)).encode())
    assert "ages" not in findings((document + SECOND_PURPOSE.format(ages=21)).encode())


def test_findings_point_into_the_document(change: Callable[..., bytes]) -> None:
    """A finding's path leads to the line where the fault stands."""
    document = parse(change(anchors='["rt"]'))
    found = {each.rule: each for each in lint(document.agreement, now=NOW)}["weak-anchor"]
    line = change(anchors='["rt"]').decode().splitlines()[document.line(found.path) - 1]
    assert line.startswith("anchors")


def test_every_attribute_is_an_anchor_or_is_refused_as_one(change: Callable[..., bytes]) -> None:
    """No attribute of the contract becomes an anchor by being forgotten."""
    for name, number in vocabulary.ATTRIBUTES.items():
        granted = ", ".join(f'"{each}"' for each in sorted({name, "rt", "rw"}))
        rules = findings(change(anchors=f'["{name}"]', attributes=f"[{granted}]"))
        assert (number in vocabulary.ANCHORS) == rules.keys().isdisjoint({"weak-anchor", "implied-anchor"})
