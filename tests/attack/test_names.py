"""Attack 20: what is accepted of differently written names, through the whole core, and that nobody else's is.

The pairs are those of $PADAN_DATA/name-variants.json where the variable is set, else generated ones; the generator's
rules were written apart from the normaliser.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import names_generator
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.people import AS_OF, BUDI
from tests.service import request
from tests.simulator.world import World
from tests.terms import Terms
from tokenizer.codes import CodeLists
from tokenizer.errors import RowError
from tokenizer.person import Person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Pairs = Mapping[str, Sequence[tuple[str, str]]]

pytestmark = pytest.mark.attack

REACH = 0.95
FORGIVEN = ("title", "spacing", "apostrophe", "old_spelling", "muhammad")
TOLERANT_ONLY = ("old_spelling", "muhammad")
OTHERS = "person_different"
_APART = ("other_word", "sibling", "missing_word")
"""Classes of other people that share no writing by chance, as one-letter twins may."""
_COUNTS = [150, pytest.param(2_000, marks=pytest.mark.long)]
_BY_CHANCE = 0.001
"""Share of generated other people that a rule may take for one: ANDI is a name, and a title that may be left out."""
_PURPOSES = {"tolerant": "service", "strict": "strict"}


def given() -> Pairs | None:
    """Read the given pairs; None where no folder is named."""
    folder = os.environ.get("PADAN_DATA")
    if not folder:
        return None
    data = json.loads((Path(folder) / "name-variants.json").read_text(encoding="utf-8"))
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, one, other, *_ in data["person_equivalent"]:
        pairs[name].append((one, other))
    pairs[OTHERS] = [(one, other) for one, other in data[OTHERS]]
    return pairs


def generated(count: int) -> Pairs:
    """Generate pairs."""
    pairs = {name: names_generator.pairs(name, count, seed=20) for name in FORGIVEN}
    pairs[OTHERS] = [pair for name in _APART for pair in names_generator.pairs(name, count, seed=20)]
    return pairs


def accepted(pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Store one writing of each pair as a resident's name, claim the other, and count the matches of each profile.

    A writing that is refused, as a row or as a claim, counts as not accepted.
    """
    people = {
        f"3273010101{number // 9_000:02}{number % 9_000 + 1_000}": pair for number, pair in enumerate(pairs)
    }
    world = World(
        seed=20,
        agencies={"tax": Terms(subject=10**6, prefix=10**6)},
        people=[row for nik, (stored, _) in people.items() if can_be_held(row := resident(nik, stored))],
    )
    world.core._drafts._joint_subject = world.core._drafts._joint_prefix = 10**9
    return {profile: sum(confirmed(world, nik, pair[1], purpose) for nik, pair in people.items())
            for profile, purpose in _PURPOSES.items()}  # fmt: skip


def resident(nik: str, name: str) -> dict[str, str]:
    """Write a row of the registry."""
    return {**BUDI, "NIK": nik, "NAMA_LGKP": name}


def can_be_held(row: dict[str, str]) -> bool:
    """Say whether the registry's row would be loaded."""
    try:
        Person.from_registry(row, codes=CodeLists.load(), today=AS_OF)
    except RowError:
        return False
    return True


def confirmed(world: World, nik: str, name: str, purpose: str) -> bool:
    """Ask whether a name is the resident's."""
    (reply,) = world.ask("tax", request(nik=nik, claims={vocabulary.ATTRIBUTE_NAME: name}, purpose=purpose))
    if reply.body is None:
        return False
    return verification_pb2.VerifyResponse.FromString(reply.body).outcome == vocabulary.VERDICT_MATCH


def measure(source: str, pairs: Pairs) -> dict[str, dict[str, int]]:
    """Measure each class and print it."""
    found = {name: accepted(pairs[name]) for name in (*FORGIVEN, OTHERS)}
    for name, profiles in found.items():
        counts = ", ".join(f"{profile} {good}" for profile, good in profiles.items())
        sys.stdout.write(f"\n{source:<10}{name:<18}{len(pairs[name]):>6} pairs, accepted: {counts}")
    for name in FORGIVEN:
        assert found[name]["tolerant"] >= REACH * len(pairs[name]), (source, name)
    for name in TOLERANT_ONLY:
        assert found[name]["strict"] == 0, (source, name)
    assert found[OTHERS]["strict"] == 0, source
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", _COUNTS)
def test_names_are_the_same_however_they_are_written(count: int) -> None:
    """Tolerant accepts at least 95 % of each forgiven class; strict no tolerant-only writing; neither other people."""
    pairs = generated(count)
    found = measure("generated", pairs)
    assert found[OTHERS]["tolerant"] <= _BY_CHANCE * len(pairs[OTHERS])
    if variants := given():
        assert measure("given", variants)[OTHERS]["tolerant"] == 0
