"""Tokens as an agency sees them, while numbers change hands, inner keys are rotated and rows move to new keys."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import grpc

from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.installation import install
from tests.integration import tokens
from tests.integration.feeding import NEWCOMER, feed
from tests.integration.office import NAME
from tests.integration.projecting import FEED, SIGNED, order_of, write
from tests.operating import operate
from tests.people import BUDI, PEOPLE, SARI
from tests.service import request, running
from tests.terms import Terms
from verifier.feed import document
from verifier.feed.following import follow, signers_of
from verifier.rotation.inner_rotator import InnerRotator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation

    Stub = verification_pb2_grpc.VerificationServiceStub

MATCH, NO_MATCH = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH
OLD, NEW = "3273010101909077", "3273010101909078"
KOMANG = {**BUDI, "NIK": OLD, "NAMA_LGKP": "KOMANG ARTANA"}


@contextlib.contextmanager
def asking(stub: Stub, token: bytes, name: str) -> Iterator[Counter[object]]:
    """Ask by a token again and again, and count the outcomes."""
    told: Counter[object] = Counter()
    ended = threading.Event()

    def go() -> None:
        while not ended.wait(0.05):
            try:
                told[stub.Verify(request(subject_token=token, claims={NAME: name}), timeout=30).outcome] += 1
            except grpc.RpcError as error:
                told[str(error)] += 1

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield told
    finally:
        ended.set()
        thread.join()


class Agency:
    """An agency with a token each of some people, and what is true of whom it leads to.

    Args:
        stub: reaches the service.
    """

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self.names: dict[str, str] = {}
        self.tokens: dict[str, bytes] = {}

    def issue(self, person: dict[str, str]) -> None:
        """Ask for a token."""
        number, name = person["NIK"], person["NAMA_LGKP"]
        asked = request(nik=number, claims={NAME: name}, issue_token=True)
        self.tokens[number], self.names[number] = self._stub.Verify(asked, timeout=30).subject_token, name

    def ask(self, number: str, name: str = "") -> int:
        """Ask by a token, after its resident's name or another one."""
        claims = {NAME: name or self.names[number]}
        return self._stub.Verify(
            request(subject_token=self.tokens[number], claims=claims), timeout=30
        ).outcome

    def all_match(self) -> bool:
        """Say whether every token leads to its resident."""
        return all(self.ask(number) == MATCH for number in self.tokens)

    def wait(self, number: str, outcome: int) -> None:
        """Wait until a change is seen."""
        until = time.monotonic() + 20
        while self.ask(number) != outcome:
            assert time.monotonic() < until, "the change is not seen"
            time.sleep(0.5)


def _rotate(made: Installation, changes: bytes, agency: Agency) -> None:
    """Rotate the inner keys, back and forth, and see at each step that the agency sees nothing of it."""
    rows = [each for each in PEOPLE if each is not SARI]
    source = write(made.root / "people.csv", [*rows, {**KOMANG, "NIK": NEW}])
    rotator = InnerRotator(made.settings)
    rotator.project(order_of(source), holds={FEED: 0}, make_keys=True)
    parsed = document.parse(made.realm, changes, signers_of(made.settings))
    assert rotator.replay([parsed])[0].there.missing == 0
    assert agency.all_match()
    rotator.flip()
    assert agency.all_match()
    rotator.revert()
    assert agency.all_match()
    rotator.flip()
    rotator.finish(now=True)
    assert agency.all_match()


def test_an_agency_sees_nothing_of_it(database_url: str, tmp_path: Path) -> None:
    """The same verdicts by token throughout, of who stays, was merged, was changed, was withdrawn."""
    made = install(
        tmp_path / "padan",
        agencies={"tax": Terms(subject=1_000, token_domain=tokens.DOMAIN)},
        people=[*PEOPLE, KOMANG],
        log_url=database_url,
        vault_url=database_url,
        extra=SIGNED,
    )
    tokens.begin(made)
    # SARI's number turns out to be BUDI's, and KOMANG has another one.
    changes = feed(
        made,
        0,
        {"change": "merged", "row": BUDI, "also": [SARI["NIK"]]},
        {"change": "nik_changed", "row": {**KOMANG, "NIK": NEW}, "was": [OLD]},
        {"change": "new", "row": NEWCOMER},
    )
    with running(made) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        agency = Agency(stub)
        for person in (BUDI, SARI, KOMANG):
            agency.issue(person)
        assert agency.all_match()
        follow(made.settings, "first", changes)
        agency.names[SARI["NIK"]] = BUDI["NAMA_LGKP"]
        agency.wait(SARI["NIK"], MATCH)
        agency.wait(OLD, MATCH)
        assert agency.ask(SARI["NIK"], SARI["NAMA_LGKP"]) == NO_MATCH
        with asking(stub, agency.tokens[OLD], KOMANG["NAMA_LGKP"]) as told:
            _rotate(made, changes, agency)
            operate(made, "token", "rekey", "--new-keys")
            agency.issue(NEWCOMER)
            assert agency.all_match()
        assert told.keys() == {MATCH}, told
        assert told[MATCH] > 20
        follow(made.settings, "second", feed(made, 3, {"change": "withdrawn", "nik": NEW}))
        agency.wait(OLD, NO_MATCH)
