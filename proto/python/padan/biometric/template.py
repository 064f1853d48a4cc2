"""Templates as the service takes them (`padan.v1.Template`): made from what a device gives, and checked.

    face    an embedding: 1 to 512 numbers, binary32, finite, of a length that can be normalised
    finger  a finger minutiae record of one view (`padan.biometric.minutiae`), at most 2,048 bytes
    iris    64 rows of 256 bits that go around the pupil, and a mask of as many

Guarantees: what the functions here make passes `check`, and the service checks with the same function. Errors name
field and rule and never repeat a value. Only templates of one extractor can be compared; a template does not name it,
it stands beside the template in the probe.
"""

from __future__ import annotations

import math
import re
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from padan.biometric import minutiae
from padan.biometric.faults import MinutiaeError
from padan.errors import InvalidRequestError, Violation
from padan.unknown import has_unknown
from padan.v1 import biometric_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from padan.biometric.record import Record

FACE: Final = "face"
FINGER: Final = "finger"
IRIS: Final = "iris"
POSITIONS: Final[Mapping[str, range]] = MappingProxyType(
    {FACE: range(1), FINGER: range(1, 11), IRIS: range(1, 3)}
)
"""Positions of each modality: fingers and eyes as in ISO/IEC 19794-2 and -6."""
MAX_BYTES: Final = 4_158
"""Longest template in bytes of protobuf: what a padded probe of an iris has room for."""
MAX_RECORD_BYTES: Final = 2_048
"""Longest minutiae record in a template: 255 minutiae and almost 500 bytes beside them."""
MAX_DIMENSION: Final = 512
IRIS_SHAPE: Final = (64, 256)
IRIS_BYTES: Final = 64 * 256 // 8
SHORTEST: Final = 1e-6
LONGEST: Final = 1e6
"""Euclidean length of an embedding: between these its square is an exact enough binary32."""

_FORMS: Final[Mapping[str, str]] = MappingProxyType(
    {FACE: "embedding", FINGER: "minutiae", IRIS: "iris_code"}
)
_POSITION_RULES: Final[Mapping[str, str]] = MappingProxyType(
    {FACE: "0 for a face", FINGER: "a finger, 1 to 10", IRIS: "an eye, 1 (right) or 2 (left)"}
)
_BEST: Final = 100
_NUMBER: Final = 4
EXTRACTOR_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
EXTRACTOR_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
EXTRACTOR: Final = re.compile(f"({EXTRACTOR_NAME.pattern})/({EXTRACTOR_VERSION.pattern})")
"""NAME/VERSION, as texts name an extractor."""

_Fault = tuple[str, str]


def extractor(name: str, version: str) -> biometric_pb2.Extractor:
    """Name the software that makes templates.

    Raises:
        InvalidRequestError: no such name or version.
    """
    found = []
    if not EXTRACTOR_NAME.fullmatch(name):
        found.append(("extractor.name", "1 to 63 of a-z 0-9 . -, beginning with a letter or digit"))
    if not EXTRACTOR_VERSION.fullmatch(version):
        rule = "1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit"
        found.append(("extractor.version", rule))
    if found:
        raise _malformed(*found)
    return biometric_pb2.Extractor(name=name, version=version)


def face(values: Sequence[float], *, quality: int | None = None) -> biometric_pb2.Template:
    """Make a template of a face.

    Args:
        values: the embedding, 1 to 512 numbers as the extractor gives them; normalised or not.
        quality: of the capture, 0 to 100; None where the device does not say.

    Raises:
        InvalidRequestError: names every rule that is broken.
    """
    try:
        elements = struct.pack(f"<{len(values)}f", *values)
    except (OverflowError, struct.error, TypeError):
        raise _malformed(("embedding.elements", "numbers that binary32 holds")) from None
    message = biometric_pb2.Template(
        embedding=biometric_pb2.Embedding(
            element_type=biometric_pb2.ELEMENT_TYPE_FLOAT32, shape=[len(values)], elements=elements
        )
    )
    return _made(message, FACE, quality)


def finger(
    record: bytes | Record, *, position: int | None = None, quality: int | None = None
) -> biometric_pb2.Template:
    """Make a template of a finger.

    Args:
        record: a finger minutiae record of one view, in the bytes of its standard or as values.
        position: which finger, 1 (right thumb) to 10 (left little finger); None where the record says it.
        quality: of the capture, 0 to 100; None where the device does not say.

    Raises:
        InvalidRequestError: names every rule that is broken; `MinutiaeError` where the record is none.
    """
    data = record if isinstance(record, bytes) else minutiae.write(record)
    views = minutiae.read(data).views
    if position is None:
        position = views[0].position
    return _made(biometric_pb2.Template(position=position, minutiae=data), FINGER, quality)


def iris(
    code: bytes | Sequence[Sequence[int]],
    mask: bytes | Sequence[Sequence[int]],
    *,
    position: int,
    quality: int | None = None,
) -> biometric_pb2.Template:
    """Make a template of an iris.

    Args:
        code: 64 rows of 256 bits, as rows of 0 and 1 or as 2,048 bytes, the first bit highest.
        mask: the same, 1 where the bit of the code counts.
        position: which eye, 1 (right) or 2 (left).
        quality: of the capture, 0 to 100; None where the device does not say.

    Raises:
        InvalidRequestError: names every rule that is broken.
    """
    message = biometric_pb2.Template(
        position=position,
        iris_code=biometric_pb2.IrisCode(
            element_type=biometric_pb2.ELEMENT_TYPE_BIT,
            shape=IRIS_SHAPE,
            code=_bits(code, "iris_code.code"),
            mask=_bits(mask, "iris_code.mask"),
        ),
    )
    return _made(message, IRIS, quality)


def _bits(given: bytes | Sequence[Sequence[int]], field: str) -> bytes:
    if isinstance(given, bytes):
        return given
    rows, columns = IRIS_SHAPE
    if len(given) != rows or any(len(row) != columns for row in given):
        raise _malformed((field, "64 rows of 256 bits"))
    if any(bit not in {0, 1} for row in given for bit in row):
        raise _malformed((field, "bits, 0 or 1"))
    return int("".join(str(int(bit)) for row in given for bit in row), 2).to_bytes(IRIS_BYTES, "big")


def _made(message: biometric_pb2.Template, modality: str, quality: int | None) -> biometric_pb2.Template:
    if quality is not None:
        if not 0 <= quality <= _BEST:
            raise _malformed(("quality", "0 to 100"))
        message.quality = quality
    check(message, modality)
    return message


def parse(data: bytes, modality: str) -> tuple[biometric_pb2.Template, Record | None]:
    """Read a template from its bytes and check it.

    Args:
        data: a `padan.v1.Template`, serialised; at most 4,158 bytes.
        modality: "face", "finger" or "iris".

    Returns:
        The message, and of a finger its record.

    Raises:
        InvalidRequestError: names every rule that is broken.
    """
    if len(data) > MAX_BYTES:
        raise _malformed(("template", "at most 4,158 bytes"))
    try:
        message = biometric_pb2.Template.FromString(data)
    except DecodeError:
        raise _malformed(("template", "a padan.v1.Template")) from None
    return message, check(message, modality)


def check(message: biometric_pb2.Template, modality: str) -> Record | None:
    """Check a template.

    Returns:
        Of a finger its record of one view.

    Raises:
        InvalidRequestError: names every rule that is broken.
    """
    if modality not in _FORMS:
        raise _malformed(("modality", "face, finger or iris"))
    if has_unknown(message):
        raise _malformed(("template", "only fields that this release knows"))
    found = list(_around(message, modality))
    record = None
    if message.WhichOneof("form") != _FORMS[modality]:
        found.append(("form", f"a template of this modality has `{_FORMS[modality]}`"))
    elif modality == FACE:
        found += _embedding(message.embedding)
    elif modality == IRIS:
        found += _iris_code(message.iris_code)
    else:
        record = _record(message, found)
    if found:
        raise _malformed(*found)
    return record


def _around(message: biometric_pb2.Template, modality: str) -> Iterator[_Fault]:
    if message.position not in POSITIONS[modality]:
        yield "position", _POSITION_RULES[modality]
    if message.quality > _BEST:
        yield "quality", "0 to 100"


def _embedding(message: biometric_pb2.Embedding) -> Iterator[_Fault]:
    if message.element_type != biometric_pb2.ELEMENT_TYPE_FLOAT32:
        yield "embedding.element_type", "ELEMENT_TYPE_FLOAT32"
    size = message.shape[0] if len(message.shape) == 1 else 0
    if not 1 <= size <= MAX_DIMENSION:
        yield "embedding.shape", "one number, 1 to 512"
    elif len(message.elements) != _NUMBER * size:
        yield "embedding.elements", "four bytes for each number of the shape"
    else:
        yield from _numbers(struct.unpack(f"<{size}f", message.elements))


def _numbers(values: tuple[float, ...]) -> Iterator[_Fault]:
    if not all(map(math.isfinite, values)):
        yield "embedding.elements", "finite numbers"
    elif not any(values):
        yield "embedding.elements", "not all zero"
    elif not SHORTEST <= math.hypot(*values) <= LONGEST:
        yield "embedding.elements", "a vector of a length of 0.000001 to 1,000,000"


def _iris_code(message: biometric_pb2.IrisCode) -> Iterator[_Fault]:
    if message.element_type != biometric_pb2.ELEMENT_TYPE_BIT:
        yield "iris_code.element_type", "ELEMENT_TYPE_BIT"
    if tuple(message.shape) != IRIS_SHAPE:
        yield "iris_code.shape", "64 and 256"
    for name in ("code", "mask"):
        if len(getattr(message, name)) != IRIS_BYTES:
            yield f"iris_code.{name}", "2,048 bytes, a bit for each place of the shape"


def _record(message: biometric_pb2.Template, found: list[_Fault]) -> Record | None:
    """Read the record of a finger, and say what keeps it from being one capture of that finger."""
    if len(message.minutiae) > MAX_RECORD_BYTES:
        found.append(("minutiae", "at most 2,048 bytes; leave extended data out"))
        return None
    try:
        record = minutiae.read(message.minutiae)
    except MinutiaeError as error:
        found.append(("minutiae", str(error)))
        return None
    if len(record.views) != 1:
        found.append(("minutiae", "a record of exactly one view"))
    elif record.views[0].position not in {0, message.position}:
        found.append(("minutiae", "a record of the finger of `position`, or of an unknown one"))
    return record


def _malformed(*found: _Fault) -> InvalidRequestError:
    fields = tuple(Violation(field=field, rule=rule) for field, rule in found)
    return InvalidRequestError("the template is malformed", reason="INVALID_FIELD", fields=fields)
