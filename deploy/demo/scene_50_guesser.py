"""Who should not be here: a stranger with a certificate of his own making, and an official who guesses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from deploy.demo.people import unknown_number

if TYPE_CHECKING:
    import padan
    from deploy.demo.demo import Demo
    from deploy.demo.people import Resident

TITLE = "a stranger, and an official who guesses"
STRANGER, AGENCY, OTHER = "stranger", "tax-office", "social-aid"
OFFICER = "curious-1"
BUDGET, PREFIX_BUDGET = 3, 30
"""Failed guesses a day in the tax office's agreement: about one resident, about one prefix of twelve digits."""
GUESSES, SERIALS = 12, 40
_NO = 1
TRY = ()


def play(demo: Demo) -> None:
    """Refuse the stranger's handshake; spend a resident's budget and a prefix's."""
    _stranger(demo)
    victim = demo.people.take(lambda resident: resident.alive and resident.has_long_name)
    with demo.client(AGENCY) as client:
        _guess_names(demo, client, victim)
        _walk_serials(demo, client, victim)
    with demo.client(OTHER) as client:
        answer = demo.ask(
            client,
            OTHER,
            nik=victim.nik,
            claims={"name": victim.name},
            purpose="beneficiary-list",
            officer="list-1",
        )
    demo.stage.expect("nobody is locked out of another agency", answer.outcome.name, "MATCH")


def _stranger(demo: Demo) -> None:
    stage = demo.stage
    stage.say(
        "The stranger makes a CA of the same name, and signs himself a certificate that says tax-office:"
    )
    stage.run(STRANGER, f"padan init --agency {AGENCY} --out . --address {demo.address}", lines=1)
    stage.run(STRANGER, "padan-server init fake --registry registry.example", lines=1)
    stage.run(
        STRANGER,
        f"padan-server --config fake/padan.toml agency enrol {AGENCY} --csr agency.csr --out agency.pem"
        " && cp ../tax-office/ca.pem .",
        lines=1,
    )
    done = stage.run(STRANGER, "padan check --timeout 10", code=_NO)
    stage.expect("the handshake refuses him", "FAILED   handshake" in done.out)


def _guess_names(demo: Demo, client: padan.Client, victim: Resident) -> None:
    """Guess many names of one resident at the same time."""
    stage = demo.stage
    stage.say(
        f"An official of the tax office has somebody's number and wants the name: {GUESSES} guesses at once."
        f" The agreement has room for {BUDGET} a day, counted in the transaction that writes the log."
    )
    with ThreadPoolExecutor(GUESSES) as pool:
        names = [f"GUESS {chr(ord('A') + place)}" for place in range(GUESSES)]
        verdicts = list(pool.map(lambda name: _verdict(demo, client, victim.nik, name), names))
    stage.show(" ".join(verdicts))
    stage.expect(
        "so many guesses and no more",
        sorted(verdicts),
        ["BLOCKED"] * (GUESSES - BUDGET) + ["NO_MATCH"] * BUDGET,
    )
    stage.expect(
        "then also the right name is BLOCKED", _verdict(demo, client, victim.nik, victim.name), "BLOCKED"
    )


def _walk_serials(demo: Demo, client: padan.Client, victim: Resident) -> None:
    """Look for a number that is held, among those of one place, day and sex."""
    stage = demo.stage
    stage.say(
        f"Then {SERIALS} numbers of one place, birth date and sex, one after the other, held or not: the answers"
        f" do not tell which, and after {PREFIX_BUDGET} failures about one prefix nothing is answered."
    )
    prefix = _other_prefix(victim)
    verdicts = [
        _verdict(demo, client, f"{prefix}{serial:04}", "SITI AMINAH") for serial in range(1, SERIALS + 1)
    ]
    stage.show(", ".join(f"{verdict} {len(list(run))} times" for verdict, run in groupby(verdicts)))
    wanted = ["NO_MATCH"] * PREFIX_BUDGET + ["BLOCKED"] * (SERIALS - PREFIX_BUDGET)
    stage.expect("walking through the serials ends", verdicts, wanted)


def _other_prefix(victim: Resident) -> str:
    """Choose a prefix that no other scene asked about: the victim's district, on a day in 1930."""
    return f"{unknown_number(victim)[:6]}010130"


def _verdict(demo: Demo, client: padan.Client, nik: str, name: str) -> str:
    return demo.ask(
        client,
        AGENCY,
        nik=nik,
        claims={"name": name},
        purpose="taxpayer-registration",
        officer=OFFICER,
        legal_basis="legal_duty",
    ).outcome.name
