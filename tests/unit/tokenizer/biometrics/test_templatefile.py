"""Files of templates are read as their layout says, and what another hand broke is refused by the array's name."""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tokenizer.biometrics import templatefile
from tokenizer.biometrics.template import FaceTemplate, FingerTemplate, IrisTemplate
from tokenizer.biometrics.templatefile import TemplateFileError, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RANDOM = np.random.default_rng(1)
SUBJECT = np.array([4, 4, 9], dtype=np.int32)
FACE: dict[str, Any] = {
    "subject": SUBJECT,
    "mobilefacenet192": RANDOM.standard_normal((3, 8)).astype(np.float32),
}
MINUTIAE = np.array(
    [[10, 20, 90, 0.5, 1], [30, 40, 180, 1, 2], [50, 60, -45, 0, 0], [1, 2, 3, 0.1, 1]], dtype=np.float32
)
FINGER: dict[str, Any] = {
    "subject": SUBJECT,
    "db": np.array([0, 0, 1], dtype=np.int8),
    "leader": MINUTIAE,
    "leader_off": np.array([0, 2, 2, 4], dtype=np.int32),
}
BITS = RANDOM.integers(2, size=(3, 2, 16, 256, 2), dtype=np.uint8)
IRIS: dict[str, Any] = {
    "subject": SUBJECT,
    "eye": np.array([1, 2, 1], dtype=np.int8),
    "shape": np.array([2, 16, 256, 2], dtype=np.int32),
    "code": np.packbits(BITS.reshape(3, -1), axis=1),
    "mask": np.packbits(1 - BITS.reshape(3, -1), axis=1),
}
GOOD = {"face": FACE, "finger": FINGER, "iris": IRIS}


def write(folder: Path, arrays: dict[str, Any]) -> Path:
    """Write a file."""
    path = folder / "people.npz"
    np.savez(path, **arrays)
    return path


def test_faces_are_rows(tmp_path: Path) -> None:
    """A row is an embedding, and equal subjects are one face."""
    found = read(write(tmp_path, FACE), "face")
    assert (found.name, found.modality, found.field) == ("people", "face", "mobilefacenet192")
    assert [int(number) for number in found.instances] == [0, 0, 1]
    for template, row in zip(found.templates, FACE["mobilefacenet192"], strict=True):
        assert isinstance(template, FaceTemplate)
        assert np.array_equal(template.vector, row)


def test_another_array_can_be_named(tmp_path: Path) -> None:
    """A file may hold the templates of several extractors."""
    found = read(write(tmp_path, {**FACE, "dlib128": np.ones((3, 2))}), "face", field="dlib128")
    assert isinstance(found.templates[0], FaceTemplate)
    assert found.templates[0].vector.shape == (2,)


def test_minutiae_have_radians_and_no_type(tmp_path: Path) -> None:
    """Sample i has the rows between two offsets; degrees become radians; the sensor is the group."""
    found = read(write(tmp_path, FINGER), "finger")
    assert [int(number) for number in found.groups] == [0, 0, 1]
    first, empty, _ = found.templates
    assert isinstance(first, FingerTemplate)
    assert isinstance(empty, FingerTemplate)
    assert first.minutiae == pytest.approx(np.array([[10, 20, math.pi / 2, 0.5], [30, 40, math.pi, 1]]))
    assert empty.minutiae.shape == (0, 4)


def test_iris_rows_are_wavelet_radius_and_part(tmp_path: Path) -> None:
    """Bit (wavelet, radius, angle, part) stands in row wavelet * 32 + radius * 2 + part, column angle."""
    found = read(write(tmp_path, IRIS), "iris")
    assert [int(number) for number in found.instances] == [0, 1, 2]
    for template, bits in zip(found.templates, BITS, strict=True):
        assert isinstance(template, IrisTemplate)
        assert template.code.shape == (64, 256)
        for wavelet, radius, angle, part in ((0, 0, 0, 0), (1, 5, 200, 1), (0, 15, 255, 0)):
            row = wavelet * 32 + radius * 2 + part
            assert template.code[row, angle] == bits[wavelet, radius, angle, part]
            assert template.mask[row, angle] == 1 - template.code[row, angle]


def _changed(modality: str, **arrays: Any) -> Callable[[], tuple[str, dict[str, Any]]]:
    def make() -> tuple[str, dict[str, Any]]:
        return modality, {
            name: value for name, value in {**GOOD[modality], **arrays}.items() if value is not None
        }

    return make


NAN = np.full((3, 8), np.nan)
BROKEN = {
    "no subject": ("subject", _changed("face", subject=None)),
    "subject of floats": ("subject", _changed("face", subject=np.ones(3))),
    "subject of two dimensions": ("subject", _changed("face", subject=np.ones((3, 1), dtype=int))),
    "subject of nobody": ("subject", _changed("face", subject=np.zeros(0, dtype=int))),
    "no embeddings": ("mobilefacenet192", _changed("face", mobilefacenet192=None)),
    "NaN": ("mobilefacenet192", _changed("face", mobilefacenet192=NAN)),
    "beyond a float": ("mobilefacenet192", _changed("face", mobilefacenet192=np.full((3, 8), 1e300))),
    "zeros": ("mobilefacenet192", _changed("face", mobilefacenet192=np.zeros((3, 8)))),
    "too few rows": ("mobilefacenet192", _changed("face", mobilefacenet192=np.ones((2, 8)))),
    "too long": ("mobilefacenet192", _changed("face", mobilefacenet192=np.ones((3, 513)))),
    "no columns": ("mobilefacenet192", _changed("face", mobilefacenet192=np.ones((3, 0)))),
    "one dimension": ("mobilefacenet192", _changed("face", mobilefacenet192=np.ones(3))),
    "texts": ("mobilefacenet192", _changed("face", mobilefacenet192=np.array([["a"]] * 3))),
    "complex": ("mobilefacenet192", _changed("face", mobilefacenet192=np.ones((3, 8), dtype=complex))),
    "a pickle": ("mobilefacenet192", _changed("face", mobilefacenet192=np.array([{}] * 3, dtype=object))),
    "four columns": ("leader", _changed("finger", leader=MINUTIAE[:, :4])),
    "an angle that is none": ("leader", _changed("finger", leader=MINUTIAE * np.array([1, 1, np.inf, 1, 1]))),
    "far away": ("leader", _changed("finger", leader=MINUTIAE * np.array([1e9, 1, 1, 1, 1]))),
    "quality in percent": ("leader", _changed("finger", leader=MINUTIAE * np.array([1, 1, 1, 100, 1]))),
    "no offsets": ("leader_off", _changed("finger", leader_off=None)),
    "offsets that fall": ("leader_off", _changed("finger", leader_off=np.array([0, 3, 2, 4]))),
    "offsets beyond": ("leader_off", _changed("finger", leader_off=np.array([0, 2, 2, 5]))),
    "offsets from one": ("leader_off", _changed("finger", leader_off=np.array([1, 2, 2, 4]))),
    "too few offsets": ("leader_off", _changed("finger", leader_off=np.array([0, 2, 4]))),
    "sensors of others": ("db", _changed("finger", db=np.array([0]))),
    "no mask": ("mask", _changed("iris", mask=None)),
    "short code": ("code", _changed("iris", code=IRIS["code"][:, :2047])),
    "code of wide numbers": ("code", _changed("iris", code=IRIS["code"].astype(np.int64))),
    "another shape": ("shape", _changed("iris", shape=np.array([2, 16, 2, 256]))),
    "eyes of others": ("eye", _changed("iris", eye=np.array([1, 2]))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named_by_its_array(tmp_path: Path, name: str) -> None:
    """Each fault is refused with the name of the array, and no value of it."""
    array, make = BROKEN[name]
    modality, arrays = make()
    with pytest.raises(TemplateFileError, match=f"array '{array}'"):
        read(write(tmp_path, arrays), modality)


class Trap:
    """What a pickle does when it is read."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Trap, "sprung", True))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """A pickle in the place of an array is never run."""
    path = tmp_path / "people.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("subject.npy", pickle.dumps(Trap()))
    with pytest.raises(TemplateFileError, match="array 'subject'"):
        read(path, "face")
    objects = np.empty(1, dtype=object)
    objects[0] = Trap()
    np.savez(path, subject=objects, allow_pickle=True)
    with pytest.raises(TemplateFileError, match="array 'subject'"):
        read(path, "face")
    assert not Trap.sprung


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive at all", pickle.dumps([1])])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, a text and a pickle are no .npz."""
    path = tmp_path / "people.npz"
    path.write_bytes(content)
    with pytest.raises(TemplateFileError, match="npz"):
        read(path, "face")


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    """A .npy file under the name of an archive is refused."""
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    path = tmp_path / "people.npz"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(TemplateFileError, match="npz"):
        read(path, "face")


@pytest.mark.parametrize("modality", GOOD)
def test_damage_is_refused_wherever_it_is(tmp_path: Path, modality: str) -> None:
    """A file that is cut short, or has bytes changed, is read as it says or refused, never anything else."""
    path = write(tmp_path, GOOD[modality])
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 120)):
        for damaged in (whole[:at], whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                found = read(path, modality)
            except TemplateFileError:
                continue
            assert len(found.templates) == len(found.instances)


def test_what_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at before anything is unpacked."""
    monkeypatch.setattr(templatefile, "_LARGEST", 1000)
    path = tmp_path / "people.npz"
    arrays = {**FACE, "mobilefacenet192": np.zeros((3, 400))}
    np.savez_compressed(path, **arrays)
    with pytest.raises(TemplateFileError, match="more than"):
        read(path, "face")


def test_some_can_be_kept(tmp_path: Path) -> None:
    """What is kept keeps its instance and sensor."""
    kept = read(write(tmp_path, FINGER), "finger").kept(np.array([0, 2]))
    assert len(kept.templates) == 2
    assert ([*kept.instances], [*kept.groups]) == ([0, 1], [0, 1])


@pytest.mark.parametrize("modality", GOOD)
def test_copies_are_named_by_their_places(tmp_path: Path, modality: str) -> None:
    """A template that stands twice is refused, also where its order or length differs; captures of nothing are not."""
    given = read(write(tmp_path, GOOD[modality]), modality)
    templatefile.require_distinct(given)
    nothing = FingerTemplate(minutiae=np.zeros((0, 4), dtype=np.float32))
    templatefile.require_distinct(replace(given, templates=(*given.templates, nothing, nothing)))
    first = given.templates[0]
    if isinstance(first, FaceTemplate):
        again: Any = FaceTemplate(vector=first.vector * 2)
    elif isinstance(first, FingerTemplate):
        again = FingerTemplate(minutiae=first.minutiae[::-1])
    else:
        again = IrisTemplate(code=first.code ^ (1 - first.mask), mask=first.mask)
    with pytest.raises(TemplateFileError, match=r"samples 0 and 3 are one template.* leave it out"):
        templatefile.require_distinct(replace(given, templates=(*given.templates, again)))
