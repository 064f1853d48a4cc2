"""Files of templates for measuring: many people's samples in NumPy's .npz, one array a field.

all      `subject` integer [N]: whose. `sample`, and whatever else there is, is not read.
face     one float [N, d] of embeddings, d up to 512, such as `mobilefacenet192`.
finger   `leader` float [M, 5]: x, y (pixels at 500 dpi, y downwards), angle (degrees), quality 0 to 1, type, and
         `leader_off` integer [N + 1]: sample i has the rows off[i] to off[i + 1].
         `db` integer [N], optional: the sensor.
iris     `code` and `mask` uint8 [N, 2048]: bits by wavelet 2, radius 16, angle 256 and part 2, the first one highest;
         `shape`, optional, says so. `eye` integer [N], optional.

What comes from another hand is checked before it is used: nothing is unpickled, no array is larger than 1 GiB, and
every fault names the array. No message holds a value.
"""

from __future__ import annotations

import itertools
import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tokenizer.biometrics.face import unit
from tokenizer.biometrics.template import FACE, FINGER, IRIS, FaceTemplate, FingerTemplate, IrisTemplate
from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tokenizer.biometrics.template import Template

FIELDS: Final = {FACE: "mobilefacenet192", FINGER: "leader", IRIS: "code"}
"""Which array holds the templates where the caller names none."""
_LARGEST: Final = 1 << 30
_MOST_SAMPLES: Final = 1_000_000
_LONGEST_VECTOR: Final = 512
_COLUMNS: Final = 5
_IRIS_SHAPE: Final = (2, 16, 256, 2)
"""Wavelets, radii, angles, real and imaginary part, as open-iris writes them."""
_IRIS_ROWS: Final = (64, 256)
"""Row = wavelet * 32 + radius * 2 + part; the columns are the angles."""
_IRIS_BYTES: Final = 2048
_PLACE: Final = 1 << 20
"""Pixels; no sensor comes near."""
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    KeyError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What the library raises at an archive that is damaged, encrypted or packed in a way that it does not know."""


class TemplateFileError(TokenizerError):
    """The file is not of the layout; the message names the array and what it must be."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TemplateSet:
    """Samples of many people.

    Attributes:
        name: of the set: the file's name without its ending.
        modality: of all of them.
        field: the array that they come from, which names the extractor.
        templates: one a sample.
        instances: int64 [N]: which face, finger or eye it is of.
        groups: int64 [N]: which sensor it is from, 0 where only one is known.
    """

    name: str
    modality: str
    field: str
    templates: tuple[Template, ...]
    instances: NDArray[np.int64]
    groups: NDArray[np.int64]

    def kept(self, which: NDArray[np.int64]) -> TemplateSet:
        """Keep some of the samples, by their numbers."""
        return TemplateSet(
            name=self.name,
            modality=self.modality,
            field=self.field,
            templates=tuple(self.templates[number] for number in which),
            instances=self.instances[which],
            groups=self.groups[which],
        )


def read(path: Path, modality: str, *, field: str = "") -> TemplateSet:
    """Read a file.

    Args:
        path: of the .npz file.
        modality: "face", "finger" or "iris".
        field: the array of templates; empty for the modality's own of `FIELDS`.

    Raises:
        TemplateFileError: it is not of the layout above.
        OSError: it cannot be read.
    """
    field = field or FIELDS[modality]
    arrays = _Arrays(path)
    subject = arrays.integers("subject")
    count = subject.size
    if not 1 <= count <= _MOST_SAMPLES:
        raise TemplateFileError("array 'subject' must have 1 to 1,000,000 entries, one a sample")
    templates = _READERS[modality](arrays, field, count)
    eye = (
        arrays.integers("eye", count=count)
        if modality == IRIS and arrays.has("eye")
        else np.zeros_like(subject)
    )
    group = (
        arrays.integers("db", count=count)
        if modality == FINGER and arrays.has("db")
        else np.zeros_like(subject)
    )
    _, instances = np.unique(np.stack((subject, eye), axis=1), axis=0, return_inverse=True)
    return TemplateSet(
        name=path.stem,
        modality=modality,
        field=field,
        templates=templates,
        instances=instances.ravel().astype(np.int64),
        groups=group,
    )


def require_distinct(given: TemplateSet) -> None:
    """See that no sample is a copy of another one, which would count as a comparison of its own and is none.

    An embedding of another length is a copy, as are minutiae in another order: what is compared is the same.

    Raises:
        TemplateFileError: one is; the message names both by their places in the array.
    """
    seen: dict[bytes, int] = {}
    for number, template in enumerate(given.templates):
        content = _content(template)
        if content and (first := seen.setdefault(content, number)) != number:
            raise TemplateFileError(
                f"array {given.field!r}: samples {first} and {number} are one template, and a copy is no second "
                f"capture; leave it out, and bring another capture in its place"
            )


def _content(template: Template) -> bytes:
    """Give the bytes of what is compared; none of a capture that shows nothing, and is refused for its quality."""
    if isinstance(template, FaceTemplate):
        return unit(template.vector).tobytes()
    if isinstance(template, FingerTemplate):
        return template.minutiae[np.lexsort(template.minutiae.T)].tobytes()
    seen = template.code & template.mask
    return seen.tobytes() + template.mask.tobytes() if template.mask.any() else b""


class _Arrays:
    """The arrays of a file, checked one by one.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                self._sizes = {
                    info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()
                }
        except _DAMAGE as error:
            raise TemplateFileError("the file is no .npz archive, or is cut short") from error
        self._path = path

    def has(self, name: str) -> bool:
        return name in self._sizes

    def read(self, name: str) -> NDArray[Any]:
        if name not in self._sizes:
            has = ", ".join(sorted(filter(str.isidentifier, self._sizes))) or "none"
            raise TemplateFileError(f"array {name!r} is missing; the file has: {has[:200]}")
        if self._sizes[name] > _LARGEST:
            raise TemplateFileError(f"array {name!r} has more than 1 GiB")
        try:
            with np.load(self._path, allow_pickle=False) as archive:
                found = archive[name]
        except (*_DAMAGE, OSError) as error:
            raise TemplateFileError(f"array {name!r} cannot be read; it must be plain numbers") from error
        if not isinstance(found, np.ndarray):
            raise TemplateFileError(f"array {name!r} cannot be read; it must be plain numbers")
        return found

    def integers(self, name: str, *, count: int | None = None) -> NDArray[np.int64]:
        found = self.read(name)
        if found.dtype.kind not in "iu" or found.ndim != 1:
            raise TemplateFileError(f"array {name!r} must be integers in one dimension")
        if count is not None and found.size != count:
            raise TemplateFileError(f"array {name!r} must have as many entries as 'subject'")
        return found.astype(np.int64)

    def floats(self, name: str) -> NDArray[np.float32]:
        found = self.read(name)
        if found.dtype.kind not in "fiu" or found.ndim != 2:  # noqa: PLR2004 - a table has two dimensions
            raise TemplateFileError(f"array {name!r} must be floating-point numbers in two dimensions")
        with np.errstate(over="ignore"):
            narrow = found.astype(np.float32)
        if not np.isfinite(narrow).all():
            raise TemplateFileError(f"array {name!r} has entries that are not finite numbers (NaN, infinity)")
        return narrow


def _faces(arrays: _Arrays, field: str, count: int) -> tuple[Template, ...]:
    vectors = arrays.floats(field)
    if vectors.shape[0] != count or not 1 <= vectors.shape[1] <= _LONGEST_VECTOR:
        raise TemplateFileError(
            f"array {field!r} must have a row for each entry of 'subject' and 1 to 512 columns"
        )
    if not vectors.any(axis=1).all():
        raise TemplateFileError(f"array {field!r} has a row of zeros")
    return tuple(FaceTemplate(vector=vector) for vector in vectors)


def _fingers(arrays: _Arrays, field: str, count: int) -> tuple[Template, ...]:
    rows = arrays.floats(field)
    name = f"{field}_off"
    offsets = arrays.integers(name)
    if rows.shape[1] != _COLUMNS:
        raise TemplateFileError(f"array {field!r} must have 5 columns: x, y, angle, quality, type")
    if np.abs(rows[:, :2]).max(initial=0) > _PLACE or np.abs(rows[:, 2]).max(initial=0) > _PLACE:
        raise TemplateFileError(f"array {field!r} has a place or an angle beyond any sensor's")
    if (rows[:, 3] < 0).any() or (rows[:, 3] > 1).any():
        raise TemplateFileError(f"array {field!r} must have qualities from 0 to 1 in its fourth column")
    if (
        offsets.size != count + 1
        or offsets[0] != 0
        or offsets[-1] != len(rows)
        or (np.diff(offsets) < 0).any()
    ):
        raise TemplateFileError(
            f"array {name!r} must have an entry more than 'subject', from 0 up to the rows of {field!r}"
        )
    minutiae = rows[:, :4].copy()
    minutiae[:, 2] = np.radians(minutiae[:, 2])
    return tuple(FingerTemplate(minutiae=minutiae[start:end]) for start, end in itertools.pairwise(offsets))


def _irises(arrays: _Arrays, field: str, count: int) -> tuple[Template, ...]:
    if arrays.has("shape") and tuple(arrays.integers("shape")) != _IRIS_SHAPE:
        raise TemplateFileError("array 'shape' must be 2, 16, 256, 2: wavelet, radius, angle, part")
    bits = []
    for name in (field, "mask"):
        packed = arrays.read(name)
        if packed.dtype != np.uint8 or packed.shape != (count, _IRIS_BYTES):
            raise TemplateFileError(
                f"array {name!r} must be uint8 with 2,048 columns and a row for each entry of 'subject'"
            )
        unpacked = np.unpackbits(packed, axis=1).reshape(count, *_IRIS_SHAPE)
        bits.append(unpacked.transpose(0, 1, 2, 4, 3).reshape(count, *_IRIS_ROWS))
    return tuple(IrisTemplate(code=code, mask=mask) for code, mask in zip(*bits, strict=True))


_READERS: Final[Mapping[str, Callable[[_Arrays, str, int], tuple[Template, ...]]]] = {
    FACE: _faces,
    FINGER: _fingers,
    IRIS: _irises,
}
