"""Two agencies that convert tokens, tax to aid, in a simulated world."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

from padan.nik import Nik
from padan.v1 import attribute_pb2, token_pb2, verification_pb2
from tests.people import BUDI
from tests.service import request
from tests.simulator.world import START, World
from tests.terms import Terms
from tokenizer.tokenrow import TokenRow
from verifier.agreement.grant import Terms as Granted
from verifier.agreement.parse import parse
from verifier.log.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from verifier.errors import VerifierError
    from verifier.resident.mark import Mark

NIKS = [f"327301010190{9000 + number}" for number in range(8)]
JOB = str(uuid.UUID(int=7))
AGENCIES = {
    "tax": Terms(token_domain="tax", conversions=("aid",)),
    "aid": Terms(token_domain="aid", converted_from=("tax",)),
    "bank": Terms(token_domain="bank", conversions=("aid",)),
    "shop": Terms(token_domain="shop", converted_from=("tax",)),
}


class Exchange:
    """A world in which tax hands tokens in, and aid collects them."""

    def __init__(self) -> None:
        self.world = World(seed=11, agencies=dict(AGENCIES), people=[{**BUDI, "NIK": nik} for nik in NIKS])
        self.given = self.issue("tax")
        self.wanted = self.issue("aid")

    def issue(self, agency: str, niks: Sequence[str] = NIKS) -> list[bytes]:
        """Issue tokens with matches."""
        found = []
        for nik in niks:
            (reply,) = self.world.ask(agency, request(nik=nik, issue_token=True))
            found.append(verification_pb2.VerifyResponse.FromString(reply.body or b"").subject_token)
        return found

    def said(self, request_id: str) -> token_pb2.Circumstances:
        """Say who asks."""
        self.world.clocks.step(1)  # within the rate
        return token_pb2.Circumstances(
            request_id=request_id,
            blind=os.urandom(32),
            purpose="service",
            officer="officer-1",
            legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
        )

    def hand_in(
        self,
        tokens: Sequence[bytes],
        *,
        agency: str = "tax",
        domain: str = "aid",
        job: str = JOB,
        part: int = 1,
        last: bool = False,
        payloads: Sequence[bytes] = (),
    ) -> token_pb2.ConvertTokensResponse:
        """Hand a part in; each token's payload is its place where no others are given."""
        carried = payloads or [bytes((part & 255, place & 255)) for place in range(len(tokens))]
        message = token_pb2.ConvertTokensRequest(
            circumstances=self.said(job),
            domain=domain,
            part=part,
            items=[
                token_pb2.ConvertItem(token=token, payload=payload)
                for token, payload in zip(tokens, carried, strict=True)
            ],
            last=last,
        )
        body = self.world.tokens.convert_tokens(self.world.call(agency, message.SerializeToString()))
        return token_pb2.ConvertTokensResponse.FromString(body)

    def page(
        self, *, agency: str = "aid", job: str = JOB, after: bytes = b"", delete: bool = False
    ) -> token_pb2.CollectConvertedResponse:
        """Collect a page, or delete."""
        message = token_pb2.CollectConvertedRequest(
            circumstances=self.said(str(uuid.uuid4())), job_id=job, after=after, delete=delete
        )
        body = self.world.tokens.collect_converted(self.world.call(agency, message.SerializeToString()))
        return token_pb2.CollectConvertedResponse.FromString(body)

    def collect(self, job: str = JOB) -> list[tuple[bytes, bytes]]:
        """Collect everything: tokens with payloads, in their order."""
        found, after = [], b""
        while True:
            page = self.page(after=after, job=job)
            found += [(item.token, item.payload) for item in page.items]
            after = page.next
            if not after:
                return found

    def rows(self) -> dict[bytes, bytes]:
        """Give what is kept of jobs."""
        return self.world.log.tables[Beside.CONVERSION]

    def terms(self, agency: str, terms: Terms) -> None:
        """Put another agreement in force."""
        self.world.agreements.terms[agency] = Granted.of(parse(terms.document(agency)).agreement)

    def mark(self, nik: str, mark: Mark) -> None:
        """Mark a resident."""
        handle = self.world.epoch.inner.handles(Nik(nik)).budget_subject
        self.world.marks.on[handle] = int(mark)


def refusal(caught: pytest.ExceptionInfo[VerifierError]) -> str:
    """Read why a call was refused."""
    return caught.value.reason


def kinds(exchange: Exchange) -> dict[int, int]:
    """Count entries by kind."""
    found: dict[int, int] = {}
    for row in exchange.world.log.rows:
        found[row.kind] = found.get(row.kind, 0) + 1
    return found


def token_row(exchange: Exchange, token: bytes) -> bytes:
    """Name the row behind a token."""
    keys = exchange.world.domains.current()
    domain = keys.domain("tax")
    return keys.rows.names(domain.matched(domain.read(token, now=START), keys.match))[0]


def merge(exchange: Exchange, gone: bytes, survivor: bytes) -> None:
    """Write a row as the projector does when a number is merged."""
    keys = exchange.world.domains.current()
    rows, table = keys.rows, exchange.world.log.tables[Beside.TOKEN]
    one, other = (
        rows.open(name, table[name]) for name in (token_row(exchange, gone), token_row(exchange, survivor))
    )
    name, box = rows.seal(TokenRow(records=other.records, element=one.element, survivor=other.element))
    table[name] = box
