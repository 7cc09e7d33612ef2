"""The files of examples/containers and both Dockerfiles: what they name is there, and what they promise is kept."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]

from headrace.cli.main import main
from headrace.emulator import describe, load_world, run
from headrace.settings import SETTINGS, read_settings

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "examples" / "containers"
SCAFFOLDED = ROOT / "src" / "headrace" / "scaffold" / "templates" / "Dockerfile.in"
# What others read: PostgreSQL's own image.
THEIRS = {"POSTGRES_PASSWORD"}
# What a platform does until it kills, and within what headrace ends (docs/serving.md).
ENDS_WITHIN_SECONDS = 25


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((CONTAINERS / "compose.yaml").read_text(encoding="utf-8"))


def test_every_command_and_option_of_the_files_is_there() -> None:
    """Click parses each line as it stands, without a look at the files that are in the container only."""
    lines = list(list_commands())

    assert {"emulate", "serve", "worker", "migrate"} == {line[0] for line in lines}
    for name, *arguments in lines:
        command = main.commands[name]
        _, left, _ = command.make_parser(click.Context(command)).parse_args([*arguments])
        assert [] == left


def test_every_setting_of_compose_is_one(compose: Any) -> None:
    """A name that nobody reads would be silently without effect."""
    named = {name for each in compose["services"].values() for name in each.get("environment", {})}

    assert set() == named - {setting.name for setting in SETTINGS} - THEIRS
    assert "DATABASE_URL" in named


async def test_the_service_of_compose_takes_what_its_emulator_writes(compose: Any) -> None:
    """Plain http to another container's name, said by a setting; the manifest's addresses lead to the service's."""
    world = load_world((CONTAINERS / "world.toml").read_text(encoding="utf-8"))
    command = compose["services"]["emulator"]["command"]
    async with run(world, url=command[command.index("--url") + 1]) as emulator:
        written = describe(emulator).addon_services[0].settings
    settings = read_settings({**written, **compose["services"]["service"]["environment"]})

    assert ("http://emulator:4999", True) == (settings.api_url, settings.is_local)
    assert "http://service:5050/heroku/resources" == settings.manifest.base_url
    assert {"emulator", "service", "postgres"} == compose["services"].keys()


def test_containers_have_longer_than_headrace_takes_to_end(compose: Any) -> None:
    """Whoever is killed meanwhile has answered nobody."""
    given = [int(compose["services"]["service"]["stop_grace_period"].removesuffix("s"))]
    given += [each["terminationGracePeriodSeconds"] for each in list_pods() if "terminationGracePeriodSeconds" in each]

    assert [] == [seconds for seconds in given if seconds <= ENDS_WITHIN_SECONDS]
    assert 3 == len(given)


def test_kubernetes_probes_ask_what_is_served_and_nobody_is_root() -> None:
    """Alive is /health and ready is /ready, on the port that the image listens on."""
    containers = [container for pod in list_pods() for container in pod["containers"]]
    probed = [each for each in containers if "ports" in each]

    for each in probed:
        paths = {kind: each[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"} == paths
        assert [{"name": "http", "containerPort": int(find("PORT"))}] == each["ports"]
    for each in containers:
        assert int(find("USER")) == each["securityContext"]["runAsUser"]
        assert each["securityContext"]["readOnlyRootFilesystem"]
    assert (3, 2) == (len(containers), len(probed))


@pytest.mark.parametrize("instruction", ["USER", "PORT", "ENTRYPOINT", "CMD", "EXPOSE", "HEALTHCHECK"])
def test_both_dockerfiles_are_run_in_the_same_way(instruction: str) -> None:
    """That of headrace and that of `headrace init`: what is written for one holds for the other."""
    assert find(instruction) == find(instruction, SCAFFOLDED)


def find(what: str, path: Path = ROOT / "Dockerfile") -> str:
    """Return what an instruction of a Dockerfile says, or what a variable in it is set to."""
    text = path.read_text(encoding="utf-8").replace("\\\n", "")
    found = re.findall(rf"^{what} (.+)$", text, re.MULTILINE) or re.findall(rf"\b{what}=(\S+)", text)
    return " ".join(found[-1].split())


def list_commands() -> Iterator[list[str]]:
    services = yaml.safe_load((CONTAINERS / "compose.yaml").read_text(encoding="utf-8"))["services"]
    yield from (service["command"] for service in services.values() if "command" in service)
    yield from (container["args"] for pod in list_pods() for container in pod["containers"])


def list_pods() -> list[Any]:
    documents = yaml.safe_load_all((CONTAINERS / "kubernetes.yaml").read_text(encoding="utf-8"))
    return [each["spec"]["template"]["spec"] for each in documents if "template" in each["spec"]]
