"""Keys, people and code lists for the tests of the tokenizer."""

from __future__ import annotations

from datetime import date

import pytest

from keys.mac import MacKey
from keys.realm import Realm
from tokenizer.codes import CodeLists
from tokenizer.inner import Inner

TODAY = date(2026, 6, 1)
PURPOSES = ("index", "attribute", "handle", "budget", "tombstone")


@pytest.fixture(scope="session")
def today() -> date:
    """Say the day on which the tests take place."""
    return TODAY


@pytest.fixture(scope="session")
def realm() -> Realm:
    """Name a registry."""
    return Realm(registry_id="id-test", environment="development")


@pytest.fixture(scope="session")
def codes() -> CodeLists:
    """Load the code lists."""
    return CodeLists.load()


@pytest.fixture(scope="session")
def inner(realm: Realm) -> Inner:
    """Make inner keys that are the same in every run."""
    return Inner(realm=realm, **{name: MacKey(bytes([n]) * 32) for n, name in enumerate(PURPOSES, 1)})


@pytest.fixture
def row() -> dict[str, str | int | date | None]:
    """Write a full row of the registry about a synthetic resident."""
    return {
        "NIK": "9902014107800001",
        "NO_KK": "9902010101010001",
        "NAMA_LGKP": "SITI NURHALIZA",
        "TMPT_LHR": "BANDUNG",
        "TGL_LHR": "01-07-1980",
        "JENIS_KLMIN": "PEREMPUAN",
        "STATUS_KAWIN": "KAWIN",
        "AGAMA": "KATHOLIK",
        "GOL_DARAH": "O",
        "JENIS_PKRJN": "GURU",
        "PDDK_AKH": "8",
        "STAT_HBKEL": "3",
        "NAMA_LGKP_IBU": "HJ. AMINAH",
        "ALAMAT": "JL. HM. THAMRIN KAV. 8",
        "NO_RT": "003",
        "NO_RW": "5",
        "NO_PROP": "99",
        "NO_KAB": "2",
        "NO_KEC": "01",
        "NO_KEL": "2003",
        "KEWARGANEGARAAN": "WNI",
        "STATUS_HIDUP": "HIDUP",
    }
