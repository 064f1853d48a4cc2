"""A rotation of the inner keys as an agency sees it: not at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from keys.purpose import Purpose
from keys.state import KeyState
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.integration.feeding import NEWCOMER, feed
from tests.integration.office import ask, wait_for
from tests.integration.projecting import FEED, SIGNED, mark, order_of, write
from tests.people import ALMARHUM, BUDI, PEOPLE, SARI, UNKNOWN_NIK
from tests.service import running
from tests.terms import Terms
from verifier.feed import document
from verifier.feed.following import follow, signers_of
from verifier.resident.mark import Mark
from verifier.rotation.inner_rotator import InnerRotator
from verifier.vault.store import POLL_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

MATCH, NO_MATCH = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH
WITHHELD = vocabulary.VERDICT_NOT_AVAILABLE
MERGED = "3273010101909077"
KOMANG = {**BUDI, "NIK": "3273010101909011", "NAMA_LGKP": "KOMANG ARTANA"}
QUESTIONS = {
    "held": (BUDI["NIK"], BUDI["NAMA_LGKP"], MATCH),
    "held, a wrong name": (BUDI["NIK"], "SITI RAHAYU", NO_MATCH),
    "restricted": (SARI["NIK"], SARI["NAMA_LGKP"], WITHHELD),
    "erased": (ALMARHUM["NIK"], ALMARHUM["NAMA_LGKP"], NO_MATCH),
    "nobody": (UNKNOWN_NIK, "NOBODY", NO_MATCH),
    "in the feed alone": (NEWCOMER["NIK"], NEWCOMER["NAMA_LGKP"], MATCH),
    "merged": (MERGED, BUDI["NAMA_LGKP"], MATCH),
}
EXPECTED = {name: outcome for name, (_, _, outcome) in QUESTIONS.items()}


def test_verdicts_stay_what_they_are(database_url: str, tmp_path: Path) -> None:
    """Who is held, restricted, erased, merged, or in the feed alone is answered alike before, while, and after."""
    made = install(
        tmp_path / "padan",
        agencies={"tax": Terms(subject=1_000)},
        log_url=database_url,
        vault_url=database_url,
        extra=SIGNED,
    )
    mark(made, {SARI["NIK"]: Mark.RESTRICTED, ALMARHUM["NIK"]: Mark.ERASED})
    changes = feed(
        made, 0, {"change": "new", "row": NEWCOMER}, {"change": "merged", "row": BUDI, "also": [MERGED]}
    )
    follow(made.settings, "first", changes)
    source, rotator = write(made.root / "people.csv", PEOPLE), InnerRotator(made.settings)
    with running(made) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)

        def verdicts() -> dict[str, int]:
            return {name: ask(stub, claimed, nik) for name, (nik, claimed, _) in QUESTIONS.items()}

        assert verdicts() == EXPECTED
        projected = rotator.project(order_of(source), holds={FEED: 0}, make_keys=True)
        assert projected.there.missing == 2, "the newcomer, and the merged number"
        assert verdicts() == EXPECTED
        parsed = document.parse(made.realm, changes, signers_of(made.settings))
        assert rotator.replay([parsed])[0].there.missing == 0
        follow(made.settings, "second", feed(made, 2, {"change": "new", "row": KOMANG}))
        wait_for(stub, KOMANG["NAMA_LGKP"], KOMANG["NIK"], MATCH)

        rotator.flip()
        time.sleep(2 * POLL_SECONDS)  # every process answers from it now
        assert verdicts() == EXPECTED
        assert ask(stub, KOMANG["NAMA_LGKP"], KOMANG["NIK"]) == MATCH
        rotator.finish(now=True)
        assert verdicts() == EXPECTED
        ring = made.agent().keyring
        states = {key.state for purpose, key in ring if purpose in {Purpose.INDEX, Purpose.ATTRIBUTE}}
        assert states == {KeyState.ACTIVE, KeyState.DESTROYED}
        follow(made.settings, "third", feed(made, 3, {"change": "withdrawn", "nik": KOMANG["NIK"]}))
        wait_for(stub, KOMANG["NAMA_LGKP"], KOMANG["NIK"], NO_MATCH)
