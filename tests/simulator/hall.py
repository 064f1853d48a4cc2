"""A world in which programmes enrol residents and ask about each other: the desk of enrolments on simulated ground."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

from keys.tokenkey import hashed
from padan.nik import Nik
from padan.v1 import attribute_pb2, token_pb2, verification_pb2
from tests.people import BUDI
from tests.service import request
from tests.simulator.world import Epochs, Periods, World
from tests.terms import Terms
from tokenizer.enrolment import Enrolments
from tokenizer.token import Quotients
from verifier.accounts import Account
from verifier.limiter import RateLimiter
from verifier.log.beside import Beside
from verifier.token.enrolment_desk import EnrolmentDesk
from verifier.token.lineage import Lineages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from tokenizer.enrolment import Enrolment
    from tokenizer.tokenrow import TokenRow

NIKS = [f"327301010190{9000 + number}" for number in range(6)]


def classes(*granted: tuple[str, str, str]) -> str:
    """Write the classes of a purpose: each a name, "enrol", "ask" or "both", and what lists bring."""
    return (
        "["
        + ", ".join(
            f'{{ class = "{name}", enrol = {str(may != "ask").lower()}, ask = {str(may != "enrol").lower()},'
            f' lists = "{lists}" }}'
            for name, may, lists in granted
        )
        + "]"
    )


AGENCIES = {
    "rice": Terms(
        token_domain="rice", enrolments=classes(("aid", "both", "rows"), ("school", "ask", "none"))
    ),
    "cash": Terms(token_domain="cash-aid", enrolments=classes(("aid", "both", "counts"))),
    "school": Terms(token_domain="school", enrolments=classes(("school", "enrol", "none"))),
    "tax": Terms(token_domain="tax"),
}


class Hall:
    """A world, and the desk beside its core."""

    def __init__(self, agencies: dict[str, Terms] | None = None, *, people: Sequence[str] = NIKS) -> None:
        self.world = World(
            seed=11,
            agencies=AGENCIES if agencies is None else agencies,
            people=[{**BUDI, "NIK": nik} for nik in people],
        )
        self.opened = Account()
        self.still = False
        world = self.world
        self.desk = EnrolmentDesk(
            gate=world.gate,
            agreements=world.agreements,
            rates=RateLimiter(),
            questions=RateLimiter(),
            domains=world.domains,
            rows=world.log,
            epochs=Epochs(world.epoch),
            marks=world.marks,
            opened=self.opened,
            periods=Periods(),
            witnesses=world.witnesses,
            directory=None,  # type: ignore[arg-type] # who asked is read from a real database alone
            journal=world.core._journal,
            now=world.clocks,
            slot=0.0,
            receipts=True,
        )

    def issue(self, agency: str, nik: str) -> bytes:
        """Issue a token with a match."""
        (reply,) = self.world.ask(agency, request(nik=nik, issue_token=True))
        return verification_pb2.VerifyResponse.FromString(reply.body or b"").subject_token

    def call(self, agency: str, message: Message) -> Any:
        """Describe a call, within the rate unless the hall stands still."""
        self.world.clocks.mono += not self.still
        return self.world.call(agency, message.SerializeToString())

    def enrol(
        self,
        agency: str,
        *tokens: bytes,
        category: str = "aid",
        first: str = "2026-01-01",
        last: str = "",
    ) -> dict[int, int]:
        """Enrol residents; gives why some were refused, by place."""
        message = token_pb2.EnrolRequest(
            circumstances=circumstances(),
            category=category,
            enrolments=[token_pb2.Enrolment(token=token, first_day=first, last_day=last) for token in tokens],
        )
        answer = token_pb2.EnrolResponse.FromString(self.desk.enrol(self.call(agency, message)))
        return {fault.place: fault.reason for fault in answer.faults}

    def withdraw(self, agency: str, *tokens: bytes, category: str = "aid") -> dict[int, int]:
        """Withdraw residents; gives why some were refused, by place."""
        message = token_pb2.WithdrawRequest(circumstances=circumstances(), category=category, tokens=tokens)
        answer = token_pb2.WithdrawResponse.FromString(self.desk.withdraw(self.call(agency, message)))
        return {fault.place: fault.reason for fault in answer.faults}

    def answer(
        self,
        agency: str,
        token: bytes,
        *,
        category: str = "aid",
        said: token_pb2.Circumstances | None = None,
    ) -> token_pb2.CheckEnrolmentResponse:
        """Ask whether a resident is enrolled."""
        message = token_pb2.CheckEnrolmentRequest(
            circumstances=said or circumstances(), token=token, category=category
        )
        return token_pb2.CheckEnrolmentResponse.FromString(
            self.desk.check_enrolment(self.call(agency, message))
        )

    def check(self, agency: str, token: bytes, category: str = "aid") -> str:
        """Ask whether a resident is enrolled; gives the verdict's name."""
        outcome = self.answer(agency, token, category=category).outcome
        return attribute_pb2.Verdict.Name(outcome).removeprefix("VERDICT_")

    def element(self, nik: str) -> bytes:
        """Give M of a number."""
        return self.world.domains.current().match.evaluate(hashed(nik.encode()))

    def merge(self, survivor: str, *others: str) -> None:
        """Let numbers become another one's, as the feed does."""
        rows = MemoryRows(self)
        names = ((self.world.epoch.inner.index_id, self.world.epoch.inner.record_id(Nik(survivor))),)
        Lineages(rows).merge(self.element(survivor), map(self.element, others), records=names)

    def members(self) -> list[Enrolment]:
        """Open everything that is enrolled."""
        agent = self.world.token_agent
        enrolments = Enrolments.of(agent.realm, agent.tokens(), Quotients())
        return [enrolments.open(*row) for row in self.world.log.tables[Beside.ENROLMENT].items()]


class MemoryRows:
    """The rows behind tokens of a hall's log, by number."""

    def __init__(self, hall: Hall) -> None:
        self._keys = hall.world.domains.current()
        self._table = hall.world.log.tables[Beside.TOKEN]

    def get(self, element: bytes) -> TokenRow | None:
        """Read a row."""
        found = [name for name in self._keys.rows.names(element) if name in self._table]
        return self._keys.rows.open(found[0], self._table[found[0]]) if found else None

    def put(self, row: TokenRow) -> None:
        """Write a row."""
        name, box = self._keys.rows.seal(row)
        self._table[name] = box

    def drop(self, element: bytes) -> None:
        """Delete a row."""
        for name in self._keys.rows.names(element):
            self._table.pop(name, None)


def circumstances(**fields: Any) -> token_pb2.Circumstances:
    """Say who asks."""
    return token_pb2.Circumstances(
        **{
            "request_id": str(uuid.uuid4()),
            "blind": os.urandom(32),
            "purpose": "service",
            "officer": "officer-1",
            "legal_basis": attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
            **fields,
        }
    )
