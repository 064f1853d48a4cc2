"""A health insurance: is the member alive, and does the member live where the file says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.demo.demo import Demo
    from deploy.demo.people import Resident
    from deploy.demo.stage import Done

TITLE = "health insurance: alive, and where? (per claim, tolerant)"
AGENCY = "health-insurance"
TRY = (
    (AGENCY, "padan info"),
    (AGENCY, "padan verify --input living.json"),
)


def play(demo: Demo) -> None:
    """Ask about a living member, one who has moved, and one who has died; prove what was answered."""
    stage, people = demo.stage, demo.people
    living = people.take(lambda resident: resident.alive and resident.has_address)
    moved = people.take(
        lambda resident: resident.alive and resident.has_address and resident.address != living.address
    )
    dead = people.take(lambda resident: resident.dead and resident.has_address)
    done = stage.run(AGENCY, "padan check --timeout 10")
    stage.expect("nothing stands in the way", done.out.count("ok "), 9)
    demo.refused[AGENCY] += 1  # the last step of the check asks for a purpose that nobody granted

    done = demo.verify(
        AGENCY,
        "living",
        _question(living, living),
        options="--save-request asked.bin --save-receipt receipt.jws",
    )
    stage.expect("alive, at this address", _verdicts(done), ["MATCH"] * 6)

    done = demo.verify(AGENCY, "moved", _question(moved, living), code=1)
    stage.expect(
        "the name is right, the address is another",
        _verdicts(done)[:3],
        ["NO_MATCH", "MATCH", "NO_MATCH"],
    )

    done = demo.verify(AGENCY, "dead", _question(dead, dead), code=1)
    stage.expect(
        "not alive; what else matches is of a record that is not active",
        _verdicts(done),
        ["NO_MATCH", *["MATCH_NOT_ACTIVE"] * 4, "NO_MATCH"],
    )

    stage.say(
        "Every answer comes with a receipt: a signature over the blinded question, the outcome and the log entry."
    )
    stage.run(AGENCY, "padan info --jwks --timeout 10 > keys.json")
    done = stage.run(AGENCY, "padan receipt check receipt.jws --keys keys.json --request asked.bin", lines=6)
    stage.expect("the receipt proves this question and this answer", "belongs to it" in done.out)


def _question(resident: Resident, home: Resident) -> dict[str, object]:
    return {
        "nik": resident.nik,
        "claims": {
            "name": resident.name.title(),
            "address": home.address,
            "rt": home.rt,
            "rw": home.rw,
            "alive": "true",
        },
        "purpose": "membership-check",
        "officer": "desk-3",
        "legal_basis": "public_task",
    }


def _verdicts(done: Done) -> list[str]:
    """Read the outcome and the verdict of each claim from what `padan verify` printed."""
    outcome, *rest = done.out.splitlines()
    return [outcome, *(line.split()[1] for line in rest if line.startswith("  "))]
