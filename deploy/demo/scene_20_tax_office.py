"""A tax office: do number and name belong together, to the letter?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.demo.demo import Stopwatch
from deploy.demo.people import unknown_number, with_typing_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    import padan
    from deploy.demo.demo import Demo
    from padan.vocabulary import Verdict

TITLE = "tax office: do number and name belong together? (one verdict, strict)"
AGENCY = "tax-office"
PURPOSE = "taxpayer-registration"
TAXPAYERS, WRONG = 200, 20
TRY = ((AGENCY, "padan verify --input right.json"), (AGENCY, "padan-audit list --limit 10"))


def play(demo: Demo) -> None:
    """Ask by the command line, then about many taxpayers by the Python client."""
    stage, people = demo.stage, demo.people
    one = people.take(lambda resident: resident.alive and resident.has_long_name)
    question = {"nik": one.nik, "purpose": PURPOSE, "officer": "registration-1", "legal_basis": "legal_duty"}
    demo.verify(AGENCY, "right", {**question, "claims": {"name": one.name.lower()}})
    demo.verify(AGENCY, "typed-wrong", {**question, "claims": {"name": with_typing_error(one.name)}}, code=1)
    stage.say(
        f"Capitals and spacing do not matter; a letter does. Now {TAXPAYERS} taxpayers one after the other by the"
        f" Python client, with {WRONG} typing errors and {WRONG} numbers that nobody has:"
    )
    stage.show(
        "client.verify(nik=…, claims={'name': …}, purpose='taxpayer-registration', officer='registration-2',"
        " legal_basis='legal_duty')"
    )
    watch = Stopwatch()
    with demo.client(AGENCY) as client:
        answers = list(_ask(demo, client, watch))
    verdicts = {
        kind: {answer.name for found, answer in answers if found == kind}
        for kind in ("right", "typo", "unknown")
    }
    stage.expect("every right name is confirmed", verdicts["right"], {"MATCH"})
    stage.expect("no name with a typing error is", verdicts["typo"], {"NO_MATCH"})
    stage.expect("a number that nobody has is answered like a wrong name", verdicts["unknown"], {"NO_MATCH"})
    stage.figure("an answer, one at a time (p50)", watch.p50)


def _ask(demo: Demo, client: padan.Client, watch: Stopwatch) -> Iterator[tuple[str, Verdict]]:
    taxpayers = demo.people.take_many(TAXPAYERS, lambda resident: resident.alive and resident.has_long_name)
    for place, resident in enumerate(taxpayers):
        nik, name, kind = resident.nik, resident.name, "right"
        if place < WRONG:
            name, kind = with_typing_error(name), "typo"
        elif place < 2 * WRONG:
            nik, kind = unknown_number(resident), "unknown"
        with watch.call():
            answer = demo.ask(
                client,
                AGENCY,
                nik=nik,
                claims={"name": name},
                purpose=PURPOSE,
                officer="registration-2",
                legal_basis="legal_duty",
            )
        yield kind, answer.outcome
