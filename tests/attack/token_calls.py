"""Every call that takes tokens, as a table: how it is asked, and how it says that it has refused one.

A method of TokenService that is not in the table fails a test, so that nobody adds one that is never attacked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from padan.v1 import error_pb2, token_pb2, verification_pb2
from tests.service import request
from tests.simulator.hall import circumstances, classes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.message import Message

SERVICE: Final = "TokenService"
VERIFY: Final = "Verify"


CLASS: Final = "aid"
ENROLMENTS: Final = classes((CLASS, "both", "rows"))
SINK: Final = "sink"
"""What agreements grant, so that every call reaches its tokens: a class, and a domain to convert to."""


def said(request_id: str) -> token_pb2.Circumstances:
    """Say who asks."""
    return circumstances(**({"request_id": request_id} if request_id else {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """A method that takes tokens.

    Args:
        message: makes a request of tokens and a request id, which may be empty.
        answer: the message of its answer.
        refused: says of an answer which tokens it has refused, by their places; a call that takes one token refuses it
            with the whole call instead.
        most: tokens in a call.
        desk: name of the attribute of a desk that answers one message.
        streams: whether messages come and go in a stream.
    """

    message: Callable[[Sequence[bytes], str], Message]
    answer: type[Any]
    refused: Callable[[Any], Mapping[int, str]]
    most: int = 1
    desk: str = ""
    streams: bool = False


def _update(tokens: Sequence[bytes], request_id: str) -> Message:
    return token_pb2.UpdateTokensRequest(circumstances=said(request_id), tokens=tokens)


def _faults(answer: Any) -> Mapping[int, str]:
    """Read the faults of an answer, and see that nothing stands at their places."""
    found = {
        fault.place: error_pb2.ErrorReason.Name(fault.reason).removeprefix("ERROR_REASON_")
        for fault in answer.faults
    }
    tokens, verdicts = getattr(answer, "tokens", ()), getattr(answer, "verdicts", b"")
    assert not any(tokens[place] for place in found if tokens)
    assert not any(verdicts[place] for place in found if verdicts)
    return found


def _enrol(tokens: Sequence[bytes], request_id: str) -> Message:
    enrolments = [token_pb2.Enrolment(token=token, first_day="2026-01-01") for token in tokens]
    return token_pb2.EnrolRequest(circumstances=said(request_id), category=CLASS, enrolments=enrolments)


def _withdraw(tokens: Sequence[bytes], request_id: str) -> Message:
    return token_pb2.WithdrawRequest(circumstances=said(request_id), category=CLASS, tokens=tokens)


def _check(tokens: Sequence[bytes], request_id: str) -> Message:
    (token,) = tokens
    return token_pb2.CheckEnrolmentRequest(circumstances=said(request_id), category=CLASS, token=token)


def _list(tokens: Sequence[bytes], request_id: str) -> Message:
    return token_pb2.StreamCheckEnrolmentRequest(
        circumstances=said(request_id), category=CLASS, tokens=tokens
    )


def _convert(tokens: Sequence[bytes], request_id: str) -> Message:
    items = [token_pb2.ConvertItem(token=token) for token in tokens]
    return token_pb2.ConvertTokensRequest(circumstances=said(request_id), domain=SINK, part=1, items=items)


def _verify(tokens: Sequence[bytes], request_id: str) -> Message:
    (token,) = tokens
    return request(subject_token=token, request_id=request_id)


def _nothing(answer: Any) -> Mapping[int, str]:
    """Find no fault in an answer about one token: where that is refused, there is no answer."""
    del answer
    return {}


CALLS: Final[Mapping[str, TokenCall]] = {
    VERIFY: TokenCall(message=_verify, answer=verification_pb2.VerifyResponse, refused=_nothing),
    "UpdateTokens": TokenCall(
        message=_update, answer=token_pb2.UpdateTokensResponse, refused=_faults, most=8, desk="update_tokens"
    ),
    "ConvertTokens": TokenCall(
        message=_convert,
        answer=token_pb2.ConvertTokensResponse,
        refused=_faults,
        most=8,
        desk="convert_tokens",
    ),
    "Enrol": TokenCall(message=_enrol, answer=token_pb2.EnrolResponse, refused=_faults, most=8, desk="enrol"),
    "Withdraw": TokenCall(
        message=_withdraw, answer=token_pb2.WithdrawResponse, refused=_faults, most=8, desk="withdraw"
    ),
    "CheckEnrolment": TokenCall(
        message=_check, answer=token_pb2.CheckEnrolmentResponse, refused=_nothing, desk="check_enrolment"
    ),
    "StreamCheckEnrolment": TokenCall(
        message=_list,
        answer=token_pb2.StreamCheckEnrolmentResponse,
        refused=_faults,
        most=8,
        desk="check_many",
        streams=True,
    ),
}
"""By name of the method; all but `VERIFY` are TokenService's."""
WITHOUT: Final = frozenset({"CollectConverted", "ListEnrolmentQuestions"})
"""Methods of TokenService that take no token."""


def methods() -> dict[str, Any]:
    """Give the methods of TokenService and the messages that they take, as the contract has them."""
    service = token_pb2.DESCRIPTOR.services_by_name[SERVICE]
    return {method.name: method.input_type for method in service.methods}


def takes_bytes(message: Any) -> bool:
    """Say whether a message has bytes in it, beside who asks and where a page begins: a token would be there."""
    return any(
        field.type == field.TYPE_BYTES or (field.message_type is not None and takes_bytes(field.message_type))
        for field in message.fields
        if field.name not in {"circumstances", "after"}
    )
