"""Prometheus itself raises each alert that we ship when it should, and not when all is well."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from acceptance.installs import find_prometheus

ALERTS = Path(__file__).parents[2] / "docs" / "grafana" / "alerts.yaml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]

# As promtool spells series: a first value, what is added each minute, and how often.
WELL = {
    "headrace_workers": "2x600",
    "headrace_stuck_workers": "0x600",
    "headrace_running_workflows": "3x600",
    "headrace_oldest_waiting_provision_age_seconds": "4x600",
    "headrace_last_write_age_seconds": "3x600",
    "headrace_database_wait_seconds": "0.1x600",
    'headrace_clock_ahead_seconds{than="database"}': "-0.2x600",
    'headrace_clock_ahead_seconds{than="heroku"}': "1x600",
    "headrace_sync_lag_seconds": "2x600",
    "headrace_figures_age_seconds": "60x600",
    'headrace_placement_checks{outcome="placed"}': "100x600",
    'headrace_placement_checks{outcome="failed"}': "0x600",
    'headrace_placement_checks{outcome="forbidden"}': "1x600",
    'headrace_platform_requests_total{status="200"}': "0+600x600",
    'headrace_platform_requests_total{status="503"}': "0+1x600",
    'headrace_platform_requests_total{status="429"}': "0+1x600",
    'headrace_open_notices{kind="grant.lost"}': "0x600",
    'headrace_provisioning_seconds_bucket{le="10.0"}': "0+10x600",
    'headrace_provisioning_seconds_bucket{le="900.0"}': "0+10x600",
    'headrace_provisioning_seconds_bucket{le="+Inf"}': "0+10x600",
    "headrace_unlisted_resources": "0x600",
    'headrace_webhook_deliveries_total{outcome="new"}': "0+60x600",
    'headrace_webhook_deliveries_total{outcome="bad_signature"}': "0x600",
}
# What is wrong, by the alert that says so; None: it is not there at all.
ILL: dict[str, dict[str, str | None]] = {
    "HeadraceNobodyWorks": {"headrace_workers": "0x600"},
    "HeadraceWorkerTakesNothing": {"headrace_stuck_workers": "1x600"},
    "HeadraceProvisionsWait": {"headrace_oldest_waiting_provision_age_seconds": "0+60x600"},
    "HeadraceWritesNothing": {"headrace_last_write_age_seconds": "0+60x600"},
    "HeadraceDatabaseHangs": {"headrace_database_wait_seconds": "0+60x600"},
    "HeadraceTellsNothing": dict.fromkeys(WELL),
    "HeadraceClocksDiffer": {'headrace_clock_ahead_seconds{than="heroku"}': "-300x600"},
    "HeadraceSyncLags": {"headrace_sync_lag_seconds": "0+60x600"},
    "HeadraceFiguresAreOld": {"headrace_figures_age_seconds": "0+60x600"},
    "HeadraceLooksFail": {'headrace_placement_checks{outcome="failed"}': "20x600"},
    "HerokuRefusesToTell": {'headrace_placement_checks{outcome="forbidden"}': "60x600"},
    "HerokuAnswersBadly": {'headrace_platform_requests_total{status="503"}': "0+300x600"},
    "HerokuLimitsOurRate": {'headrace_platform_requests_total{status="429"}': "0+60x600"},
    "HeadraceNoticesWait": {'headrace_open_notices{kind="grant.lost"}': "2x600"},
    "HeadraceProvisionsSlowly": {
        'headrace_provisioning_seconds_bucket{le="10.0"}': "0x600",
        'headrace_provisioning_seconds_bucket{le="900.0"}': "0+10x600",
    },
    "HeadraceWebhooksAreRefused": {'headrace_webhook_deliveries_total{outcome="bad_signature"}': "0+6x600"},
    "HeadraceLeavesResourcesOut": {"headrace_unlisted_resources": "7x600"},
}


def test_what_makes_each_alert_ring_is_known_here() -> None:
    """So that no alert is shipped that nobody has heard."""
    assert [rule["alert"] for rule in RULES] == list(ILL)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_rings_when_it_should_and_is_silent_otherwise(rule: dict[str, Any], tmp_path: Path) -> None:
    """Four hours of it in Prometheus' own test of rules: the one alert and no other, and none on a good day."""
    promtool = find_prometheus("promtool")
    name = rule["alert"]
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": [{**rule, "annotations": {}}]}]}))
    rings = [{"exp_labels": _find_labels(name, rule)}]
    tests = [_describe(name, WELL, expected=[]), _describe(name, WELL | ILL[name], expected=rings)]
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    tried = subprocess.run(
        [promtool, "test", "rules", "tests.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (0, "") == (tried.returncode, tried.stderr), tried.stdout


def test_prometheus_reads_the_file_as_it_is_shipped() -> None:
    """Expressions, durations and the templates of the texts."""
    checked = subprocess.run(
        [find_prometheus("promtool"), "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )

    assert 0 == checked.returncode
    assert f"SUCCESS: {len(RULES)} rules found" in checked.stdout


def _describe(name: str, series: dict[str, str | None] | dict[str, str], *, expected: list[Any]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items() if values],
        "alert_rule_test": [{"eval_time": "4h", "alertname": name, "exp_alerts": expected}],
    }


def _find_labels(name: str, rule: dict[str, Any]) -> dict[str, str]:
    """The labels of a rule, and those by which its results are told apart."""
    than = {"than": "heroku"} if name == "HeadraceClocksDiffer" else {}
    return {**rule["labels"], **than}
