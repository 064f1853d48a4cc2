"""The agreements of tests: one text, and what varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_AGREEMENT = """
format = 1
id = "{agency}-test"
version = {version}
agency = "{agency}"
audit_clause = "PKS Art. 14"

[validity]
from = 2024-01-01T00:00:00+07:00
until = {until}

[parties.registry]
name = "Test Registry"
representative = "Director"

[parties.agency]
name = "Test Agency"
representative = "Director"
kind = "central"

[legal]
mou_number = "1/MOU"
pks_number = "1/PKS"
technical_approval = "1/APP"
basis = ["UU 24/2013 Art. 58(4)"]

[security]
source_addresses = {addresses}

[service_level]
latency_ms = 500
availability_percent = 99.5
freshness_hours = 24

[quota]
calls_per_day = {calls_per_day}
calls_per_second = {calls_per_second}

[budgets]
subject_per_day = {subject}
prefix_per_day = {prefix}
agency_per_day = 1_000_000
officer_per_day = 1_000_000

[tariff]
currency = "IDR"
per_call = 0

[dispute]
contact = "help@agency.example"
answer_hours = 72

[classification]
sensitivity = "{sensitivity}"
retention = "standard"

[[purposes]]
code = "service"
title = "Application for a service"
clause = "PKS Art. 4(2)a"
lawful_use = "public_service"
legal_bases = ["public_task"]
attributes = ["name", "birth_date", "sex", "district", "marital_status", "life_status", "age_at_least"]
anchors = ["name"]
answer_form = "per_claim"
profile = "tolerant"
ages = [17]
{exemption}
{assessment}
{tokens}
{conversion}

[[purposes]]
code = "strict"
title = "Do number and name belong together"
clause = "PKS Art. 4(2)b"
lawful_use = "public_service"
legal_bases = ["public_task", "consent"]
attributes = ["name", "birth_date", "sex", "district", "marital_status", "life_status"]
anchors = ["name"]
answer_form = "overall"
profile = "strict"
{assessment}
"""
_PRESENT = """
[[purposes]]
code = "present"
title = "Is the resident who stands here the one of the number"
clause = "PKS Art. 4(2)c"
lawful_use = "public_service"
legal_bases = ["public_task"]
attributes = ["name", "marital_status", "face", "finger", "iris"]
anchors = ["name", "face", "finger", "iris"]
answer_form = "{form}"
profile = "tolerant"
sensitivity = "specific"
dpia = "DPIA-2"
{existence}
{tokens}

[purposes.biometrics]
level = "{level}"
require_device = {device}
presentation_attack = "{attack}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What varies in the purpose "present", which takes captures."""

    level: str = "high"
    device: bool = False
    attack: str = "not_tested"
    existence: str = ""
    tokens: str = ""
    form: str = "per_claim"

    def text(self) -> str:
        """Write the purpose."""
        return _PRESENT.format(
            level=self.level,
            form=self.form,
            device=str(self.device).lower(),
            attack=self.attack,
            existence=f'existence_reason = "{self.existence}"' if self.existence else "",
            tokens=f'token_domain = "{self.tokens}"' if self.tokens else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What varies between the agreements of tests."""

    subject: int = 60
    prefix: int = 1_000
    calls_per_day: int = 10_000_000
    calls_per_second: int = 100_000
    addresses: Sequence[str] = ("127.0.0.0/8", "::1/128")
    version: int = 1
    exempt_article: str = ""
    sensitivity: str = "general"
    token_domain: str = ""
    enrolments: str = ""
    conversions: Sequence[str] = ()
    converted_from: Sequence[str] = ()
    present: Present | None = None
    until: str = "2036-01-01T00:00:00+07:00"

    def document(self, agency: str) -> bytes:
        """Write the agreement."""
        text = _AGREEMENT.format(
            agency=agency,
            version=self.version,
            until=self.until,
            addresses=_list(self.addresses),
            calls_per_day=self.calls_per_day,
            calls_per_second=self.calls_per_second,
            subject=self.subject,
            prefix=self.prefix,
            sensitivity=self.sensitivity,
            assessment="" if self.sensitivity == "general" else 'dpia = "DPIA-1"',
            tokens=(f'token_domain = "{self.token_domain}"\n' if self.token_domain else "")
            + (f"enrolments = {self.enrolments}" if self.enrolments else ""),
            conversion=f"conversions = {_list(self.conversions)}\nconverted_from = {_list(self.converted_from)}",
            exemption=f'exempt_article = "{self.exempt_article}"' if self.exempt_article else "",
        )
        return (text + (self.present.text() if self.present is not None else "")).encode()


def _list(texts: Sequence[str]) -> str:
    return str(list(texts)).replace("'", '"')
