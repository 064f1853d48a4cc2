"""Labels and prefixes of keyed values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import KeyUseError
from keys.realm import NAME, Realm

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = st.from_regex(NAME, fullmatch=True)


def test_prefixes_are_those_of_the_vectors(golden: dict[str, Any]) -> None:
    """A prefix is label, source, attribute and profile, to the byte."""
    for case in golden["keyed_values"]:
        realm = Realm(registry_id=case["registry"], environment=case["environment"])
        prefix = realm.prefix(
            case["construction"],
            source=case["source"],
            attribute=case["attribute"],
            profile=case["profile"],
            fmt=case["format"],
        )
        assert prefix.hex() == case["prefix"]


@given(NAMES, NAMES, NAMES, NAMES, st.text(max_size=9), st.text(max_size=9))
def test_different_parts_never_share_a_label(a: str, b: str, c: str, d: str, e: str, f: str) -> None:  # noqa: PLR0917
    """Two labels are equal only if every part is."""
    one = Realm(registry_id=a, environment=b).label(e)
    other = Realm(registry_id=c, environment=d).label(f)
    assert (one == other) == ((a, b, e) == (c, d, f))


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a" * 64, "a\n", "é"])
def test_a_name_outside_the_grammar_is_refused(name: str) -> None:
    """A registry id or environment that breaks the grammar makes no realm."""
    with pytest.raises(KeyUseError, match="1 to 63"):
        Realm(registry_id=name, environment="development")
    with pytest.raises(KeyUseError, match="1 to 63"):
        Realm(registry_id="registry", environment=name)


@pytest.mark.parametrize(
    "make",
    [
        lambda realm: realm.prefix("x", source=2**16),
        lambda realm: realm.prefix("x", attribute=-1),
        lambda realm: realm.prefix("x", profile=256),
    ],
)
def test_a_number_that_does_not_fit_is_refused(realm: Realm, make: Callable[[Realm], bytes]) -> None:
    """Source and attribute are 16 bits, a profile is 8."""
    with pytest.raises(KeyUseError, match="fit"):
        make(realm)


def test_only_the_word_development_is_development() -> None:
    """What is relaxed in development is relaxed nowhere else."""
    assert Realm(registry_id="r", environment="development").is_development
    assert not Realm(registry_id="r", environment="dev").is_development
    assert not Realm(registry_id="r", environment="production").is_development
