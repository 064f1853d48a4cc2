"""Prometheus rules, the dashboard's queries, and the metrics that both stand on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import promql_parser
import yaml

from tests.house import tree
from verifier.metrics import Metrics, process_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = tree.ROOT / "deploy/prometheus/padan.rules.yml"
DASHBOARD = tree.ROOT / "deploy/grafana/padan.json"
_SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
_VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert rule."""

    group: str
    name: str
    severity: str
    expression: str
    wait: str
    summary: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What a query asks for: a sample's name, and label to operator and value."""

    name: str
    labels: tuple[tuple[str, str, str], ...]


def alerts() -> list[Alert]:
    """Read the rules."""
    document: Any = yaml.safe_load(RULES.read_text())
    return [
        Alert(
            group=group["name"],
            name=rule["alert"],
            severity=rule["labels"]["severity"],
            expression=rule["expr"],
            wait=rule.get("for", ""),
            summary=rule["annotations"]["summary"],
            next_step=rule["annotations"]["next_step"],
        )
        for group in document["groups"]
        for rule in group["rules"]
    ]


def dashboard() -> dict[str, Any]:
    """Read the dashboard."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def queries() -> list[str]:
    """List the dashboard's queries, its variables filled in as Grafana would."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    for variable, value in _VARIABLES.items():
        found = [query.replace(variable, value) for query in found]
    return found


def metrics() -> list[tuple[str, str, str]]:
    """List what the service counts: name, type, help text."""
    registry = Metrics().registry
    process_ends(registry)
    return sorted((family.name, family.type, family.documentation) for family in registry.collect())


def samples() -> dict[str, frozenset[str]]:
    """Name every sample that a scrape can have, with its labels."""
    registry = Metrics().registry
    process_ends(registry)
    labels = {
        collector._name: frozenset(collector._labelnames)  # type: ignore[attr-defined]
        for collector in registry._collector_to_names
    }
    return {
        f"{name}{ending}": labels[name] | ({"le"} if ending == "_bucket" else set())
        for name, kind, _ in metrics()
        for ending in _SAMPLES[kind]
    }


def selectors(query: str) -> Iterator[Selector]:
    """Parse a query and yield what it asks for.

    Raises:
        ValueError: it is no PromQL.
    """
    found: list[Any] = []

    def collect(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(query), collect)
    for node in found:
        yield Selector(
            name=node.name,
            labels=tuple((each.name, str(each.op), each.value) for each in node.matchers.matchers),
        )


def grouped(query: str) -> set[str]:
    """Name the labels by which a query adds up."""
    return {name.strip() for names in re.findall(r"\bby \(([^)]*)\)", query) for name in names.split(",")}
