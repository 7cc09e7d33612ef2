"""Example add-ons, served as a partner serves them, keep Heroku's contract."""

import json
from pathlib import Path

import pytest

from acceptance.processes import EXAMPLES, Processes, is_ready, wait_until
from lab.kit.processes import find_free_port

pytestmark = pytest.mark.acceptance


def write_manifest(folder: Path, url: str, requires: list[str]) -> Path:
    urls = {"base_url": f"{url}/heroku/resources", "sso_url": f"{url}/sso/login"}
    api = {
        "version": "3",
        "config_vars": ["ACME_SEARCH_URL"],
        "regions": ["us", "eu"],
        "requires": requires,
        "password": "manifest-pass-manifest-pass-mani",
        "sso_salt": "s4lt-for-tests-s4lt-for-tests-s4",
        "production": {name: address.replace("http:", "https:") for name, address in urls.items()},
        "test": urls,
    }
    manifest = folder / "addon-manifest.json"
    manifest.write_text(json.dumps({"id": "acme-search", "name": "Acme Search", "api": api}), encoding="utf-8")
    return manifest


@pytest.mark.parametrize(("example", "requires"), [("acme", []), ("logs", ["syslog_drain", "log_input"])])
def test_the_examples_pass_the_checker(processes: Processes, example: str, requires: list[str]) -> None:
    """`headrace check` finds nothing to fail, nothing to warn of but one known race, and leaves nothing behind."""
    url, heroku = (f"http://127.0.0.1:{find_free_port()}" for _ in range(2))
    manifest = write_manifest(processes.folder, url, requires)
    environment = {
        "HEADRACE_MANIFEST": str(manifest),
        "HEADRACE_CLIENT_SECRET": "checker-client-secret",
        "HEROKU_API_URL": heroku,
        "HEROKU_ID_URL": heroku,
        "DATABASE_URL": f"sqlite:///{processes.folder / 'acme.db'}",
    }
    service = processes.headrace(
        "serve",
        f"{example}:service",
        "--one-process",
        "--port",
        url.rpartition(":")[2],
        cwd=EXAMPLES,
        environment=environment,
        is_forked=True,
    )
    wait_until(lambda: is_ready(f"{url}/ready"), why=service.render)
    plans = ("--plan", "basic", "--plan", "standard")
    port = heroku.rpartition(":")[2]
    check: tuple[str | Path, ...] = ("check", "--manifest", manifest, "--port", port, *plans, "--format", "json")
    checker = processes.headrace(*check, is_forked=True)
    status = checker.wait(within=120)
    report = json.loads("".join(checker.out))

    assert (0, True, []) == (status, report["passed"], report["left"])
    complaints = [result["id"] for result in report["results"] if result["verdict"] in {"fail", "warn"}]
    assert [] == complaints
    assert [] == [result for result in report["results"] if result["why"] == "needs"]
