"""Irises: every second column of code and mask under a keyed pad, compared where they fit best ("iris-xor-8192/1").

    protect: (code & mask, mask) at the even columns, 8,192 bits each -> XOR with the key's stream
    score:   the probe at 31 turns of the eye -> XOR with the same stream -> agreement of the bits that count

A pad of its own for each enrolment hides code and mask alike, so that nothing tells how many bits are valid, and
distances stay what they are. The comparison allows for what a segmentation gets wrong: around each turn, each of four
sectors may lie up to two columns aside and one ring further in or out (docs/adr/0046).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tokenizer.biometrics.scheme import QualityError, Suite, TemplateError
from tokenizer.biometrics.template import IRIS, IrisTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey

LEAST: Final = 4_096
"""Valid bits of 16,384 below which an iris is not compared, as open-iris has it."""
_ROWS, _COLUMNS = 64, 256
_FILTER_ROWS, _RING_ROWS = 32, 2
_STRIDE: Final = 2
"""Of so many columns one is kept; the probe still turns column by column."""
_TURNS: Final = 15
_ASIDE: Final = 2
_RINGS: Final = (0, -1, 1)
_SECTORS: Final = 4
_PRIOR: Final = 500
"""Bits without an opinion that are added to those that count: few bits in common are little evidence."""
_PACKED = _ROWS * _COLUMNS // _STRIDE // 8
_WORD: Final = f"u{_COLUMNS // _STRIDE // _SECTORS // 8}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PreparedIris:
    """An iris as it may lie: [35, 3, 64, 4] words of 32 bits, by turn (-17 first), ring (0, -1, 1), row and sector.

    Attributes:
        codes: the bits that count, others 0.
        masks: which count.
    """

    codes: NDArray[np.uint32]
    masks: NDArray[np.uint32]


class IrisScheme:
    """Protects iris codes of 64 rows (filter, ring, part) and 256 columns."""

    suite: Suite = Suite(name="iris-xor-8192/1", number=3, modality=IRIS, size=2 * _PACKED)

    def prepare(self, template: object) -> PreparedIris:
        """Lay an iris out in all ways in which it is compared.

        Raises:
            QualityError: fewer than 4,096 of its bits are valid.
            TemplateError: it is no iris code.
        """
        if not isinstance(template, IrisTemplate):
            raise TemplateError("an iris is compared by an iris code")
        for plane in (template.code, template.mask):
            if plane.shape != (_ROWS, _COLUMNS) or plane.dtype != np.uint8 or plane.max() > 1:
                raise TemplateError("an iris code and its mask are 64 rows of 256 bits")
        if int(template.mask.sum(dtype=np.int64)) < LEAST:
            raise QualityError("an iris needs 4,096 valid bits; a capture with the eye wider open would help")
        return PreparedIris(codes=_laid_out(template.code & template.mask), masks=_laid_out(template.mask))

    def protect(
        self, prepared: PreparedIris, key: TemplateKey, *, random: Callable[[int], bytes] = os.urandom
    ) -> bytes:
        """Make a reference, 2,048 bytes; nothing in it is random but the key."""
        del random
        upright = np.stack((prepared.codes[_TURNS + _ASIDE, 0], prepared.masks[_TURNS + _ASIDE, 0]))
        return (upright ^ _pad(key)).tobytes()

    def score(self, prepared: PreparedIris, key: TemplateKey, reference: bytes) -> float:
        """Compare: (1 + the share of agreement) / 2 at the turn that fits best."""
        code_pad, mask_pad = _pad(key)
        code, mask = np.frombuffer(reference, dtype=_WORD).reshape(2, _ROWS, _SECTORS)
        both = prepared.masks & (mask ^ mask_pad)
        apart = (prepared.codes ^ code_pad ^ code) & both
        counted = _counted(both)
        agreement, counted = _by_place(counted - 2 * _counted(apart)), _by_place(counted)
        # Each sector takes the place that fits it best.
        best = agreement.argmax(axis=2)[..., np.newaxis]
        agreed, common = (
            np.take_along_axis(each, best, axis=2).sum(axis=(1, 2)) for each in (agreement, counted)
        )
        share = float((agreed / (common + _PRIOR)).max())
        return min(1.0, max(0.0, (1 + share) / 2))


def _by_place(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Arrange counts [35, ring, sector] as [turn, sector, place], a place being a ring and how far it lies aside."""
    window = 2 * _ASIDE + 1
    moved = np.lib.stride_tricks.sliding_window_view(counts, window, axis=0)
    return moved.swapaxes(1, 2).reshape(2 * _TURNS + 1, _SECTORS, len(_RINGS) * window)


def _laid_out(plane: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Turn, move by rings, keep every second column, pack."""
    reach = _TURNS + _ASIDE
    columns = (np.arange(0, _COLUMNS, _STRIDE) - np.arange(-reach, reach + 1)[:, np.newaxis]) % _COLUMNS
    packed = np.packbits(plane[:, columns].swapaxes(0, 1), axis=2)
    filters = packed.reshape(2 * reach + 1, _ROWS // _FILTER_ROWS, _FILTER_ROWS, -1)
    laid = np.zeros((2 * reach + 1, len(_RINGS), *filters.shape[1:]), dtype=np.uint8)
    laid[:, 0] = filters
    laid[:, 1, :, :-_RING_ROWS] = filters[:, :, _RING_ROWS:]
    laid[:, 2, :, _RING_ROWS:] = filters[:, :, :-_RING_ROWS]
    return laid.reshape(2 * reach + 1, len(_RINGS), _ROWS, -1).view(_WORD)


def _pad(key: TemplateKey) -> NDArray[np.uint32]:
    """Draw the pad of an enrolment: [2, 64, 4], for the code and for the mask."""
    return np.frombuffer(key.stream(b"iris", 2 * _PACKED), dtype=_WORD).reshape(2, _ROWS, _SECTORS)


def _counted(words: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Count the bits of each turn, ring and sector."""
    return np.asarray(np.bitwise_count(words).sum(axis=2, dtype=np.int32))
