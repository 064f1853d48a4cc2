"""The keys of counters, and when a budget has no room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keys.mac import MacKey
from keys.realm import Realm
from verifier import budget
from verifier.budget import CounterKeys, Limits

KEYS = CounterKeys(MacKey(bytes(range(32))), Realm(registry_id="r", environment="development"))
SUBJECT, PREFIX = b"s" * 16, b"p" * 16
LIMITS = Limits(subject=5, prefix=20, agency=100, officer=50, joint_subject=8, joint_prefix=30)


def counters(**changes: object) -> budget.Counters:
    """Compute the counters of one question."""
    arguments = {"agency": "tax", "officer": "o", "subject": SUBJECT, "prefix": PREFIX, **changes}
    return KEYS.of(**arguments)  # type: ignore[arg-type]  # a table of arguments


def test_no_two_counters_share_a_key() -> None:
    """The same subject under different scopes, agencies and officers has different keys."""
    keys = [
        *counters().all(),
        counters(agency="ta", officer="xo").officer,
        counters(officer="p").officer,
        counters(agency="health").agency_subject,
        counters(subject=PREFIX).subject,
    ]
    assert len(set(keys)) == len(keys)


def test_what_is_about_a_subject_alone_does_not_depend_on_who_asks() -> None:
    """Budgets over all agencies are found from every agency."""
    assert counters().subject == counters(agency="health", officer="x").subject
    assert counters().prefix == counters(agency="health", officer="x").prefix


def test_the_floor_exempts_from_the_joint_budgets_only() -> None:
    """The first two guesses of an agency are not stopped by what others spent, but by its own budgets they are."""
    asked = counters()
    spent_by_others = {asked.subject: 100, asked.prefix: 100}
    assert not budget.standing(asked, spent_by_others, LIMITS, 1).blocked
    assert budget.standing(asked, {**spent_by_others, asked.agency_subject: 2}, LIMITS, 1).blocked
    assert budget.standing(asked, {**spent_by_others, asked.officer: 50}, LIMITS, 1).blocked


def test_a_request_that_might_not_fit_is_blocked_whatever_it_would_answer() -> None:
    """Room is judged by the bound of the cost."""
    asked = counters()
    assert not budget.standing(asked, {asked.agency_subject: 3}, LIMITS, 2).blocked
    assert budget.standing(asked, {asked.agency_subject: 3}, LIMITS, 3).blocked


def test_only_a_prefix_says_that_it_is_one() -> None:
    """Auditors are told of prefixes; a subject's own budget is no alert."""
    asked = counters()
    assert budget.standing(asked, {asked.agency_prefix: 20}, LIMITS, 1).prefix_blocked
    assert not budget.standing(asked, {asked.agency_subject: 5}, LIMITS, 1).prefix_blocked


@given(costs=st.lists(st.integers(1, 4), max_size=40))
def test_no_budget_is_ever_exceeded(costs: list[int]) -> None:
    """Whatever the costs, what is charged stays within every own limit."""
    asked, used = counters(), dict[bytes, int]()
    for cost in costs:
        if not budget.standing(asked, used, LIMITS, cost).blocked:
            budget.charge(asked, used, cost)
    assert used.get(asked.agency_subject, 0) <= LIMITS.subject
    assert used.get(asked.subject, 0) <= LIMITS.joint_subject
