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
    "LIMO": "LIMA", "AMPEK": "EMPAT", "TIGO": "TIGA", "DUO": "DUA",
}  # fmt: skip
_KIND_PHRASES: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "DAERAH ISTIMEWA", "DAERAH KHUSUS IBUKOTA", "DAERAH KHUSUS", "DI", "DKI", "DKJ", "D I", "D K I",
        "KOTA MADYA", "KOTA ADMINISTRATIF",
    )
)  # fmt: skip
_NUMBERS: Final = (
    "SATU", "DUA", "TIGA", "EMPAT", "LIMA", "ENAM", "TUJUH", "DELAPAN", "SEMBILAN", "SEPULUH",
)  # fmt: skip
_DIGRAPHS: Final = (
    ("OE", "U"), ("DJ", "J"), ("TJ", "C"), ("SJ", "S"), ("SY", "S"), ("CH", "H"), ("KH", "H"), ("DH", "D"), ("TH", "T"),
)  # fmt: skip
_SINGLES: Final = str.maketrans({"J": "Y", "V": "F", "O": "A"})
_CONTEXT: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("IY(?=[AEIOU])|(?<=[BCDFGHKLMNRSTZ])Y(?=[AOU])", "I"),
        ("UW(?=[AEIOU])", "U"),
        (r"([A-Z])\1+", r"\1"),
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


def tolerant(exact: str) -> tuple[tuple[str, ...], str]:
    """Bring a strict form to its tolerant words, and to all of them joined."""
    return folded([write_out(word) for word in _without_kinds(spaced_letters(exact.split(" ")))])


def folded(words: list[str]) -> tuple[tuple[str, ...], str]:
    """Fold words that are written out, each for itself and all together."""
    return tuple(map(fold_word, words)), fold("".join(words))


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


@functools.lru_cache(maxsize=1 << 16)
def write_out(word: str) -> str:
    """Write an abbreviation, a Roman numeral or a number up to ten out; other numbers lose leading zeros."""
    word = _ABBREVIATIONS.get(word, word)
    number = roman(word)
    if number is None:
        if not word.isdigit():
            return word
        number = int(word)
    return _NUMBERS[number - 1] if 0 < number <= len(_NUMBERS) else str(number)


@functools.cache
def _romans() -> dict[str, int]:
    units = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
    return {
        "X" * tens + unit: 10 * tens + n for tens in range(4) for n, unit in enumerate(units) if tens or n
    }


def roman(word: str) -> int | None:
    """Read a Roman numeral of I to XXXIX; None for any other word."""
    return _romans().get(word)


@functools.lru_cache(maxsize=1 << 16)
def fold_word(word: str) -> str:
    """Fold one word, until nothing changes; at most 65,536 words are remembered."""
    while True:
        before = word
        word = fold(word)
        if word == before:
            return word


def fold(letters: str) -> str:
    """Apply every rule once to a run of letters and digits."""
    for old, new in _DIGRAPHS:
        letters = letters.replace(old, new)
    letters = letters.translate(_SINGLES)
    for pattern, replacement in _CONTEXT:
        letters = pattern.sub(replacement, letters)
    return letters
