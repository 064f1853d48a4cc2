"""Names of people.

Strict form: words as written, without apostrophes, dots, commas and titles; a hyphen inside a word stays. Tolerant
form: abbreviations are written out, old and variant spelling is folded, hyphens go. Nothing is ever taken from the
last word that is left, so mononyms and names of one letter survive.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tokenizer.errors import RuleError
from tokenizer.normalise import lexicon, spelling

_APOSTROPHE = re.compile("['\"]")
_PART = re.compile(r"([A-Z0-9]+(?:-[A-Z0-9]+)*)(\.?)")
_LETTER = re.compile("[A-Z]")
_WORDS_BEHIND_ANDI = 2
_LONGEST_TITLE = 4  # parts, as in "K.R.M.T." or "A.Md.Keb."
_DEGREE_HEAD = 2  # letters of a degree's first part, as in "Sp.A."
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
    text = _APOSTROPHE.sub("", cleaned)
    if _is_plain(text.split(" ")):
        return text
    parts = _parts(text)
    while True:
        shorter = _without_degree(_without_prefix(parts))
        if len(shorter) == len(parts):
            break
        parts = shorter
    exact = " ".join(part.text for part in parts)
    if not _LETTER.search(exact):  # a title was all that had letters, as in "H. 2"
        raise RuleError("text.no_letter")
    return exact


def _is_plain(words: list[str]) -> bool:
    """Say whether nothing about the words needs a closer look, as with most names."""
    if len(words) > 1 and (words[0] in lexicon.PREFIX_TITLES or words[-1] in lexicon.PLAIN_DEGREES):
        return False
    return all(map(str.isalpha, words)) and min(map(len, words)) > 1


def _parts(text: str) -> list[Part]:
    return [
        Part(match[1], bool(match[2]), comma > 0)
        for comma, group in enumerate(text.split(","))
        for match in _PART.finditer(group)
    ]


def _without_prefix(parts: list[Part]) -> list[Part]:
    """Drop one title in front."""
    head = parts[0]
    if (head.dotted and len(head.text) == 1) or head.text in lexicon.COMPOSED:
        joined = head.text
        for count in range(2, min(_LONGEST_TITLE, len(parts) - 1) + 1):
            joined += parts[count - 1].text
            if joined in lexicon.PREFIX_TITLES:
                return parts[count:]
    if head.text in lexicon.PREFIX_TITLES or (head.dotted and head.text in lexicon.DOTTED_PREFIX_TITLES):
        return parts[1:] or parts
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
    first, last = len(tail[0].text), len(tail[-1].text)
    return joined in lexicon.DEGREES and ((marked and first <= _DEGREE_HEAD) or (first == 1 and last > 1))


def tolerant(exact: str) -> tuple[tuple[str, ...], str]:
    """Bring a strict form to its tolerant words, and to all of them joined."""
    words = exact.replace("-", " ").split(" ")
    while len(words) > 1 and words[0] in lexicon.NOBLE_TITLES:
        words = words[1:]
    if len(words) > _WORDS_BEHIND_ANDI and words[0] == lexicon.ANDI:
        words = words[1:]
    if len(words) > 1 and words[0] in lexicon.BALINESE_FIRST:
        words = _balinese(words)
    if "ABD" in exact:
        words = [_unassimilated(word, after) for word, after in zip(words, [*words[1:], ""], strict=True)]
    last = len(words) - 1
    spelled = tuple(
        part
        for at, word in enumerate(words)
        for part in spelling.spell(word, first=at == 0, final=at == last)
    )
    return spelled, spelling.join(spelled)


def _unassimilated(word: str, after: str) -> str:
    return "ABDUL" if word in lexicon.ABDUL_ASSIMILATED and after[:1] == word[-1] else word


def _balinese(words: list[str]) -> list[str]:
    for count in (3, 2, 1):
        head = lexicon.BALINESE_HEADS.get(tuple(words[:count]))
        if head is not None and len(words) > count:
            words = [*head, *words[count:]]
            break
    if words[0] in lexicon.BALINESE_MARKS:
        return [lexicon.BALINESE.get(word, word) for word in words]
    return words
