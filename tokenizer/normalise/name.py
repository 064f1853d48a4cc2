"""Names of people.

Strict form: words as written, without apostrophes, dots, commas and titles; a hyphen inside a word stays. Tolerant form:
abbreviations are written out, old and variant spelling is folded, hyphens go. Nothing is ever taken from the last word
that is left, so mononyms and names of one letter survive.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tokenizer.errors import RuleError
from tokenizer.normalise import lexicon, spelling

if TYPE_CHECKING:

_APOSTROPHE = re.compile("['\"]")
_PART = re.compile(r"([A-Z0-9]+(?:-[A-Z0-9]+)*)(\.?)")
_LETTER = re.compile("[A-Z]")
_LONGEST_TITLE = 4  # parts, as in "K.R.M.T." or "A.Md.Keb."
_SHORT = 4  # letters of a part of an unknown degree after a comma


class Part(NamedTuple):
    """A run of letters and digits of a name."""

    text: str
    dotted: bool
    after_comma: bool


def strict(cleaned: str) -> str:
    """Bring a cleaned name to its strict form.

    Raises:
        RuleError: "text.no_letter".
    """
    if not _LETTER.search(cleaned):
        raise RuleError("text.no_letter")
    parts = _parts(_APOSTROPHE.sub("", cleaned))
    while True:
        shorter = _without_degree(_without_prefix(parts))
        if len(shorter) == len(parts):
            return " ".join(part.text for part in parts)
        parts = shorter


def _parts(text: str) -> list[Part]:
    return [
        Part(match[1], bool(match[2]), comma > 0)
        for comma, group in enumerate(text.split(","))
        for match in _PART.finditer(group)
    ]


def _without_prefix(parts: list[Part]) -> list[Part]:
    """Drop one title in front."""
    for count in range(min(_LONGEST_TITLE, len(parts) - 1), 0, -1):
        head = parts[:count]
        joined = "".join(part.text for part in head)
        if count == 1:
            if joined in lexicon.PREFIX_TITLES or (head[0].dotted and joined in lexicon.DOTTED_PREFIX_TITLES):
                return parts[1:]
        elif joined in lexicon.PREFIX_TITLES and all(part.dotted for part in head[:-1]):
            return parts[count:]
    return parts


def _without_degree(parts: list[Part]) -> list[Part]:
    """Drop one degree at the end."""
    for count in range(min(_LONGEST_TITLE, len(parts) - 1), 0, -1):
        if _is_degree(parts[-count:]):
            return parts[:-count]
    return parts


def _is_degree(tail: list[Part]) -> bool:
    joined = "".join(part.text for part in tail)
    marked = any(part.dotted for part in tail)
    if tail[0].after_comma:
        short = all(len(part.text) <= _SHORT for part in tail)
        return (
            joined in lexicon.DEGREES
            or joined in lexicon.PLAIN_DEGREES
            or (marked and short and len(tail) > 1)
        )
    if len(tail) == 1:
        return joined in lexicon.PLAIN_DEGREES or (marked and joined in lexicon.DEGREES)
    return joined in lexicon.DEGREES and (marked or len(tail[-1].text) > 1) and len(tail[0].text) == 1


def tolerant(exact: str) -> tuple[tuple[str, ...], str]:
    """Bring a strict form to its tolerant words, and to its tolerant key."""
    words = _written_out(_without_nobility(exact.replace("-", " ").split(" ")))
    words = [part for word in words for part in spelling.write_out(word)]
    return tuple(map(spelling.fold_word, words)), spelling.fold("".join(words))


def _without_nobility(words: list[str]) -> list[str]:
    while len(words) > 1 and words[0] in lexicon.NOBLE_TITLES:
        words = words[1:]
    return words


def _written_out(words: list[str]) -> list[str]:
    for count in (3, 2, 1):
        head = lexicon.BALINESE_HEADS.get(tuple(words[:count]))
        if head is not None and len(words) > count:
            return [*head, *_balinese(words[count:])]
    if words[0] in lexicon.BALINESE_MARKS and len(words) > 1:
        return _balinese(words)
    last = len(words) - 1
    return [
        _abbreviation(word, at, last) for at, word in enumerate(words) if not _is_particle(word, at, last)
    ]


def _balinese(words: list[str]) -> list[str]:
    return [lexicon.BALINESE.get(word, word) for word in words]


def _is_particle(word: str, at: int, last: int) -> bool:
    """Say whether a word between others only says whose child somebody is."""
    return 0 < at < last and word in {"BIN", "BINTI", "BR", "BORU", "BERU", "BTE", "BT", "BINTE", "BTI"}


def _abbreviation(word: str, at: int, last: int) -> str:
    if word in lexicon.MUHAMMAD or (word in {"M", "MD"} and at == 0 and last > 0):
        return "MUHAMMAD"
    if word in lexicon.AHMAD or (word == "A" and at == 0 and last > 0):
        return "AHMAD"
    if at < last and word in lexicon.ABDUL:
        return "ABDUL"
    if at < last and word in lexicon.SITI:
        return "SITI"
    if word in lexicon.NUR:
        return "NUR"
    if word in lexicon.BALINESE_ANYWHERE:
        return lexicon.BALINESE[word]
    return word
