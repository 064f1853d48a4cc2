"""What a trace may say."""

from __future__ import annotations

import inspect
import re

from verifier.call import Reply
from verifier.core import Verifier
from verifier.errors import InvalidFieldError
from verifier.tracing.span import STEPS, Attribute, BatchTrace, Name, group


def test_the_steps_are_those_of_the_core() -> None:
    """Every method that the core takes each request through has its span, and no other has."""
    taken = re.findall(r"self\._each\(batch, self\.(\w+), now\)", inspect.getsource(Verifier.begin))
    assert taken == [*STEPS]
    assert all(hasattr(Verifier, step) for step in STEPS)


def test_a_batch_is_counted_and_timed() -> None:
    """Steps follow each other without a gap, within the batch; replies are counted by how they ended."""
    trace = BatchTrace(4)
    for name in (Name.IDENTIFY, Name.VALIDATE):
        trace.mark(name)
    replies = [
        Reply(body=b"", error=None, agency="tax", outcome=1),
        Reply(body=b"", error=None, agency="tax", outcome=2, replayed=True),
        Reply(body=None, error=InvalidFieldError("no")),
        Reply(body=None, error=InvalidFieldError("no")),
    ]
    whole, parts = trace.finish(replies)
    assert whole.attributes == {
        Attribute.SIZE: 4,
        Attribute.ANSWERED: 1,
        Attribute.REPLAYED: 1,
        Attribute.REFUSED: 2,
    }
    assert [part.name for part in parts] == [Name.IDENTIFY, Name.VALIDATE]
    assert whole.began == parts[0].began <= parts[0].ended == parts[1].began <= parts[1].ended == whole.ended


def test_a_commit_has_lasted() -> None:
    """The span of a group's commit ends now and began its seconds ago."""
    span = group(7, 0.25)
    assert span.ended - span.began == 250_000_000
    assert span.attributes == {Attribute.GROUP_SIZE: 7}
