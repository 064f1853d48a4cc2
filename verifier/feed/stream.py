"""Signed blocks in a NATS JetStream, a message each: read by a durable consumer, acknowledged once in the vault.

A connection reads from the oldest message that was not acknowledged, in the order of the stream: the consumer is made
anew for it, since JetStream would hold back for minutes what a killed reader left open, and send what is newer first.
So a message may come again, which is harmless, and none comes before an older one. Where the consumer was acknowledged
further than the vault is, as after a restore, `rewind` reads the stream from its first message.

The client is nats-py (ADR 0017), an asyncio library; its loop runs while a call of ours does. It never reconnects by
itself: whoever follows decides when to try again.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final, TypeVar

from verifier.feed import address
from verifier.feed.block import RUN_BLOCKS, Block
from verifier.feed.document import time_text
from verifier.feed.errors import FeedGapError, FeedSourceError, FeedSourceUnavailableError

try:
    import nats.errors
    import nats.js.errors
    from nats.aio.client import Client
    from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy
except ImportError as missing:
    raise FeedSourceError("streams need the package nats-py: pip install 'padan-server[nats]'") from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from verifier.feed.document import Feed
    from verifier.vault.epoch import Followed

T = TypeVar("T")

CONNECT_SECONDS: Final = 5
CALL_SECONDS: Final = 5.0
END_SECONDS: Final = 1.0
"""For a good-bye: after a failed handshake of TLS the client would wait for ever."""
LIMIT_SECONDS: Final = 30.0
"""After so long a call is given up, whatever the client is waiting for."""
FETCH_SECONDS: Final = 0.5
"""How long an empty stream is waited for."""
FETCH: Final = 16
"""Messages that are fetched together: each may have a megabyte."""
ACK_SECONDS: Final = 300.0
"""After so long the server sends again what was not acknowledged."""
_REFUSED: Final = "authorization violation"
_CREDS: Final = (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED")
"""Of lines in a file of credentials."""
SOURCE, END, AS_OF = "Padan-Source", "Padan-End", "Padan-As-Of"
"""Headers of a message; not signed, so only whoever publishes goes by them."""


class Stream:
    """A JetStream of blocks. For one thread."""

    def __init__(self, where: address.StreamAddress, *, create: bool) -> None:
        """Prepare access; nothing is connected.

        Args:
            where: the stream.
            create: make it where there is none, when a block is published.
        """
        self._where = where
        self._create = create
        self._runner: asyncio.Runner | None = None
        self._client: Client | None = None
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._waiting: list[Msg] = []
        self._from_first = False
        self._is_queue = False
        self._noted = ""

    @property
    def has_one_reader(self) -> bool:
        """Yes: a vault has one consumer, whose messages go to whoever fetches first."""
        return True

    @classmethod
    def open(cls, where: str, *, create: bool = False) -> Stream:
        """Prepare access.

        Raises:
            FeedSourceError: it is no address of a stream.
        """
        return cls(address.parse(where), create=create)

    @property
    def name(self) -> str:
        """The address without its files."""
        return self._where.name

    def blocks(self, followed: Callable[[str], Followed]) -> Generator[Block, None, None]:
        """Read what was not settled yet, and then what comes."""
        del followed  # the consumer knows; where it does not, what is known already is passed over
        at = 0
        while True:
            for message in self._waiting[at:]:
                at += 1
                place = f"{self._where.stream}, message {message.metadata.sequence.stream}"
                yield Block(place=place, data=message.data)
            fresh = self._call(self._fetch())
            if not fresh:
                return
            self._waiting += fresh

    def settle(self, count: int) -> None:
        """Acknowledge the first so many messages of the last reading."""
        settled, self._waiting = self._waiting[:count], self._waiting[count:]
        self._call(self._acknowledge(settled))

    def rewind(self) -> bool:
        """Read from the first message; False where that was done, or where the stream keeps nothing that was read."""
        if self._from_first or self._is_queue:
            return False
        self.close()
        self._from_first = True
        return True

    def publish(self, feed: Feed, data: bytes) -> bool:
        """Add a block as a message; False where it is there already."""
        return self._call(self._publish(feed, data))

    def close(self) -> None:
        """Disconnect; a later call connects again."""
        runner, client = self._runner, self._client
        self._runner = self._client = self._subscription = None
        self._waiting = []
        self._from_first = False
        if runner is not None:
            if client is not None:
                runner.run(_end(client))
            runner.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one thing in the client's loop, and translate its errors."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(asyncio.wait_for(work, LIMIT_SECONDS))
        except nats.js.errors.NotFoundError as error:
            raise FeedSourceError(
                f"the server has no stream {self._where.stream}; feed publish --create makes it"
            ) from error
        except (nats.errors.Error, OSError) as error:  # a TimeoutError is an OSError
            if _REFUSED in str(error).lower():
                raise FeedSourceError(
                    f"{self._where.server}: the server refuses these credentials"
                ) from error
            raise FeedSourceUnavailableError(f"{self.name}: {self._noted or type(error).__name__}") from error

    async def _connected(self) -> Client:
        if self._client is None:
            chosen = _credentials(self._where)
            client, self._noted = Client(), ""
            try:
                await client.connect(
                    self._where.server,
                    name="padan",
                    error_cb=self._note,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=CONNECT_SECONDS,
                    **chosen,
                )
            except BaseException:
                await _end(client)
                raise
            self._client = client
        return self._client

    async def _note(self, error: Exception) -> None:
        """Keep the kind of what went wrong below a call, whose own error says less."""
        self._noted = type(error).__name__

    async def _fetch(self) -> list[Msg]:
        if self._subscription is None:
            self._subscription = await self._subscribe(await self._connected())
        try:
            return await self._subscription.fetch(FETCH, timeout=FETCH_SECONDS)
        except TimeoutError:  # nats-py raises two kinds, and both are this one
            if self._client is None or not self._client.is_connected:
                raise
            return []

    async def _subscribe(self, client: Client) -> JetStreamContext.PullSubscription:
        where, stream = self._where, client.jetstream(timeout=CALL_SECONDS)
        found = await stream.stream_info(where.stream)
        self._is_queue = found.config.retention == RetentionPolicy.WORK_QUEUE
        if found.config.retention == RetentionPolicy.INTEREST:
            raise FeedSourceError(
                f"{where.stream}: its retention is interest, by which changes go that nobody waits for just now;"
                " make it limits or workqueue"
            )
        acknowledged = 0
        try:
            floor = (await stream.consumer_info(where.stream, where.consumer)).ack_floor
            acknowledged = floor.stream_seq if floor is not None else 0
            await stream.delete_consumer(where.stream, where.consumer)
        except nats.js.errors.NotFoundError:
            pass
        everything = self._from_first or self._is_queue or not acknowledged
        config = ConsumerConfig(
            durable_name=where.consumer,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_ack_pending=RUN_BLOCKS + FETCH,
            filter_subject=where.subject or None,
            deliver_policy=DeliverPolicy.ALL if everything else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if everything else acknowledged + 1,
        )
        await stream.add_consumer(where.stream, config)
        return await stream.pull_subscribe_bind(durable=where.consumer, stream=where.stream)

    async def _acknowledge(self, messages: list[Msg]) -> None:
        for message in messages:
            await message.ack()
        await (await self._connected()).flush()

    async def _publish(self, feed: Feed, data: bytes) -> bool:
        client = await self._connected()
        stream = client.jetstream(timeout=CALL_SECONDS)
        if len(data) > client.max_payload:
            raise FeedSourceError(
                f"the block has {len(data):,} bytes, and the server takes {client.max_payload:,}; sign it as several"
            )
        subject = await self._subject(stream)
        headers = {SOURCE: feed.source, END: str(feed.end), AS_OF: time_text(feed.as_of_ms)}
        if await self._is_there(stream, subject, feed, headers):
            return False
        answer = await stream.publish(
            subject, data, stream=self._where.stream, headers={**headers, "Nats-Msg-Id": feed.digest.hex()}
        )
        return not answer.duplicate

    async def _subject(self, stream: JetStreamContext) -> str:
        """Choose the subject to publish to, and make the stream where that is wanted."""
        where = self._where
        try:
            subjects = (await stream.stream_info(where.stream)).config.subjects or []
        except nats.js.errors.NotFoundError:
            if not self._create:
                raise
            subjects = [where.subject or where.stream]
            await stream.add_stream(name=where.stream, subjects=subjects)
        subject = where.subject or (subjects[0] if len(subjects) == 1 else "")
        if not subject or "*" in subject or ">" in subject:
            raise FeedSourceError("name the subject to publish to: ?subject=NAME, without * and >")
        return subject

    async def _is_there(
        self, stream: JetStreamContext, subject: str, feed: Feed, headers: Mapping[str, str]
    ) -> bool:
        try:
            last = (await stream.get_last_msg(self._where.stream, subject)).headers or {}
        except nats.js.errors.NotFoundError:
            return False
        end = last.get(END, "")
        if last.get(SOURCE) != feed.source or not end.isdecimal():
            return False
        if feed.after > int(end):
            raise FeedGapError.between(feed.source, int(end), feed.after)
        return feed.end <= int(end) and headers[AS_OF] <= last.get(AS_OF, "")


def _credentials(where: address.StreamAddress) -> dict[str, Any]:
    """Read what opens a stream.

    Raises:
        FeedSourceError: a file cannot be used.
    """
    chosen: dict[str, Any] = {}
    try:
        if where.tls:
            chosen["tls"] = ssl.create_default_context(cafile=where.ca)
            if where.cert is not None and where.key is not None:
                chosen["tls"].load_cert_chain(where.cert, where.key)
        if where.creds is not None:
            creds = where.creds.read_bytes()
            if any(mark not in creds for mark in _CREDS):  # the client would look for ever
                raise FeedSourceError(
                    "a file that the address names has no credentials as nsc writes them: JWT, then seed"
                )
            chosen["user_credentials"] = str(where.creds)
        if where.token_file is not None:
            chosen["token"] = where.token_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FeedSourceError(
            f"a file that the address names cannot be used ({type(error).__name__})"
        ) from error
    return chosen


async def _end(client: Client) -> None:
    """Close a connection that may be gone already."""
    try:
        await asyncio.wait_for(client.close(), END_SECONDS)
    except (nats.errors.Error, OSError):
        return
