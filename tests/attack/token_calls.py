"""Every call that takes tokens, as a table: how it is asked, and how it says that it has refused one.

A method of TokenService that is not in the table fails a test, so that nobody adds one that is never attacked.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from padan.v1 import attribute_pb2, error_pb2, token_pb2, verification_pb2
from tests.service import request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.message import Message

SERVICE: Final = "TokenService"
VERIFY: Final = "Verify"


def circumstances(request_id: str = "") -> token_pb2.Circumstances:
    """Say who asks."""
    return token_pb2.Circumstances(
        request_id=request_id or str(uuid.uuid4()),
        blind=os.urandom(32),
        purpose="service",
        officer="officer-1",
        legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """A method that takes tokens.

    Args:
        message: makes a request of tokens and a request id, which may be empty.
        answer: the message of its answer.
        refused: says of an answer which tokens it has refused, by their places; a call that takes one token refuses it
            with the whole call instead.
        most: tokens in a call.
    """

    message: Callable[[Sequence[bytes], str], Message]
    answer: type[Any]
    refused: Callable[[Any], Mapping[int, str]]
    most: int = 1


def _update(tokens: Sequence[bytes], request_id: str) -> Message:
    return token_pb2.UpdateTokensRequest(circumstances=circumstances(request_id), tokens=tokens)


def _faults(answer: Any) -> Mapping[int, str]:
    """Read the faults of an answer, and see that nothing stands at their places."""
    found = {
        fault.place: error_pb2.ErrorReason.Name(fault.reason).removeprefix("ERROR_REASON_")
        for fault in answer.faults
    }
    assert not any(answer.tokens[place] for place in found)
    return found


def _verify(tokens: Sequence[bytes], request_id: str) -> Message:
    (token,) = tokens
    return request(subject_token=token, request_id=request_id)


CALLS: Final[Mapping[str, TokenCall]] = {
    VERIFY: TokenCall(message=_verify, answer=verification_pb2.VerifyResponse, refused=lambda _answer: {}),
    "UpdateTokens": TokenCall(
        message=_update, answer=token_pb2.UpdateTokensResponse, refused=_faults, most=8
    ),
}
"""By name of the method; all but `VERIFY` are TokenService's."""


def methods() -> set[str]:
    """Name the methods of TokenService, as the contract has them."""
    return {method.name for method in token_pb2.DESCRIPTOR.services_by_name[SERVICE].methods}


def attribute(method: str) -> str:
    """Name the attribute of the desk that answers a method."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
