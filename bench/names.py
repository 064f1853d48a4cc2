"""Which generated pairs of names each profile accepts, by class, in per cent. Options: number of pairs, seed."""

from __future__ import annotations

import sys
from datetime import date

from bench import names_generator
from tokenizer.attribute import Attribute
from tokenizer.measure import Pair, measure

TODAY = date(2026, 6, 1)
CLASSES = (*names_generator.SAME, *names_generator.DIFFERENT, *names_generator.DEBATABLE)


def main(count: int = 2000, seed: int = 1) -> None:
    """Measure every class and print a line for each."""
    print(f"{'class':<16}{'pairs':>8}{'strict %':>10}{'tolerant %':>12}")
    for name in CLASSES:
        pairs = [
            Pair(name=name, attribute=Attribute.NAME, stored=one, claimed=other)
            for one, other in names_generator.pairs(name, count, seed=seed)
        ]
        levels = measure(pairs, today=TODAY)["levels"]
        strict, tolerant = (
            100 * levels[level]["classes"][name]["accepted"] / count for level in ("strict", "tolerant")
        )
        print(f"{name:<16}{count:>8}{strict:>10.2f}{tolerant:>12.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
