import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.protocol.manifest import is_loopback, parse_manifest

SAMPLE: dict[str, Any] = {
    "id": "pipescope",
    "name": "PipeScope",
    "api": {
        "version": "3",
        "config_vars_prefix": "PIPESCOPE",
        "config_vars": ["PIPESCOPE_URL", "PIPESCOPE_TOKEN"],
        "password": "manifest-pass",
        "sso_salt": "s4lt-for-tests",
        "regions": ["us", "eu"],
        "requires": [],
        "production": {
            "base_url": "https://pipescope.example/heroku/resources",
            "sso_url": "https://pipescope.example/sso/login",
        },
        "test": {
            "base_url": "http://localhost:4567/heroku/resources",
            "sso_url": "http://localhost:4567/sso/login",
        },
    },
    "$base": 152951532282013,
}


def encode(*, without: tuple[str, ...] = (), slug: str = "pipescope", **api: Any) -> str:
    members = {name: value for name, value in {**SAMPLE["api"], **api}.items() if name not in without}
    return json.dumps({**SAMPLE, "id": slug, "api": members})


def find_problems(text: str | bytes, *, environment: str = "production") -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse_manifest(text, environment=environment)
    return caught.value.problems


def test_the_sample_manifest_is_read() -> None:
    """A manifest says who the add-on service is, to Heroku and to us."""
    manifest = parse_manifest(json.dumps(SAMPLE))

    assert ("pipescope", "PipeScope", "PIPESCOPE") == (manifest.id, manifest.name, manifest.config_vars_prefix)
    assert (Secret("manifest-pass"), Secret("s4lt-for-tests")) == (manifest.password, manifest.sso_salt)
    assert ("PIPESCOPE_URL", "PIPESCOPE_TOKEN") == manifest.config_vars
    assert (("us", "eu"), ()) == (manifest.regions, manifest.requires)
    assert "https://pipescope.example/heroku/resources" == manifest.base_url
    assert "https://pipescope.example/sso/login" == manifest.sso_url


def test_each_environment_has_its_urls() -> None:
    """The test URLs may be plain http on this machine."""
    manifest = parse_manifest(json.dumps(SAMPLE), environment="test")

    assert "http://localhost:4567/heroku/resources" == manifest.base_url


def test_a_root_url_stands_for_both() -> None:
    """Old manifests give one root URL."""
    manifest = parse_manifest(encode(test="http://localhost:4567/"), environment="test")

    assert "http://localhost:4567/heroku/resources" == manifest.base_url
    assert "http://localhost:4567/sso/login" == manifest.sso_url


@pytest.mark.parametrize("version", ["3", 3, 1])
def test_the_version_may_be_text_or_number(version: str | int) -> None:
    """The generator writes "3", an old one the number 1."""
    assert "pipescope" == parse_manifest(encode(version=version)).id


def test_the_prefix_comes_from_the_slug() -> None:
    """Capitals, and underscores for dashes."""
    text = encode(without=("config_vars_prefix",), slug="pipe-scope", config_vars=["PIPE_SCOPE_URL"])

    assert "PIPE_SCOPE" == parse_manifest(text).config_vars_prefix


def test_the_test_environment_is_optional() -> None:
    """The newest generator writes none."""
    assert "pipescope" == parse_manifest(encode(without=("test",))).id


def test_every_problem_is_told_at_once() -> None:
    """Nobody should mend a manifest one message at a time."""
    problems = find_problems(
        encode(
            slug="Pipe Scope",
            password="",
            sso_salt="",
            config_vars=["pipescope_url", "OTHER_URL"],
            regions=[],
            production={"base_url": "http://pipescope.example/heroku/resources", "sso_url": "sso"},
        )
    )

    assert [
        "id",
        "api.password",
        "api.sso_salt",
        "api.config_vars",
        "api.config_vars",
        "api.regions",
        "api.production.base_url",
        "api.production.sso_url",
    ] == [problem.partition(":")[0] for problem in problems]


@pytest.mark.parametrize(
    "url",
    [
        "http://pipescope.example/heroku/resources",
        "http://localhost.evil.example/x",
        "http://localhost@evil.example/x",
        "http://10.0.0.1/x",
        "ftp://pipescope.example/x",
        "//pipescope.example/x",
        "https://",
        "https:///heroku/resources",
        "",
        "https://[pipescope.example/x",
    ],
)
def test_a_url_must_be_https(url: str) -> None:
    """Heroku calls production over https only; a URL that is none is a problem, not a crash."""
    problems = find_problems(encode(production={"base_url": url}))

    assert problems[0].startswith("api.production.base_url")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_plain_http_is_fine_on_this_machine(host: str) -> None:
    """A loopback address leaves no machine."""
    url = f"http://{host}:4567/heroku/resources"

    assert is_loopback(url)
    assert url == parse_manifest(encode(production={"base_url": url})).base_url


@pytest.mark.parametrize(
    "name", ["url", "PIPESCOPE-URL", "1PIPESCOPE_URL", "_URL", "", "PIPESCOPE", "OTHER_URL", "PIPESCOPEURL"]
)
def test_a_config_var_is_capitals_under_the_prefix(name: str) -> None:
    """Each name begins with the prefix and an underscore."""
    assert 1 == len(find_problems(encode(config_vars=[name])))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nope",
        "[]",
        "null",
        "{}",
        b"\xff",
        b'{"id":"\xff"}',
        '{"id":1,"api":{}}',
        '{"id":"x"}',
        '{"id":"x","api":null}',
    ],
)
def test_an_unreadable_manifest_is_one_problem(text: str | bytes) -> None:
    """What is no manifest is said so."""
    assert 1 == len(find_problems(text))


def test_a_deep_manifest_is_one_problem() -> None:
    """Nesting beyond reading is a problem, not a crash."""
    assert 1 == len(find_problems(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))


@pytest.mark.parametrize(
    ("config", "undeclared"),
    [
        ({}, []),
        ({"PIPESCOPE_URL": "x"}, []),
        ({"PIPESCOPE_URL": "x", "PIPESCOPE_B": "x", "A": "x"}, ["A", "PIPESCOPE_B"]),
        ({"pipescope_url": "x"}, ["pipescope_url"]),
    ],
)
def test_only_declared_config_vars_may_be_set(config: dict[str, str], undeclared: list[str]) -> None:
    """Heroku refuses names that the manifest does not list."""
    assert undeclared == parse_manifest(json.dumps(SAMPLE)).find_undeclared(config)


@settings(max_examples=100)
@given(text=st.text() | st.binary())
def test_no_text_breaks_the_parser(text: str | bytes) -> None:
    """A manifest is read or every problem is told."""
    assert find_problems(text)


def test_a_problem_shows_no_secret() -> None:
    """Password and salt are in no message."""
    problems = find_problems(encode(password=["planted-pass"], sso_salt="planted-salt"))

    assert "planted" not in " ".join(problems)
