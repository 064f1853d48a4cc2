"""Questions about a synthetic population, a file of them built before the clock starts: no two alike, all true."""

from __future__ import annotations

import csv
import itertools
import json
import os
import uuid
from typing import TYPE_CHECKING

from padan.v1 import attribute_pb2, verification_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ALIVE = "1"


def people(source: Path, limit: int) -> list[dict[str, str]]:
    """Read people who are alive and have everything that is asked, from a CSV of `registry synth`."""
    with source.open(newline="", encoding="utf-8") as file:
        return list(itertools.islice(filter(answerable, csv.DictReader(file)), limit))


def answerable(row: Mapping[str, str]) -> bool:
    """Say whether somebody is alive and has everything that is asked."""
    needed = ("NAMA_LGKP", "TGL_LHR", "JENIS_KLMIN", "STATUS_KAWIN", "NO_PROP", "NO_KAB", "NO_KEC")
    return row["STATUS_HIDUP"] == ALIVE and all(row[name] for name in needed)


def _district(person: Mapping[str, str]) -> str:
    return "".join(person[name].zfill(2) for name in ("NO_PROP", "NO_KAB", "NO_KEC"))


def _claims(person: Mapping[str, str], *, product: bool) -> dict[attribute_pb2.Attribute.ValueType, str]:
    common = {
        attribute_pb2.ATTRIBUTE_NAME: person["NAMA_LGKP"],
        attribute_pb2.ATTRIBUTE_BIRTH_DATE: person["TGL_LHR"],
        attribute_pb2.ATTRIBUTE_SEX: person["JENIS_KLMIN"],
        attribute_pb2.ATTRIBUTE_DISTRICT: _district(person),
    }
    if product:
        return {**common, attribute_pb2.ATTRIBUTE_LIFE_STATUS: person["STATUS_HIDUP"]}
    return {**common, attribute_pb2.ATTRIBUTE_MARITAL_STATUS: person["STATUS_KAWIN"]}


def verify(persons: Sequence[Mapping[str, str]], count: int, *, product: bool) -> Iterator[bytes]:
    """Build Verify requests.

    Args:
        persons: asked about in turn.
        count: how many requests.
        product: five claims under the tolerant profile and its purpose, life status among them; else five exact
            claims.
    """
    for number in range(count):
        person = persons[number % len(persons)]
        request = verification_pb2.VerifyRequest(
            request_id=str(uuid.uuid4()),
            blind=os.urandom(32),
            purpose="service" if product else "strict",
            officer="teller-7",
            nik=person["NIK"],
            legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
            client_version="bench/1",
        )
        for attribute, value in _claims(person, product=product).items():
            request.claims.add(attribute=attribute, value=value)
        yield request.SerializeToString()


def for_peer(persons: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Give the peer's view of the people."""
    return [
        {
            "nik": person["NIK"],
            "name": person["NAMA_LGKP"],
            "birth_date": person["TGL_LHR"],
            "sex": person["JENIS_KLMIN"],
            "district": _district(person),
            "life_status": person["STATUS_HIDUP"],
        }
        for person in persons
    ]


def ask_peer(persons: Sequence[Mapping[str, str]], count: int) -> Iterator[bytes]:
    """Build the peer's requests."""
    for number in range(count):
        claims = dict(persons[number % len(persons)])
        nik = claims.pop("nik")
        question = {
            "request_id": str(uuid.uuid4()),
            "agency": "bench",
            "purpose": "service",
            "nik": nik,
            "claims": claims,
        }
        yield json.dumps(question).encode()
