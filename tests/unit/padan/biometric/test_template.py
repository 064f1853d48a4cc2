"""Templates as an agency makes them and the service checks them."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import probe, remedy
from padan.biometric import minutiae, template
from padan.biometric.faults import RULES, MinutiaeError
from padan.biometric.record import Standard
from padan.errors import InvalidRequestError
from padan.padding import LENGTH_SIZE
from padan.v1 import biometric_pb2
from tests import records

if TYPE_CHECKING:
    from collections.abc import Callable

BITS = bytes(range(256)) * 8
FLOAT = biometric_pb2.ELEMENT_TYPE_FLOAT32


def broken(make: Callable[[], Any]) -> dict[str, str]:
    """Say which fields are refused, and by which rules."""
    with pytest.raises(InvalidRequestError) as caught:
        make()
    assert caught.value.reason in {"INVALID_FIELD", *RULES}
    return {violation.field: violation.rule for violation in caught.value.fields}


def test_face() -> None:
    """An embedding becomes binary32, little-endian, of its own dimension."""
    made = template.face([1.5, -2.0, 0.0], quality=77)
    assert list(made.embedding.shape) == [3]
    assert struct.unpack("<3f", made.embedding.elements) == (1.5, -2.0, 0.0)
    assert (made.position, made.quality) == (0, 77)
    assert template.parse(made.SerializeToString(), "face") == (made, None)


@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=512).filter(
        lambda v: max(map(abs, v)) > 1e-3
    )
)
def test_whatever_is_made_of_a_face_is_accepted(values: list[float]) -> None:
    """Every embedding that passes here passes the check."""
    template.check(template.face(values), "face")


@pytest.mark.parametrize(
    ("values", "field", "rule"),
    [
        ([], "embedding.shape", "one number, 1 to 512"),
        ([0.1] * 513, "embedding.shape", "one number, 1 to 512"),
        ([0.1, float("nan")], "embedding.elements", "finite numbers"),
        ([0.1, float("inf")], "embedding.elements", "finite numbers"),
        ([0.1, 1e39], "embedding.elements", "numbers that binary32 holds"),
        ([0.1, "0.2"], "embedding.elements", "numbers that binary32 holds"),
        ([0.0] * 128, "embedding.elements", "not all zero"),
        ([1e-40] * 128, "embedding.elements", "a vector of a length of 0.000001 to 1,000,000"),
        ([1e38] * 128, "embedding.elements", "a vector of a length of 0.000001 to 1,000,000"),
    ],
)
def test_what_no_face_is(values: list[Any], field: str, rule: str) -> None:
    """NaN, infinity, a vector of zeros and a wrong dimension are refused by name."""
    assert broken(lambda: template.face(values)) == {field: rule}


@pytest.mark.parametrize("standard", Standard)
def test_finger(standard: Standard) -> None:
    """A record of any standard becomes a template, as bytes or as values, of the record's finger or the one given."""
    record = records.example(standard, position=7)
    made = template.finger(minutiae.write(record), quality=0)
    assert made == template.finger(record, quality=0, position=7)
    assert (made.position, made.HasField("quality")) == (7, True)
    parsed, again = template.parse(made.SerializeToString(), "finger")
    assert (parsed, again) == (made, record)
    unknown = records.example(standard, position=0)
    assert template.finger(unknown, position=1).position == 1
    assert broken(lambda: template.finger(unknown)) == {"position": "a finger, 1 to 10"}
    assert broken(lambda: template.finger(record, position=6)) == {
        "minutiae": "a record of the finger of `position`, or of an unknown one"
    }


def test_what_no_finger_is() -> None:
    """Two views, a record that is too long, and one that is none are refused by name."""
    record = records.example()
    (view,) = record.views
    two = replace(record, views=(view, replace(view, number=1)))
    assert broken(lambda: template.finger(two)) == {"minutiae": "a record of exactly one view"}
    long = replace(record, views=(replace(view, extended=b"\1\1\x08\0".ljust(2_048, b"\0")),))
    assert broken(lambda: template.finger(long)) == {
        "minutiae": "at most 2,048 bytes; leave extended data out"
    }
    with pytest.raises(MinutiaeError) as caught:
        template.finger(minutiae.write(record)[:-1])
    assert caught.value.reason == "length"
    cut = biometric_pb2.Template(position=2, minutiae=minutiae.write(record)[:-1])
    assert broken(lambda: template.check(cut, "finger")) == {"minutiae": RULES["length"]}


def test_iris() -> None:
    """A code and its mask come as bytes or as rows of bits, the first bit highest."""
    rows = [
        [byte >> (7 - n) & 1 for byte in BITS[32 * row : 32 * row + 32] for n in range(8)]
        for row in range(64)
    ]
    made = template.iris(BITS, bytes(2_048), position=2)
    assert made == template.iris(rows, [[0] * 256] * 64, position=2)
    assert made.iris_code.code == BITS
    assert list(made.iris_code.shape) == [64, 256]
    assert template.parse(made.SerializeToString(), "iris") == (made, None)


@pytest.mark.parametrize(
    ("code", "mask", "position", "expected"),
    [
        (BITS[1:], BITS, 1, {"iris_code.code": "2,048 bytes, a bit for each place of the shape"}),
        (BITS, BITS + b"\0", 1, {"iris_code.mask": "2,048 bytes, a bit for each place of the shape"}),
        ([[0] * 255] * 64, BITS, 1, {"iris_code.code": "64 rows of 256 bits"}),
        (BITS, [[0] * 256] * 63, 1, {"iris_code.mask": "64 rows of 256 bits"}),
        ([[2] * 256] * 64, BITS, 1, {"iris_code.code": "bits, 0 or 1"}),
        (BITS, BITS, 3, {"position": "an eye, 1 (right) or 2 (left)"}),
        (BITS, BITS, 0, {"position": "an eye, 1 (right) or 2 (left)"}),
    ],
)
def test_what_no_iris_is(code: Any, mask: Any, position: int, expected: dict[str, str]) -> None:
    """A wrong shape, numbers that are no bits and an eye that nobody has are refused by name."""
    assert broken(lambda: template.iris(code, mask, position=position)) == expected


FACE = template.face([1.0, 2.0])
FINGER = template.finger(records.example())
IRIS = template.iris(BITS, BITS, position=1)
Change = dict[str, Any]


def changed(message: biometric_pb2.Template, **values: Any) -> biometric_pb2.Template:
    """Change a template, by fields of a message below it where there is one."""
    made = biometric_pb2.Template()
    made.CopyFrom(message)
    for name, value in values.items():
        if isinstance(value, dict):
            below = getattr(made, name)
            for field, content in value.items():
                below.ClearField(field)
                if isinstance(content, list):
                    getattr(below, field).extend(content)
                else:
                    setattr(below, field, content)
        else:
            setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("message", "modality", "field"),
    [
        (biometric_pb2.Template(), "face", "form"),
        (FACE, "finger", "form"),
        (FINGER, "iris", "form"),
        (IRIS, "face", "form"),
        (changed(FACE, position=1), "face", "position"),
        (changed(FINGER, position=11), "finger", "position"),
        (changed(FACE, quality=101), "face", "quality"),
        (changed(FACE, embedding={"element_type": 0}), "face", "embedding.element_type"),
        (changed(FACE, embedding={"element_type": 2}), "face", "embedding.element_type"),
        (changed(FACE, embedding={"element_type": 99}), "face", "embedding.element_type"),
        (changed(FACE, embedding={"shape": [1, 2]}), "face", "embedding.shape"),
        (changed(FACE, embedding={"shape": []}), "face", "embedding.shape"),
        (changed(FACE, embedding={"shape": [3]}), "face", "embedding.elements"),
        (changed(FACE, embedding={"shape": [2**32 - 1]}), "face", "embedding.shape"),
        (changed(IRIS, iris_code={"element_type": FLOAT}), "iris", "iris_code.element_type"),
        (changed(IRIS, iris_code={"shape": [256, 64]}), "iris", "iris_code.shape"),
        (FACE, "voice", "modality"),
    ],
)
def test_each_rule_is_kept(message: biometric_pb2.Template, modality: str, field: str) -> None:
    """A message of another modality, or with a field out of range, is refused, and the field is named."""
    assert field in broken(lambda: template.check(message, modality))
    assert field in broken(lambda: template.parse(message.SerializeToString(), modality))


def test_all_that_is_wrong_is_named() -> None:
    """One error tells of every field."""
    message = changed(IRIS, position=9, quality=200, iris_code={"element_type": 0, "shape": [1], "mask": b""})
    assert set(broken(lambda: template.check(message, "iris"))) == {
        "position",
        "quality",
        "iris_code.element_type",
        "iris_code.shape",
        "iris_code.mask",
    }


def test_unknown_fields_and_other_bytes_are_refused() -> None:
    """A field that this release does not know, at any depth, bytes that are no message, and too many of them."""
    known = "only fields that this release knows"
    unknown = biometric_pb2.Embedding.FromString(FACE.embedding.SerializeToString() + b"\x98\x06\x01")
    deep = biometric_pb2.Template(embedding=unknown)
    for data in (FACE.SerializeToString() + b"\x98\x06\x01", deep.SerializeToString()):
        assert broken(partial(template.parse, data, "face")) == {"template": known}
    assert broken(lambda: template.parse(b"\xff", "face")) == {"template": "a padan.v1.Template"}
    assert broken(lambda: template.parse(bytes(4_159), "face")) == {"template": "at most 4,158 bytes"}


def test_the_largest_templates_have_room_in_bytes() -> None:
    """The longest of each modality is within the limit."""
    (view,) = records.example(Standard.ANSI_2009).views
    many = replace(view, minutiae=(view.minutiae[0],) * 255)
    record = minutiae.write(replace(records.example(Standard.ANSI_2009), views=(many,)))
    assert len(record) == 1_570
    longest = [
        template.face([1.0] * 512, quality=100),
        template.finger(record, quality=100),
        template.iris(BITS, BITS, position=2, quality=100),
    ]
    assert [each.ByteSize() for each in longest] == [2_062, 1_577, 4_116]


def test_a_padded_probe_has_room_for_every_template() -> None:
    """Whatever passes the check here fits what a probe of its modality is padded to."""
    room = {number: size - LENGTH_SIZE for number, size in probe.SIZES.items()}
    around = biometric_pb2.Template(position=10, quality=100).ByteSize()
    assert 3 + template.MAX_RECORD_BYTES + around <= room[biometric_pb2.MODALITY_FINGER]
    face = template.face([1.0] * template.MAX_DIMENSION, quality=100)
    assert face.ByteSize() <= room[biometric_pb2.MODALITY_FACE]
    assert max(room.values()) == room[biometric_pb2.MODALITY_IRIS] == template.MAX_BYTES


@pytest.mark.parametrize(
    ("name", "version", "fields"),
    [
        ("leader-mcc", "1.2", set()),
        ("a" * 63, "A" * 32, set()),
        ("", "", {"extractor.name", "extractor.version"}),
        ("Leader", "1", {"extractor.name"}),
        ("a/b", "1", {"extractor.name"}),
        ("a\n", "1", {"extractor.name"}),
        ("a" * 64, "1", {"extractor.name"}),
        ("a", "-1", {"extractor.version"}),
        ("a", "1" * 33, {"extractor.version"}),
    ],
)
def test_extractor(name: str, version: str, fields: set[str]) -> None:
    """An extractor has a name and a version of the contract's grammar."""
    if fields:
        assert set(broken(lambda: template.extractor(name, version))) == fields
    else:
        assert template.extractor(name, version) == biometric_pb2.Extractor(name=name, version=version)


def test_quality_out_of_range() -> None:
    """A quality is 0 to 100, said by the function that is given it."""
    for quality in (-1, 101, 2**40):
        assert broken(partial(template.face, [1.0], quality=quality)) == {"quality": "0 to 100"}


def test_no_value_is_repeated() -> None:
    """An error's text has the rule, and nothing of the template."""
    with pytest.raises(InvalidRequestError) as caught:
        template.face([123.25, float("nan")])
    assert "123" not in str(caught.value)
    assert str(caught.value) == "the template is malformed (embedding.elements: finite numbers)"
    assert caught.value.reason in remedy.TABLE
