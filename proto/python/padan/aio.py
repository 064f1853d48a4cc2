"""The same client for asyncio: `padan.aio.Client`, on grpc.aio.

Guarantees what padan/client.py does. A client belongs to the event loop in which it was made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeVar

import grpc
import grpc.aio

from padan import answer, channel, conversion, dispute, info, presence, remedy, retry, update
from padan.client import SERVICE_INFO, VERIFY
from padan.enrolment_calls import AsyncEnrolmentCalls
from padan.errors import ProbeKeyEndedError
from padan.question import Question
from padan.rpc import from_rpc
from padan.v1 import token_pb2, verification_pb2

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
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


class Client:
    """Asks the service; use as an asynchronous context manager, or await `close`."""

    def __init__(
        self,
        link: grpc.aio.Channel,
        *,
        timeout: float = channel.DEFAULT_TIMEOUT,
        proofs: Proofs | None = None,
        signers: Sequence[bytes] | None = None,
    ) -> None:
        """Take over an open channel; `from_files` makes one.

        Args:
            link: mutual TLS to the service.
            timeout: seconds for a call with all its attempts, where the call names none.
            proofs: watches over the receipts, in a thread of its own, from which it calls back; `close` leaves it.
            signers: as for `padan.Client`.
        """
        self._link = link
        self._timeout = timeout
        self._turns = asyncio.Semaphore(channel.AT_ONCE)
        self._proofs = proofs
        self._signers = signers
        self._verify: grpc.aio.UnaryUnaryMultiCallable[bytes, verification_pb2.VerifyResponse] = (
            link.unary_unary(
                VERIFY,
                request_serializer=None,
                response_deserializer=verification_pb2.VerifyResponse.FromString,
            )
        )
        self._service: ServiceInfo | None = None
        self._verify_biometric = presence.method(link)
        self._info: grpc.aio.UnaryUnaryMultiCallable[bytes, verification_pb2.GetServiceInfoResponse] = (
            link.unary_unary(
                SERVICE_INFO,
                request_serializer=None,
                response_deserializer=verification_pb2.GetServiceInfoResponse.FromString,
            )
        )
        self._open_dispute, self._get_dispute, self._list_disputes = dispute.methods(link)
        self._update_tokens: grpc.aio.UnaryUnaryMultiCallable[bytes, token_pb2.UpdateTokensResponse] = (
            link.unary_unary(
                update.UPDATE_TOKENS,
                request_serializer=None,
                response_deserializer=token_pb2.UpdateTokensResponse.FromString,
            )
        )
        self._convert_tokens, self._collect_converted = conversion.methods(link)
        self.enrolments = AsyncEnrolmentCalls(link, self._call, proofs)
        """Enrols residents in classes, withdraws them, and asks who is enrolled; as `padan.Client.enrolments`."""

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
        """Open a client with the agency's files; arguments as in `padan.Client.from_files`.

        Raises:
            ConfigError: a file is not usable.
        """
        credentials = channel.read_files(ca=ca, cert=cert, key=key).credentials()
        link = grpc.aio.secure_channel(address, credentials, options=channel.options(server_name))
        return cls(link, timeout=timeout, proofs=proofs, signers=signers)

    async def verify(
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
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline goes to the server, which must know it
    ) -> Verification:
        """Ask whether the registry confirms what a resident has said; as `padan.Client.verify`.

        Raises:
            PadanError: see `padan errors`.
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
        return await self.ask(question, timeout=timeout)

    async def ask(
        self,
        question: Question,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> Verification:
        """Ask a question that was built before; as `padan.Client.ask`.

        Raises:
            PadanError: see `padan errors`.
        """
        question.require_claims()
        read = answer.read(await self._call(self._verify, question.body, timeout), question)
        if self._proofs is not None:
            self._proofs.watch(read.receipt)
        return read

    async def verify_biometric(
        self,
        question: Question,
        captures: Sequence[Capture],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> Verification:
        """Ask about a resident who is present, with captures; as `padan.Client.verify_biometric`.

        Raises:
            PadanError: see `padan errors`.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + (self._timeout if timeout is None else timeout)
        service = self._service
        if service is None or not presence.is_current(service):
            service = self._service = await self.service_info(timeout=end - clock())
        asked = presence.Presence(question, captures, service, self._signers)
        try:
            response = await self._call(self._verify_biometric, asked.body, end - clock())
        except ProbeKeyEndedError as error:
            self._service = None  # the next question asks for the key of then
            response = await self._call(self._verify_biometric, asked.again(error), end - clock())
        read = asked.read(response)
        if self._proofs is not None:
            self._proofs.watch(read.receipt)
        return read

    async def service_info(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> ServiceInfo:
        """Ask what this agency may ask; as `padan.Client.service_info`.

        Raises:
            PadanError: see `padan errors`.
        """
        return info.read(await self._call(self._info, b"", timeout))

    async def update_tokens(
        self,
        tokens: Update,
        *,
        keys: Mapping[int, bytes] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
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
            keys = update.keys_of(await self.service_info(timeout=timeout), tokens.domain)
        answered = await self._call(self._update_tokens, tokens.body, timeout)
        return update.read(answered, tokens.tokens, keys)

    async def convert_tokens(
        self,
        part: HandIn,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> HandedIn:
        """Hand in a part of a job that converts tokens to another agency's domain; the same part again changes nothing.

        Args:
            part: from `HandIn.build`.
            timeout: seconds for all attempts together.

        Raises:
            PadanError: see `padan errors`.
        """
        return conversion.read_handed_in(await self._call(self._convert_tokens, part.body, timeout))

    async def collect_converted(
        self,
        page: Collect,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> Page:
        """Collect a page of what another agency's tokens were converted to, or delete what was collected.

        Args:
            page: from `Collect.build`.
            timeout: seconds for all attempts together.

        Raises:
            PadanError: see `padan errors`.
        """
        return conversion.read_page(await self._call(self._collect_converted, page.body, timeout))

    async def open_dispute(
        self,
        question: Question | AskedQuestion,
        *,
        contest: str,
        claims: Iterable[Attribute | str],
        officer: str = "",
        request_id: str = "",
        answered_at: datetime | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> Dispute:
        """Dispute an answer that this agency got; as `padan.Client.open_dispute`.

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
        body = order.sealed(await self.service_info(timeout=timeout))
        answered = await self._call(self._open_dispute, body, timeout)
        return dispute.read(answered.dispute)

    async def dispute(
        self,
        dispute_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> Dispute:
        """Ask where a dispute stands; as `padan.Client.dispute`.

        Raises:
            PadanError: see `padan errors`.
        """
        answered = await self._call(self._get_dispute, dispute.get_body(dispute_id), timeout)
        return dispute.read(answered.dispute)

    async def disputes(
        self,
        *,
        unresolved: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - as in verify
    ) -> tuple[Dispute, ...]:
        """List the agency's disputes, newest first; as `padan.Client.disputes`.

        Raises:
            PadanError: see `padan errors`.
        """
        found: list[Dispute] = []
        token = ""
        while True:
            body = dispute.list_body(unresolved=unresolved, page_token=token)
            page = await self._call(self._list_disputes, body, timeout)
            found += map(dispute.read, page.disputes)
            token = page.next_page_token
            if not token:
                return tuple(found)

    async def close(self) -> None:
        """Close the channel; running calls fail."""
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(
        self,
        method: Callable[..., Awaitable[_Answer]],
        body: bytes,
        timeout: float | None,  # noqa: ASYNC109 - as in verify
    ) -> _Answer:
        clock = asyncio.get_running_loop().time
        end = clock() + (self._timeout if timeout is None else timeout)
        try:
            await asyncio.wait_for(self._turns.acquire(), end - clock())
        except TimeoutError:
            raise remedy.build("DEADLINE", detail="the client's other calls took all the time") from None
        try:
            return await self._attempt(method, body, end)
        finally:
            self._turns.release()

    @staticmethod
    async def _attempt(method: Callable[..., Awaitable[_Answer]], body: bytes, end: float) -> _Answer:
        clock = asyncio.get_running_loop().time
        attempt = 0
        while True:
            attempt += 1
            try:
                return await method(body, timeout=retry.attempt_timeout(end - clock()))
            except grpc.aio.AioRpcError as failure:
                error = from_rpc(failure)
            except grpc.aio.UsageError:
                raise remedy.build("CANCELLED", detail="the client is closed") from None
            wait = retry.pause(error, attempt, end - clock())
            if wait is None:
                raise error from None
            await asyncio.sleep(wait)
