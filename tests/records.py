"""Finger minutiae records that nobody's finger made: every value is drawn."""

from __future__ import annotations

from hypothesis import strategies as st

from padan.biometric.checking import IMPRESSIONS
from padan.biometric.record import FAILED, NOT_REPORTED, Capture, Minutia, Quality, Record, Standard, View

STANDARDS = st.sampled_from(Standard)
MOST_MINUTIAE = 40
_U16 = st.integers(0, 2**16 - 1)
_SIZES = st.integers(1, 2**14 - 1)
_RESOLUTIONS = st.integers(99, 400)


def _scores(standard: Standard) -> st.SearchStrategy[int]:
    codes = {Standard.ISO_2011: [FAILED]}
    if not standard.older:
        codes |= {each: [NOT_REPORTED, FAILED] for each in (Standard.ANSI_2009, Standard.ANSI_2009_AM1)}
    return st.integers(0, 100) | st.sampled_from(codes.get(standard, [0]))


def _qualities(standard: Standard) -> st.SearchStrategy[tuple[Quality, ...]]:
    if standard.older:
        return st.builds(Quality, score=_scores(standard)).map(lambda one: (one,))
    one = st.builds(Quality, score=_scores(standard), vendor=_U16, algorithm=_U16)
    fewest, most = (0, 3) if standard is Standard.ISO_2011 else (1, 1)
    return st.lists(one, min_size=fewest, max_size=most).map(tuple)


@st.composite
def captures(draw: st.DrawFn, *, certified: bool) -> Capture:
    """Draw what ISO/IEC 19794-2:2011 says of a capture."""
    certificate = st.tuples(_U16, st.integers(0, 255))
    moments = st.datetimes().map(
        lambda at: (
            at.year.to_bytes(2, "big")
            + bytes((at.month, at.day, at.hour, at.minute, at.second))
            + (at.microsecond // 1000).to_bytes(2, "big")
        )
    )
    return Capture(
        moment=draw(moments | st.just(b"\xff" * 9)),
        technology=draw(st.integers(0, 20)),
        vendor=draw(_U16),
        device=draw(_U16),
        certificates=tuple(draw(st.lists(certificate, max_size=2))) if certified else (),
        ending_type=draw(st.integers(0, 1)),
        minutia_qualities=draw(st.booleans()),
    )


@st.composite
def extended(draw: st.DrawFn) -> bytes:
    """Draw an extended data block whose lengths count its heads."""
    items = draw(st.lists(st.tuples(st.integers(1, 2**16 - 1), st.binary(max_size=9)), max_size=2))
    return b"".join(
        kind.to_bytes(2, "big") + (4 + len(data)).to_bytes(2, "big") + data for kind, data in items
    )


@st.composite
def minutiae(draw: st.DrawFn, standard: Standard, width: int, height: int, *, bare: bool) -> Minutia:
    """Draw a minutia inside an image."""
    known = st.integers(1, 100) | st.just(NOT_REPORTED)
    qualities = known if standard.older else known | st.sampled_from([0, FAILED])
    return Minutia(
        x=draw(st.integers(0, width - 1)),
        y=draw(st.integers(0, height - 1)),
        angle=draw(st.integers(0, standard.angles - 1)),
        kind=draw(st.integers(0, 2)),
        quality=NOT_REPORTED if bare else draw(qualities),
    )


@st.composite
def records(
    draw: st.DrawFn, standards: st.SearchStrategy[Standard] = STANDARDS, *, most_views: int = 3
) -> Record:
    """Draw a record."""
    standard = draw(standards)
    certified = draw(st.booleans())
    places = st.tuples(st.integers(0, 10), st.integers(0, 15))
    sizes = st.tuples(_SIZES, _SIZES, _RESOLUTIONS, _RESOLUTIONS)
    shared = draw(sizes)
    views = []
    for position, number in draw(st.lists(places, min_size=1, max_size=most_views, unique=True)):
        width, height, across, down = shared if standard.older else draw(sizes)
        capture = draw(captures(certified=certified)) if standard is Standard.ISO_2011 else None
        one = minutiae(standard, width, height, bare=capture is not None and not capture.minutia_qualities)
        view = View(
            position=position,
            number=number,
            impression=draw(st.sampled_from(sorted(IMPRESSIONS[standard]))),
            width=width,
            height=height,
            x_resolution=across,
            y_resolution=down,
            minutiae=tuple(draw(st.lists(one, min_size=1, max_size=MOST_MINUTIAE))),
            qualities=draw(_qualities(standard)),
            extended=draw(extended()),
            capture=capture,
        )
        views.append(view)
    return Record(
        standard=standard,
        views=tuple(views),
        owner=0 if standard.iso else draw(_U16),
        product=0 if standard.iso else draw(_U16),
        certified=certified,
        device=0 if standard is Standard.ISO_2011 else draw(st.integers(0, 2**12 - 1)),
    )


def example(standard: Standard = Standard.ISO_2005, *, position: int = 2) -> Record:
    """Make a small record of one finger, the same each time."""
    found = tuple(
        Minutia(x=20 * n, y=300 - 7 * n, angle=9 * n, kind=n % 3, quality=n or NOT_REPORTED)
        for n in range(14)
    )
    view = View(
        position=position,
        width=300,
        height=400,
        minutiae=found,
        capture=Capture() if standard is Standard.ISO_2011 else None,
    )
    return Record(standard=standard, views=(view,))
