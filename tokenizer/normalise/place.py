"""Names of places: birth places, and the words that addresses and region names share.

Strict form: words of letters and digits as written. Tolerant form: kinds of region are dropped ("KAB. BANDUNG" and
"BANDUNG" are one place of birth in practice), abbreviations written out, Roman numerals and number words become digits,
spelling is folded. Lists of regions in force are not consulted: a renamed place is another name here.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from tokenizer.errors import RuleError

_APOSTROPHE = re.compile("['\"]")
_WORD = re.compile("[A-Z0-9]+")
_LETTER = re.compile("[A-Z]")
_ROMAN = re.compile("(?:X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES: Final = {"X": 10, "V": 5, "I": 1}

_KINDS: Final = frozenset(
    "KAB KABUPATEN KOTA KOT KODYA KOTAMADYA KOTIP KTM ADM ADMINISTRASI PROV PROP PROVINSI PROPINSI KEC KECAMATAN".split()
)
_ABBREVIATIONS: Final = {
    "KEP": "KEPULAUAN", "GN": "GUNUNG", "GNG": "GUNUNG", "P": "PULAU", "PL": "PULAU", "TJ": "TANJUNG", "TG": "TANJUNG", "TJG": "TANJUNG",
    "TNJ": "TANJUNG", "SEI": "SUNGAI", "SEIE": "SUNGAI", "SUNGEI": "SUNGAI", "SKR": "SUKA", "MA": "MUARA", "MUARO": "MUARA", "BT": "BUKIT",
    "BKT": "BUKIT", "TL": "TELUK", "TLK": "TELUK", "PD": "PADANG", "PDG": "PADANG", "PS": "PASAR", "PSR": "PASAR", "KR": "KARANG",
    "UTR": "UTARA", "SEL": "SELATAN", "SLT": "SELATAN", "BAR": "BARAT", "BRT": "BARAT", "TIM": "TIMUR", "TMR": "TIMUR", "TENG": "TENGAH",
    "TGH": "TENGAH", "JAK": "JAKARTA", "JKT": "JAKARTA", "BDG": "BANDUNG", "SBY": "SURABAYA", "YOGYA": "YOGYAKARTA", "JOGJA": "YOGYAKARTA",
    "JOGJAKARTA": "YOGYAKARTA", "DJOGJAKARTA": "YOGYAKARTA", "JOGYAKARTA": "YOGYAKARTA", "YOGJAKARTA": "YOGYAKARTA",
    "SATU": "1", "DUA": "2", "TIGA": "3", "EMPAT": "4", "LIMA": "5", "ENAM": "6", "TUJUH": "7", "DELAPAN": "8", "SEMBILAN": "9",
    "SEPULUH": "10", "LIMO": "5", "AMPEK": "4", "TIGO": "3", "DUO": "2",
}  # fmt: skip
_KIND_PHRASES: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "DAERAH ISTIMEWA", "DAERAH KHUSUS IBUKOTA", "DAERAH KHUSUS", "DI", "DKI", "DKJ", "D I", "D K I",
        "KOTA MADYA", "KOTA ADMINISTRATIF",
    )
)  # fmt: skip
_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("OE", "U"),
        ("DJ", "J"),
        ("TJ", "C"),
        ("SJ", "SY"),
        ("CH|KH", "H"),
        ("DH", "D"),
        ("TH", "T"),
        ("V", "F"),
        ("IY(?=[AEIOU])|(?<=[BCDFGHKLMRSTZ])Y(?=[AOU])", "I"),
        ("UW(?=[AEIOU])", "U"),
        (r"([A-Z])\1+", r"\1"),
        ("^([BCDFGKPST])E(?=[LR][AEIOU])", r"\1"),
    )
)


def strict(cleaned: str) -> str:
    """Bring a cleaned place to its strict form.

    Raises:
        RuleError: "text.no_letter".
    """
    if not _LETTER.search(cleaned):
        raise RuleError("text.no_letter")
    return " ".join(_WORD.findall(_APOSTROPHE.sub("", cleaned)))


def tolerant(exact: str) -> tuple[str, ...]:
    """Bring a strict form to its tolerant form."""
    words = spaced_letters(exact.split(" "))
    kept = _without_kinds(words)
    return tuple(fold(word) for word in kept)


def spaced_letters(words: list[str]) -> list[str]:
    """Join a word that was written letter by letter ("P A P U A")."""
    if len(words) > 2 and all(len(word) == 1 for word in words):  # noqa: PLR2004 - two initials are no word
        return ["".join(words)]
    return words


def _without_kinds(words: list[str]) -> list[str]:
    for phrase in _KIND_PHRASES:
        if tuple(words[: len(phrase)]) == phrase and len(words) > len(phrase):
            words = words[len(phrase) :]
    while len(words) > 1 and words[0] in _KINDS:
        words = words[1:]
    return words


def number(word: str) -> str | None:
    """Read a Roman numeral of I to XXXIX as digits; None for any other word."""
    if not _ROMAN.fullmatch(word) or not word:
        return None
    total = 0
    for char, following in zip(word, [*word[1:], ""], strict=True):
        value = _ROMAN_VALUES[char]
        total += -value if following and _ROMAN_VALUES[following] > value else value
    return str(total)


@functools.lru_cache(maxsize=1 << 16)
def fold(word: str) -> str:
    """Fold one word of a place or address; at most 65,536 words are remembered."""
    word = _ABBREVIATIONS.get(word, word)
    if (digits := number(word)) is not None:
        return digits
    if word.isdigit():
        return word.lstrip("0") or "0"
    for pattern, replacement in _RULES:
        word = pattern.sub(replacement, word)
    return word
