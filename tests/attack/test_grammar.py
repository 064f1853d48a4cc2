"""Attack 19: whatever is sent as a NIK, it is one, or it is refused as the caller's fault."""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from padan import nik
from padan.errors import NikError
from padan.v1 import verification_pb2
from tests.attack import traps
from tests.people import AS_OF, BUDI
from tests.service import request
from tests.simulator.world import World
from tests.terms import Terms
from verifier.errors import InvalidFieldError, MalformedMessageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.call import Call, Reply

pytestmark = pytest.mark.attack

_COUNTS = [10_000, pytest.param(100_000, marks=pytest.mark.long)]
_BATCH = 500
_DIGITS = "0123456789"
_LOOKALIKES = "\uff10\uff11\u0660\u0661\u06f3\u0967\u09e8\u00b2\u00b9\u2070\u2460\U0001d7ce\U0001d7ffOoIl|SB"
_SEPARATORS = " .-_/,'\t\n\r\x00\u00a0\u2009\u200b\u202e\ufeff"
_BLOCKS = ((0x20, 0x7F), (0x80, 0x24F), (0x300, 0x370), (0x600, 0x700), (0x3000, 0x3100), (0x1F300, 0x1F600))


class Texts:
    """Random texts, most of them near to a NIK."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers = (self.digits, self.edited, self.decorated, self.dated, self.anything, self.trap)

    def __iter__(self) -> Iterator[bytes]:
        """Make texts without end, as the bytes that stand for them on the wire."""
        while True:
            yield self._random.choice(self._makers)()

    def digits(self) -> bytes:
        """Make some digits."""
        return self._digits(self._random.choice((0, 1, 8, 15, 16, 16, 16, 17, 32, 400)))

    def dated(self) -> bytes:
        """Make sixteen digits with a day and a month that may exist."""
        pick = self._random
        day, month = pick.randrange(75), pick.randrange(14)
        return (
            self._digits(6)
            + b"%02d%02d" % (day, month)
            + self._digits(2)
            + pick.choice((b"0000", b"0001", b"9999"))
        )

    def edited(self) -> bytes:
        """Change a good number in a few places."""
        pick, text = self._random, list(BUDI["NIK"])
        for _ in range(pick.randrange(1, 4)):
            at = pick.randrange(len(text))
            other = pick.choice(_DIGITS * 3 + _LOOKALIKES + _SEPARATORS)
            text[at : at + pick.randrange(2)] = [other] * pick.randrange(1, 3)
        return "".join(text).encode()

    def decorated(self) -> bytes:
        """Put something around a good number, or between its digits."""
        pick, text = self._random, BUDI["NIK"]
        mark = pick.choice(_SEPARATORS)
        return pick.choice(
            (
                f"{mark}{text}",
                f"{text}{mark}",
                mark.join(text),
                f"{text[:6]}{mark}{text[6:]}",
                f"+{text}",
                f"{text}.0",
            )
        ).encode()

    def anything(self) -> bytes:
        """Make any characters, or any bytes."""
        pick = self._random
        if pick.random() < 0.3:
            return pick.randbytes(pick.randrange(40))
        low, high = pick.choice(_BLOCKS)
        return "".join(chr(pick.randrange(low, high)) for _ in range(pick.choice((1, 16, 40)))).encode()

    def trap(self) -> bytes:
        """Take a trap, or a good number before one."""
        trap = self._random.choice([*traps.TRAPS.values(), *traps.NO_UTF8.values()])[:300]
        return trap if self._random.random() < 0.5 else BUDI["NIK"].encode() + trap

    def _digits(self, count: int) -> bytes:
        return "".join(self._random.choices(_DIGITS, k=count)).encode()


def is_nik(text: str) -> bool:
    """Ask the parser; any exception but its own goes on to the test."""
    try:
        parsed = nik.parse(text, AS_OF)
    except NikError as error:
        refused = error
    else:
        assert parsed.value == text
        return True
    assert refused.reason in {"format", "date", "serial"}
    assert len(text.strip()) < 2 or text not in str(refused)
    return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", _COUNTS)
def test_random_texts_are_refused_or_are_numbers(count: int) -> None:
    """Through parser and core: a number is answered, all else is INVALID_ARGUMENT, and each is an entry."""
    world = World(seed=19, agencies={"tax": Terms(subject=10**6, prefix=10**6)}, people=[dict(BUDI)])
    source, seen = iter(Texts(19)), Counter[str]()
    for _ in range(count // _BATCH):
        texts = [next(source) for _ in range(_BATCH)]
        replies = world.core.verify_many([_call(world, raw) for raw in texts])
        for raw, reply in zip(texts, replies, strict=True):
            seen[_judge(raw, reply)] += 1
        assert len(world.log.rows) == _BATCH
        world.log.rows.clear()
        world.log.kept.clear()
    sys.stdout.write(f"\n{count} texts: {dict(seen)}")
    assert seen["answered"] > count // 1_000
    assert seen["refused"] > count // 2


def _call(world: World, raw: bytes) -> Call:
    """Ask about a text; the message is put together by hand, since protobuf writes no broken text."""
    message = request()
    message.ClearField("nik")
    return world.call("tax", message.SerializeToString() + traps.text_field(6, raw))


def _judge(raw: bytes, reply: Reply) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        assert isinstance(reply.error, MalformedMessageError)
        return "no text"
    if is_nik(text):
        assert reply.body is not None
        verification_pb2.VerifyResponse.FromString(reply.body)
        return "answered"
    assert isinstance(reply.error, InvalidFieldError)
    assert reply.error.field == "nik"
    assert len(text.strip()) < 2 or text not in str(reply.error)
    return "refused"
