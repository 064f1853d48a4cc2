"""Street addresses.

Strict form: words of letters and digits as written. Tolerant form: the usual abbreviations of Indonesian addresses are
written out, numbers lose leading zeros, "RT.03/05" becomes "RT 3 RW 5", initials are joined, spelling is folded.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from tokenizer.normalise import place

_NEIGHBOURHOOD = re.compile(r"\bR ?T[ .:/]*0*([0-9]{1,3})[ .,/]*(?:R ?W)?[ .:/]*0*([0-9]{1,3})\b")
_GLUED = re.compile(r"(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Z]{2})")
_WORDS: Final = {
    "JL": "JALAN", "JLN": "JALAN", "JLAN": "JALAN", "JAL": "JALAN", "DJL": "JALAN", "DJALAN": "JALAN",
    "GG": "GANG", "GNG": "GANG", "KEL": "KELURAHAN", "KLRHN": "KELURAHAN", "KEC": "KECAMATAN", "KCMTN": "KECAMATAN",
    "KAB": "KABUPATEN", "DS": "DESA", "DSN": "DUSUN", "DUS": "DUSUN", "DK": "DUKUH", "DKH": "DUKUH",
    "KP": "KAMPUNG", "KMP": "KAMPUNG", "KAMP": "KAMPUNG", "KPG": "KAMPUNG", "LK": "LINGKUNGAN", "LINGK": "LINGKUNGAN",
    "LING": "LINGKUNGAN", "LINK": "LINGKUNGAN", "LKGN": "LINGKUNGAN", "LKG": "LINGKUNGAN",
    "KAV": "KAVLING", "KAPLING": "KAVLING", "KAVELING": "KAVLING", "KVL": "KAVLING", "BLK": "BLOK", "BL": "BLOK",
    "NO": "NOMOR", "NOMER": "NOMOR", "NMR": "NOMOR", "NR": "NOMOR",
    "KOMP": "KOMPLEK", "KOMPL": "KOMPLEK", "KPLK": "KOMPLEK", "KOMPLEKS": "KOMPLEK", "KOMPLEX": "KOMPLEK", "KMPLK": "KOMPLEK",
    "PERUM": "PERUMAHAN", "PRM": "PERUMAHAN", "PERUMH": "PERUMAHAN", "PRUM": "PERUMAHAN", "PERMAHAN": "PERUMAHAN",
    "LT": "LANTAI", "LTI": "LANTAI", "GD": "GEDUNG", "GDG": "GEDUNG", "APT": "APARTEMEN", "APART": "APARTEMEN", "RUSN": "RUSUN",
    "BJR": "BANJAR", "BR": "BANJAR", "BJ": "BANJAR", "LR": "LORONG", "LRG": "LORONG", "LOR": "LORONG", "JOR": "JORONG", "JRG": "JORONG",
    "NAG": "NAGARI", "PSR": "PASAR", "PS": "PASAR", "TMN": "TAMAN", "TM": "TAMAN", "GRY": "GRIYA", "PDK": "PONDOK", "PD": "PONDOK",
    "SMP": "SAMPING", "DPN": "DEPAN", "BLKG": "BELAKANG", "BLKNG": "BELAKANG", "RY": "RAYA", "KM": "KILOMETER",
    "JEND": "JENDERAL", "JENDRAL": "JENDERAL", "LETJEN": "LETNANJENDERAL", "MAYJEN": "MAYORJENDERAL", "BRIGJEN": "BRIGADIRJENDERAL",
    "PROF": "PROFESOR", "DR": "DOKTOR", "KH": "KH", "H": "HAJI",
}  # fmt: skip


def strict(cleaned: str) -> str:
    """Bring a cleaned address to its strict form.

    Raises:
        RuleError: "text.no_letter".
    """
    return place.strict(_NEIGHBOURHOOD.sub(r"RT \1 RW \2", cleaned))


def tolerant(exact: str) -> tuple[tuple[str, ...], str]:
    """Bring a strict form to its tolerant words, and to all of them joined."""
    words = _joined(place.spaced_letters(exact.split(" ")))
    return place.folded([part for word in words for part in _write_out(word)])


@functools.lru_cache(maxsize=1 << 16)
def _write_out(word: str) -> tuple[str, ...]:
    """Write one word out; what is glued to a number ("NO8") comes apart. At most 65,536 words are remembered."""
    return tuple(place.write_out(_WORDS.get(part, part)) for part in _GLUED.sub(" ", word).split(" "))


def _joined(words: list[str]) -> list[str]:
    """Join initials that stand side by side ("H M THAMRIN"), but no Roman numeral and no number."""
    result: list[str] = []
    for word in words:
        if result and _is_initial(word) and all(map(_is_initial, result[-1])):
            result[-1] += word
        else:
            result.append(word)
    return result


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and word not in "IVX"
