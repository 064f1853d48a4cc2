"""Names of places: birth places, and the words that addresses and region names share.

Strict form: words of letters and digits as written. Tolerant form: kinds of region are dropped ("KAB. BANDUNG" and
"BANDUNG" are one place of birth in practice), abbreviations written out, Roman numerals and number words become digits,
spelling is folded. Lists of regions in force are not consulted: a renamed place is another name here.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from tokenizer.errors import RuleError
from tokenizer.normalise.wordlist import spellings, words

if TYPE_CHECKING:
    from collections.abc import Iterable

_APOSTROPHE = re.compile("['\"]")
_WORD = re.compile("[A-Z0-9]+")
_LETTER = re.compile("[A-Z]")

_KINDS: Final = words(
    """
    KAB KABUPATEN KOTA KOT KODYA KOTAMADYA KOTIP KTM ADM ADMINISTRASI PROV PROP PROVINSI PROPINSI KEC KECAMATAN
    """
)
_ABBREVIATIONS: Final = spellings(
    """
    BANDUNG: BDG
    BARAT: BAR BRT
    BUKIT: BT BKT
    DUA: DUO
    EMPAT: AMPEK
    GUNUNG: GN GNG
    JAKARTA: JAK JKT
    KARANG: KR
    KEPULAUAN: KEP
    LIMA: LIMO
    MUARA: MA MUARO
    PADANG: PD PDG
    PASAR: PS PSR
    PULAU: P PL
    SELATAN: SEL SLT
    SUKA: SKR
    SUNGAI: SEI SEIE SUNGEI
    SURABAYA: SBY
    TANJUNG: TJ TG TJG TNJ
    TELUK: TL TLK
    TENGAH: TENG TGH
    TIGA: TIGO
    TIMUR: TIM TMR
    UTARA: UTR
    YOGYAKARTA: YOGYA JOGJA JOGJAKARTA DJOGJAKARTA JOGYAKARTA YOGJAKARTA
    """
)
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
_CONTEXT = re.compile("IY(?=[AEIOU])|(?<=[BCDFGHKLMNRSTZ])Y(?=[AOU])|UW(?=[AEIOU])|([A-Z])\\1+")
_REPLACED: Final = {"IY": "I", "Y": "I", "UW": "U"}


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
    return joined(map(spell, _without_kinds(spaced_letters(exact.split(" ")))))


def joined(parts: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Return words, and all of them as they would fold if they had been written as one."""
    spelled = tuple(parts)
    letters = "".join(spelled)
    return spelled, _CONTEXT.sub(_replace, letters) if len(spelled) > 1 else letters


def spaced_letters(parts: list[str]) -> list[str]:
    """Join a word that was written letter by letter ("P A P U A")."""
    if len(parts) > 2 and all(len(part) == 1 for part in parts):  # noqa: PLR2004 - two initials are no word
        return ["".join(parts)]
    return parts


def _without_kinds(parts: list[str]) -> list[str]:
    for phrase in _KIND_PHRASES:
        if tuple(parts[: len(phrase)]) == phrase and len(parts) > len(phrase):
            parts = parts[len(phrase) :]
    while len(parts) > 1 and parts[0] in _KINDS:
        parts = parts[1:]
    return parts


@functools.lru_cache(maxsize=1 << 16)
def spell(word: str) -> str:
    """Bring one word of a place or address to its tolerant form; at most 65,536 words are remembered.

    Abbreviations, Roman numerals and numbers up to ten are written out, other numbers lose leading zeros.
    """
    word = _ABBREVIATIONS.get(word, word)
    number = int(word) if word.isdigit() else roman(word)
    if number is not None:
        word = _NUMBERS[number - 1] if 0 < number <= len(_NUMBERS) else str(number)
    while True:
        before = word
        word = _fold_once(word)
        if word == before:
            return word


def _fold_once(word: str) -> str:
    for old, new in _DIGRAPHS:
        word = word.replace(old, new)
    return _CONTEXT.sub(_replace, word.translate(_SINGLES))


def _replace(match: re.Match[str]) -> str:
    found = match[0]
    return _REPLACED.get(found, found[0])


@functools.cache
def _romans() -> dict[str, int]:
    units = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
    return {
        "X" * tens + unit: 10 * tens + n for tens in range(4) for n, unit in enumerate(units) if tens or n
    }


def roman(word: str) -> int | None:
    """Read a Roman numeral of I to XXXIX; None for any other word."""
    return _romans().get(word)
