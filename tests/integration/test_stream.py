"""The registry's changes from a NATS JetStream: acknowledged once they are in the vault, whatever comes again."""

from __future__ import annotations

import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from nats.js.api import RetentionPolicy

from keys.signing import Signer
from padan.entry import EntryKind
from tests.installation import Installation, install
from tests.integration.feeding import SIGNER, changed, details, feed, publish, take_in
from tests.integration.follower import following
from tests.integration.loading import COMMAND
from tests.nats import NatsServer
from tests.people import BUDI
from verifier.agreement import signkey
from verifier.feed.errors import (
    FeedGapError,
    FeedSignatureError,
    FeedSourceError,
    FeedSourceUnavailableError,
)
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.vault.epoch import Followed
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nats.aio.client import Client

STRANGER = Signer(bytes(32))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that trusts the registry's key."""
    return install(
        tmp_path_factory.mktemp("stream"),
        agencies={},
        extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )


@pytest.fixture
def installation(made: Installation) -> Installation:
    """The same with a new epoch in use, which has followed nothing yet."""
    made.load([BUDI])
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of its own."""
    with NatsServer(tmp_path / "nats") as started:
        yield started


def waiting(server: NatsServer, consumer: str = "padan") -> tuple[int, int]:
    """Count what the consumer has not read, and what it has not acknowledged."""

    async def ask(client: Client) -> tuple[int, int]:
        info = await client.jetstream().consumer_info("FEED", consumer)
        return info.num_pending or 0, info.num_ack_pending or 0

    found: tuple[int, int] = server.act(ask)
    return found


def names(made: Installation, where: str) -> list[str]:
    """Name the messages that a reader is given now."""
    del made
    with closing(open_source(where)) as source:
        return [block.place for block in source.blocks(lambda _name: Followed())]


def make_stream(server: NatsServer, retention: RetentionPolicy) -> None:
    """Make the stream, which forgets as the policy says."""

    async def make(client: Client) -> None:
        await client.jetstream().add_stream(name="FEED", subjects=["feed"], retention=retention)

    server.act(make)


def test_messages_are_acknowledged_once_they_are_in(installation: Installation, server: NatsServer) -> None:
    """Published twice, read by one that ends before it has applied them, and again: applied once, in order."""
    where = f"{server.address}/FEED?subject=registry.feed"
    blocks = [feed(installation, number, changed(f"BUDI {'ABC'[number]}NTO")) for number in range(3)]
    assert [publish(installation, where, block) for block in blocks] == [True, True, True]
    assert [publish(installation, where, block) for block in blocks] == [False, False, False]
    assert names(installation, where) == [f"FEED, message {number}" for number in (1, 2, 3)]
    assert waiting(server) == (0, 3)
    (summary,) = take_in(installation, where)
    assert (summary.begun, summary.position, summary.applied) == (0, 3, 3)
    assert waiting(server) == (0, 0)
    assert details(installation, EntryKind.FEED_OPENED)[-1]["file"] == where
    assert names(installation, where) == []
    assert take_in(installation, where) == []
    with pytest.raises(FeedGapError, match="registry-1 was followed to 3 only"):
        publish(installation, where, feed(installation, 4, changed("BUDI")))


def test_the_vault_says_how_far_it_was_followed(installation: Installation, server: NatsServer) -> None:
    """A stream that was read further than this vault is, as after a restore, is read from its beginning."""
    where = f"{server.address}/FEED"
    for number in range(3):
        publish(installation, where, feed(installation, number, changed(f"BUDI {'ABC'[number]}NTO")))
    assert [each.position for each in take_in(installation, where)] == [3]
    installation.load([BUDI])
    publish(installation, where, feed(installation, 3, changed("BUDI DANTO")))
    (summary,) = take_in(installation, where)
    assert (summary.begun, summary.position, summary.applied) == (0, 4, 4)
    assert waiting(server) == (0, 0)


def test_after_a_load_a_stream_is_read_from_its_oldest_block(
    installation: Installation, server: NatsServer
) -> None:
    """Where a load holds all that was before the stream, or all up to a position: nothing after that is passed over."""
    where = f"{server.address}/FEED"
    for number in range(3):
        publish(installation, where, feed(installation, number, changed(f"BUDI {'ABC'[number]}NTO")))
    assert [each.position for each in take_in(installation, where)] == [3]
    installation.load([BUDI])
    publish(installation, where, feed(installation, 3, changed("BUDI DANTO")))
    (summary,) = take_in(installation, where, begin=True)
    assert (summary.begun, summary.position, summary.applied) == (0, 4, 4)
    installation.load([BUDI])
    publish(installation, where, feed(installation, 4, changed("BUDI ENTO")))
    (summary,) = take_in(installation, where, holds={"registry-1": 2})
    assert (summary.begun, summary.position, summary.applied) == (2, 5, 3)
    assert waiting(server) == (0, 0)


def test_a_stream_that_forgets_what_nobody_waits_for_is_refused(
    installation: Installation, server: NatsServer
) -> None:
    """With retention by interest a consumer that is made anew has lost what it had not acknowledged."""
    make_stream(server, RetentionPolicy.INTEREST)
    with pytest.raises(FeedSourceError, match="make it limits or workqueue"):
        take_in(installation, f"{server.address}/FEED")


def test_half_a_file_of_credentials_is_refused(
    installation: Installation, server: NatsServer, tmp_path: Path
) -> None:
    """The client would look for the rest for ever."""
    creds = tmp_path / "half.creds"
    creds.write_text("-----BEGIN USER NKEY SEED-----\nX\n")
    with pytest.raises(FeedSourceError, match="as nsc writes them"):
        take_in(installation, f"{server.address}/FEED?creds={creds}")


def test_a_stream_has_one_reader_at_a_time(installation: Installation, server: NatsServer) -> None:
    """Whoever waits for another process takes no message, which would be missing in the other's run."""
    where = f"{server.address}/FEED"
    publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))
    assert [each.position for each in take_in(installation, where)] == [1]
    publish(installation, where, feed(installation, 1, changed("BUDI BANTO")))
    with closing(Follower(installation.settings, open_source(where))) as second, ThreadPoolExecutor() as pool:
        with closing(open_changer(installation.settings.vault_database)):
            step = pool.submit(second.step)
            time.sleep(0.5)
            assert not step.done()
            assert waiting(server) == (1, 0)
        summary = step.result()
    assert summary is not None
    assert summary.position == 2


def test_a_queue_that_keeps_nothing_says_what_is_missing(
    installation: Installation, server: NatsServer
) -> None:
    """Where the stream throws away what was acknowledged, a vault that lacks it is a gap, and nothing is applied."""
    make_stream(server, RetentionPolicy.WORK_QUEUE)
    where = f"{server.address}/FEED"
    publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))
    assert [each.position for each in take_in(installation, where)] == [1]
    installation.load([BUDI])
    publish(installation, where, feed(installation, 1, changed("BUDI BANTO")))
    with pytest.raises(FeedGapError, match="message 2: it goes on after position 1"):
        take_in(installation, where)
    assert [each.position for each in take_in(installation, where, begin=True)] == [2]


def test_a_message_of_a_stranger_stops_it(installation: Installation, server: NatsServer) -> None:
    """What is before it is in; it is named, and stays where it is until the registry takes it out."""
    where = f"{server.address}/FEED"
    publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))

    async def intrude(client: Client) -> None:
        forged = feed(installation, 1, changed("BUDI PALSU"), signer=STRANGER)
        await client.jetstream().publish("FEED", forged)

    async def take_out(client: Client) -> None:
        await client.jetstream().delete_msg("FEED", 2)

    server.act(intrude)
    with closing(Follower(installation.settings, open_source(where))) as follower:
        summary = follower.step()
        assert summary is not None
        assert summary.position == 1
        for _ in range(2):
            with pytest.raises(FeedSignatureError, match=r"^FEED, message 2: the feed is signed by nobody"):
                follower.step()
    server.act(take_out)
    publish(installation, where, feed(installation, 1, changed("BUDI BANTO")))
    assert [(each.begun, each.position) for each in take_in(installation, where)] == [(1, 2)]


def test_tls_and_a_token_by_file(installation: Installation, tmp_path: Path) -> None:
    """The connection is encrypted, the server checked, the token read from its file and told to nobody."""
    settings, token = installation.settings, tmp_path / "token"
    token.write_text("a token for tests only\n")
    options = ("--auth", token.read_text().strip(), "--tls", "--tlscert", settings.tls_cert, "--tlskey")
    with NatsServer(tmp_path / "nats", *map(str, options), str(settings.tls_key)) as server:
        base = f"tls://localhost:{server.port}/FEED"
        where = f"{base}?ca={installation.ca}&token-file={token}"
        publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))
        assert [each.position for each in take_in(installation, where)] == [1]
        assert open_source(where).name == base
        with pytest.raises(FeedSourceError, match="refuses these credentials"):
            names(installation, f"{base}?ca={installation.ca}")
        with pytest.raises(FeedSourceUnavailableError, match="CertVerificationError"):
            names(installation, f"{base}?token-file={token}")
        with pytest.raises(FeedSourceError, match="a file that the address names"):
            names(installation, f"{base}?token-file={tmp_path / 'missing'}")


def test_what_cannot_be_published_is_said(installation: Installation, server: NatsServer) -> None:
    """A block that is too large for the server, a stream of several subjects, no stream, no server."""
    where = f"{server.address}/FEED"
    with pytest.raises(FeedSourceError, match="no stream FEED"):
        names(installation, where)
    large = feed(installation, 0, *(changed("BUDI " + "O" * 390) for _ in range(1_300)))
    with pytest.raises(FeedSourceError, match=r"the server takes 1,048,576; sign it as several"):
        publish(installation, where, large)

    async def make(client: Client) -> None:
        await client.jetstream().add_stream(name="FEED", subjects=["feed.*"])

    server.act(make)
    with pytest.raises(FeedSourceError, match="name the subject"):
        publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))
    server.stop()
    with pytest.raises(FeedSourceUnavailableError, match="ConnectionRefusedError"):
        take_in(installation, where)


def test_it_is_followed_until_it_is_stopped(installation: Installation, server: NatsServer) -> None:
    """What comes is applied; the server goes away and comes back; SIGTERM ends it cleanly."""
    where = f"{server.address}/FEED"
    publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))
    with following(installation, where) as followed:
        assert followed.next()["position"] == 1
        server.stop()
        told = followed.next("err")
        assert (told["event"], told["level"]) == ("not following; trying again", "warning")
        assert where in told["reason"]
        server.start()
        publish(installation, where, feed(installation, 1, changed("BUDI BANTO")))
        found = followed.next()
        assert (found["begun"], found["position"], found["applied"]) == (1, 2, 1)
        followed.process.send_signal(signal.SIGTERM)
        assert followed.process.wait(20) == 0


def test_a_broken_message_ends_it_with_the_next_step(installation: Installation, server: NatsServer) -> None:
    """A follower that cannot go on ends, names the message, and says what to do."""
    where = f"{server.address}/FEED"
    publish(installation, where, feed(installation, 0, changed("BUDI ANTO")))
    command = [*COMMAND, "--config", str(installation.config_path), "registry", "sync", where, "--follow"]

    async def cut(client: Client) -> None:
        await client.jetstream().publish("FEED", feed(installation, 1, changed("BUDI"))[:-30])

    server.act(cut)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "position 0 to 1" in done.stdout
    assert "error: FEED, message 2: the file has no signed end" in done.stderr
    assert "next:  ask the registry for it again" in done.stderr
