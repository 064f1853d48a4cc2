"""What happens to a name between a birth and a form: old spelling, titles, typing errors.

The rules here are written apart from the service's normaliser on purpose, so that one can be tested with the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_MALE_TITLES = ("H. ", "DRS. ", "IR. ", "DR. ", "KH. ", "DRG. ", "PROF. ")
_FEMALE_TITLES = ("HJ. ", "DRA. ", "IR. ", "DR. ", "DRG. ", "HJ. ")
_DEGREES = (
    ", S.E.",
    ", S.H.",
    ", S.PD",
    ", S.KOM",
    ", A.MD",
    ", M.SI",
    ", S.AG",
    ", ST",
    ", S.E., M.M.",
    " S.SOS",
)
_NEAR = {
    "A": "SQ", "B": "VN", "C": "XV", "D": "SF", "E": "WR", "F": "DG", "G": "FH", "H": "GJ", "I": "UO",
    "J": "HK", "K": "JL", "L": "KO", "M": "N", "N": "BM", "O": "IP", "P": "OL", "Q": "WA", "R": "ET",
    "S": "AD", "T": "RY", "U": "YI", "V": "CB", "W": "QE", "X": "ZC", "Y": "TU", "Z": "XA",
}  # fmt: skip
"""Letters beside a letter on a keyboard."""


def old_spelling(name: str) -> str:
    """Write a name as before 1947 and 1972: u as oe, j as dj, c as tj, y as j."""
    return name.translate({ord("J"): "DJ", ord("C"): "TJ", ord("Y"): "J", ord("U"): "OE"})


def titled(rng: Random, name: str, *, female: bool) -> str:
    """Put a title before or a degree after a name."""
    if rng.random() < 0.5:  # noqa: PLR2004 - half and half
        return rng.choice(_FEMALE_TITLES if female else _MALE_TITLES) + name
    return name + rng.choice(_DEGREES)


def typo(rng: Random, text: str) -> str:
    """Make one typing error: a neighbouring key, a letter lost, doubled, or two exchanged; always another text."""
    places = [place for place, letter in enumerate(text) if letter in _NEAR]
    for _ in range(8):
        if not places:
            break
        at = rng.choice(places)
        kind = int(rng.random() * 4)
        if kind == 0:
            changed = text[:at] + rng.choice(_NEAR[text[at]]) + text[at + 1 :]
        elif kind == 1 and len(places) > 1:
            changed = text[:at] + text[at + 1 :]
        elif kind == 2:  # noqa: PLR2004 - the third of four kinds
            changed = text[:at] + text[at] + text[at:]
        else:
            changed = text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
        if changed != text:
            return changed
    return text + "A"


def twin(rng: Random, name: str) -> str:
    """Make the name of a twin: the same words, the first with another ending."""
    first, space, rest = name.partition(" ")
    ending = rng.choice("AIUON")
    if first.endswith(ending):
        ending = "E"
    return (first[:-1] or first) + ending + space + rest
