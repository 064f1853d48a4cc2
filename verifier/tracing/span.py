"""What a trace may say: names of steps, times, and counts. There is no room in it for a text.

Spans and attributes are closed lists, and an attribute's value is a whole number, so that no field of a request can
get into a trace, whatever the code around it does (P1). Verdicts are not among them: beside the times of single batches
they would say which question took how long.
"""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verifier.call import Reply


class Name(enum.StrEnum):
    """The spans: the whole of a batch, of questions with captures too, the eight steps within it, a group's commit."""

    BATCH = "padan.batch"
    BIOMETRIC_BATCH = "padan.biometric_batch"
    IDENTIFY = "padan.identify"
    VALIDATE = "padan.validate"
    FIND_AGREEMENT = "padan.find_agreement"
    TOKENISE = "padan.tokenise"
    FETCH = "padan.fetch"
    DECIDE = "padan.decide"
    COMMIT = "padan.commit"
    ANSWER = "padan.answer"
    GROUP = "padan.group"


class Attribute(enum.StrEnum):
    """The attributes; each is a count."""

    SIZE = "padan.batch.size"
    ANSWERED = "padan.batch.answered"
    REPLAYED = "padan.batch.replayed"
    REFUSED = "padan.batch.refused"
    GROUP_SIZE = "padan.group.size"


STEPS: Mapping[str, Name] = {
    f"_{name.removeprefix('padan.')}": name
    for name in (Name.IDENTIFY, Name.VALIDATE, Name.FIND_AGREEMENT, Name.TOKENISE, Name.DECIDE)
}
"""Methods of the core that take each request of a batch through a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span; times are nanoseconds of the Unix epoch."""

    name: Name
    began: int
    ended: int
    attributes: Mapping[Attribute, int] = field(default_factory=dict)


class BatchTrace:
    """The spans of one batch, in the order in which its steps end: each begins where the one before has ended."""

    __slots__ = ("_base", "_began", "_last", "_name", "_spans", "size")

    def __init__(self, size: int, name: Name = Name.BATCH) -> None:
        """Begin now.

        Args:
            size: requests in the batch.
            name: of the whole.
        """
        self.size = size
        self._name = name
        self._began = self._last = time.monotonic_ns()
        # One offset for all of a trace, so that a clock that is set meanwhile turns no time around.
        self._base = time.time_ns() - self._began
        self._spans: list[Span] = []

    def mark(self, name: Name) -> None:
        """End a step now."""
        now = time.monotonic_ns()
        self._spans.append(Span(name=name, began=self._base + self._last, ended=self._base + now))
        self._last = now

    def finish(self, replies: Sequence[Reply]) -> tuple[Span, Sequence[Span]]:
        """Give the batch's own span, and those of its steps."""
        refused = sum(reply.error is not None for reply in replies)
        replayed = sum(reply.error is None and reply.replayed for reply in replies)
        whole = Span(
            name=self._name,
            began=self._base + self._began,
            ended=self._base + self._last,
            attributes={
                Attribute.SIZE: self.size,
                Attribute.ANSWERED: len(replies) - refused - replayed,
                Attribute.REPLAYED: replayed,
                Attribute.REFUSED: refused,
            },
        )
        return whole, self._spans


def group(size: int, seconds: float) -> Span:
    """Make the span of a commit that has just ended."""
    now = time.time_ns()
    return Span(
        name=Name.GROUP,
        began=now - int(seconds * 1e9),
        ended=now,
        attributes={Attribute.GROUP_SIZE: size},
    )
