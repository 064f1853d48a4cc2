"""Street addresses.

Strict form: words of letters and digits as written. Tolerant form: the usual abbreviations of Indonesian addresses are
written out, numbers lose leading zeros, "RT.03/05" becomes "RT 3 RW 5", initials are joined, spelling is folded.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from tokenizer.normalise import place
from tokenizer.normalise.wordlist import spellings

_NEIGHBOURHOOD = re.compile(r"\bR ?T ?0*([0-9]{1,3}) (?:R ?W ?)?0*([0-9]{1,3})\b")
_GLUED = re.compile(r"(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Z]{2})")
_WORDS: Final = spellings(
    """
    APARTEMEN: APT APART
    BANJAR: BJR BR BJ
    BELAKANG: BLKG BLKNG
    BLOK: BLK BL
    BRIGADIRJENDERAL: BRIGJEN
    DEPAN: DPN
    DESA: DS
    DOKTOR: DR
    DUKUH: DK DKH
    DUSUN: DSN DUS
    GANG: GG GNG
    GEDUNG: GD GDG
    GRIYA: GRY
    HAJI: H
    JALAN: JL JLN JLAN JAL DJL DJALAN
    JENDERAL: JEND JENDRAL
    JORONG: JOR JRG
    KABUPATEN: KAB
    KAMPUNG: KP KMP KAMP KPG
    KAVLING: KAV KAPLING KAVELING KVL
    KECAMATAN: KEC KCMTN
    KELURAHAN: KEL KLRHN
    KILOMETER: KM
    KOMPLEK: KOMP KOMPL KPLK KOMPLEKS KOMPLEX KMPLK
    LANTAI: LT LTI
    LETNANJENDERAL: LETJEN
    LINGKUNGAN: LK LINGK LING LINK LKGN LKG
    LORONG: LR LRG LOR
    MAYORJENDERAL: MAYJEN
    NAGARI: NAG
    NOMOR: NO NOMER NMR NR
    PASAR: PSR PS
    PERUMAHAN: PERUM PRM PERUMH PRUM PERMAHAN
    PONDOK: PDK PD
    PROFESOR: PROF
    RAYA: RY
    RUSUN: RUSN
    SAMPING: SMP
    TAMAN: TMN TM
    """
)


_PHRASES: Final = (("DAERAH ISTIMEWA", "DI"), ("DAERAH KHUSUS IBUKOTA", "DKI"), ("DAERAH KHUSUS", "DK"))


def strict(cleaned: str) -> str:
    """Bring a cleaned address to its strict form.

    Raises:
        RuleError: "text.no_letter".
    """
    return _NEIGHBOURHOOD.sub(r"RT \1 RW \2", place.strict(cleaned))


def tolerant(exact: str) -> tuple[tuple[str, ...], str]:
    """Bring a strict form to its tolerant words, and to all of them joined."""
    for phrase, short in _PHRASES:
        exact = exact.replace(phrase, short)
    words = _initials_joined(place.spaced_letters(exact.split(" ")))
    return place.joined(part for word in words for part in _spell(word))


@functools.lru_cache(maxsize=1 << 16)
def _spell(word: str) -> tuple[str, ...]:
    """Bring a word to its tolerant form, apart from a number that it is glued to ("NO8").

    At most 65,536 words are remembered.
    """
    return tuple(place.spell(_WORDS.get(part, part)) for part in _GLUED.sub(" ", word).split(" "))


def _initials_joined(words: list[str]) -> list[str]:
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
