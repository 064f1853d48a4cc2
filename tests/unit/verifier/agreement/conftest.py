"""Documents for the tests of agreements: a whole one that is fine, and ways to change it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from verifier.agreement.grant import Terms
from verifier.agreement.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = """\
format = 1
id = "health-2026"
version = 1
agency = "health"
audit_clause = "PKS Art. 14"
on_behalf_of = ["clinic"]

[validity]
from = 2026-01-01T00:00:00+07:00
until = 2028-01-01T00:00:00+07:00

[parties.registry]
name = "Registry"
representative = "Director"

[parties.agency]
name = "Health"
representative = "Head"
kind = "public_body"

[legal]
mou_number = "1"
pks_number = "2"
technical_approval = "3"
basis = ["UU 24/2013 Art. 58(4)"]

[security]
source_addresses = ["192.0.2.0/24", "2001:db8::/48"]

[service_level]
latency_ms = 500
availability_percent = 99.5
freshness_hours = 24

[quota]
calls_per_day = 1000
calls_per_second = 10

[budgets]
subject_per_day = 6
prefix_per_day = 20
agency_per_day = 100
officer_per_day = 50

[codes.marital_status]
M = "2"

[tariff]
currency = "IDR"
per_call = 0

[dispute]
contact = "desk@health.example"
answer_hours = 72

[classification]
sensitivity = "general"
retention = "standard"

[[purposes]]
code = "membership"
title = "Is the member alive"
clause = "Art. 4(2)a"
lawful_use = "public_service"
legal_bases = ["public_task", "consent"]
attributes = ["name", "address", "rt", "rw", "age_at_least", "resident_in_region"]
anchors = ["name", "address"]
answer_form = "overall"
profile = "strict"
ages = [17]
region_levels = [4]
"""


@pytest.fixture(scope="session")
def document() -> str:
    """A document without a fault."""
    return DOCUMENT


@pytest.fixture(scope="session")
def change() -> Callable[..., bytes]:
    """Change keys of the document: `change(anchors='["rt"]', ages=None)`; None removes the line."""

    def changed(**keys: str | None) -> bytes:
        text = DOCUMENT
        for key, value in keys.items():
            line = "" if value is None else f"{key} = {value}\n"
            old = re.search(rf"^{key} = .*\n", text, flags=re.MULTILINE)
            text = text.replace(old.group(), line) if old else text + line
        return text.encode()

    return changed


@pytest.fixture(scope="session")
def terms() -> Terms:
    """The terms of the document."""
    return Terms.of(parse(DOCUMENT.encode()).agreement)
