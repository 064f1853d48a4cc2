"""A day of an agency: so many questions, most of them right, by a dozen officers. A process of its own.

python deploy/audit/traffic.py AGENCY QUESTIONS POPULATION ADDRESS, in the agency's folder
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import padan
from deploy.demo.people import People, unknown_number, with_typing_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.demo.people import Resident

AT_ONCE = 24
OFFICERS = 12
_PEOPLE = 20_000
_TYPOS, _UNKNOWN = 0.02, 0.01
"""Shares of questions with a typing error, and about numbers that nobody has."""
_PURPOSES = {
    "health-insurance": ("membership-check", "legal_duty"),
    "social-aid": ("beneficiary-list", "public_task"),
    "tax-office": ("taxpayer-registration", "legal_duty"),
}
_SECONDS = 30.0


def questions(people: list[Resident], count: int, source: random.Random) -> Iterator[tuple[str, str, str]]:
    """Draw questions: number, name, officer."""
    for resident in itertools.islice(itertools.cycle(people), count):
        nik, name, chance = resident.nik, resident.name, source.random()
        if chance < _TYPOS and resident.has_long_name:
            name = with_typing_error(name)
        elif chance < _TYPOS + _UNKNOWN:
            nik = unknown_number(resident)
        yield nik, name, f"desk-{source.randrange(OFFICERS) + 1}"


def main() -> None:
    """Ask, and print how many answers came."""
    parser = argparse.ArgumentParser(description="Ask many questions as an agency.")
    parser.add_argument("agency", choices=sorted(_PURPOSES))
    parser.add_argument("questions", type=int)
    parser.add_argument("population", type=Path)
    parser.add_argument("address", help="of the service")
    chosen = parser.parse_args()
    people = People(chosen.population).take_many(_PEOPLE)
    source = random.Random(chosen.agency)  # noqa: S311 - the same day each time, nothing here is secret
    source.shuffle(people)
    purpose, basis = _PURPOSES[chosen.agency]
    with (
        padan.Client.from_files(
            chosen.address, ca="ca.pem", cert="agency.pem", key="agency.key", timeout=_SECONDS
        ) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def ask(question: tuple[str, str, str]) -> str:
            nik, name, officer = question
            answer = client.verify(
                nik=nik, claims={"name": name}, purpose=purpose, officer=officer, legal_basis=basis
            )
            return answer.outcome.name

        answers = sum(1 for _ in pool.map(ask, questions(people, chosen.questions, source)))
    sys.stdout.write(f"{answers:,} answers\n")


if __name__ == "__main__":
    main()
