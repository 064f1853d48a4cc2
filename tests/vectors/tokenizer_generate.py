"""Write tokenizer.json: identities, decoys, whole records and normal forms, under fixed keys.

Keyed values and the record's layout are computed here from docs/formats/record.md, without a line of the packages, and
from normal forms that stand here as a person reads them in docs/normalisation.md.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import sys
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

TARGET = Path(__file__).with_name("tokenizer.json")
NORMALISER, SUITE = "1", 1
REALM = {"registry_id": "id-test", "environment": "development"}
KEYS = {
    name: bytes([n]) * 32 for n, name in enumerate(("index", "attribute", "handle", "budget", "tombstone"), 1)
}
STRICT, TOLERANT = 1, 2
TEXTS = {1: 1024, 2: 1024, 3: 512, 6: 1024}  # attribute to bits of its filter
NAMES = (1, 2)
SYMBOLS = {char: n for n, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 1)}

# kind, as typed, strict form, tolerant words, words joined
FORMS: tuple[tuple[str, str, str, str, str], ...] = (
    ("name", "Hj. SITI NUR HALIZA, S.Pd", "SITI NUR HALIZA", "SITI NUR HALIZA", "SITINURHALIZA"),
    ("name", "AMINAH", "AMINAH", "AMINAH", "AMINAH"),
    ("name", "B", "B", "B", "B"),
    (
        "name",
        "Drs. H. Soekarno Djojodiningrat, M.Pd",
        "SOEKARNO DJOJODININGRAT",
        "SUKARNO YOYODININGRAT",
        "SUKARNOYOYODININGRAT",
    ),
    ("name", "M. RIZQY PRATAMA", "M RIZQY PRATAMA", "MUHAMAD RIZKI FRATAMA", "MUHAMADRIZKIFRATAMA"),
    ("name", "A. FAUZI", "A FAUZI", "AHMAD FAUZI", "AHMADFAUZI"),
    ("name", "Abdurrohman", "ABDURROHMAN", "ABDUL RAHMAN", "ABDULRAHMAN"),
    ("name", "I Gst. Ngr. Oka", "I GST NGR OKA", "I GUSTI NGURAH OKA", "IGUSTINGURAHOKA"),
    ("name", "ROTUA BR. SIREGAR", "ROTUA BR SIREGAR", "ROTUA SIREGAR", "ROTUASIREGAR"),
    ("name", "KARO-KARO", "KARO-KARO", "KARO KARO", "KAROKARO"),
    ("name", "TJOET NJAK DHIEN", "TJOET NJAK DHIEN", "NIAK DIN", "NIAKDIN"),
    ("name", "MA\u02bcRUF", "MARUF", "MARUF", "MARUF"),
    ("name", "SUTR1SNO", "SUTR1SNO", "SUTRISNO", "SUTRISNO"),
    ("place", "KAB. BANDUNG", "KAB BANDUNG", "BANDUNG", "BANDUNG"),
    ("place", "KAB. ADM. KEP. SERIBU", "KAB ADM KEP SERIBU", "KEPULAUAN SERIBU", "KEPULAUANSERIBU"),
    (
        "place",
        "Lubuk Linggau Barat II",
        "LUBUK LINGGAU BARAT II",
        "LUBUK LINGAU BARAT DUA",
        "LUBUKLINGAUBARATDUA",
    ),
    ("place", "P A P U A", "P A P U A", "PAPUA", "PAPUA"),
    ("address", "JL. HM. THAMRIN KAV. 8", "JL HM THAMRIN KAV 8", "YALAN HM TAMRIN KAFLING DELAPAN", ""),
    (
        "address",
        "KP CIBEUREUM RT.03/05",
        "KP CIBEUREUM RT 3 RW 5",
        "KAMPUNG CIBEUREUM RT TIGA RW LIMA",
        "KAMPUNGCIBEUREUMRTIGARWLIMA",
    ),
)

RECORDS: tuple[dict[str, object], ...] = (
    {
        "row": {
            "NIK": "9902014107800001",
            "NO_KK": "9902010101010001",
            "NAMA_LGKP": "Hj. SITI NUR HALIZA, S.Pd",
            "TMPT_LHR": "KAB. BANDUNG",
            "TGL_LHR": "01-07-1980",
            "JENIS_KLMIN": "PEREMPUAN",
            "STATUS_KAWIN": "KAWIN",
            "AGAMA": "KATHOLIK",
            "GOL_DARAH": "O",
            "JENIS_PKRJN": "GURU",
            "PDDK_AKH": "8",
            "STAT_HBKEL": "3",
            "NAMA_LGKP_IBU": "AMINAH",
            "ALAMAT": "JL. HM. THAMRIN KAV. 8",
            "NO_RT": "003",
            "NO_RW": "5",
            "NO_PROP": "99",
            "NO_KAB": "2",
            "NO_KEC": "01",
            "NO_KEL": "2003",
            "KEWARGANEGARAAN": "WNI",
            "STATUS_HIDUP": "MATI",
        },
        "exact": {
            4: "1980-07-01", 5: "2", 7: "3", 8: "5", 9: "9902012003", 10: "990201", 11: "9902", 12: "99",
            13: "9902010101010001", 14: "3", 15: "2", 16: "4", 17: "65", 18: "8", 19: "3", 20: "1", 21: "2",
        },
        "born": date(1980, 7, 1),
        "flags": 1,
    },
    {
        "row": {"NIK": "9902010107800001", "NAMA_LGKP": "B", "NO_PROP": "99", "NO_KAB": "02"},
        "exact": {11: "9902", 12: "99"},
    },
    {"row": {"NIK": "9902014107800002"}, "exact": {}},
)  # fmt: skip
TEXT_FIELDS = {1: "NAMA_LGKP", 2: "NAMA_LGKP_IBU", 3: "TMPT_LHR", 6: "ALAMAT"}


def mac(key: str, construction: str, value: bytes, *, attribute: int = 0, profile: int = 0) -> bytes:
    """Compute a keyed value."""
    texts = (
        text.encode() for text in ("padan", construction, "1", REALM["registry_id"], REALM["environment"])
    )
    label = b"".join(len(text).to_bytes(2, "big") + text for text in texts)
    scope = bytes(2) + attribute.to_bytes(2, "big") + bytes([profile])
    return hmac.digest(KEYS[key], label + scope + len(value).to_bytes(4, "big") + value, hashlib.sha256)


def bloom(attribute: int, r: bytes, words: list[str]) -> bytes:
    """Compute a filter."""
    key = mac("attribute", "bloom", b"", attribute=attribute, profile=TOLERANT)
    seed = mac("attribute", "bloom-seed", r, attribute=attribute, profile=TOLERANT)[:16]
    stream = Cipher(AES256(key), CTR(seed)).encryptor().update(bytes(2 * 37 * 37))
    bits = 0
    for word in words:
        padded = [0, *(SYMBOLS[char] for char in word), 0]
        for one, other in itertools.pairwise(padded):
            at = 2 * (37 * one + other)
            bits |= 1 << int.from_bytes(stream[at : at + 2], "little") % TEXTS[attribute]
    return bits.to_bytes(TEXTS[attribute] // 8, "big")


def text_fields(attribute: int, r: bytes, text: str) -> dict[str, bytes]:
    """Compute what a text leaves in a record."""
    _, _, strict, tolerant, joined = next(form for form in FORMS if form[1] == text)
    words = tolerant.split(" ")
    letters = joined or "".join(words)

    def token(construction: str, value: str | bytes) -> bytes:
        raw = value if isinstance(value, bytes) else value.encode()
        return mac("attribute", construction, r + raw, attribute=attribute, profile=TOLERANT)

    found = {
        "exact": mac("attribute", "exact", r + strict.encode(), attribute=attribute, profile=STRICT)[:8],
        "tolerant": token("exact", tolerant if attribute in NAMES else letters)[:8],
        "filter": bloom(attribute, r, words),
    }
    if attribute in NAMES:
        ends = "".join(word[0] + word[-1] for word in words)
        found["guard"] = token("guard", f"{ends} {''.join(sorted(''.join(words)))}")[:8]
        found["joined"] = token("joined", letters)[:8]
        found["words"] = token("words", bytes([len(words)]))[:2]
    return found


def counter(size: int) -> bytes:
    """Stand in for the random bytes that fill a record."""
    return bytes(n % 251 for n in range(size))


def record(case: dict[str, object], revision: int) -> bytes:
    """Lay a record out, field after field; what is absent keeps its random bytes."""
    row, exact = case["row"], case["exact"]
    assert isinstance(row, dict)
    assert isinstance(exact, dict)
    nik = str(row["NIK"]).encode()
    r = mac("index", "record", nik)[:16]
    tokens: dict[str, bytes] = {}
    presence = 0
    for attribute, value in exact.items():
        presence |= 1 << attribute - 1
        tokens[f"exact{attribute}"] = mac("attribute", "exact", r + value.encode(), attribute=attribute)[:8]
    for attribute, field in TEXT_FIELDS.items():
        if field in row:
            presence |= 1 << attribute - 1
            for name, value in text_fields(attribute, r, str(row[field])).items():
                tokens[f"{name}{attribute}"] = value
    born = case.get("born")
    if isinstance(born, date):
        number = (born - date(1875, 1, 1)).days
        for level in range(17):
            value = bytes([level]) + (number >> 16 - level).to_bytes(2, "big")
            tokens[f"dyadic{level}"] = mac("attribute", "dyadic", r + value, attribute=4)[:8]
    handles = mac("handle", "handle", nik)[:16] + mac("budget", "budget-subject", nik)[:16]
    tokens |= {
        "head": b"\x01" + r + presence.to_bytes(4, "big"),
        "handles": handles + mac("budget", "budget-prefix", nik[:12])[:16],
        "standing": revision.to_bytes(8, "big") + int(str(case.get("flags", 0))).to_bytes(4, "big"),
    }
    layout = [("head", 21), *((f"exact{n}", 8) for n in range(1, 22)), *((f"tolerant{n}", 8) for n in TEXTS)]
    layout += [*((f"guard{n}", 8) for n in NAMES), *((f"joined{n}", 8) for n in NAMES)]
    layout += [*((f"words{n}", 2) for n in NAMES), *((f"dyadic{n}", 8) for n in range(17))]
    layout += [*((f"filter{n}", bits // 8) for n, bits in TEXTS.items()), ("handles", 48), ("standing", 12)]
    layout.append(("reserved", 64))
    filler = counter(sum(size for _, size in layout))
    plain = b""
    for name, size in layout:
        plain += tokens.get(name, filler[len(plain) : len(plain) + size])
    return plain


def identity(nik: str) -> dict[str, str]:
    """Name a person."""
    digits = nik.encode()
    return {
        "nik": nik,
        "record_id": mac("index", "record", digits)[:16].hex(),
        "log": mac("handle", "handle", digits)[:16].hex(),
        "budget_subject": mac("budget", "budget-subject", digits)[:16].hex(),
        "budget_prefix": mac("budget", "budget-prefix", digits[:12])[:16].hex(),
        "tombstone": mac("tombstone", "tombstone", digits)[:16].hex(),
    }


def decoy(number: int) -> dict[str, object]:
    """Name a decoy, and say which decoys a request reads."""
    request_id = bytes([number & 0xFF]) * 16
    return {
        "number": number,
        "record_id": mac("index", "decoy", number.to_bytes(4, "big"))[:16].hex(),
        "request_id": request_id.hex(),
        "pick": mac("index", "decoy-pick", request_id).hex(),
    }


def build() -> dict[str, object]:
    """Compute every vector."""
    return {
        "source": "own constructions, docs/formats/record.md and docs/normalisation.md",
        "generator": "tests/vectors/tokenizer_generate.py",
        "normaliser": NORMALISER,
        "suite": SUITE,
        "realm": REALM,
        "keys": {name: key.hex() for name, key in KEYS.items()},
        "identities": [identity(nik) for nik in ("9902014107800001", "9902010107800001", "9902014107800002")],
        "decoys": [decoy(number) for number in (0, 1, 65_535)],
        "records": [
            {"row": case["row"], "revision": n, "plain": record(case, n).hex()}
            for n, case in enumerate(RECORDS)
        ],
        "forms": [
            {
                "kind": kind,
                "text": text,
                "strict": strict,
                "words": words.split(" "),
                "joined": joined or words.replace(" ", ""),
            }
            for kind, text, strict, words, joined in FORMS
        ],
    }


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
