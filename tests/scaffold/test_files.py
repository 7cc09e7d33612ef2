"""The files of a new add-on, as whoever reads them reads them."""

import json
import re
from pathlib import Path

import pytest

from headrace.emulator import load_world
from headrace.emulator.flow.app_json import read_app_json
from headrace.protocol.manifest import parse_manifest
from headrace.scaffold.files import PRIVATE, PUBLIC, TEMPLATES, NewFile, build_files
from headrace.scaffold.names import Names
from headrace.scaffold.wheels import Wheel
from headrace.scaffold.writing import write_files

WHEEL = Wheel("headrace-0.1.0-py3-none-any.whl", b"a wheel")
PLANS = ["test", "basic", "premium"]


def build(name: str = "acme-search", python: tuple[int, int] = (3, 13)) -> dict[str, NewFile]:
    return build_files(Names(name), WHEEL, python=python)


def read(files: dict[str, NewFile], path: str) -> str:
    return files[path].content.decode()


@pytest.mark.parametrize("environment", ["production", "test"])
def test_the_manifest_has_no_problems(environment: str) -> None:
    """By the rules that Heroku has, in the form that its plugin writes."""
    text = read(build(), "addon-manifest.json")
    manifest = parse_manifest(text, environment=environment)

    assert ("acme-search", "Acme Search", ("ACME_SEARCH_URL",)) == (manifest.id, manifest.name, manifest.config_vars)
    assert json.dumps(json.loads(text), indent=2) == text


def test_each_add_on_has_secrets_of_its_own() -> None:
    """Nothing of what a file holds in secret is known from another one, and only its owner may read it."""
    first, second = build(), build()
    secrets = {
        secret
        for files in (first, second)
        for path in ("addon-manifest.json", ".env")
        for secret in re.findall(r'(?:password|sso_salt)": "(.+)"|SECRET=(.+)', read(files, path))
    }

    assert 2 * 4 == len(secrets)
    assert {"addon-manifest.json", ".env"} == {path for path, file in first.items() if file.mode == PRIVATE}
    assert {"addon-manifest.json", ".env"} <= set(read(first, ".gitignore").splitlines())
    assert {"*", "!addon.py", "!requirements.txt", "!wheels"} <= set(read(first, ".dockerignore").splitlines())


def test_the_world_is_one_that_has_the_add_on(tmp_path: Path) -> None:
    """It reads the manifest beside it, and the settings have its client secret."""
    files = build()
    write_files(tmp_path, files)
    world = load_world(read(files, "world.toml"), directory=tmp_path)
    (service,) = world.addon_services

    assert ("acme-search", PLANS) == (service.manifest.id, [plan.name for plan in service.plans])
    assert f"HEADRACE_CLIENT_SECRET={service.client_secret}\n" in read(files, ".env")
    assert "http://127.0.0.1:5050/heroku/resources" == service.manifest.base_url


def test_the_code_can_be_read_at_a_glance() -> None:
    """It is a whole add-on, in less than a screen."""
    code = read(build(), "addon.py")
    compile(code, "addon.py", "exec")

    assert len(code.splitlines()) <= 25
    assert "ACME_SEARCH_URL" in code
    assert "$" not in code


def test_what_deploys_it_names_what_it_takes() -> None:
    """The button asks for what nobody can guess, and the release brings the database up to date."""
    files = build()
    button = read_app_json(json.loads(read(files, "app.json")))
    required = [name for name, entry in json.loads(read(files, "app.json"))["env"].items() if entry.get("required")]

    assert ["essential-0"] == [addon.plan for addon in button.addons]
    assert ["HEADRACE_MANIFEST", "HEADRACE_CLIENT_SECRET", "HEADRACE_KEYS"] == required
    assert ["web", "worker", "release"] == re.findall(r"^(\w+): headrace ", read(files, "Procfile"), re.MULTILINE)


def test_the_build_gets_hashes_for_everything() -> None:
    """Of one package without a hash, and of two kinds of lock files, Heroku's build makes nothing."""
    files = build()
    requirements = read(files, "requirements.txt")
    names = re.findall(r"^([^\s#].*?) \\$", requirements, re.MULTILINE)

    assert f"./wheels/{WHEEL.name}" == names[0]
    assert f"--hash=sha256:{WHEEL.digest}" in requirements
    assert len(names) > 30
    assert all("==" in name for name in names[1:])
    assert WHEEL.content == files[f"wheels/{WHEEL.name}"].content
    assert set() == {"pyproject.toml", "uv.lock", "poetry.lock", "Pipfile.lock", "runtime.txt"} & files.keys()


@pytest.mark.parametrize(
    ("here", "there"), [((3, 11), "3.11"), ((3, 14), "3.14"), ((3, 15), "3.14"), ((3, 10), "3.11")]
)
def test_the_build_takes_the_python_of_this_machine(here: tuple[int, int], there: str) -> None:
    """As far as Heroku has it."""
    files = build(python=here)

    assert f"{there}\n" == read(files, ".python-version")
    assert f"FROM python:{there}-slim" in read(files, "Dockerfile")


def test_nothing_is_left_to_fill_in() -> None:
    """Every template is used, and every place in it filled."""
    files = build()
    there = Path(__file__).parents[2] / "src" / "headrace" / "scaffold" / "templates"

    assert {*TEMPLATES.values(), "env.in"} == {path.name for path in there.iterdir()}
    assert [] == [path for path in TEMPLATES if "${" in read(files, path)]
    assert {PUBLIC, PRIVATE} == {file.mode for file in files.values()}
