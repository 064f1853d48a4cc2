"""The calls about enrolments that the clients make, for programs that wait and for those that do not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from google.protobuf.message import Message

from padan import enrolment
from padan.errors import InternalError
from padan.v1 import token_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    import grpc
    import grpc.aio

    from padan.enrolment import (
        Enrolment,
        EnrolmentAnswer,
        EnrolmentList,
        EnrolmentListAnswer,
        EnrolmentQuestion,
        QuestionCount,
        Said,
        Withdrawal,
    )
    from padan.proofs import Proofs

_Answer = TypeVar("_Answer", bound=Message)


class _Send(Protocol):
    def __call__(self, method: Callable[..., _Answer], body: bytes, timeout: float | None, /) -> _Answer: ...


class _AsyncSend(Protocol):
    async def __call__(
        self,
        method: Callable[..., Awaitable[_Answer]],
        body: bytes,
        timeout: float | None,  # noqa: ASYNC109 - as in padan.aio.Client.verify
        /,
    ) -> _Answer: ...


STREAM_SECONDS: Final = 300.0
"""The longest deadline of a stream."""


async def _one(
    answers: grpc.aio.StreamStreamCall[bytes, token_pb2.StreamCheckEnrolmentResponse],
) -> token_pb2.StreamCheckEnrolmentResponse:
    return _only([answered async for answered in answers])  # to its end, so that it is closed


def _only(
    answers: Sequence[token_pb2.StreamCheckEnrolmentResponse],
) -> token_pb2.StreamCheckEnrolmentResponse:
    if len(answers) != 1:
        raise InternalError("a stream of one message has another number of answers", reason="WRONG_ANSWER")
    return answers[0]


class EnrolmentCalls:
    """What `padan.Client.enrolments` does.

    Args:
        link: the client's channel.
        send: makes a call, with the client's retries.
        proofs: watches over receipts.
    """

    def __init__(self, link: grpc.Channel, send: _Send, proofs: Proofs | None) -> None:
        self._send = send
        self._proofs = proofs

        def call(method: str, answer: type[_Answer]) -> grpc.UnaryUnaryMultiCallable[bytes, _Answer]:
            return link.unary_unary(method, request_serializer=None, response_deserializer=answer.FromString)

        self._enrol = call(enrolment.ENROL, token_pb2.EnrolResponse)
        self._withdraw = call(enrolment.WITHDRAW, token_pb2.WithdrawResponse)
        self._check = call(enrolment.CHECK_ENROLMENT, token_pb2.CheckEnrolmentResponse)
        self._lists: grpc.StreamStreamMultiCallable[bytes, token_pb2.StreamCheckEnrolmentResponse] = (
            link.stream_stream(
                enrolment.STREAM_CHECK_ENROLMENT,
                request_serializer=None,
                response_deserializer=token_pb2.StreamCheckEnrolmentResponse.FromString,
            )
        )
        self._questions = call(enrolment.LIST_QUESTIONS, token_pb2.ListEnrolmentQuestionsResponse)

    def enrol(
        self,
        call: Enrolment,
        *,
        timeout: float | None = None,
    ) -> Mapping[int, str]:
        """Enrol residents in a class; the same call again changes nothing more.

        Args:
            call: from `Enrolment.build`.
            timeout: seconds for the call with all its attempts.

        Returns:
            Why some were refused, by place: TOKEN_REFUSED, TOKEN_OUTDATED or INVALID_FIELD; the others are enrolled.

        Raises:
            PadanError: see `padan errors`.
        """
        return enrolment.read_faults((self._send(self._enrol, call.body, timeout)).faults)

    def withdraw(
        self,
        call: Withdrawal,
        *,
        timeout: float | None = None,
    ) -> Mapping[int, str]:
        """End enrolments that this agency's domain made; arguments and result as for `enrol`.

        Raises:
            PadanError: see `padan errors`.
        """
        return enrolment.read_faults((self._send(self._withdraw, call.body, timeout)).faults)

    def check(
        self,
        question: EnrolmentQuestion,
        *,
        timeout: float | None = None,
    ) -> EnrolmentAnswer:
        """Ask whether a resident is enrolled in a class today, by any programme.

        Args:
            question: from `EnrolmentQuestion.build`; asked again, it is answered and charged once.
            timeout: seconds for the call with all its attempts.

        Raises:
            PadanError: see `padan errors`.
        """
        answered = self._send(self._check, question.body, timeout)
        found = enrolment.read_answer(answered, question)
        if self._proofs is not None:
            self._proofs.watch(found.receipt)
        return found

    def check_many(
        self, questions: Iterable[EnrolmentList], *, timeout: float = STREAM_SECONDS
    ) -> Iterator[EnrolmentListAnswer]:
        """Ask about lists of residents, one after the other, each with the client's retries.

        Args:
            questions: from `EnrolmentList.build`; asked again, each is answered and charged once.
            timeout: seconds for all of them together.

        Raises:
            PadanError: see `padan errors`; those before were answered.
        """
        until = time.monotonic() + timeout
        for question in questions:

            def send(body: bytes, *, timeout: float) -> token_pb2.StreamCheckEnrolmentResponse:
                return _only(
                    list(self._lists(iter([body]), timeout=timeout))
                )  # to its end, so that it is closed

            answered = self._send(send, question.body, until - time.monotonic())
            yield enrolment.read_list(answered, question)

    def questions(
        self,
        said: Said,
        *,
        category: str = "",
        first: date | None = None,
        last: date | None = None,
        timeout: float | None = None,
    ) -> tuple[QuestionCount, ...]:
        """Ask who asked about the classes that this agency enrols in, by day; never about whom.

        Args:
            said: who asks, and why; a purpose that enrols.
            category: one of its classes; by default all of them.
            first: first day; by default thirty days before the last one.
            last: last day; by default today. At most 92 days are told at once.
            timeout: seconds for the call with all its attempts.

        Raises:
            PadanError: see `padan errors`.
        """
        body = enrolment.questions_body(said=said, category=category, first=first, last=last)
        return enrolment.read_questions(self._send(self._questions, body, timeout))


class AsyncEnrolmentCalls:
    """What `padan.aio.Client.enrolments` does.

    Args:
        link: the client's channel.
        send: makes a call, with the client's retries.
        proofs: watches over receipts.
    """

    def __init__(self, link: grpc.aio.Channel, send: _AsyncSend, proofs: Proofs | None) -> None:
        self._send = send
        self._proofs = proofs

        def call(method: str, answer: type[_Answer]) -> grpc.aio.UnaryUnaryMultiCallable[bytes, _Answer]:
            return link.unary_unary(method, request_serializer=None, response_deserializer=answer.FromString)

        self._enrol = call(enrolment.ENROL, token_pb2.EnrolResponse)
        self._withdraw = call(enrolment.WITHDRAW, token_pb2.WithdrawResponse)
        self._check = call(enrolment.CHECK_ENROLMENT, token_pb2.CheckEnrolmentResponse)
        self._lists: grpc.aio.StreamStreamMultiCallable[bytes, token_pb2.StreamCheckEnrolmentResponse] = (
            link.stream_stream(
                enrolment.STREAM_CHECK_ENROLMENT,
                request_serializer=None,
                response_deserializer=token_pb2.StreamCheckEnrolmentResponse.FromString,
            )
        )
        self._questions = call(enrolment.LIST_QUESTIONS, token_pb2.ListEnrolmentQuestionsResponse)

    async def enrol(
        self,
        call: Enrolment,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in padan.aio.Client.verify
    ) -> Mapping[int, str]:
        """Enrol residents in a class; the same call again changes nothing more.

        Args:
            call: from `Enrolment.build`.
            timeout: seconds for the call with all its attempts.

        Returns:
            Why some were refused, by place: TOKEN_REFUSED, TOKEN_OUTDATED or INVALID_FIELD; the others are enrolled.

        Raises:
            PadanError: see `padan errors`.
        """
        return enrolment.read_faults((await self._send(self._enrol, call.body, timeout)).faults)

    async def withdraw(
        self,
        call: Withdrawal,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in padan.aio.Client.verify
    ) -> Mapping[int, str]:
        """End enrolments that this agency's domain made; arguments and result as for `enrol`.

        Raises:
            PadanError: see `padan errors`.
        """
        return enrolment.read_faults((await self._send(self._withdraw, call.body, timeout)).faults)

    async def check(
        self,
        question: EnrolmentQuestion,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in padan.aio.Client.verify
    ) -> EnrolmentAnswer:
        """Ask whether a resident is enrolled in a class today, by any programme.

        Args:
            question: from `EnrolmentQuestion.build`; asked again, it is answered and charged once.
            timeout: seconds for the call with all its attempts.

        Raises:
            PadanError: see `padan errors`.
        """
        answered = await self._send(self._check, question.body, timeout)
        found = enrolment.read_answer(answered, question)
        if self._proofs is not None:
            self._proofs.watch(found.receipt)
        return found

    async def check_many(
        self,
        questions: Iterable[EnrolmentList],
        *,
        timeout: float = STREAM_SECONDS,  # noqa: ASYNC109 - as in padan.aio.Client.verify
    ) -> AsyncIterator[EnrolmentListAnswer]:
        """Ask about lists of residents; as `padan.Client.enrolments.check_many`.

        Raises:
            PadanError: see `padan errors`.
        """
        until = time.monotonic() + timeout
        for question in questions:

            def send(body: bytes, *, timeout: float) -> Awaitable[token_pb2.StreamCheckEnrolmentResponse]:
                return _one(self._lists(iter([body]), timeout=timeout))

            answered = await self._send(send, question.body, until - time.monotonic())
            yield enrolment.read_list(answered, question)

    async def questions(
        self,
        said: Said,
        *,
        category: str = "",
        first: date | None = None,
        last: date | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in padan.aio.Client.verify
    ) -> tuple[QuestionCount, ...]:
        """Ask who asked about the classes that this agency enrols in, by day; never about whom.

        Args:
            said: who asks, and why; a purpose that enrols.
            category: one of its classes; by default all of them.
            first: first day; by default thirty days before the last one.
            last: last day; by default today. At most 92 days are told at once.
            timeout: seconds for the call with all its attempts.

        Raises:
            PadanError: see `padan errors`.
        """
        body = enrolment.questions_body(said=said, category=category, first=first, last=last)
        return enrolment.read_questions(await self._send(self._questions, body, timeout))
