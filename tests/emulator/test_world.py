from collections import Counter
from pathlib import Path

import msgspec
import pytest

from headrace.emulator import BUILT_IN_WORLD, Emulator, describe, load_world, render_json, render_text
from headrace.errors import ConfigurationError
from headrace.protocol.manifest import parse_manifest

URL = "http://127.0.0.1:5000"


def test_the_built_in_world_has_apps_at_every_stage() -> None:
    state = Emulator(load_world(BUILT_IN_WORLD), url=URL).state
    stages = Counter(str(coupling.stage) for coupling in state.couplings.values())

    assert {"storefront", "ledger-api", "help-centre", "billing", "atlas"} == {p.name for p in state.pipelines}
    assert {"development", "review", "test", "staging", "production"} == set(stages)
    assert (1, True) == (stages["test"], stages["review"] > 3)
    assert {"ada-notes", "grace-lab", "orbit-status"} == {app.name for app in state.apps if app.coupling is None}


def test_two_runs_of_a_world_have_the_same_ids() -> None:
    first, second = (Emulator(load_world(BUILT_IN_WORLD), url=URL).state for _ in range(2))

    assert [app.id for app in first.apps] == [app.id for app in second.apps]
    assert list(first.couplings) == list(second.couplings)


def test_an_id_can_be_given() -> None:
    world = load_world('users = [{ email = "a@b.example", token = "t", id = "7b1f0c9e-3a44-4c0b-8d5e-19c2f7a6b350" }]')

    assert "7b1f0c9e-3a44-4c0b-8d5e-19c2f7a6b350" in Emulator(world, url=URL).state.users


def test_every_problem_of_a_world_is_listed() -> None:
    text = """
    users = [{ email = "a@b.example", token = "t" }, { email = "c@d.example", token = "t" }, { email = "e@f.example" },
        { email = "g@h.example", token = "" }]
    teams = [{ name = "team", members = { "nobody@b.example" = "admin" } }]
    apps = [{ name = "shop", owner = "ghost" }]
    couplings = [{ app = "shop", pipeline = "line", stage = "moon" }, { app = "shop", pipeline = "li", stage = "test" }]
    planets = []

    [[addon_services]]
    slug = "Acme"
    client_secret = "s"
    plans = []
    """

    with pytest.raises(ConfigurationError) as caught:
        load_world(text)
    problems = "\n".join(caught.value.problems)
    for expected in (
        "planets: there is no such table.",
        "users, number 3: Object missing required field `token`",
        "users, number 4: Expected `str` of length >= 1",
        "users, token: one of them stands there more than once.",
        "teams, team: there is no nobody@b.example.",
        "apps, shop: there is no ghost.",
        "couplings, number 1: Invalid enum value 'moon'",
        "couplings, shop: there is no li.",
        "addon_services, Acme: api.password: missing.",
    ):
        assert expected in problems


def test_a_world_that_is_no_toml_says_so() -> None:
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_world("= nope")


def test_a_manifest_may_come_from_a_file(tmp_path: Path) -> None:
    service = describe(Emulator(load_world(BUILT_IN_WORLD), url=URL)).addon_services[0]
    (tmp_path / "addon-manifest.json").write_text(service.settings["HEADRACE_MANIFEST"])
    world = load_world(
        '[[addon_services]]\nmanifest = "addon-manifest.json"\nclient_secret = "s"\nplans = [{ name = "basic" }]',
        directory=tmp_path,
    )

    assert "acme-search" == world.addon_services[0].manifest.id


def test_the_ready_info_holds_what_a_service_needs_to_run() -> None:
    world = load_world(BUILT_IN_WORLD)
    line = render_json(describe(Emulator(world, url=URL)))
    info = msgspec.json.decode(line)
    [service] = info["addon_services"]
    settings = service["settings"]

    assert "\n" not in line
    assert (URL, URL, "acme-client-secret") == (
        settings["HEROKU_API_URL"],
        settings["HEROKU_ID_URL"],
        settings["HEADRACE_CLIENT_SECRET"],
    )
    assert world.addon_services[0].manifest == parse_manifest(settings["HEADRACE_MANIFEST"])
    assert {"email": "ada@lumen.example", "token": "ada-token"} == info["users"][0]
    assert ["free", "basic", "standard", "premium"] == service["plans"]


def test_people_are_told_first_that_nothing_reaches_heroku() -> None:
    text = render_text(describe(Emulator(load_world(BUILT_IN_WORLD), url=URL)))

    assert text.startswith(f"This is an emulator of Heroku, at {URL}. Nothing here reaches Heroku.")
    for expected in (f"HEROKU_HOST={URL}", f"HEROKU_PARTICLEBOARD_URL={URL}", "HEROKU_API_KEY=ada-token"):
        assert expected in text
