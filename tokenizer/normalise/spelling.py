"""Spelling of names: old spelling and usual variants fold to one form.

The folds are not a phonetic code: they join what Indonesians write in several ways for one name and keep apart what
tells people apart, above all vowels (TUTI and TITI, KARTINI and KARTINA) and word endings (MARTINUS and MARTINA).
Old spelling is that of van Ophuijsen (1901) and Soewandi (1947): oe, dj, tj, sj, nj, ch, and j for y. Whether a j is
an old y cannot be seen, so j and y are one letter here; likewise tj is c or t and y, so ty and c are one.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from tokenizer.normalise import lexicon

if TYPE_CHECKING:
    from collections.abc import Iterable

_REMEMBERED: Final = 1 << 16
"""Words, never names, that each cache holds."""
_DIGITS: Final = str.maketrans("01345", "OIEAS")
_TWICE = re.compile(r"([A-Z]{3,})2")
_ASSIMILATED = re.compile(r"ABD(?:U|OE|O)(?:([RSNTDZJ])(?=\1)|(?=RA[CK]?HM|RO[CK]?HM|RAHIM|SAMAD|SOMAD))")
_SCHWA = re.compile("(?<=^[BCDFGKST])E(?=[LR][AEIOU])|(?<=^NG)E(?=[LR][AEIOU])")

# Order matters: old digraphs, then sounds with several spellings, then stems in what these have left.
_DIGRAPHS: Final = (("OE", "U"), ("DJ", "J"), ("TJ", "C"), ("CHR", "KR"), ("CH", "H"), ("KH", "H"))
_SINGLES: Final = str.maketrans({"J": "Y", "Q": "K", "V": "F", "P": "F", "X": "KS"})
_SOUNDS: Final = (
    ("SY", "S"), ("SH", "S"), ("FH", "F"), ("TH", "T"), ("DH", "D"), ("BH", "B"), ("GH", "G"), ("AE", "AI"),
    ("EE", "I"), ("OO", "U"),
)  # fmt: skip
_CONTEXT = re.compile(
    "T[IY](?=[AOU])|(?<=A)Y(?![AEIOU])|IE(?![AEIOUM])|IY(?=[AEIOU])|Y(?![AEIOU])"
    "|(?<=[BCDFGHKLMNRSZ])Y(?=[AOU])|UW(?=[AEIOU])|([A-Z0-9])\\1+"
)
_REPLACED: Final = {"TI": "C", "TY": "C", "IE": "I", "IY": "I", "Y": "I", "UW": "U"}
_SEAM = re.compile(
    "[DST]Y|TI(?=[AOU])|[BDFGKST]H|AE|OE|EE|OO|IYI|IYE(?![AEIOUM])|IY(?=[AEIOU])|(?<=[BCFGHKLMNRZ])Y(?=[AOU])"
    "|IE(?![AEIOUM])|UW(?=[AEIOU])|(?<=[BCDFGKST])E(?=[LR][AEIOU])|(?<=NG)E(?=[LR][AEIOU])|([A-Z0-9])\\1+"
)
_MENDED: Final = {
    "DY": "Y", "TY": "C", "TI": "C", "Y": "I", "KH": "H", "AE": "AI", "OE": "U", "EE": "I", "OO": "U", "E": "",
}  # fmt: skip
_STEMS: Final = (
    ("ROHM", "RAHM"), ("HOIR", "HAIR"), ("MUSTOF", "MUSTAF"), ("SOLEH", "SALEH"), ("SOLIH", "SALIH"),
    ("HOLIF", "HALIF"), ("HOLIL", "HALIL"), ("ROSID", "RASID"), ("FATKUR", "FATHUR"), ("FATUR", "FATHUR"),
    ("ABDULOH", "ABDULAH"), ("RAHMAD", "RAHMAT"), ("RISK", "RIZK"), ("FAOZI", "FAUZI"), ("FAUYI", "FAUZI"),
    ("FAUSI", "FAUZI"), ("AZIS", "AZIZ"),
)  # fmt: skip
"""Parts of Arabic names whose vowels or sibilants vary in writing."""


@functools.lru_cache(maxsize=_REMEMBERED)
def spell(word: str, *, first: bool, final: bool) -> tuple[str, ...]:
    """Bring one word of a name to its tolerant form.

    Args:
        word: letters and digits.
        first: whether it begins the name.
        final: whether it ends the name.

    Returns:
        nothing for a particle between words, two words for one that hides two ("ABDURROHMAN"), else one.
    """
    if word in lexicon.PARTICLES and not first and not final:
        return ()
    word = _TWICE.sub(r"\1\1", word)
    if not word.isdigit():
        word = word.translate(_DIGITS)
    word = _abbreviated(word, first=first, final=final)
    word = lexicon.WORDS.get(word, word)
    if match := _ASSIMILATED.match(word):
        return "ABDUL", fold(word[match.end() :])
    return (fold(word),)


def _abbreviated(word: str, *, first: bool, final: bool) -> str:
    if word in lexicon.MUHAMMAD or (
        not final and (word == "M" or (first and word in lexicon.MUHAMMAD_FIRST))
    ):
        return "MUHAMMAD"
    if word in lexicon.AHMAD or (word == "A" and first and not final):
        return "AHMAD"
    if word in lexicon.ABDUL and not final:
        return "ABDUL"
    if word in lexicon.SITI and not final:
        return "SITI"
    if word == "L" and first and not final:
        return "LALU"
    return lexicon.BALINESE[word] if word in lexicon.BALINESE_ANYWHERE else word


def fold(word: str) -> str:
    """Fold one word, until nothing changes."""
    while True:
        before = word
        word = _SCHWA.sub("", _fold_once(word))
        if word == before:
            return word


def _fold_once(letters: str) -> str:
    for old, new in _DIGRAPHS:
        letters = letters.replace(old, new)
    letters = letters.translate(_SINGLES)
    for old, new in _SOUNDS:
        letters = letters.replace(old, new)
    letters = _CONTEXT.sub(_replace, letters)
    for old, new in _STEMS:
        letters = letters.replace(old, new)
    return letters


def _replace(match: re.Match[str]) -> str:
    found = match[0]
    return _REPLACED.get(found, found[0])


def join(words: Iterable[str]) -> str:
    """Join folded words as they would fold if they had been written as one: what meets at a seam folds too."""
    return _SEAM.sub(_mend, "".join(words))


def _mend(match: re.Match[str]) -> str:
    found = match[0]
    return _MENDED.get(found, found[0])
