"""The table of purposes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keys.purpose import RULES, TYPE_URLS, Algorithm, Purpose, TokenDomain, is_known, parse, purpose_of, rules

INITIAL = {
    "index",
    "attribute",
    "outer-token",
    "row-seal",
    "handle",
    "budget",
    "tombstone",
    "token-tag",
    "token-index",
    "match-domain",
    "set",
    "replay",
    "log-signing",
    "receipt-signing",
    "projector-feed",
}


def test_every_purpose_has_rules_and_every_algorithm_a_name() -> None:
    """The tables are complete."""
    assert set(RULES) == set(Purpose)
    assert set(TYPE_URLS) == set(Algorithm)


def test_a_new_keyring_holds_what_a_new_service_needs() -> None:
    """Exactly these purposes have a key from the start."""
    assert {str(purpose) for purpose in Purpose if rules(purpose).initial} == INITIAL


@pytest.mark.parametrize("purpose", Purpose)
def test_cryptoperiods_stay_within_the_recommendation(purpose: Purpose) -> None:
    """SP 800-57: at most two years of making, three more of reading; permanent keys are three and say so."""
    found = rules(purpose)
    assert found.size == 32
    if found.permanent:
        assert found.protects is None
        assert purpose in {Purpose.BUDGET, Purpose.HANDLE, Purpose.TOMBSTONE}
        return
    assert found.protects is not None
    assert found.protects <= timedelta(days=730)
    if found.processes is not None:
        assert found.protects < found.processes <= found.protects + timedelta(days=3 * 365)
    else:
        assert found.algorithm is Algorithm.ED25519


def test_keysets_of_token_domains_are_named_with_them() -> None:
    """A domain's keys have a keyset of their own, under the rules of their purpose."""
    name = parse("token-domain/health")
    assert isinstance(name, TokenDomain)
    assert (str(name), name.domain, purpose_of(name)) == (
        "token-domain/health",
        "health",
        Purpose.TOKEN_DOMAIN,
    )
    assert rules(name) is RULES[Purpose.TOKEN_DOMAIN]
    assert parse("index") is Purpose.INDEX


@pytest.mark.parametrize(
    "text",
    ["token-domain", "token-domain/", "token-domain/Health", "token-domain/a/b", "index/health", "token-domain/-a", ""],
)  # fmt: skip
def test_other_names_are_none(text: str) -> None:
    """A domain is wanted where the purpose has domains, and nowhere else."""
    assert not is_known(text)
    with pytest.raises(ValueError, match=r"domain|valid"):
        parse(text)
