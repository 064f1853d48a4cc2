"""The bare echo: grpcio with mutual TLS, the messages and the thread pool of Padan, and nothing else.

It reads a `VerifyRequest` and answers a `VerifyResponse` of the size that Padan's answer has. What Padan
costs above this is Padan's.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from padan.v1 import verification_pb2, verification_pb2_grpc
from padan.v1.attribute_pb2 import VERDICT_MATCH


class Echo(verification_pb2_grpc.VerificationServiceServicer):
    """Answers every request with its own id and a filling."""

    def __init__(self, filling: int) -> None:
        self._filling = "x" * filling

    def Verify(  # noqa: N802 -- the generated name
        self, request: verification_pb2.VerifyRequest, _context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        """Answer at once."""
        return verification_pb2.VerifyResponse(
            request_id=request.request_id, outcome=VERDICT_MATCH, receipt=self._filling
        )

    def VerifyBiometric(  # noqa: N802 -- the generated name
        self, _request: verification_pb2.VerifyBiometricRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyBiometricResponse:
        """Refuse: an echo compares nothing."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this is an echo")

    def GetServiceInfo(  # noqa: N802 -- the generated name
        self, _request: verification_pb2.GetServiceInfoRequest, context: grpc.ServicerContext
    ) -> verification_pb2.GetServiceInfoResponse:
        """Refuse: an echo has nothing to tell."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this is an echo")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--ca", "--certificate", "--key"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--answer-bytes", type=int, required=True, help="size of Padan's answer")
    options = parser.parse_args()
    credentials = grpc.ssl_server_credentials(
        [(options.key.read_bytes(), options.certificate.read_bytes())],
        root_certificates=options.ca.read_bytes(),
        require_client_auth=True,
    )
    server = grpc.server(
        ThreadPoolExecutor(options.threads),
        options=[("grpc.max_concurrent_streams", 32), ("grpc.so_reuseport", 0)],
    )
    # Request id (38 bytes) and outcome (2 bytes) are there; a longer text has a header of 2 or 3 bytes.
    filling = max(options.answer_bytes - 43, 0)
    verification_pb2_grpc.add_VerificationServiceServicer_to_server(Echo(filling), server)
    server.add_secure_port(f"127.0.0.1:{options.port}", credentials)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
