"""A simulator of DisputeService: keeps what is opened, and answers what a test scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from padan.v1 import dispute_pb2
from tests.simulator.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = 2


class Disputes:
    """Handlers of padan.v1.DisputeService.

    Attributes:
        opened: every OpenDisputeRequest, as received.
        kept: what there is, newest last.
        step: called before each opening; may refuse.
    """

    def __init__(self) -> None:
        self.opened: list[bytes] = []
        self.kept: list[dispute_pb2.Dispute] = []
        self.step: Callable[[grpc.ServicerContext], None] = lambda _context: None

    def handler(self) -> grpc.GenericRpcHandler:
        """Make the handler."""
        return grpc.method_handlers_generic_handler(
            "padan.v1.DisputeService",
            {
                "OpenDispute": grpc.unary_unary_rpc_method_handler(
                    self._open, response_serializer=dispute_pb2.OpenDisputeResponse.SerializeToString
                ),
                "GetDispute": grpc.unary_unary_rpc_method_handler(
                    self._get,
                    request_deserializer=dispute_pb2.GetDisputeRequest.FromString,
                    response_serializer=dispute_pb2.GetDisputeResponse.SerializeToString,
                ),
                "ListDisputes": grpc.unary_unary_rpc_method_handler(
                    self._list,
                    request_deserializer=dispute_pb2.ListDisputesRequest.FromString,
                    response_serializer=dispute_pb2.ListDisputesResponse.SerializeToString,
                ),
            },
        )

    def _open(self, body: bytes, context: grpc.ServicerContext) -> dispute_pb2.OpenDisputeResponse:
        self.opened.append(body)
        self.step(context)
        request = dispute_pb2.OpenDisputeRequest.FromString(body)
        dispute = dispute_pb2.Dispute(
            dispute_id=f"dispute{len(self.kept):09}".translate(str.maketrans("0189", "abcd")),
            request_id=request.request_id,
            contest=request.contest,
            claims=request.claims,
            state=dispute_pb2.DISPUTE_STATE_OPENED,
        )
        for moment, seconds in ((dispute.opened_at, 0), (dispute.changed_at, 0), (dispute.due_at, 259_200)):
            moment.FromSeconds(1_795_000_000 + seconds)
        self.kept.append(dispute)
        return dispute_pb2.OpenDisputeResponse(dispute=dispute)

    def _get(
        self, request: dispute_pb2.GetDisputeRequest, context: grpc.ServicerContext
    ) -> dispute_pb2.GetDisputeResponse:
        found = [dispute for dispute in self.kept if dispute.dispute_id == request.dispute_id]
        if not found:
            refuse(context, grpc.StatusCode.NOT_FOUND, "UNKNOWN_DISPUTE")
        return dispute_pb2.GetDisputeResponse(dispute=found[0])

    def _list(
        self, request: dispute_pb2.ListDisputesRequest, _: grpc.ServicerContext
    ) -> dispute_pb2.ListDisputesResponse:
        wanted = [
            dispute
            for dispute in reversed(self.kept)
            if not (request.unresolved and dispute.state == dispute_pb2.DISPUTE_STATE_RESOLVED)
        ]
        first = int(request.page_token or 0)
        more = first + PAGE < len(wanted)
        return dispute_pb2.ListDisputesResponse(
            disputes=wanted[first : first + PAGE], next_page_token=str(first + PAGE) if more else ""
        )
