"""The log and its witnesses: lines are collected and checked, and who is away delays nobody."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

from padan.tlog import note, policy
from tests.simulator import pki as certificates
from tests.simulator.log_store import MemoryLog
from tests.smalllog import SmallLog
from tests.witnesses import WitnessThread
from verifier.leader import Mandate
from verifier.tree import cosigning, witnessed
from verifier.tree.cosigner import Asked, renewed
from verifier.tree.cosigning import Cosigning, WitnessPolicyError, read_policy
from verifier.tree.witness_link import WitnessError, WitnessLink, WitnessUrlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from padan.tlog.note import Line

MANDATE = Mandate(term=0)


@pytest.fixture
def log() -> SmallLog:
    """Make a log."""
    return SmallLog()


@pytest.fixture
def witnesses(log: SmallLog, tmp_path: Path) -> Iterator[list[WitnessThread]]:
    """Run three witnesses of the log."""
    with contextlib.ExitStack() as running:
        yield [
            running.enter_context(
                WitnessThread(tmp_path / f"w{number}", log.key, name=f"witness.example/w{number}")
            )
            for number in range(3)
        ]


def text_of(witnesses: list[WitnessThread], quorum: int) -> str:
    """Write a policy of some witnesses."""
    lines = [f"witness w{number} {each.vkey} {each.url}" for number, each in enumerate(witnesses)]
    names = " ".join(f"w{number}" for number in range(len(witnesses)))
    return "\n".join([*lines, f"group q {quorum} {names}", "quorum q", ""])


def ask(cosign: Cosigning, log: SmallLog, size: int) -> list[Line]:
    """Have a checkpoint of the log cosigned."""
    return cosign(log.text(size), log.signed(size), size, log.proving(size))


def asked(log: SmallLog, size: int) -> Asked:
    """Write what is asked."""
    return Asked(log.text(size), log.signed(size), size, log.proving(size))


def test_all_cosign(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """Each new size has the lines of all, over connections that stay open, whatever the witnesses knew before."""
    text = text_of(witnesses, 3)
    cosign = Cosigning(policy.parse(text), log=MemoryLog())
    believed = policy.parse(f"log {log.key}\n{text}")
    for size in (2, 5, 5, 9):
        lines = ask(cosign, log, size)
        assert len(believed.believe(log.signed(size) + "".join(map(str, lines)).encode()).cosignatures) == 3
    assert [each.listener.connections for each in witnesses] == [1, 1, 1]
    cosign.close()
    other = Cosigning(
        policy.parse(text), log=MemoryLog()
    )  # another process leads, and begins with knowing nothing
    assert len(ask(other, log, 11)) == 3
    other.close()


def test_one_is_away_and_comes_back(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """The others' lines come at once; who comes back cosigns the next checkpoint, from the size that it knows."""
    cosign = Cosigning(policy.parse(text_of(witnesses, 2)), log=MemoryLog())
    assert len(ask(cosign, log, 2)) == 3
    witnesses[0].stop()
    assert len(ask(cosign, log, 5)) == 2
    witnesses[0].start()
    assert len(ask(cosign, log, 9)) == 3
    cosign.close()


def test_one_is_slow(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """A witness that takes what is sent and says nothing delays the others' lines by a moment, not by its time."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        lines = text_of(witnesses[:2], 2).replace("group q 2 w0 w1", "group q 2 w0 w1 slow")
        slow = f"witness slow {witnesses[2].vkey} http://127.0.0.1:{deaf.getsockname()[1]}\n"
        cosign = Cosigning(policy.parse(slow + lines), log=MemoryLog(), seconds=30)
        for size in (2, 5):  # the second time its first request still waits
            began = time.monotonic()
            assert len(ask(cosign, log, size)) == 2
            assert time.monotonic() - began < 15
        cosign.close()


def drip(server: socket.socket, ended: threading.Event) -> None:
    """Answer a byte now and then, without an end."""
    with contextlib.suppress(OSError):
        caller, _ = server.accept()
        caller.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not ended.wait(0.05):
            caller.sendall(b"x")
        caller.close()


def test_an_exchange_has_an_end(log: SmallLog) -> None:
    """A witness that sends a byte now and then is cut off when the time is over."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server, ended))
        dripping.start()
        link = WitnessLink("slow", log.key, f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(WitnessError, match=r"longer than 0\.3 s"):
            link.cosign(asked(log, 3), seconds=0.3)
        ended.set()
        dripping.join()
        link.close()


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    """Make a server that gives one answer to everything."""

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = server.accept()
                with caller:
                    caller.recv(65_536)
                    caller.sendall(answer)

    return serve


def http(status: str, body: bytes, kind: str = "text/plain") -> bytes:
    """Write an answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http("200 OK", b"noise"), "not a cosignature"),
        (http("200 OK", b"\xff\n"), "not a cosignature"),
        (http("200 OK", "\u2014 other.example/w AAAAAQ==AAAA\n".encode()), "not a cosignature"),
        (http("200 OK", b"x" * 20_000), "cannot be reached"),
        (http("301 Moved", b""), r"refuses the checkpoint \(301\)"),
        (http("422 Unprocessable", b"no\n"), r"refuses the checkpoint \(422\)"),
        (http("409 Conflict", b"2\n"), r"refuses the checkpoint \(409\)"),
        (http("409 Conflict", b"02\n", "text/x.tlog.size"), r"refuses the checkpoint \(409\)"),
        (http("409 Conflict", b"0\n", "text/x.tlog.size"), "another root for 0 leaves"),
        (http("409 Conflict", b"9\n", "text/x.tlog.size"), "has cosigned 9 leaves, and the checkpoint has 3"),
        (b"noise\r\n\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
)
def test_what_a_witness_may_say(log: SmallLog, answer: bytes, reason: str) -> None:
    """Whatever comes back that is no cosignature of its key is refused, and nothing of it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=answering(answer), args=(server,), daemon=True)
        serving.start()
        link = WitnessLink("w", log.key, f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(WitnessError, match=reason) as caught:
            link.cosign(asked(log, 3), seconds=5)
        assert "noise" not in str(caught.value)
        link.close()
        server.shutdown(socket.SHUT_RDWR)
        serving.join(5)


def test_a_line_of_another_key(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """A cosignature counts only under the key that the policy names."""
    stranger = note.parse_key(witnesses[1].vkey)
    link = WitnessLink("w", stranger, witnesses[0].url)
    with pytest.raises(WitnessError, match="no signature of its key"):
        link.cosign(asked(log, 3), seconds=5)
    link.close()


def test_tls_is_checked(log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over https a witness is asked only under a certificate of a known CA, and the connection stays open too."""
    pki = certificates.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pki.server.cert, pki.server.key)
    with WitnessThread(tmp_path / "w", log.key, tls=tls) as witness:
        for ca, known in ((pki.other_ca, False), (pki.ca, True)):
            monkeypatch.setenv("SSL_CERT_FILE", ca)
            link = WitnessLink("w", note.parse_key(witness.vkey), witness.url)
            if known:
                for size in (3, 5):
                    link.cosign(asked(log, size), seconds=10)
                assert witness.listener.connections == 1
            else:
                with pytest.raises(WitnessError, match="SSLCertVerificationError"):
                    link.cosign(asked(log, 3), seconds=10)
            link.close()
        with socket.create_connection(
            ("127.0.0.1", witness.port)
        ) as plain:  # no TLS: ended, nobody is disturbed
            plain.sendall(b"POST /w/add-checkpoint HTTP/1.1\r\n\r\n")
            assert b"HTTP/1.1 200" not in plain.recv(1_000)


def test_a_fork_is_not_cosigned(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """Witnesses that know the log refuse another history of it, and no line comes."""
    text = text_of(witnesses, 2)
    cosign = Cosigning(policy.parse(text), log=MemoryLog())
    assert len(ask(cosign, log, 5)) == 3
    forked = log.forked()
    assert ask(cosign, forked, 5) == []
    assert ask(cosign, forked, 9) == []
    assert len(ask(cosign, log, 9)) == 3
    assert [each.book.evidence_counts()["log.example/padan", "fork"] for each in witnesses] == [1, 1, 1]
    cosign.close()


def stored(store: MemoryLog) -> float | None:
    """Read the quorum's time."""
    with store.transaction() as transaction:
        return witnessed.parse(transaction.setting(witnessed.NAME))


def publish(cosign: Cosigning, log: SmallLog, size: int, lines: Sequence[Line]) -> None:
    """Tell of a checkpoint that is published with these lines of witnesses."""
    cosign.published(asked(log, size), (*note.parse(log.signed(size)).lines, *lines))


def test_the_quorum_s_time(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """It moves while the quorum is there, also of an idle log, stands while it is not, and moves at once afterwards."""
    store, clock = MemoryLog(), [1_000.0]
    cosign = Cosigning(
        policy.parse(text_of(witnesses, 2)), log=store, now=lambda: clock[0], published=lambda: asked(log, 5)
    )
    cosign.turn(MANDATE)  # a leader that has just begun has the published checkpoint cosigned
    assert stored(store) == 1_000
    publish(cosign, log, 5, cosign.late(log.text(5)))
    clock[0] += 10
    publish(cosign, log, 6, ask(cosign, log, 6))
    cosign.turn(MANDATE)
    assert stored(store) == 1_000  # seldom written
    clock[0] += 30
    cosign.turn(MANDATE)
    publish(cosign, log, 6, cosign.late(log.text(6)))
    cosign.turn(MANDATE)
    assert stored(store) == 1_040  # nothing new was published: it was asked again
    for witness in witnesses[:2]:
        witness.stop()
    clock[0] += 600
    cosign.turn(MANDATE)
    lines = ask(cosign, log, 7)
    assert lines != []
    publish(cosign, log, 7, lines)
    cosign.turn(MANDATE)
    assert stored(store) == 1_040
    for witness in witnesses[:2]:
        witness.start()
    clock[0] += 2
    cosign.turn(MANDATE)
    lines = cosign.late(log.text(7))
    assert len(lines) >= 2
    assert cosign.late(log.text(7)) == []
    publish(cosign, log, 7, lines)
    cosign.turn(MANDATE)
    assert stored(store) == 1_642
    cosign.close()


def test_a_quorum_counts_where_readers_see_it(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """Lines that are not published, too few or spoilt ones move no time; the checkpoint is asked for until they are."""
    store, clock = MemoryLog(), [1_000.0]
    cosign = Cosigning(policy.parse(text_of(witnesses, 2)), log=store, now=lambda: clock[0])
    publish(cosign, log, 5, ask(cosign, log, 5))
    cosign.turn(MANDATE)
    clock[0] += 100
    lines = ask(cosign, log, 6)
    assert [cosign.suffices(some) for some in (lines, lines[:1], [])] == [True, False, False]
    spoilt = note.Line(lines[0].name, lines[0].key_id, lines[0].signature[:-1] + b"\xff")  # no scalar ends so
    for some in ([], lines[:1], [*lines[1:], spoilt]):
        publish(cosign, log, 6, some)
        cosign.turn(MANDATE)
        assert stored(store) == 1_000
        lines = cosign.late(log.text(6))
        assert len(lines) >= 2
    publish(cosign, log, 7, [])  # an earlier one was still asked for
    cosign.turn(MANDATE)
    lines = cosign.late(log.text(7))
    publish(cosign, log, 7, lines)
    cosign.turn(MANDATE)
    assert (len(lines) >= 2, stored(store)) == (True, 1_100)
    cosign.close()


def test_witnesses_that_stay_away_are_told_of_once(
    log: SmallLog, witnesses: list[WitnessThread], caplog: pytest.LogCaptureFixture
) -> None:
    """On an idle log the lines of those who are left are published again, which brings no quorum back."""
    store, clock = MemoryLog(), [1_000.0]
    cosign = Cosigning(policy.parse(text_of(witnesses, 2)), log=store, now=lambda: clock[0])
    lines = tuple(ask(cosign, log, 5))
    publish(cosign, log, 5, lines)
    for witness in witnesses[1:]:
        witness.stop()
    for _ in range(5):
        clock[0] += 30
        cosign.turn(MANDATE)
        lines = renewed(lines, cosign.late(log.text(5)))
        publish(cosign, log, 5, lines)
    cosign.close()
    told = [record.levelname for record in caplog.records if "the quorum of witnesses is" in record.message]
    assert told == ["ERROR"]
    assert (stored(store) or 0) <= 1_030  # one that is told to end may answer what it has begun to read


def test_where_no_quorum_is_asked_for(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """Nothing grows old for witnesses that are away, and no line is waited for."""
    text, store, clock = text_of(witnesses, 2).replace("quorum q", "quorum none"), MemoryLog(), [1_000.0]
    for witness in witnesses:
        witness.stop()
    cosign = Cosigning(policy.parse(text), log=store, now=lambda: clock[0])
    for clock[0] in (1_000, 1_100):
        ask(cosign, log, 5)
        cosign.turn(MANDATE)
        assert stored(store) == clock[0]
        assert cosign.suffices([])
    cosign.close()


@pytest.mark.parametrize("is_next", [False, True])
def test_a_clock_that_was_ahead(log: SmallLog, witnesses: list[WitnessThread], *, is_next: bool) -> None:
    """A time that is still to come begins the bound once more and ages from then, in this leader and in the next."""
    trusted, store, clock = policy.parse(text_of(witnesses, 2)), MemoryLog(), [90_000.0]
    cosign = Cosigning(trusted, log=store, now=lambda: clock[0])
    publish(cosign, log, 5, ask(cosign, log, 5))
    cosign.turn(MANDATE)
    assert stored(store) == 90_000
    if is_next:
        cosign.close()
        cosign = Cosigning(trusted, log=store, now=lambda: clock[0])
    for clock[0] in (1_000, 1_010, 1_900):
        cosign.turn(MANDATE)
        assert stored(store) == 1_000, "nothing is published meanwhile"
    publish(cosign, log, 5, ask(cosign, log, 5))
    cosign.turn(MANDATE)
    assert stored(store) == 1_900
    cosign.close()


def test_the_bound_begins_once(log: SmallLog, witnesses: list[WitnessThread]) -> None:
    """An installation that never had its quorum counts from its first leader, not from each one's beginning."""
    for witness in witnesses:
        witness.stop()
    store, clock = MemoryLog(), [1_000.0]
    for _ in range(2):
        cosign = Cosigning(policy.parse(text_of(witnesses, 2)), log=store, now=lambda: clock[0])
        ask(cosign, log, 3)
        cosign.turn(MANDATE)
        clock[0] += 4_000
        assert stored(store) == 1_000
        cosign.close()


def test_policies_that_cannot_work(tmp_path: Path, witnesses: list[WitnessThread]) -> None:
    """A missing or malformed policy, a quorum without addresses and an address of another kind are refused by name."""
    path = tmp_path / "policy"
    with pytest.raises(WitnessPolicyError, match="No such file"):
        read_policy(path)
    path.write_text("quorum\n")
    with pytest.raises(WitnessPolicyError, match="line 1"):
        read_policy(path)
    good = text_of(witnesses, 2)
    path.write_text(good.replace(f" {witnesses[0].url}", "").replace(f" {witnesses[1].url}", ""))
    with pytest.raises(WitnessPolicyError, match="address"):
        read_policy(path)
    path.write_text(good)
    assert len(read_policy(path).witnesses) == 3
    for url in ("ftp://host/w", "https://", "http://host:port/", "http://host/?a=b"):
        with pytest.raises(WitnessUrlError, match="witness w"):
            WitnessLink("w", note.parse_key(witnesses[0].vkey), url)
    assert cosigning.EVERY < cosigning.RENEW_SECONDS < cosigning.WRITE_SECONDS
