"""What all texts go through first: Unicode, Latin letters, case, spaces.

Guarantees: the result is printable ASCII in upper case without leading, trailing or double spaces, or the text is
refused by a rule; a character that a reader does not see never makes a silent difference.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from tokenizer.errors import RuleError

MAX_MARKS: Final = 2
"""Accents that one letter may carry; Vietnamese needs two."""
_RAW_FACTOR = 8  # a longer raw text is refused before Unicode normalisation spends time on it

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Characters without width: a page or a word processor leaves them behind. They are dropped.
_INVISIBLE = re.compile("[\u00ad\u034f\u180e\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_MARK_RUN = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
_NO_ASCII = re.compile(r"[^\x20-\x7e]")
# Before NFKC, which would split some apostrophes into a space and an accent.
_LOOKALIKES = str.maketrans(
    dict.fromkeys(
        "\u0060\u00b4\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\uff07\u055a\ua78c\u05f3",
        "'",
    )
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d", "-")
    | dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u00b7\u2022\u2024", " ")
    | {"\t": " "}
)
_LETTERS = str.maketrans(
    {
        "ß": "SS", "ẞ": "SS", "Æ": "AE", "æ": "AE", "Œ": "OE", "œ": "OE", "Ø": "O", "ø": "O", "Đ": "D", "đ": "D",
        "Ð": "D", "ð": "D", "Ł": "L", "ł": "L", "Þ": "TH", "þ": "TH", "Ħ": "H", "ħ": "H", "Ŧ": "T", "ŧ": "T",
        "Ŋ": "NG", "ŋ": "NG", "ĸ": "K",
    }
)  # fmt: skip


def clean(value: str, *, limit: int) -> str:
    """Bring a text to printable ASCII in upper case.

    Args:
        value: as typed.
        limit: most characters after NFKC.

    Raises:
        RuleError: "value.empty", or one of the rules "text.*".
    """
    if len(value) > limit * _RAW_FACTOR:
        raise RuleError("text.too_long")
    if not value.isascii():
        value = _fold(value)
    elif not value.isprintable():
        value = value.translate(_LOOKALIKES)
        if _CONTROL.search(value):
            raise RuleError("text.control")
    if len(value) > limit:
        raise RuleError("text.too_long")
    value = " ".join(value.upper().replace("`", "'").split())
    if not value:
        raise RuleError("value.empty")
    return value


def _fold(value: str) -> str:
    if _CONTROL.search(value):
        raise RuleError("text.control")
    if _DIRECTION.search(value):
        raise RuleError("text.direction")
    value = unicodedata.normalize("NFKC", _INVISIBLE.sub("", value).translate(_LOOKALIKES))
    parts = unicodedata.normalize("NFD", value)
    if any(len(run) > MAX_MARKS for run in _MARK_RUN.findall(parts)):
        raise RuleError("text.marks")
    value = _MARK_RUN.sub("", parts).translate(_LOOKALIKES).translate(_LETTERS)
    if _NO_ASCII.search(value):
        raise RuleError("text.script")
    return value
