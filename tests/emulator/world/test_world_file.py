from collections import Counter
from pathlib import Path

import pytest

from headrace.emulator import BUILT_IN_WORLD, Emulator, describe, load_world
from headrace.errors import ConfigurationError

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
    users = [{ email = "a@b.example", token = "t" }, { email = "c@d.example", token = "t" }, { token = "u" },
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
        "users, number 3: Object missing required field `email`",
        "users, number 4: Expected `str` of length >= 1",
        "users, token: one of them stands there more than once.",
        "teams, team: there is no nobody@b.example.",
        "apps, shop: there is no ghost.",
        "couplings, number 1: Invalid enum value 'moon'",
        "couplings, shop: there is no li.",
        "addon_services, Acme: api.password: missing.",
    ):
        assert expected in problems


def test_a_world_has_enterprise_teams_and_permissions_on_their_apps() -> None:
    """Whoever is added without a word may view the app; nobody has permissions who works on none."""
    text = """
    users = [{ email = "ada@b.example" }, { email = "bo@b.example" }, { email = "cy@b.example" }]
    teams = [{ name = "big", enterprise = true, members = { "ada@b.example" = "admin" } }]
    apps = [{ name = "shop", owner = "big", collaborators = ["bo@b.example", "cy@b.example"], PERMISSIONS }]
    """
    given = load_world(text.replace("PERMISSIONS", 'permissions = { "bo@b.example" = ["view", "operate"] }'))
    state = Emulator(given, url=URL).state
    found = {each.user.email: each.permissions for each in state.apps["shop"].collaborators.values()}

    assert {"bo@b.example": ("view", "operate"), "cy@b.example": ("view",)} == found
    assert state.teams["big"].is_enterprise
    with pytest.raises(ConfigurationError, match=r"apps, shop, permissions: there is no ada@b\.example"):
        load_world(text.replace("PERMISSIONS", 'permissions = { "ada@b.example" = ["deploy"] }'))


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


def test_a_world_says_which_generations_a_service_supports() -> None:
    text = BUILT_IN_WORLD.replace('slug = "acme-search"', 'slug = "acme-search"\ngenerations = ["cedar"]')
    state = Emulator(load_world(text), url="http://127.0.0.1:5000").state

    assert ("cedar",) == state.addon_services["acme-search"].generations


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[faults]]\nkind = "duplicate"', 'duplicate happens to calls "to partner" only'),
        ('[[faults]]\nkind = "status"\nstatus = 200', "faults, number 1: Expected `int` >= 400 - at `$.status`"),
        ("[switches]\nrate_limt = 3", "there is no switch rate_limt"),
        ('[switches]\nrate_limit = "many"', "rate_limit: Expected `int`, got `str`"),
    ],
)
def test_a_world_with_wrong_faults_or_switches_is_refused(text: str, problem: str) -> None:
    """The mistake is named before anything runs."""
    with pytest.raises(ConfigurationError) as refused:
        load_world(f"{BUILT_IN_WORLD}\n{text}")

    assert [True] == [problem in found for found in refused.value.problems]


def test_a_world_sets_faults_and_switches() -> None:
    """What a world file says is on from the start."""
    text = '[switches]\ncut_off = 30\nlegacy_body = true\n[[faults]]\nkind = "latency"\nseconds = 0.1'
    emulator = Emulator(load_world(f"{BUILT_IN_WORLD}\n{text}"), url="http://127.0.0.1")

    assert (30.0, True) == (emulator.switches.cut_off.total_seconds(), emulator.switches.legacy_body)
    assert [("latency", 0.1)] == [(rule.fault.kind, rule.fault.seconds) for rule in emulator.faults]


def test_a_token_that_the_world_does_not_name_is_made_each_time_it_is_read() -> None:
    """Nobody knows the tokens of the built-in world before it runs; a world that names one keeps it."""
    first, second = (
        [user.token for user in describe(Emulator(load_world(BUILT_IN_WORLD), url=URL)).users] for _ in range(2)
    )
    named = load_world('users = [{ email = "ada@a.example", token = "chosen" }]')

    assert 6 == len({*first, *second})
    assert min(map(len, first)) >= 36
    assert "chosen" == named.users[0].token
