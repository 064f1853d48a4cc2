"""The client of an agency's program: one long-lived channel, frozen answers, errors that say what to do.

    with padan.Client.from_files("padan.example:7443", ca="ca.pem", cert="agency.pem", key="agency.key") as client:
        answer = client.verify(nik="...", claims={"name": "..."}, purpose="...", officer="...", legal_basis="...")

Guarantees: every call has a deadline; an attempt is repeated only with the same bytes; every failure is a `PadanError`.
A client may be shared between threads. It does not survive a fork: open it after the fork. A new connection costs as
much as six calls, so keep one client.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar

import grpc

from padan import answer, channel, conversion, dispute, info, presence, remedy, retry, update
from padan.enrolment_calls import EnrolmentCalls
from padan.errors import ProbeKeyEndedError
from padan.question import Question
from padan.rpc import from_rpc
from padan.v1 import token_pb2, verification_pb2

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from padan.answer import Verification
    from padan.asked import AskedQuestion
    from padan.capture import Capture
    from padan.conversion import Collect, HandedIn, HandIn, Page
    from padan.dispute import Dispute
    from padan.info import ServiceInfo
    from padan.nik import Nik
    from padan.proofs import Proofs
    from padan.question import Claims
    from padan.update import Update, Updated
    from padan.vocabulary import Attribute, LegalBasis

_Answer = TypeVar("_Answer")

VERIFY = "/padan.v1.VerificationService/Verify"
SERVICE_INFO = "/padan.v1.VerificationService/GetServiceInfo"


class Client:
    """Asks the service; use as a context manager, or call `close`."""

    def __init__(
        self,
        link: grpc.Channel,
        *,
        timeout: float = channel.DEFAULT_TIMEOUT,
        proofs: Proofs | None = None,
        signers: Sequence[bytes] | None = None,
    ) -> None:
        """Take over an open channel.

        Args:
            link: mutual TLS to the service; `from_files` makes one.
            timeout: seconds for a call with all its attempts, where the call names none.
            proofs: watches over the receipts, so that an answer that is not in the log is an alarm; `close` leaves it.
            signers: the public keys that sign the service's receipts, 32 bytes each, where the agency keeps them
                (`padan.servicekey.signers_in`): captures are sealed to no key that none of them signed. Default: those
                that the service tells.
        """
        self._link = link
        self._timeout = timeout
        self._turns = threading.BoundedSemaphore(channel.AT_ONCE)
        self._proofs = proofs
        self._signers = signers
        # Bytes in, so that a repeated attempt cannot but send the same.
        self._verify: grpc.UnaryUnaryMultiCallable[bytes, verification_pb2.VerifyResponse] = link.unary_unary(
            VERIFY, request_serializer=None, response_deserializer=verification_pb2.VerifyResponse.FromString
        )
        self._service: ServiceInfo | None = None
        self._verify_biometric = presence.method(link)
        self._info: grpc.UnaryUnaryMultiCallable[bytes, verification_pb2.GetServiceInfoResponse] = (
            link.unary_unary(
                SERVICE_INFO,
                request_serializer=None,
                response_deserializer=verification_pb2.GetServiceInfoResponse.FromString,
            )
        )
        self._open_dispute, self._get_dispute, self._list_disputes = dispute.methods(link)
        self._update_tokens: grpc.UnaryUnaryMultiCallable[bytes, token_pb2.UpdateTokensResponse] = (
            link.unary_unary(
                update.UPDATE_TOKENS,
                request_serializer=None,
                response_deserializer=token_pb2.UpdateTokensResponse.FromString,
            )
        )
        self._convert_tokens, self._collect_converted = conversion.methods(link)
        self.enrolments = EnrolmentCalls(link, self._call, proofs)
        """Enrols residents in classes, withdraws them, and asks who is enrolled."""

    @classmethod
    def from_files(
        cls,
        address: str,
        *,
        ca: str | os.PathLike[str],
        cert: str | os.PathLike[str],
        key: str | os.PathLike[str],
        server_name: str | None = None,
        timeout: float = channel.DEFAULT_TIMEOUT,
        proofs: Proofs | None = None,
        signers: Sequence[bytes] | None = None,
    ) -> Self:
        """Open a client with the agency's files.

        Args:
            address: host:port of the service.
            ca: PEM of the CA that signed the server's certificate.
            cert: PEM of the agency's certificate.
            key: PEM of the agency's private key.
            server_name: the name that the server's certificate carries, where it is not the address's host.
            timeout: seconds for a call with all its attempts, where the call names none.
            proofs: watches over the receipts (padan/proofs.py).
            signers: as above.

        Raises:
            ConfigError: a file is not usable.
        """
        credentials = channel.read_files(ca=ca, cert=cert, key=key).credentials()
        link = grpc.secure_channel(address, credentials, options=channel.options(server_name))
        return cls(link, timeout=timeout, proofs=proofs, signers=signers)

    def verify(
        self,
        *,
        claims: Claims,
        purpose: str,
        officer: str,
        legal_basis: LegalBasis | str,
        nik: str | Nik = "",
        subject_token: bytes = b"",
        consent_receipt: str = "",
        on_behalf_of: str = "",
        not_after: datetime | None = None,
        issue_token: bool = False,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Verification:
        """Ask whether the registry confirms what a resident has said.

        The arguments are those of `Question.build`. To keep the question with its receipt, build it yourself and
        call `ask`.

        Raises:
            InvalidRequestError: before anything is sent, or by the service; names fields and rules.
            PadanError: any other failure; see `padan errors`.
        """
        question = Question.build(
            claims=claims,
            purpose=purpose,
            officer=officer,
            legal_basis=legal_basis,
            nik=nik,
            subject_token=subject_token,
            consent_receipt=consent_receipt,
            on_behalf_of=on_behalf_of,
            not_after=not_after,
            issue_token=issue_token,
            request_id=request_id,
        )
        return self.ask(question, timeout=timeout)

    def ask(self, question: Question, *, timeout: float | None = None) -> Verification:
        """Ask a question that was built before; asking it again is the same question, answered and charged once.

        Args:
            question: from `Question.build`.
            timeout: seconds for all attempts together.

        Raises:
            PadanError: see `padan errors`.
        """
        question.require_claims()
        read = answer.read(self._call(self._verify, question.body, timeout), question)
        if self._proofs is not None:
            self._proofs.watch(read.receipt)
        return read

    def verify_biometric(
        self, question: Question, captures: Sequence[Capture], *, timeout: float | None = None
    ) -> Verification:
        """Ask about a resident who is present: with captures, and claims beside them where there are some.

        The captures are sealed to the service, once more where its key has changed meanwhile. Asking again with the
        same question and captures is the same question, answered and charged once. Assumes the extra `sealing`.

        Args:
            question: from `Question.build` with `beside_captures`.
            captures: 1 to 4 of `padan.capture.Capture`; several of one modality are tries of it.
            timeout: seconds for all calls and attempts together.

        Raises:
            PadanError: see `padan errors`.
        """
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        service = self._service
        if service is None or not presence.is_current(service):
            service = self._service = self.service_info(timeout=end - time.monotonic())
        asked = presence.Presence(question, captures, service, self._signers)
        try:
            response = self._call(self._verify_biometric, asked.body, end - time.monotonic())
        except ProbeKeyEndedError as error:
            self._service = None  # the next question asks for the key of then
            response = self._call(self._verify_biometric, asked.again(error), end - time.monotonic())
        read = asked.read(response)
        if self._proofs is not None:
            self._proofs.watch(read.receipt)
        return read

    def service_info(self, *, timeout: float | None = None) -> ServiceInfo:
        """Ask what this agency may ask, with which codes and within which limits.

        Raises:
            PadanError: see `padan errors`.
        """
        return info.read(self._call(self._info, b"", timeout))

    def update_tokens(
        self, tokens: Update, *, keys: Mapping[int, bytes] | None = None, timeout: float | None = None
    ) -> Updated:
        """Have tokens moved to the version of their domain that issues, and check the proof; libsodium is needed.

        Args:
            tokens: from `Update.build`.
            keys: the domain's public keys by version (`padan.update.keys_of`); default asks the service for them.
            timeout: seconds for each call with all its attempts.

        Raises:
            UpdateProofError: what came is not shown to be of the same residents.
            PadanError: see `padan errors`.
        """
        if keys is None:
            keys = update.keys_of(self.service_info(timeout=timeout), tokens.domain)
        answered = self._call(self._update_tokens, tokens.body, timeout)
        return update.read(answered, tokens.tokens, keys)

    def convert_tokens(self, part: HandIn, *, timeout: float | None = None) -> HandedIn:
        """Hand in a part of a job that converts tokens to another agency's domain; the same part again changes nothing.

        Args:
            part: from `HandIn.build`.
            timeout: seconds for all attempts together.

        Raises:
            PadanError: see `padan errors`.
        """
        return conversion.read_handed_in(self._call(self._convert_tokens, part.body, timeout))

    def collect_converted(self, page: Collect, *, timeout: float | None = None) -> Page:
        """Collect a page of what another agency's tokens were converted to, or delete what was collected.

        Args:
            page: from `Collect.build`.
            timeout: seconds for all attempts together.

        Raises:
            PadanError: see `padan errors`.
        """
        return conversion.read_page(self._call(self._collect_converted, page.body, timeout))

    def open_dispute(
        self,
        question: Question | AskedQuestion,
        *,
        contest: str,
        claims: Iterable[Attribute | str],
        officer: str = "",
        request_id: str = "",
        answered_at: datetime | None = None,
        timeout: float | None = None,
    ) -> Dispute:
        """Dispute an answer that this agency got: which claims, never which value.

        Whom it is about is sealed to the registry's officer; the service cannot read it. Assumes the extra `sealing`.

        Args:
            question: the one that was answered; one with captures as `padan.AskedQuestion`, which is read back too.
            contest: the answer's reference.
            claims: the disputed claims, of those in the question; of captures face, finger and iris.
            officer: the agency's own pseudonym of the person who disputes; by default the question's.
            request_id: a UUID of your own; by default a new one. Again with the same one is the same dispute.
            answered_at: for a reference of 16 characters, when the answer came, within a minute.
            timeout: seconds for both calls with all their attempts.

        Raises:
            PadanError: see `padan errors`.
        """
        order = dispute.Order.build(
            question,
            contest=contest,
            claims=claims,
            officer=officer,
            request_id=request_id,
            answered_at=answered_at,
        )
        body = order.sealed(self.service_info(timeout=timeout))
        answered = self._call(self._open_dispute, body, timeout)
        return dispute.read(answered.dispute)

    def dispute(
        self,
        dispute_id: str,
        *,
        timeout: float | None = None,
    ) -> Dispute:
        """Ask where a dispute stands.

        Raises:
            PadanError: see `padan errors`.
        """
        answered = self._call(self._get_dispute, dispute.get_body(dispute_id), timeout)
        return dispute.read(answered.dispute)

    def disputes(
        self,
        *,
        unresolved: bool = False,
        timeout: float | None = None,
    ) -> tuple[Dispute, ...]:
        """List the agency's disputes, newest first.

        Args:
            unresolved: only those that are not resolved.
            timeout: seconds for each page with all its attempts.

        Raises:
            PadanError: see `padan errors`.
        """
        found: list[Dispute] = []
        token = ""
        while True:
            body = dispute.list_body(unresolved=unresolved, page_token=token)
            page = self._call(self._list_disputes, body, timeout)
            found += map(dispute.read, page.disputes)
            token = page.next_page_token
            if not token:
                return tuple(found)

    def close(self) -> None:
        """Close the channel; running calls fail."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Callable[..., _Answer], body: bytes, timeout: float | None) -> _Answer:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        if not self._turns.acquire(timeout=max(0.0, end - time.monotonic())):
            raise remedy.build("DEADLINE", detail="the client's other calls took all the time")
        try:
            return self._attempt(method, body, end)
        finally:
            self._turns.release()

    @staticmethod
    def _attempt(method: Callable[..., _Answer], body: bytes, end: float) -> _Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                return method(body, timeout=retry.attempt_timeout(end - time.monotonic()))
            except grpc.RpcError as failure:
                error = from_rpc(failure)
            except ValueError:
                raise remedy.build("CANCELLED", detail="the client is closed") from None
            wait = retry.pause(error, attempt, end - time.monotonic())
            if wait is None:
                raise error from None
            time.sleep(wait)
