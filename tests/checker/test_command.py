"""`headrace check` as it is run: a process of its own, with its exit status and its three forms of report."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from checker.features.asynchronous import NeverMarks
from checker.features.config import AnswersNestedConfig
from checker.features.manifest import HasNoRegions
from checker.features.provision import AnswersIdAsAList, SaysItIsText
from checker.provider import CLIENT_SECRET, PASSWORD, SALT, Provider
from checker.running import listening
from cli.running import HEADRACE, Done, run
from headrace.checker.catalogue import FACTS, FEATURES
from headrace.testing import eventually
from lab.kit.processes import find_free_port

ENOUGH = ("--only", "provision", "--only", "manifest")


@asynccontextmanager
async def run_with(kind: type[Provider], folder: Path) -> AsyncIterator[tuple[Provider, list[str]]]:
    """Serve a provider that knows where the checker's Heroku will be, and return the options for that."""
    port = find_free_port()
    async with listening(kind) as provider:
        provider.heroku_url = f"http://127.0.0.1:{port}"
        manifest = folder / "manifest.json"
        manifest.write_text(json.dumps(provider.manifest), encoding="utf-8")
        yield (
            provider,
            ["--manifest", str(manifest), "--port", str(port), "--plan", "basic", "--plan", "premium", "--wait", "5"],
        )


async def check(*arguments: str) -> Done:
    return await run("check", *arguments, environment={"HEADRACE_CLIENT_SECRET": CLIENT_SECRET}, cwd=Path.cwd())


async def test_a_good_provider_ends_with_status_0_and_a_line_for_each_fact(tmp_path: Path) -> None:
    """What to set at the provider comes first, then the features, at last the count."""
    async with run_with(Provider, tmp_path) as (provider, options):
        done = await check(*options)

    lines = done.out.splitlines()
    assert (0, "") == (done.status, done.err)
    assert f"Judging the provider at {provider.url}/heroku/resources." == lines[0]
    assert f"  {provider.heroku_url}  instead of https://id.heroku.com" in lines
    assert [feature.name for feature in FEATURES] == [line for line in lines if line in {f.name for f in FEATURES}]
    assert "The provider passed." == lines[-1]
    assert {fact.id for fact in FACTS} == {line.split()[1] for line in lines if line[:6] in {"  pass", "  skip"}}


async def test_a_failed_must_ends_with_status_1_and_says_what_was_wrong(tmp_path: Path) -> None:
    """What was sent, what came, what was expected, and the article."""
    async with run_with(AnswersIdAsAList, tmp_path) as (_, options):
        done = await check(*options, *ENOUGH)

    assert 1 == done.status
    failed = done.out.split("  fail  provision.has-id")[1]
    assert "expected  an `id`\n" in failed
    assert "sent      POST http://127.0.0.1" in failed
    assert 'came      202  {"id":["' in failed
    assert "https://devcenter.heroku.com/articles/add-on-partner-api-reference" in failed
    assert "1 failed" in failed
    assert "The provider did not pass." == done.out.splitlines()[-1]


async def test_a_warning_is_no_failure(tmp_path: Path) -> None:
    """A should that does not hold leaves the status 0."""
    async with run_with(SaysItIsText, tmp_path) as (_, options):
        done = await check(*options, *ENOUGH)

    assert 0 == done.status
    assert "  warn  provision.content-type" in done.out
    assert "1 warned" in done.out


async def test_a_report_as_json_has_standard_output_for_itself(tmp_path: Path) -> None:
    """One document with every fact; what to set at the provider is on standard error."""
    async with run_with(AnswersIdAsAList, tmp_path) as (provider, options):
        done = await check(*options, *ENOUGH, "--format", "json")

    report: dict[str, Any] = json.loads(done.out)
    assert 1 == done.status
    assert "instead of https://api.heroku.com" in done.err
    assert (False, "pipescope", f"{provider.url}/sso/login") == (
        report["passed"],
        report["service"],
        report["sso_url"],
    )
    assert [fact.id for fact in FACTS] == [result["id"] for result in report["results"]]
    assert 1 == report["summary"]["fail"]
    failed = next(result for result in report["results"] if result["verdict"] == "fail")
    assert ("provision.has-id", "must", "an `id`") == (
        failed["id"],
        failed["level"],
        failed["expected"],
    )
    assert len(FACTS) == sum(report["summary"].values())


async def test_a_report_as_junit_counts_what_it_holds(tmp_path: Path) -> None:
    """A suite for each feature, a case for each fact, a failure for what keeps the provider from passing."""
    async with run_with(AnswersIdAsAList, tmp_path) as (_, options):
        done = await check(*options, *ENOUGH, "--format", "junit")

    suites = ET.fromstring(done.out)
    assert 1 == done.status
    assert [feature.name for feature in FEATURES] == [suite.get("name") for suite in suites]
    for suite in suites:
        assert str(len(suite.findall("testcase"))) == suite.get("tests")
        assert str(len(suite.findall("testcase/failure"))) == suite.get("failures")
        assert str(len(suite.findall("testcase/skipped"))) == suite.get("skipped")
    # Without an id it cannot be told whether it is another resource's too, which must not be.
    assert ["provision.has-id", "provision.id-of-its-own"] == [
        case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None
    ]


@pytest.mark.parametrize("form", ["text", "json", "junit"])
async def test_no_report_holds_a_secret(tmp_path: Path, form: str) -> None:
    """Neither the manifest's, nor the client secret, nor config vars."""
    async with run_with(AnswersNestedConfig, tmp_path) as (_, options):
        done = await check(*options, "--format", form)

    assert "config.is-flat" in done.out
    for secret in (PASSWORD, SALT, CLIENT_SECRET, "t0ken"):
        assert secret not in done.out + done.err


async def test_a_bad_manifest_fails_and_the_rest_is_judged(tmp_path: Path) -> None:
    """Status 1, whatever else is right."""
    async with run_with(HasNoRegions, tmp_path) as (_, options):
        done = await check(*options, *ENOUGH)

    assert 1 == done.status
    assert "  fail  manifest.regions" in done.out
    assert "  pass  provision.status" in done.out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--manifest", "nowhere.json"], "nowhere.json"),
        ([], "--manifest"),
        (
            ["--exclude", "single-sign-on"],
            "There is no feature or check single-sign-on. Features: manifest, authentication",
        ),
        (["--format", "pdf"], "pdf"),
    ],
)
async def test_misuse_ends_with_status_2(tmp_path: Path, arguments: list[str], text: str) -> None:
    """A file that is not there, an option that makes no sense: no report, no traceback."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(Provider("http://127.0.0.1:9").manifest), encoding="utf-8")
    given = ["--manifest", str(manifest)] if arguments and arguments[0] != "--manifest" else []
    done = await check(*given, *arguments)

    assert (2, "") == (done.status, done.out)
    assert text in done.err
    assert "Traceback" not in done.err


async def test_a_provider_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    """Status 2: there is nothing to judge; the address and the way out are named."""
    async with run_with(Provider, tmp_path) as (_, options):
        done = await check(*options, "--base-url", "http://127.0.0.1:9/heroku/resources", "--wait", "0.5")

    assert 2 == done.status
    assert "Nobody answers at http://127.0.0.1:9/heroku/resources" in done.err
    assert "Traceback" not in done.err


async def test_an_interrupted_run_removes_what_it_made(tmp_path: Path) -> None:
    """Ctrl-C while the checker waits for a provider: nothing is left at the provider, and no traceback."""
    async with run_with(NeverMarks, tmp_path) as (provider, options):
        process = await asyncio.create_subprocess_exec(
            HEADRACE,
            *("check", *options, "--wait", "60"),
            env={"HEADRACE_CLIENT_SECRET": CLIENT_SECRET},
            stderr=asyncio.subprocess.PIPE,
        )
        await eventually(lambda: any(resource.access_token for resource in provider.resources.values()))
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 240)

    assert 0 != process.returncode
    assert "Traceback" not in err.decode()
    assert all(resource.is_removed for resource in provider.resources.values())
