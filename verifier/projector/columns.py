"""The registry's own column names, in the order in which Padan writes them and passes rows on."""

from __future__ import annotations

from typing import Final

COLUMNS: Final[tuple[str, ...]] = (
    "NIK",
    "NO_KK",
    "NAMA_LGKP",
    "TMPT_LHR",
    "TGL_LHR",
    "JENIS_KLMIN",
    "STATUS_KAWIN",
    "AGAMA",
    "GOL_DARAH",
    "JENIS_PKRJN",
    "PDDK_AKH",
    "STAT_HBKEL",
    "NAMA_LGKP_IBU",
    "ALAMAT",
    "NO_RT",
    "NO_RW",
    "NO_PROP",
    "NO_KAB",
    "NO_KEC",
    "NO_KEL",
    "KEWARGANEGARAAN",
    "STATUS_HIDUP",
)
"""The fields that `tokenizer.person` reads."""
