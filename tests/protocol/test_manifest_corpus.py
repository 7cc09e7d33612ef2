"""Manifests in every shape that Heroku took: of kensa's generators, of its articles since 2011, and written by hand.

They are made up; what each has of its own is what somebody's manifest had.
"""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet

from headrace.checker.features.manifest import read_file
from headrace.emulator import load_world
from headrace.errors import ConfigurationError
from headrace.protocol.manifest import Manifest, parse_manifest, read_manifest
from headrace.settings import read_settings

PASSWORD, SALT = "manifest-pass", "s4lt-for-tests"
BASE, SSO = "https://quarry.example/heroku/resources", "https://quarry.example/sso/login"
LOCAL = {"base_url": "http://localhost:4567/heroku/resources", "sso_url": "http://localhost:4567/sso/login"}
BOTH = {"base_url": BASE, "sso_url": SSO}
ABSENT = object()


def make(slug: str = "quarry", *, name: Any = "Quarry", **api: Any) -> dict[str, Any]:
    """Return a usual manifest with other members of `api`; ABSENT takes one out."""
    usual = {
        "version": "3",
        "config_vars": [f"{slug.upper().replace('-', '_')}_URL"],
        "password": PASSWORD,
        "sso_salt": SALT,
        "regions": ["us", "eu"],
        "requires": ["many_per_app"],
        "production": BOTH,
        "test": LOCAL,
    }
    members = {key: value for key, value in {**usual, **api}.items() if value is not ABSENT}
    return {"id": slug, "api": members} | ({} if name is ABSENT else {"name": name})


# What each is, and what a service in production is to make of it: the address for calls, and that for logins.
ACCEPTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "the newest generator: no test": (make(test=ABSENT), BASE, SSO),
    "the generator with a CLI plugin and a base": (
        make() | {"cli_plugin_name": "heroku-quarry", "$base": 15295153},
        BASE,
        SSO,
    ),
    "a slug with underscores": (make("stone_quarry", config_vars=["STONE_QUARRY_KEY"]), BASE, SSO),
    "a slug with dashes and underscores": (make("stone-quarry_2", config_vars=["STONE_QUARRY_2_URL"]), BASE, SSO),
    "a slug that begins with a digit": (
        make("4stones", config_vars_prefix="STONES", config_vars=["STONES_URL"]),
        BASE,
        SSO,
    ),
    "a slug of one letter": (make("q"), BASE, SSO),
    "a prefix of its own": (make(config_vars_prefix="STONE", config_vars=["STONE_URL"]), BASE, SSO),
    "a prefix that is null": (make(config_vars_prefix=None), BASE, SSO),
    "no single sign-on": (make(sso_salt=ABSENT, production={"base_url": BASE}), BASE, ""),
    "single sign-on that is null": (make(sso_salt=None, production={"base_url": BASE, "sso_url": None}), BASE, ""),
    "a salt for which there is no address": (make(production={"base_url": BASE}), BASE, ""),
    "a root address for both": (make(production="https://quarry.example/", test="http://localhost:4567/"), BASE, SSO),
    "a root address, and no salt": (make(production="https://quarry.example", sso_salt=ABSENT), BASE, ""),
    "a root address with the suffix": (make(production=BASE, sso_salt=ABSENT), BASE, ""),
    "the suffix left to Heroku": (make(production={"base_url": "https://quarry.example", "sso_url": SSO}), BASE, SSO),
    "the suffix left to Heroku, below a path": (
        make(production={"base_url": "https://quarry.example/addon", "sso_url": SSO}),
        "https://quarry.example/addon/heroku/resources",
        SSO,
    ),
    "half of the suffix": (
        make(production={"base_url": "https://quarry.example/heroku/", "sso_url": SSO}),
        "https://quarry.example/heroku/heroku/resources",
        SSO,
    ),
    "a path above the suffix": (
        make(production={"base_url": "https://quarry.example/v2/heroku/resources", "sso_url": SSO}),
        "https://quarry.example/v2/heroku/resources",
        SSO,
    ),
    "a slash at the end": (make(production={"base_url": f"{BASE}/", "sso_url": f"{SSO}/"}), BASE, f"{SSO}/"),
    "logins below base_url": (make(production={"base_url": BASE, "sso_url": f"{BASE}/sso"}), BASE, f"{BASE}/sso"),
    "logins on another host": (
        make(production={"base_url": BASE, "sso_url": "https://login.quarry.example"}),
        BASE,
        "https://login.quarry.example",
    ),
    "logins at the root": (
        make(production={"base_url": BASE, "sso_url": "https://quarry.example/"}),
        BASE,
        "https://quarry.example/",
    ),
    "addresses with blanks around them": (make(production={"base_url": f" {BASE}\n", "sso_url": f"{SSO} "}), BASE, SSO),
    "a port": (
        make(production={"base_url": "https://quarry.example:8443/heroku/resources", "sso_url": SSO}),
        "https://quarry.example:8443/heroku/resources",
        SSO,
    ),
    "a scheme in capitals": (make(production={"base_url": BASE.replace("https", "HTTPS"), "sso_url": SSO}), BASE, SSO),
    "a third address": (make(production={**BOTH, "dashboard_url": "https://quarry.example/home"}), BASE, SSO),
    "a test that is null": (make(test=None), BASE, SSO),
    "a test that is empty": (make(test={}), BASE, SSO),
    "a test with blank addresses": (make(test={"base_url": "", "sso_url": ""}), BASE, SSO),
    "before regions": (make(regions=ABSENT, requires=ABSENT, version=ABSENT, name=ABSENT), BASE, SSO),
    "every region": (make(regions=["*"]), BASE, SSO),
    "regions of Private Spaces": (make(regions=["us", "virginia", "tokyo"]), BASE, SSO),
    "no config vars": (make(config_vars=ABSENT), BASE, SSO),
    "an empty list of config vars": (make(config_vars=[]), BASE, SSO),
    "requires that are null": (make(requires=None), BASE, SSO),
    "requirements that nobody knows": (make(requires=["log_input", "attachable", "teleport"]), BASE, SSO),
    "a version that is a number": (make(version=1), BASE, SSO),
    "a name that is null": (make(name=None), BASE, SSO),
    "plans, as in the very first ones": (make() | {"plans": [{"id": "basic", "price": "0"}]}, BASE, SSO),
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a slug in capitals": (make("Quarry", config_vars=["QUARRY_URL"]), "id:"),
    "a slug with a blank": (make("the quarry", config_vars=[]), "id:"),
    "a slug with a colon, where a user name ends": (make("the:quarry", config_vars=[]), "id:"),
    "a slug that is empty": (make("", config_vars=[]), "id:"),
    "no password": (make(password=ABSENT), "api.password:"),
    "logins without a salt": (make(sso_salt=""), "api.sso_salt:"),
    "a config var in small letters": (make(config_vars=["quarry_url"]), "api.config_vars:"),
    "a config var without the prefix": (make(config_vars=["DATABASE_URL"]), "api.config_vars:"),
    "an empty list of regions": (make(regions=[]), "api.regions:"),
    "no address": (make(production=ABSENT), "api.production.base_url:"),
    "a relative address": (make(production={"base_url": "/heroku/resources"}), "api.production.base_url:"),
    "an address without a scheme": (make(production={"base_url": "quarry.example"}), "api.production.base_url:"),
    "plain http": (make(production={"base_url": BASE.replace("https", "http")}), "api.production.base_url:"),
    "plain logins": (make(production={**BOTH, "sso_url": SSO.replace("https", "http")}), "api.production.sso_url:"),
    "one address for calls and logins": (make(production={**BOTH, "sso_url": BASE}), "api.production.sso_url:"),
}


def read_as_service(manifest: dict[str, Any], *, heroku: str = "https://api.heroku.com") -> Manifest:
    return read_settings(
        {
            "HEADRACE_MANIFEST": json.dumps(manifest),
            "HEADRACE_CLIENT_SECRET": "client-secret",
            "HEADRACE_KEYS": Fernet.generate_key().decode(),
            "HEROKU_API_URL": heroku,
            "HEROKU_ID_URL": heroku,
        }
    ).manifest


@pytest.mark.parametrize(("manifest", "base_url", "sso_url"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_heroku_took_is_taken(manifest: dict[str, Any], base_url: str, sso_url: str) -> None:
    """By the service that runs and by the checker, with the addresses that Heroku calls."""
    parsed = read_as_service(manifest)
    judged = read_file(json.dumps(manifest).encode())

    assert (manifest["id"], base_url, sso_url) == (parsed.id, parsed.base_url, parsed.sso_url)
    assert () == judged.problems
    assert judged.parsed is not None


@pytest.mark.parametrize("manifest", [manifest for manifest, *_ in ACCEPTED.values()], ids=ACCEPTED)
def test_what_heroku_took_runs_against_an_emulator(manifest: dict[str, Any], tmp_path: Any) -> None:
    """As a file of a world, and with an emulator's settings, where `production` stands for a missing `test`."""
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    world = load_world(
        """
        [[addon_services]]
        manifest = "manifest.json"
        client_secret = "client-secret"
        plans = [{ name = "basic" }]
        """,
        directory=tmp_path,
    )
    local = read_as_service(manifest, heroku="http://127.0.0.1:5050")

    assert [manifest["id"]] == [service.manifest.id for service in world.addon_services]
    assert local.base_url.endswith("/heroku/resources")


@pytest.mark.parametrize(("manifest", "key"), REFUSED.values(), ids=REFUSED)
def test_what_heroku_refuses_is_refused_everywhere_alike(manifest: dict[str, Any], key: str, tmp_path: Any) -> None:
    """With one problem, that names its key; an emulator calls what Heroku's own rules say."""
    [problem] = read_manifest(json.dumps(manifest)).problems
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_as_service(manifest)

    assert problem.startswith(key)
    assert (f"HEADRACE_MANIFEST: {problem}",) == caught.value.problems


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:5000", "http://provider:5000", "http://192.168.1.20", "http://[::1]:5000"]
)
def test_a_plain_host_is_enough_where_an_emulator_calls(host: str) -> None:
    """In a world, whose Heroku is one, and under `test`, which Heroku never calls."""
    world = load_world(
        f"""
        [[addon_services]]
        slug = "quarry"
        password = "p"
        client_secret = "client-secret"
        plans = [{{ name = "basic" }}]
        base_url = "{host}"
        """
    )
    test = parse_manifest(json.dumps(make(test={"base_url": host})), environment="test")

    assert f"{host}/heroku/resources" == world.addon_services[0].manifest.base_url == test.base_url


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"", b"\n"])
def test_a_file_of_any_editor_is_read(mark: bytes) -> None:
    """Some put a byte-order mark before the text, some lines in between."""
    text = json.dumps(make(), indent=2).replace("\n", "\r\n").encode()

    assert "quarry" == parse_manifest(mark + text).id == parse_manifest((mark + text).decode()).id
