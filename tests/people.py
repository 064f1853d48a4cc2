"""The people of tests; every number is made up."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

AS_OF = dt.date(2026, 6, 1)

BUDI = {
    "NIK": "3273010101909001",
    "NO_KK": "3273010101109001",
    "NAMA_LGKP": "BUDI SANTOSO",
    "TMPT_LHR": "BANDUNG",
    "TGL_LHR": "1990-01-01",
    "JENIS_KLMIN": "1",
    "STATUS_KAWIN": "2",
    "AGAMA": "1",
    "GOL_DARAH": "4",
    "JENIS_PKRJN": "15",
    "PDDK_AKH": "8",
    "STAT_HBKEL": "1",
    "NAMA_LGKP_IBU": "SITI AMINAH",
    "ALAMAT": "JL. MERDEKA NO. 10",
    "NO_RT": "1",
    "NO_RW": "2",
    "NO_PROP": "32",
    "NO_KAB": "73",
    "NO_KEC": "1",
    "NO_KEL": "1001",
    "KEWARGANEGARAAN": "1",
    "STATUS_HIDUP": "1",
}

SARI = {
    **BUDI,
    "NIK": "3273014202859002",
    "NAMA_LGKP": "SARI DEWI",
    "TGL_LHR": "1985-02-02",
    "JENIS_KLMIN": "2",
    "STAT_HBKEL": "3",
}

ALMARHUM = {
    **BUDI,
    "NIK": "3273010303409003",
    "NAMA_LGKP": "AHMAD FAUZI",
    "TGL_LHR": "1940-03-03",
    "STATUS_HIDUP": "2",
}

UNKNOWN_NIK = "3273010404809004"

PEOPLE: tuple[Mapping[str, str], ...] = (BUDI, SARI, ALMARHUM)
