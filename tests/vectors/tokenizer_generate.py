"""Write tokenizer.json: identities, decoys, whole records, and normal forms, under fixed keys."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

from keys.mac import MacKey
from keys.realm import Realm
from padan.nik import Nik
from tokenizer import normalise
from tokenizer.attribute import Kind
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner
from tokenizer.person import Person
from tokenizer.suite import SUITE

TARGET = Path(__file__).with_name("tokenizer.json")
TODAY = date(2026, 6, 1)
REALM = {"registry_id": "id-test", "environment": "development"}
KEYS = {
    name: bytes([n]) * 32 for n, name in enumerate(("index", "attribute", "handle", "budget", "tombstone"), 1)
}
NIKS = ("9902014107800001", "9902010107800001", "9902014107800002")
ROWS = (
    {
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
    {"NIK": "9902010107800001", "NAMA_LGKP": "B", "NO_PROP": "99", "NO_KAB": "02"},
    {"NIK": "9902014107800002"},
)
TEXTS = (
    (Kind.NAME, "Drs. H. Soekarno Djojodiningrat, M.Pd"),
    (Kind.NAME, "M. RIZQY PRATAMA"),
    (Kind.NAME, "A. FAUZI"),
    (Kind.NAME, "Abdurrohman"),
    (Kind.NAME, "I Gst. Ngr. Oka"),
    (Kind.NAME, "ROTUA BR. SIREGAR"),
    (Kind.NAME, "KARO-KARO"),
    (Kind.NAME, "TJOET NJAK DHIEN"),
    (Kind.NAME, "MA\u02bcRUF"),
    (Kind.NAME, "SUTR1SNO"),
    (Kind.NAME, "B"),
    (Kind.PLACE, "KAB. ADM. KEP. SERIBU"),
    (Kind.PLACE, "Lubuk Linggau Barat II"),
    (Kind.PLACE, "P A P U A"),
    (Kind.ADDRESS, "KP CIBEUREUM RT.03/05"),
    (Kind.ADDRESS, "Jl. H.M. Thamrin Kav. 8 Blok C-9"),
)


def counter(size: int) -> bytes:
    """Stand in for random bytes."""
    return bytes(n % 251 for n in range(size))


def build() -> dict[str, object]:
    """Compute every vector."""
    inner = Inner(realm=Realm(**REALM), **{name: MacKey(key) for name, key in KEYS.items()})
    codes = CodeLists.load()
    return {
        "source": "own constructions, docs/formats/record.md and docs/normalisation.md",
        "generator": "tests/vectors/tokenizer_generate.py",
        "normaliser": normalise.VERSION,
        "suite": SUITE.number,
        "realm": REALM,
        "keys": {name: key.hex() for name, key in KEYS.items()},
        "identities": [_identity(inner, Nik(nik)) for nik in NIKS],
        "decoys": [
            {
                "number": number,
                "record_id": inner.decoy_id(number).hex(),
                "request_id": (request := bytes([number & 0xFF]) * 16).hex(),
                "pick": inner.decoy_pick(request).hex(),
            }
            for number in (0, 1, 65_535)
        ],
        "records": [
            {
                "row": row,
                "revision": n,
                "plain": inner.project(
                    Person.from_registry(row, codes=codes, today=TODAY), revision=n, random=counter
                )
                .pack()
                .hex(),
            }
            for n, row in enumerate(ROWS)
        ],
        "forms": [
            {"kind": kind.name.lower(), "text": text, **normalise.forms(kind, text)._asdict()}
            for kind, text in TEXTS
        ],
    }


def _identity(inner: Inner, nik: Nik) -> dict[str, str]:
    handles = inner.handles(nik)
    return {
        "nik": nik.value,
        "record_id": inner.record_id(nik).hex(),
        "log": handles.log.hex(),
        "budget_subject": handles.budget_subject.hex(),
        "budget_prefix": handles.budget_prefix.hex(),
        "tombstone": inner.tombstone(nik).hex(),
    }


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
