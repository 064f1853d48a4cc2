"""Finger minutiae records, to the byte."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from padan.biometric import minutiae
from padan.biometric.faults import RULES, MinutiaeError
from padan.biometric.record import (
    FAILED,
    NOT_REPORTED,
    Capture,
    Minutia,
    Quality,
    Record,
    Standard,
    View,
    dpi,
)
from tests import records

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = Path(__file__).parents[3] / "vectors"
KNOWN = json.loads((VECTORS / "minutiae.json").read_text(encoding="utf-8"))["records"]
BYTES = [bytes.fromhex(known["record"]) for known in KNOWN]
PAGE = (Path(__file__).parents[4] / "docs/formats/minutiae.md").read_text(encoding="utf-8")
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reason(data: bytes) -> str:
    """Say for which rule bytes are refused."""
    with pytest.raises(MinutiaeError) as caught:
        minutiae.read(data)
    return caught.value.reason


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known["standard"])
def test_vectors(known: dict[str, Any]) -> None:
    """A record that was written without this package reads as what it says, and is written the same."""
    data = bytes.fromhex(known["record"])
    record = minutiae.read(data)
    assert minutiae.write(record) == data
    assert record.standard.value == known["standard"]
    (view,) = record.views
    assert view.position == known["position"]
    assert [view.x_resolution, view.y_resolution] == known["pixels_per_cm"]
    for found, expected in zip(view.minutiae, known["minutiae"], strict=True):
        assert (found.x, found.y, found.kind) == (expected["x"], expected["y"], expected["kind"])
        assert found.quality == (NOT_REPORTED if expected["quality"] is None else expected["quality"])
        assert math.degrees(record.standard.radians(found.angle)) == pytest.approx(expected["degrees"])


def test_vectors_are_what_the_generator_writes(tmp_path: Path) -> None:
    """The file of vectors is current."""
    made = tmp_path / "made.json"
    subprocess.run([sys.executable, VECTORS / "minutiae_generate.py", made], check=True)
    assert made.read_text(encoding="utf-8") == (VECTORS / "minutiae.json").read_text(encoding="utf-8")


@SLOW
@given(records.records())
def test_what_is_written_is_read(record: Record) -> None:
    """Reading what was written gives the same values, and writing what was read the same bytes."""
    data = minutiae.write(record)
    again = minutiae.read(data)
    assert again == record
    assert minutiae.write(again) == data
    assert minutiae.survey(data).problems == ()


@settings(SLOW, max_examples=25)
@given(records.records(most_views=2))
def test_truncation_at_every_byte_is_refused(record: Record) -> None:
    """A record that ends earlier, or later by one byte, is none."""
    data = minutiae.write(record)
    for end in range(len(data)):
        assert reason(data[:end]) in {"magic", "version", "length"}
    assert reason(data + b"\0") == "length"


@pytest.mark.parametrize("data", BYTES, ids=[known["standard"] for known in KNOWN])
def test_truncation_with_the_length_put_right_is_refused(data: bytes) -> None:
    """Bytes that are missing or too many are noticed by counts and lengths inside, too."""
    place = slice(8, 10) if data[8:10] != b"\0\0" else slice(8, 12)
    for end in (*range(place.stop, len(data)), len(data) + 1):
        cut = bytearray(data[:end].ljust(end, b"\0"))
        cut[place] = end.to_bytes(place.stop - place.start, "big")
        assert reason(bytes(cut)) in {"truncated", "trailing", "length", "field", "extended"}


@pytest.mark.parametrize("data", BYTES, ids=[known["standard"] for known in KNOWN])
def test_every_change_of_a_byte_is_refused_or_another_record(data: bytes) -> None:
    """Whatever one byte is changed to, the record is refused, or read as another one with exactly these bytes."""
    original = minutiae.read(data)
    for at in range(len(data)):
        for value in range(256):
            changed = bytes((*data[:at], value, *data[at + 1 :]))
            try:
                found = minutiae.read(changed)
            except MinutiaeError:
                assert value != data[at]
                continue
            assert (found == original) == (changed == data)
            assert value == data[at] or minutiae.write(found) == changed


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: BYTES[2][:8] + tail))
def test_noise_is_refused_by_name(data: bytes) -> None:
    """Whatever the bytes are, the error is the one that is promised, and names a rule."""
    assert reason(data) in RULES
    assert minutiae.survey(data).problems


def view_of(record: Record, **values: Any) -> Record:
    """Change a record's view."""
    return replace(record, views=(replace(record.views[0], **values),))


def minutia_of(record: Record, **values: Any) -> Record:
    """Change a record's first minutia."""
    first, *others = record.views[0].minutiae
    return view_of(record, minutiae=(replace(first, **values), *others))


def captured(**values: Any) -> Callable[[Record], Record]:
    """Change what is said of the capture."""
    return lambda record: view_of(record, capture=replace(Capture(), **values))


OLD, NEW, OTHER = Standard.ISO_2005, Standard.ISO_2011, Standard.ANSI_2009
BROKEN: list[tuple[Standard, str, Callable[[Record], Record]]] = [
    (OLD, "views", lambda record: replace(record, views=())),
    (OLD, "views", lambda record: replace(record, views=record.views * 177)),
    (OLD, "view_number", lambda record: replace(record, views=record.views * 2)),
    (OLD, "view_number", lambda record: view_of(record, number=16)),
    (OLD, "position", lambda record: view_of(record, position=11)),
    (NEW, "position", lambda record: view_of(record, position=13)),
    (OLD, "impression", lambda record: view_of(record, impression=4)),
    (Standard.ANSI_2004, "impression", lambda record: view_of(record, impression=24)),
    (NEW, "impression", lambda record: view_of(record, impression=7)),
    (OTHER, "impression", lambda record: view_of(record, impression=10)),
    (OLD, "image", lambda record: view_of(record, width=0)),
    (OLD, "image", lambda record: view_of(record, height=2**14)),
    (
        OLD,
        "image",
        lambda record: replace(record, views=(*record.views, replace(record.views[0], width=301, number=1))),
    ),
    (OLD, "resolution", lambda record: view_of(record, x_resolution=98)),
    (OLD, "resolution", lambda record: view_of(record, y_resolution=500)),
    (OLD, "count", lambda record: view_of(record, minutiae=())),
    (OLD, "count", lambda record: view_of(record, minutiae=record.views[0].minutiae * 19)),
    (NEW, "count", lambda record: view_of(record, minutiae=record.views[0].minutiae * 715)),
    (OLD, "kind", lambda record: minutia_of(record, kind=3)),
    (OLD, "coordinate", lambda record: minutia_of(record, x=300)),
    (OLD, "coordinate", lambda record: minutia_of(record, y=400)),
    (OLD, "coordinate", lambda record: minutia_of(record, y=-1)),
    (OLD, "angle", lambda record: minutia_of(record, angle=256)),
    (OTHER, "angle", lambda record: minutia_of(record, angle=180)),
    (OLD, "minutia_quality", lambda record: minutia_of(record, quality=0)),
    (OLD, "minutia_quality", lambda record: minutia_of(record, quality=101)),
    (OLD, "minutia_quality", lambda record: minutia_of(record, quality=FAILED)),
    (NEW, "minutia_quality", lambda record: minutia_of(record, quality=253)),
    (NEW, "minutia_quality", captured(minutia_qualities=False)),
    (OLD, "quality", lambda record: view_of(record, qualities=(Quality(score=101),))),
    (OLD, "quality", lambda record: view_of(record, qualities=())),
    (NEW, "quality", lambda record: view_of(record, qualities=(Quality(score=NOT_REPORTED),))),
    (OTHER, "quality", lambda record: view_of(record, qualities=(Quality(score=1),) * 2)),
    (OLD, "field", lambda record: view_of(record, qualities=(Quality(score=1, vendor=1),))),
    (OLD, "field", lambda record: view_of(record, capture=Capture())),
    (NEW, "field", lambda record: view_of(record, capture=None)),
    (OLD, "field", lambda record: replace(record, owner=1)),
    (OLD, "field", lambda record: replace(record, device=2**12)),
    (NEW, "field", lambda record: replace(record, device=1)),
    (OTHER, "field", lambda record: replace(record, device=2**16)),
    (OTHER, "field", lambda record: replace(record, owner=2**16)),
    (NEW, "field", lambda record: view_of(record, qualities=(Quality(score=1),) * 256)),
    (NEW, "capture", captured(technology=21)),
    (NEW, "capture", captured(ending_type=2)),
    (NEW, "capture", captured(certificates=((1, 1),))),
    (NEW, "capture", captured(moment=b"\xff" * 8)),
    (NEW, "capture", captured(moment=b"\xff\xff\x0d" + b"\xff" * 6)),
    (OLD, "extended", lambda record: view_of(record, extended=b"\1\1\0")),
    (OLD, "extended", lambda record: view_of(record, extended=b"\1\1\0\2abc")),
    (OTHER, "extended", lambda record: view_of(record, extended=b"\1\1\0\3abc")),
    (OTHER, "extended", lambda record: view_of(record, extended=b"\0\0\0\7abc")),
    (NEW, "size", lambda record: view_of(record, extended=b"\1\1\xff\xff".ljust(65_535, b"\0"))),
]


@pytest.mark.parametrize(("standard", "rule", "change"), BROKEN)
def test_each_rule_is_kept_in_writing(
    standard: Standard, rule: str, change: Callable[[Record], Record]
) -> None:
    """A record that breaks a rule is not written, and the error names the rule."""
    record = records.example(standard)
    minutiae.write(record)
    with pytest.raises(MinutiaeError) as caught:
        minutiae.write(change(record))
    assert caught.value.reason == rule


def test_a_length_of_an_extended_item_may_count_its_data_alone_in_the_oldest_standard() -> None:
    """Both readings of ISO/IEC 19794-2:2005 are taken, one of them for all items."""
    for block in (b"\1\1\0\7abc\1\2\0\4", b"\1\1\0\3abc\1\2\0\0"):
        record = view_of(records.example(), extended=block)
        assert minutiae.read(minutiae.write(record)) == record
    with pytest.raises(MinutiaeError):
        minutiae.write(view_of(records.example(), extended=b"\1\1\0\5a\1\2\0\1b"))


# A byte of a vector, what it is changed to, and the rule that it breaks then.
PATCHES = [
    (0, 12, 0x10, "reserved"),
    (0, 22, 0, "trailing"),
    (0, 22, 2, "truncated"),
    (0, 23, 1, "reserved"),
    (0, 27, 0, "truncated"),
    (0, 27, 5, "truncated"),
    (0, 30, 0x80, "reserved"),
    (1, 14, 0x20, "reserved"),
    (2, 14, 2, "reserved"),
    (3, 59, 0x41, "minutia_size"),
    (4, 16, 0x81, "reserved"),
    (4, 20, 1, "length"),
    (5, 20, 1, "reserved"),
    (0, 3, 1, "magic"),
    (0, 5, 0x31, "version"),
    (0, 11, 0, "length"),
]


@pytest.mark.parametrize(("which", "at", "value", "rule"), PATCHES)
def test_each_rule_is_kept_in_reading(which: int, at: int, value: int, rule: str) -> None:
    """Bytes that no record of the standard has are refused by the rule that forbids them."""
    data = bytearray(BYTES[which])
    data[at] = value
    assert reason(bytes(data)) == rule


def test_every_rule_has_a_case() -> None:
    """The tables above, and the two tests below, reach every rule."""
    tried = {rule for _, rule, _ in BROKEN} | {rule for *_, rule in PATCHES}
    assert set(RULES) - tried == {"ambiguous"}


def test_a_record_that_is_two_is_refused() -> None:
    """A record whose lengths fit both standards of version "030" is neither written nor read."""
    many = [Minutia(x=0, y=0, angle=0)] * 255
    many[195] = Minutia(x=0, y=1, angle=0x65)  # where the other standard has the length of its extended data
    moment = b"\1\0" + b"\xff" * 7  # the year 256: one view, and a reserved byte of zero
    view = View(width=300, height=400, minutiae=tuple(many), qualities=(), capture=Capture(moment=moment))
    with pytest.raises(MinutiaeError) as caught:
        minutiae.write(Record(standard=Standard.ISO_2011, views=(view,)))
    assert caught.value.reason == "ambiguous"
    many[195] = Minutia(x=0, y=1, angle=0x66)
    view = replace(view, minutiae=tuple(many))
    data = bytearray(minutiae.write(Record(standard=Standard.ISO_2011, views=(view,))))
    data[data.index(0x66)] = 0x65
    assert reason(bytes(data)) == "ambiguous"


def test_the_work_is_bounded() -> None:
    """Ten thousand minutiae, or a record that is too long, are refused."""
    views = tuple(replace(records.example().views[0], position=n // 16, number=n % 16) for n in range(176))
    with pytest.raises(MinutiaeError) as caught:
        minutiae.write(replace(records.example(), views=views * 5))
    assert caught.value.reason == "views"
    assert reason(bytes(65_536)) == "size"


def test_a_survey_counts_and_shows_nothing() -> None:
    """All that is wrong is told with its first place and how often, and no value of the record."""
    data = bytearray(BYTES[0])
    data[18:20] = (500).to_bytes(2, "big")
    data[33] = data[39] = 222
    found = minutiae.survey(bytes(data))
    assert found.standard is Standard.ISO_2005
    assert found.problems == (
        f"view 1: {RULES['resolution']}",
        f"view 1, minutia 1: {RULES['minutia_quality']} (2 times)",
    )
    assert "222" not in "".join(found.problems)
    assert repr(found.record) == "Record(ISO_2005, views=1)"
    assert "Minutia" in repr(minutiae.read(BYTES[0]).views[0].minutiae[0])
    shown = re.sub("0x[0-9a-f]+", "", repr(minutiae.read(BYTES[0]).views))
    assert not re.search("[0-9]", shown)


def test_units() -> None:
    """Angles are 1.40625 or 2 degrees a unit, resolutions pixels per centimetre."""
    assert math.degrees(Standard.ISO_2005.radians(1)) == pytest.approx(1.40625)
    assert math.degrees(Standard.ANSI_2004.radians(1)) == pytest.approx(2)
    for standard in Standard:
        for angle in range(standard.angles):
            assert standard.angle(standard.radians(angle)) == angle
        assert standard.angle(-0.001) == standard.angle(math.tau - 0.001) == 0
    assert dpi(197) == pytest.approx(500.38)


def test_the_page_has_the_rules_and_the_example() -> None:
    """Each rule stands on the page with its name, and the worked example is the first vector."""
    for name, rule in RULES.items():
        assert f"| `{name}` | {rule} |" in PAGE
    digits = PAGE.partition("<!-- example -->\n```\n")[2].partition("```")[0]
    shown = "".join(line[:50] for line in digits.splitlines())
    assert bytes.fromhex(shown) == BYTES[0]
