"""Stage scenario: questions whose answers are known, played through the client and compared.

What differs is told by the scenario's number and kind, never by what was asked.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from padan.errors import PadanError
from verifier.stage.asking import CONSENT, OFFICER
from verifier.stage.report import Criterion, Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.client import Client
    from padan.vocabulary import Verdict

MOST_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A question and its answer.

    Attributes:
        row: its number in the file, or of the source's row that it is made from; 0 for nobody's.
        kind: what it tries.
        purpose: code of the purpose.
        nik: the number asked about.
        claims: attribute to what is claimed.
        legal_basis: why it may be asked.
        expected: the outcome.
    """

    row: int
    kind: str
    purpose: str
    nik: str = field(repr=False)
    claims: Mapping[str, str] = field(repr=False)
    legal_basis: str
    expected: Verdict

    def __reduce__(self) -> NoReturn:
        raise TypeError("a scenario is not pickled")


def play(
    client: Client,
    scenarios: Sequence[Scenario],
    *,
    rate: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Findings:
    """Ask every question, no faster than is asked.

    Args:
        client: of the agency.
        scenarios: what is played.
        rate: questions a second at most.
        clock: monotonic, seconds.
        sleep: waits.
    """
    played: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    wrong: list[dict[str, object]] = []
    began = clock()
    for number, scenario in enumerate(scenarios):
        sleep(max(0.0, began + number / rate - clock()))
        found = _outcome(client, scenario)
        key = scenario.purpose, scenario.kind
        played[key] += 1
        if found == scenario.expected.label:
            right[key] += 1
        else:
            wrong.append(
                {
                    "row": scenario.row,
                    "kind": scenario.kind,
                    "purpose": scenario.purpose,
                    "expected": scenario.expected.label,
                    "found": found,
                }
            )
    criteria = [
        Criterion(
            name=f"{purpose}: {kind}",
            wanted=f"{count} as expected",
            found=f"{right[purpose, kind]}",
            passed=right[purpose, kind] == count,
        )
        for (purpose, kind), count in sorted(played.items())
    ]
    if not scenarios:
        criteria.append(Criterion(name="scenarios", wanted="at least one", found="none", passed=False))
    return Findings(
        criteria=criteria,
        figures={"scenarios": len(scenarios), "wrong": len(wrong), "wrong_rows": wrong[:MOST_LISTED]},
    )


def _outcome(client: Client, scenario: Scenario) -> str:
    try:
        answer = client.verify(
            nik=scenario.nik,
            claims=scenario.claims,
            purpose=scenario.purpose,
            officer=OFFICER,
            legal_basis=scenario.legal_basis,
            consent_receipt=CONSENT if scenario.legal_basis == "consent" else "",
        )
    except PadanError as error:
        return error.reason or type(error).__name__
    return answer.outcome.label
