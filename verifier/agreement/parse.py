"""From the text of a TOML document to an `Agreement`, or to all that is wrong with it, line by line.

Parsing checks form and bounds; whether a purpose is an oracle is for `lint` to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.agreement import vocabulary
from verifier.agreement.errors import AgreementDocumentError
from verifier.agreement.model import (
    AgencyId,
    Agreement,
    AgreementId,
    Biometrics,
    Budgets,
    Disclosure,
    Dispute,
    EnrolmentClass,
    Legal,
    Network,
    Party,
    Purpose,
    PurposeCode,
    Quota,
    Security,
    ServiceLevel,
    Tariff,
)
from verifier.agreement.reader import Problems, Table, read_toml
from verifier.toml_lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.toml_lines import Path

FORMAT: Final = 1
MAX_PURPOSES: Final = 64
MAX_COUNT: Final = 10**9
MAX_CLASSES: Final = 16
"""Classes of enrolments of a purpose."""
_ID: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ID_RIGHT: Final = "1 to 63 of a-z, 0-9 and hyphens"
_CODE: Final = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
_CODE_RIGHT: Final = "1 to 64 of a-z, 0-9, dots, hyphens and underscores"
_ARTICLE: Final = r"15\(1\)[a-e]"
_ARTICLE_RIGHT: Final = "a letter of UU 27/2022 Art. 15(1), such as 15(1)b"
_TLS: Final = {"1.2": "1.2", "1.3": "1.3"}
_REGION_LEVELS: Final = (2, 4, 6, 10)
_HELP: Final = "see docs/agreements.md, or begin with padan-server agreement template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An agreement, and where in its document everything stands."""

    name: str
    agreement: Agreement
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of a key, or of the nearest table around it; 0 where there is none."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def parse(data: bytes, *, name: str = "agreement") -> Document:
    """Read a document.

    Args:
        data: TOML 1.0 in UTF-8, at most 256 KiB.
        name: the file's name, for messages.

    Raises:
        AgreementDocumentError: with every fault that could be found.
    """
    text, values = read_toml(data, name, right=_HELP, error=AgreementDocumentError)
    problems = Problems(lines=lines_of(text))
    root = Table(values, (), problems)
    agreement = _agreement(root)
    root.close()
    if problems.found:
        raise AgreementDocumentError(name, sorted(problems.found, key=lambda problem: problem.line))
    return Document(name=name, agreement=agreement, lines=problems.lines)


def _agreement(root: Table) -> Agreement:
    root.integer("format", FORMAT, FORMAT)
    validity = root.table("validity")
    valid_from, valid_until = validity.moment("from"), validity.moment("until")
    if validity.has("from") and validity.has("until") and valid_from >= valid_until:
        validity.fault(("until",), "not after 'from'", "it must be the first moment without the agreement")
    validity.close()
    parties = root.table("parties")
    registry_party, agency_party = _party(parties.table("registry")), parties.table("agency")
    agency_kind = agency_party.choice("kind", vocabulary.AGENCY_KINDS)
    budgets = _budgets(root.table("budgets"), None)
    classes = root.table("classification")
    sensitivity = classes.choice("sensitivity", vocabulary.SENSITIVITIES)
    retention = classes.choice("retention", vocabulary.RETENTIONS)
    classes.close()
    agreement = Agreement(
        agreement_id=AgreementId(root.text("id", pattern=_ID, right=_ID_RIGHT)),
        version=root.integer("version", 1, 2**32 - 1),
        agency=AgencyId(root.text("agency", pattern=_ID, right=_ID_RIGHT)),
        agency_kind=agency_kind,
        registry_party=registry_party,
        agency_party=_party(agency_party),
        legal=_legal(root.table("legal")),
        valid_from=valid_from,
        valid_until=valid_until,
        security=_security(root.table("security")),
        service_level=_service_level(root.table("service_level")),
        quota=_quota(root.table("quota")),
        budgets=budgets,
        codes=_codes(root.table("codes", required=False)),
        on_behalf_of=frozenset(root.texts("on_behalf_of", pattern=_ID, right=_ID_RIGHT)),
        tariff=_tariff(root.table("tariff")),
        dispute=_dispute(root.table("dispute")),
        audit_clause=root.text("audit_clause", right="the clause that lets auditors in"),
        disclosure=_disclosure(root.table("disclosure", required=False)),
        purposes=_purposes(root, budgets, sensitivity, retention),
    )
    parties.close()
    return agreement


def _party(table: Table) -> Party:
    party = Party(
        name=table.text("name", right="the party's name"),
        representative=table.text("representative", right="who signs for the party, by office"),
    )
    table.close()
    return party


def _legal(table: Table) -> Legal:
    legal = Legal(
        mou_number=table.text("mou_number", right="the memorandum's number"),
        pks_number=table.text("pks_number", right="the cooperation agreement's number"),
        technical_approval=table.text("technical_approval", right="the technical approval's number"),
        basis=table.texts("basis", right="texts that name laws and articles"),
        iso27001_until=table.day("iso27001_until"),
    )
    if not legal.basis:
        table.fault(("basis",), "names no law", "name the laws and articles that the agreement rests on")
    table.close()
    return legal


def _security(table: Table) -> Security:
    networks: list[Network] = []
    for index, text in enumerate(table.texts("source_addresses", right="addresses or networks")):
        try:
            networks.append(ip_network(text))
        except ValueError:
            table.fault(
                ("source_addresses", index),
                f"{text[:50]!r} is no network",
                "write 192.0.2.0/24, 2001:db8::/48 or one address, without bits to the right of the prefix",
            )
    if not table.has("source_addresses") or not networks:
        table.fault(("source_addresses",), "admits nobody", "list the networks that the agency calls from")
    security = Security(
        source_addresses=tuple(networks),
        minimum_tls=table.choice("minimum_tls", _TLS, default="1.2"),
        sealing=table.flag("sealing", default=False),
    )
    table.close()
    return security


def _service_level(table: Table) -> ServiceLevel:
    level = ServiceLevel(
        latency_ms=table.integer("latency_ms", 1, 60_000),
        availability_percent=table.number("availability_percent", 0, 100),
        freshness_hours=table.integer("freshness_hours", 1, 8784),
    )
    table.close()
    return level


def _quota(table: Table) -> Quota:
    quota = Quota(
        calls_per_day=table.integer("calls_per_day", 1, MAX_COUNT),
        calls_per_second=table.integer("calls_per_second", 1, 1_000_000),
    )
    table.close()
    return quota


def _budgets(table: Table, outer: Budgets | None) -> Budgets:
    """Read budgets; where `outer` is given, what is absent is taken from it."""

    def count(key: str, above: int | None) -> int:
        value = table.integer(key, 1, MAX_COUNT, default=above)
        if above is not None and value > above:
            table.fault(
                (key,), f"{value:,} is above the agreement's {above:,}", "a purpose can only have less"
            )
        return value

    budgets = Budgets(
        subject_per_day=count("subject_per_day", outer.subject_per_day if outer else None),
        prefix_per_day=count("prefix_per_day", outer.prefix_per_day if outer else None),
        agency_per_day=count("agency_per_day", outer.agency_per_day if outer else None),
        officer_per_day=count("officer_per_day", outer.officer_per_day if outer else None),
    )
    table.close()
    return budgets


def _codes(table: Table) -> Mapping[int, Mapping[str, str]]:
    coded = {name: number for name, number in vocabulary.ATTRIBUTES.items() if number in vocabulary.CODED}
    mappings: dict[int, Mapping[str, str]] = {}
    for attribute in table.keys():  # noqa: SIM118 - a Table is no mapping
        if attribute not in coded:
            continue
        codes = table.table(attribute)
        mappings[coded[attribute]] = MappingProxyType(
            {
                own: codes.text(own, pattern=r"[A-Za-z0-9+-]{1,16}", right="a code of the list, as a text")
                for own in codes.keys()  # noqa: SIM118 - as above
            }
        )
    table.close(known=coded)
    return MappingProxyType(mappings)


def _tariff(table: Table) -> Tariff:
    tariff = Tariff(
        currency=table.text("currency", pattern=r"[A-Z]{3}", right="a currency of ISO 4217, such as IDR"),
        per_call=table.integer("per_call", 0, MAX_COUNT),
    )
    table.close()
    return tariff


def _dispute(table: Table) -> Dispute:
    dispute = Dispute(
        contact=table.text("contact", right="where an answer is disputed"),
        answer_hours=table.integer("answer_hours", 1, 720),
    )
    table.close()
    return dispute


def _disclosure(table: Table) -> Disclosure:
    article = table.text("delayed_article", pattern=_ARTICLE, right=_ARTICLE_RIGHT, default="")
    days = table.integer("delayed_days", 0, 3650, default=0)
    if bool(article) != bool(days):
        table.fault((), "a delay needs its article, and an article its delay", "give both keys, or neither")
    table.close()
    return Disclosure(article=article, days=days)


def _purposes(root: Table, budgets: Budgets, sensitivity: int, retention: int) -> tuple[Purpose, ...]:
    tables = root.tables("purposes")
    if not 1 <= len(tables) <= MAX_PURPOSES:
        root.fault(("purposes",), f"{len(tables)} purposes", f"write 1 to {MAX_PURPOSES} tables [[purposes]]")
    purposes: dict[str, Purpose] = {}
    for table in tables[:MAX_PURPOSES]:
        purpose = _purpose(table, budgets, sensitivity, retention)
        if purpose.code and purpose.code in purposes:
            table.fault(
                ("code",), f"{purpose.code!r} stands there twice", "give each purpose a code of its own"
            )
        purposes[purpose.code] = purpose
    return tuple(purposes.values())


def _purpose(table: Table, budgets: Budgets, sensitivity: int, retention: int) -> Purpose:
    levels = table.integers("region_levels", 2, 10)
    for index, level in enumerate(levels):
        if level not in _REGION_LEVELS:
            table.fault(("region_levels", index), f"no code has {level} digits", "use 2, 4, 6 or 10")
    purpose = Purpose(
        code=PurposeCode(table.text("code", pattern=_CODE, right=_CODE_RIGHT)),
        title=table.text("title", right="what it is for, in a few words"),
        clause=table.text("clause", right="the clause that grants it"),
        lawful_use=table.choice("lawful_use", vocabulary.LAWFUL_USES),
        legal_bases=frozenset(table.choices("legal_bases", vocabulary.LEGAL_BASES)),
        attributes=frozenset(table.choices("attributes", vocabulary.ATTRIBUTES)),
        anchors=frozenset(table.choices("anchors", vocabulary.ATTRIBUTES)),
        answer_form=table.choice("answer_form", vocabulary.ANSWER_FORMS),
        profile=table.choice("profile", vocabulary.PROFILES),
        ages=table.integers("ages", 1, 150),
        region_levels=frozenset(levels),
        budgets=_budgets(table.table("budgets", required=False), budgets),
        existence_reason=table.text("existence_reason", default=""),
        sensitivity=_override(table, "sensitivity", vocabulary.SENSITIVITIES, sensitivity),
        retention=_override(table, "retention", vocabulary.RETENTIONS, retention),
        dpia=table.text("dpia", default=""),
        approval=table.text("approval", default=""),
        exempt_article=table.text("exempt_article", pattern=_ARTICLE, right=_ARTICLE_RIGHT, default=""),
        token_domain=table.text("token_domain", pattern=_ID, right=_ID_RIGHT, default=""),
        enrolments=_enrolments(table),
        conversions=table.texts("conversions", pattern=_ID, right=_ID_RIGHT),
        converted_from=table.texts("converted_from", pattern=_ID, right=_ID_RIGHT),
        biometrics=_biometrics(table),
    )
    for key, filled in (("legal_bases", purpose.legal_bases), ("attributes", purpose.attributes)):
        if not filled:
            table.fault((key,), "grants nothing", f"list the {key.replace('_', ' ')} that the clause names")
    table.close()
    return purpose


def _enrolments(table: Table) -> tuple[EnrolmentClass, ...]:
    tables = table.tables("enrolments")
    if len(tables) > MAX_CLASSES:
        table.fault(
            ("enrolments",), f"{len(tables)} classes", f"at most {MAX_CLASSES} tables [[purposes.enrolments]]"
        )
    found: dict[str, EnrolmentClass] = {}
    for entry in tables[:MAX_CLASSES]:
        category = entry.text("class", pattern=_ID, right=_ID_RIGHT)
        if category in found:
            entry.fault(("class",), f"{category!r} stands there twice", "one table for each class")
        found[category] = EnrolmentClass(
            category=category,
            enrol=entry.flag("enrol", default=False),
            ask=entry.flag("ask", default=False),
            lists=entry.choice("lists", vocabulary.LISTS, default="none"),
        )
        entry.close()
    return tuple(found.values())


def _override(table: Table, key: str, options: Mapping[str, int], outer: int) -> int:
    return table.choice(
        key, options, default=next(name for name, number in options.items() if number == outer)
    )


def _biometrics(purpose: Table) -> Biometrics | None:
    if not purpose.has("biometrics"):
        return None
    table = purpose.table("biometrics")
    biometrics = Biometrics(
        level=table.choice("level", vocabulary.ASSURANCE_LEVELS),
        require_device=table.flag("require_device", default=False),
        presentation_attack=table.choice(
            "presentation_attack", vocabulary.PRESENTATION_ATTACKS, default="not_tested"
        ),
    )
    table.close()
    return biometrics
