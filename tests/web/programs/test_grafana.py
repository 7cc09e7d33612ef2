"""The dashboard and the alert rules ask for what /metrics has, and say what to do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.web.programs.metrics import Metrics

DOCS = Path(__file__).parents[3] / "docs"
GRAFANA = DOCS / "grafana"
DASHBOARDS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(GRAFANA.glob("*.json"))]
RULES = [
    rule
    for path in sorted(GRAFANA.glob("*.yaml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
# What our rules record, by the metric whose labels it has.
RECORDED = {"headrace:resource_placed": "headrace_resource_placed_timestamp_seconds"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
# A metric with the labels that it is narrowed by; labels that results are grouped by; everything else is Prometheus'.
METRIC = re.compile(r"\b(headrace_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on|group_left) \(([^)]*)\)")
DOCUMENTED = re.compile(r"^\| `(headrace_\w+)(?:\{([^}]*)\})?` \|", re.MULTILINE)


def list_expressions() -> Iterator[str]:
    for panel in (panel for dashboard in DASHBOARDS for panel in dashboard["panels"]):
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in RULES)


def find_labels() -> dict[str, set[str]]:
    """The labels of each metric, as the docs have them; a histogram's buckets have their bound."""
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    found = {name: set(labels.split(",")) - {""} for name, labels in DOCUMENTED.findall(page)}
    return found | {f"{name}_bucket": labels | {"le"} for name, labels in found.items()}


def find_wrong(expression: str, exposed: set[str]) -> set[str]:
    """What an expression names that there is not: metrics and labels."""
    for recorded, metric in RECORDED.items():
        expression = expression.replace(recorded, metric)
    labels = find_labels()
    metrics = METRIC.findall(expression)
    names = {name for name, _ in metrics}
    known = set().union(*(labels.get(name, set()) for name in names))
    narrowed = {label for _, matchers in metrics for label in re.findall(r"(\w+)\s*[!=]", matchers)}
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}
    return (names - exposed) | ((narrowed | grouped) - known)


@pytest.fixture
async def exposed(sqlite_url: str) -> set[str]:
    """The names of what is scraped from a service on its first day."""
    database = Database(sqlite_url)
    metrics = Metrics(database, clock=read_clock, small_plans=(), placed_series=1)
    text = (await metrics.render()).decode()
    database.close()
    return {family.name + suffix for family in text_string_to_metric_families(text) for suffix in SUFFIXES[family.type]}


async def test_dashboard_and_alerts_name_only_what_is_scraped(exposed: set[str]) -> None:
    """A panel of a metric that is not there stays empty, and an alert on one is never raised."""
    expressions = list(list_expressions())

    assert len(expressions) > len(RULES) > 0
    assert RECORDED.keys() == {rule["record"] for rule in RULES if "record" in rule}
    assert [] == [each for each in expressions if not METRIC.search(each) and not any(map(each.count, RECORDED))]
    assert {} == {expression: wrong for expression in expressions if (wrong := find_wrong(expression, exposed))}


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("max(headrace_resource)", {"headrace_resource"}),
        ('headrace_resources{plans="free"}', {"plans"}),
        ("sum by (stage, le) (headrace_resources)", {"le"}),
        ("acme_total * on (uuid) group_left (stages) headrace:resource_placed", {"stages"}),
        ("rate(headrace_provisioning_seconds_bucket[1h])", set()),
        ("sum by (le) (rate(headrace_provisioning_seconds_bucket[1h]))", set()),
    ],
)
async def test_a_wrong_name_would_be_found(expression: str, wrong: set[str], exposed: set[str]) -> None:
    """A metric or a label that there is not."""
    assert wrong == find_wrong(expression, exposed)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Whoever is woken up reads what is wrong and where to look first."""
    annotations = rule["annotations"]

    assert {"alert", "expr", "for", "labels", "annotations"} == set(rule)
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert annotations["summary"].endswith(".")
    assert annotations["runbook"].endswith(".")


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard["uid"])
def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    """Each stands in a place of its own on Grafana's grid of 24 columns."""
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert panel["title"] == taken.setdefault((x, y), panel["title"])
    assert 24 > max(x for x, _ in taken)
