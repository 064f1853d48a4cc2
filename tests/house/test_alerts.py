"""Alert rules and dashboard ask for metrics that exist, by labels that they have, with values that can be."""

from __future__ import annotations

import re

import pytest

from padan.v1 import error_pb2
from tests.house import alerts
from verifier.expiry import Kind
from verifier.metrics import VERDICTS

OTHERS = {"up"}
"""Prometheus's own."""
TARGET_LABELS = {"instance", "job"}
"""Labels that Prometheus puts on what it scrapes."""
VALUES = {
    "outcome": {*VERDICTS.values()},
    "reason": {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.keys()}  # noqa: SIM118 - it is no dict
    | {"INTERNAL"},
    "kind": {*map(str, Kind)},
}
QUERIES = [*[alert.expression for alert in alerts.alerts()], *alerts.queries()]


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_asks_for_what_there_is(query: str) -> None:
    """Every query is PromQL, and each metric, label and value in it is one that the service can show."""
    known = alerts.samples()
    asked = [*alerts.selectors(query)]
    assert asked
    labels = set(TARGET_LABELS)
    for selector in asked:
        assert selector.name in known.keys() | OTHERS
        labels |= known.get(selector.name, frozenset())
        for label, _, value in selector.labels:
            assert label in known.get(selector.name, frozenset()) | TARGET_LABELS
            assert set(value.split("|")) <= VALUES.get(label, {value, *value.split("|")})
    assert alerts.grouped(query) <= labels


def test_a_query_for_what_there_is_not_is_found() -> None:
    """The check above sees a metric's misspelt name, and a counter's without its ending."""
    known = alerts.samples()
    for query in ("sum(padan_redy)", "rate(padan_answers[5m])", "padan_certificate_expiry_seconds"):
        assert [each.name for each in alerts.selectors(query) if each.name not in known]
    with pytest.raises(ValueError, match=r"."):
        [*alerts.selectors("sum by (rate(")]


def test_every_metric_is_shown_or_watched() -> None:
    """No metric is counted for nothing: each stands in an alert or on the dashboard."""
    asked = {selector.name for query in QUERIES for selector in alerts.selectors(query)}
    unused = [name for name, _, _ in alerts.metrics() if not any(each.startswith(name) for each in asked)]
    assert unused == []


def test_every_alert_says_what_to_do() -> None:
    """Each alert has a severity, one sentence of what is, and the next step; names are unique."""
    found = alerts.alerts()
    assert len({alert.name for alert in found}) == len(found)
    for alert in found:
        assert alert.severity in {"critical", "warning"}
        assert re.fullmatch(r"[A-Z{].*\.", alert.summary), alert.name
        assert re.fullmatch(r"[A-Z].*\.|padan-server .*\.|padan-.*\.", alert.next_step), alert.name


def test_labels_in_texts_are_there() -> None:
    """A text names only labels that its query's result has."""
    for alert in alerts.alerts():
        used = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.next_step))
        by = alerts.grouped(alert.expression)
        has = by or TARGET_LABELS.union(
            *(alerts.samples().get(each.name, frozenset()) for each in alerts.selectors(alert.expression))
        )
        if not by and re.search(r"\b(sum|max|min|avg|count)\(", alert.expression):
            has = set()  # all of them are added up, and no label is left
        assert used <= has, alert.name


def test_the_dashboard_fits() -> None:
    """Panels have numbers of their own, lie beside each other without overlap, and use the chosen data source."""
    panels = alerts.dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["description"]


def test_no_label_comes_from_a_subject() -> None:
    """The labels of all metrics are these, and none can hold what an agency types."""
    assert set().union(*alerts.samples().values()) == {
        "agency",
        "outcome",
        "reason",
        "kind",
        "key",
        "act",
        "use",
        "store",
        "result",
        "le",
    }
