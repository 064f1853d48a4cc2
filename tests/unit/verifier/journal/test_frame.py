"""Frames of the journal's streams."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.journal import frame
from verifier.journal.frame import Cutter, Frame, Kind
from verifier.journal.wire import JournalFormatError

FRAMES = st.builds(
    Frame,
    kind=st.sampled_from(Kind),
    number=st.integers(0, 2**64 - 1),
    deadline=st.floats(allow_nan=False),
    body=st.binary(max_size=50),
)


@given(st.lists(FRAMES, max_size=5), st.lists(st.integers(1, 40)))
def test_frames_come_back_however_the_stream_is_cut(frames: list[Frame], cuts: list[int]) -> None:
    """Whatever pieces a stream arrives in, its frames are the same."""
    stream = b"".join(
        frame.encode(item.kind, item.number, item.body, deadline=item.deadline) for item in frames
    )
    cutter = Cutter()
    found: list[Frame] = []
    for size in [*cuts, len(stream)]:
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


@given(st.binary(max_size=80))
def test_other_bytes_are_no_frames(data: bytes) -> None:
    """Random bytes give frames that are written the same, an unfinished one, or a refusal."""
    try:
        found = list(Cutter().feed(data))
    except JournalFormatError:
        return
    again = b"".join(
        frame.encode(item.kind, item.number, item.body, deadline=item.deadline) for item in found
    )
    assert data.startswith(again)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", frame.MAX_FRAME + 1),
        struct.pack(">I", 17),
        struct.pack(">IBBQd", 18, frame.FORMAT - 1, 1, 1, 0.0),
        struct.pack(">IBBQd", 18, frame.FORMAT, 9, 1, 0.0),
    ],
    ids=["too long", "too short", "another format", "unknown kind"],
)
def test_impossible_frames_are_refused(data: bytes) -> None:
    """A length that no frame has is refused before any of it is kept, and so are other formats and kinds."""
    with pytest.raises(JournalFormatError):
        list(Cutter().feed(data))


def test_a_body_that_does_not_fit_is_not_sent() -> None:
    """What the other end would refuse does not leave."""
    with pytest.raises(JournalFormatError):
        frame.encode(Kind.COMMIT, 1, bytes(frame.MAX_FRAME))
