"""The asynchronous client against the simulator; it shares its pure parts with the other one."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from padan import aio, channel, client
from padan.errors import NotGrantedError, PadanError, TooLateError
from tests.simulator.service import Slow, match, refusing

if TYPE_CHECKING:
    from padan.v1 import verification_pb2
    from tests.simulator.service import Service


def test_verify_and_retry(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """An outage is retried with the same bytes and the answer is the same value."""
    service.steps.append(refusing(grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE"))

    async def run() -> None:
        async with aio.Client.from_files(service.address, **files, timeout=5) as link:
            answer = await link.verify(**asked)
            info = await link.service_info()
        assert answer.confirmed
        assert info.registry_id == "registry.test"

    asyncio.run(run())
    assert len(service.bodies) == 2
    assert len(set(service.bodies)) == 1
    assert all(left is not None for left in service.remaining)


def test_more_calls_than_a_connection_takes(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """No more than a connection takes are under way at once; the others wait for their turn, until their deadline."""
    slow = Slow()
    service.steps += [slow] * 200

    async def run() -> list[Any]:
        async with aio.Client.from_files(service.address, **files, timeout=20) as link:
            many = [link.verify(**asked) for _ in range(90)]
            late = [link.verify(**asked, timeout=0.05) for _ in range(10)]
            return await asyncio.gather(*many, *late, return_exceptions=True)

    found = asyncio.run(run())
    assert all(each.confirmed for each in found[:90])
    assert all(isinstance(each, TooLateError) for each in found[90:])
    assert 8 < slow.most <= channel.AT_ONCE


def test_calls_run_side_by_side(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """Many questions share one channel."""

    async def run() -> int:
        async with aio.Client.from_files(service.address, **files, timeout=5) as link:
            answers = await asyncio.gather(*(link.verify(**asked) for _ in range(20)))
        return len({answer.request_id for answer in answers})

    assert asyncio.run(run()) == 20


def test_refusal_and_deadline(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """A refusal is not retried; a hanging service costs the timeout and no more."""

    def hang(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        import time

        while context.is_active():
            time.sleep(0.01)
        return match(request, context)

    async def run() -> None:
        async with aio.Client.from_files(service.address, **files) as link:
            service.steps.append(refusing(grpc.StatusCode.PERMISSION_DENIED, "NO_AGREEMENT"))
            with pytest.raises(NotGrantedError):
                await link.verify(**asked)
            service.steps += [hang] * 9
            with pytest.raises(TooLateError):
                await link.verify(**asked, timeout=0.5)

    asyncio.run(run())


def test_closed_client_says_so(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """A call on a closed client is a PadanError."""

    async def run() -> None:
        link = aio.Client.from_files(service.address, **files)
        await link.close()
        with pytest.raises(PadanError) as caught:
            await link.verify(**asked)
        assert caught.value.reason == "CANCELLED"

    asyncio.run(run())


@pytest.mark.parametrize("method", ["from_files", "verify", "ask", "service_info"])
def test_both_clients_take_the_same_arguments(method: str) -> None:
    """What one client takes the other takes, with the same defaults."""
    one, other = getattr(client.Client, method), getattr(aio.Client, method)
    assert inspect.signature(one).parameters == inspect.signature(other).parameters
