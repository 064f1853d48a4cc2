"""Spelling of names: old spelling and usual variants fold to one form.

The folds are not a phonetic code: they join what Indonesians write in several ways for one name and keep apart what
tells people apart, above all vowels (TUTI and TITI, KARTINI and KARTINA) and word endings (MARTINUS and MARTINA).
Old spelling is that of van Ophuijsen (1901) and Soewandi (1947): oe, dj, tj, sj, nj, ch, and j for y. Whether a j is
an old y cannot be seen, so j and y are one letter here; likewise tj is c or t and y, so ty and c are one.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from tokenizer.normalise import lexicon

_DIGITS: Final = str.maketrans("01345", "OIEAS")
_TWICE = re.compile(r"([A-Z]{3,})2")
_ASSIMILATED = re.compile(r"ABD(?:U|OE|O)(?:([RSNTDZJ])(?=\1)|(?=RA[CK]?HM|RO[CK]?HM|RAHIM|SAMAD|SOMAD))")
_EPENTHESIS = re.compile("^([BCDFGKST]|NG)E(?=[LR][AEIOU])")

# Order matters: old digraphs, then sounds with several spellings, then stems in what these have left.
_DIGRAPHS: Final = (("OE", "U"), ("DJ", "J"), ("TJ", "C"), ("CHR", "KR"), ("CH", "H"), ("KH", "H"))
_SINGLES: Final = str.maketrans({"J": "Y", "Q": "K", "V": "F", "P": "F", "X": "KS"})
_SOUNDS: Final = (
    ("SY", "S"), ("SH", "S"), ("FH", "F"), ("TH", "T"), ("DH", "D"), ("BH", "B"), ("GH", "G"), ("AE", "AI"),
    ("EE", "I"), ("OO", "U"),
)  # fmt: skip
_CONTEXT: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("(?<=A)Y(?![AEIOU])", "I"),
        ("IE(?![AEIOU])", "I"),
        ("IY(?=[AEIOU])|Y(?![AEIOU])|(?<=[BCDFGHKLMNRSTZ])Y(?=[AOU])", "I"),
        ("UW(?=[AEIOU])", "U"),
        ("TI(?=[AOU])", "C"),
        (r"([A-Z])\1+", r"\1"),
    )
)
_STEMS: Final = (
    ("ROHM", "RAHM"), ("HOIR", "HAIR"), ("MUSTOF", "MUSTAF"), ("SOLEH", "SALEH"), ("SOLIH", "SALIH"), ("HOLI", "HALI"),
    ("ROSID", "RASID"), ("FATKUR", "FATHUR"), ("FATUR", "FATHUR"), ("ABDULOH", "ABDULAH"), ("RAHMAD", "RAHMAT"),
    ("RISK", "RIZK"), ("FAOZI", "FAUZI"), ("FAUYI", "FAUZI"), ("FAUSI", "FAUZI"), ("AZIS", "AZIZ"),
)  # fmt: skip
"""Parts of Arabic names whose vowels or sibilants vary in writing."""


@functools.lru_cache(maxsize=1 << 16)
def write_out(word: str) -> tuple[str, ...]:
    """Bring one word to the spelling from the lexicon; a word that hides two ("ABDURROHMAN") comes back as two.

    Words, not names, are remembered, at most 65,536 of them.
    """
    word = _TWICE.sub(r"\1\1", word)
    if not word.isdigit():
        word = word.translate(_DIGITS)
    word = lexicon.WORDS.get(word, word)
    if match := _ASSIMILATED.match(word):
        return "ABDUL", word[match.end() :]
    return (_EPENTHESIS.sub(r"\1", word),)


@functools.lru_cache(maxsize=1 << 16)
def fold_word(word: str) -> str:
    """Fold one word; at most 65,536 words are remembered."""
    return fold(word)


def fold(letters: str) -> str:
    """Fold a run of letters, a word or a whole name without its spaces, until nothing changes."""
    while True:
        before = letters
        letters = _fold(letters)
        if letters == before:
            return letters


def _fold(letters: str) -> str:
    for old, new in _DIGRAPHS:
        letters = letters.replace(old, new)
    letters = letters.translate(_SINGLES)
    for old, new in _SOUNDS:
        letters = letters.replace(old, new)
    for pattern, replacement in _CONTEXT:
        letters = pattern.sub(replacement, letters)
    for old, new in _STEMS:
        letters = letters.replace(old, new)
    return letters
