"""What is fuzzed of disputes: messages, references, what is kept, openings and the officer's file."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from padan import canonical, dispute, opening
from padan.asked import AskedQuestion
from padan.errors import DisputeError, InternalError, InvalidRequestError
from padan.sealing import Recipient
from padan.v1 import dispute_pb2
from verifier import validate
from verifier.dispute import case, casefile, request
from verifier.dispute.errors import CaseFileError
from verifier.errors import CallerError

if TYPE_CHECKING:
    from collections.abc import Callable


_LABEL = canonical.prefixed("padan/asked-question/1")


@functools.cache
def _recipient() -> Recipient:
    return Recipient(bytes(range(32)))


def dispute_order(data: bytes) -> None:
    """Read an OpenDisputeRequest; what is accepted is kept and comes back, and its statement makes the reference."""
    try:
        order = request.order(validate.decode(dispute_pb2.OpenDisputeRequest, data))
    except CallerError:
        return
    assert case.decode(order.case.encode()) == order.case
    assert order.case.digest.startswith(order.contest.tag)
    assert order.contest.from_ms < order.contest.until_ms


def dispute_page(data: bytes) -> None:
    """Read a ListDisputesRequest; the place that it goes on from is one that a database can hold."""
    try:
        page = request.page(validate.decode(dispute_pb2.ListDisputesRequest, data))
    except CallerError:
        return
    assert 1 <= page.size <= request.MAX_PAGE
    if page.before is not None:
        assert 0 <= page.before[0] < 2**63
        assert request.page_token(*page.before)


def dispute_id(data: bytes) -> None:
    """Read a GetDisputeRequest; what is accepted is sixteen letters and digits."""
    try:
        found = request.dispute_id(validate.decode(dispute_pb2.GetDisputeRequest, data))
    except CallerError:
        return
    assert len(found) == case.ID_SIZE
    assert found.isascii()


def dispute_kept(data: bytes) -> None:
    """Read what is kept of a dispute; what is accepted is written the same."""
    try:
        assert case.decode(data).encode() == data
    except CaseFileError:
        return


def dispute_opening(data: bytes) -> None:
    """Read an opening, and hold it against a statement; what is accepted is written the same."""
    try:
        found = opening.decode(data)
    except DisputeError:
        return
    assert found.encode() == data
    try:
        opening.require(found, data)
    except DisputeError:
        return
    raise AssertionError("an opening opened itself")


def dispute_file(data: bytes) -> None:
    """Read an officer's file and open it: a file that nobody has made shows nobody's number."""
    try:
        casefile.read(casefile.decode(data), _recipient())
    except CaseFileError:
        return
    raise AssertionError("a file that nobody has made was believed")


def dispute_answer(data: bytes) -> None:
    """Decode and read a dispute, as our client does."""
    try:
        dispute.read(dispute_pb2.Dispute.FromString(data))
    except (DecodeError, InternalError):
        return


def dispute_question(data: bytes) -> None:
    """Read a question as it is kept, with the label before it too; what is accepted makes its digest's statement."""
    for each in (data, _LABEL + data):
        try:
            found = AskedQuestion.decode(each)
        except InvalidRequestError:
            continue
        assert AskedQuestion.decode(found.encode()).statement("tax") == found.statement("tax")


TARGETS: tuple[Callable[[bytes], None], ...] = (
    dispute_order,
    dispute_page,
    dispute_id,
    dispute_kept,
    dispute_opening,
    dispute_file,
    dispute_answer,
    dispute_question,
)
