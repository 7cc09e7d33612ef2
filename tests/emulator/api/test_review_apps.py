"""Review apps as Heroku's own CLI and a customer's programs ask for them."""

import gc
from datetime import timedelta

import pytest

from emulator.partner import RawPartner, accept_for_later, answer, change_manifest
from emulator.wire import Wire
from headrace.emulator import BUILT_IN_WORLD, App, Emulator, load_world
from headrace.emulator.flow.review_apps import ASKED_AGAIN_AFTER
from headrace.errors import ConfigurationError

RESOLVE = {"url": "resolve", "version": None}
PLANS = 'plans = [\n    { name = "free", price = 0, default = true },'


def ask(heroku: Emulator, branch: str = "feature", **members: object) -> dict[str, object]:
    pipeline = heroku.state.pipelines["storefront"]
    return {"branch": branch, "pipeline": pipeline.id, "source_blob": RESOLVE, **members}


def use_short_lived_plans(heroku: Emulator, *, common: str = "", private: str = "") -> None:
    service = heroku.state.addon_services["acme-search"]
    service.short_lived_plan, service.private_short_lived_plan = common, private


async def test_the_cli_creates_one_and_finds_its_app(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """`reviewapps:create`, request by request: `resolve` is no URL, and the app comes after the answer."""
    pipeline = heroku.state.pipelines["storefront"]
    feature = await wire.get("/account/features/dashboard-repositories-api")
    repository = await wire.get(f"/pipelines/{pipeline.id}/repo")
    branch = await wire.get(f"/pipelines/{pipeline.id}/repo/branches/feature")
    asked = await wire.send("POST", "/review-apps", json=ask(heroku))
    await heroku.settle()
    made = (await wire.get(f"/review-apps/{asked.body['id']}")).body
    app = (await wire.get(f"/apps/{made['app']['id']}")).body
    coupling = (await wire.get(f"/apps/{app['id']}/pipeline-couplings")).body

    assert (True, "lumen/storefront", 200) == (feature.body["enabled"], repository.body["full_name"], branch.status)
    assert (201, "pending", None) == (asked.status, asked.body["status"], asked.body["app"])
    assert ("created", "review", pipeline.id) == (made["status"], coupling["stage"], coupling["pipeline"]["id"])
    assert made == (await wire.get(f"/apps/{app['id']}/review-app")).body
    assert [made] == (await wire.get(f"/pipelines/{pipeline.id}/review-apps")).body
    assert ["POST"] == [received.method for received in acme.received]


async def test_an_app_knows_what_it_is_of(heroku: Emulator, wire: Wire) -> None:
    """The vars of the stage, what came along, and Heroku's own; the parent is the app in staging."""
    pipeline = heroku.state.pipelines["storefront"]
    path = f"/pipelines/{pipeline.id}/stage/review/config-vars"
    await wire.send("PATCH", path, json={"MODE": "review", "GONE": "soon"})
    assert {"MODE": "review"} == (await wire.send("PATCH", path, json={"GONE": None})).body
    asked = await wire.send("POST", "/review-apps", json=ask(heroku, pr_number=7, environment={"MINE": "1"}))
    await heroku.settle()
    app = heroku.flow.review_apps[asked.body["id"]].app
    assert app is not None

    assert {
        "MODE": "review",
        "MINE": "1",
        "HEROKU_APP_NAME": app.name,
        "HEROKU_BRANCH": "feature",
        "HEROKU_PR_NUMBER": "7",
        "HEROKU_PARENT_APP_NAME": "storefront-staging",
    }.items() <= app.config.items()


@pytest.mark.parametrize(
    ("named", "common", "private", "target", "got"),
    [
        ("acme-search", "", "", None, "free"),
        ("acme-search:premium", "", "", None, "free"),
        ("acme-search:premium", "basic", "standard", None, "basic"),
        ({"plan": "acme-search:premium", "as": "SEARCH"}, "basic", "standard", "virginia", "standard"),
        ("acme-search:no-such-plan", "", "standard", "virginia", "standard"),
        ("acme-search", "basic", "", "virginia", "free"),
    ],
)
async def test_the_partners_plan_for_short_lived_apps_wins(
    heroku: Emulator, wire: Wire, named: object, common: str, private: str, target: str | None, got: str
) -> None:
    """Whatever plan app.json names; the Common Runtime and Private Spaces have one each (contract §7.6)."""
    change_manifest(heroku, regions=("*",))
    use_short_lived_plans(heroku, common=common, private=private)
    heroku.connect("storefront", "lumen/storefront", {"addons": [named]})
    config = f"/pipelines/{heroku.state.pipelines['storefront'].id}/review-app-config"
    region = {"id": target, "type": "region"} if target else None
    await wire.send("PATCH", config, json={"deploy_target": region})
    asked = await wire.send("POST", "/review-apps", json=ask(heroku))
    await heroku.settle()
    app = heroku.flow.review_apps[asked.body["id"]].app
    assert app is not None

    assert [got] == [addon.plan.name for addon in app.addons.values()]


async def test_options_and_a_name_of_app_json_reach_the_partner(heroku: Emulator, acme: RawPartner) -> None:
    wish = {"plan": "acme-search", "as": "SEARCH", "options": {"shards": 3}}
    heroku.connect("storefront", "lumen/storefront", {"addons": [wish]})
    review_app = await heroku.open_pull_request("storefront", 7)
    assert review_app.app is not None

    assert {"shards": "3"} == acme.received[0].body["options"]
    assert ["SEARCH"] == list(review_app.app.attachments)


async def test_the_environment_for_reviews_goes_before_the_rest(heroku: Emulator) -> None:
    written = {
        "env": {"A": "all", "B": {"value": "all"}, "SECRET": {"generator": "secret"}},
        "addons": ["acme-search"],
        "environments": {"review": {"addons": [], "env": {"A": "review"}}},
    }
    heroku.connect("storefront", "lumen/storefront", written)
    review_app = await heroku.open_pull_request("storefront", 7)
    assert review_app.app is not None

    assert {} == review_app.app.addons
    assert ("review", "all", 64) == (
        review_app.app.config["A"],
        review_app.app.config["B"],
        len(review_app.app.config["SECRET"]),
    )


async def test_it_waits_for_an_add_on_that_comes_later(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    acme.reactions["POST"] = accept_for_later
    review_app = await heroku.open_pull_request("storefront", 7)
    before = review_app.status
    partner = await wire.authorize(acme.received[0])
    await wire.send("POST", f"/addons/{acme.received[0].body['uuid']}/actions/provision", token=partner)

    assert ("creating", "created") == (before, review_app.status)


async def test_one_that_gets_no_add_on_is_errored_and_leaves_nothing(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """The words are the partner's."""
    acme.reactions["POST"] = answer(422, {"message": "We are full."})
    apps = {app.name for app in heroku.state.apps}
    asked = await wire.send("POST", "/review-apps", json=ask(heroku))
    await heroku.settle()
    made = (await wire.get(f"/review-apps/{asked.body['id']}")).body

    assert ("errored", "We are full.", None) == (made["status"], made["message"], made["app"])
    assert apps == {app.name for app in heroku.state.apps}


@pytest.mark.parametrize(
    ("app_json", "words"),
    [
        ({"addons": ["heroku-postgresql"]}, "no add-on service heroku-postgresql"),
        ({"addons": "acme-search"}, "addons has to be a list"),
        ({"addons": [5]}, "number 1"),
        ({"env": {"A": 5}}, "env, A"),
        ({"environments": {"review": []}}, "environments.review has to be an object"),
    ],
)
async def test_an_app_json_that_cannot_be_used_is_told(
    heroku: Emulator, app_json: dict[str, object], words: str
) -> None:
    heroku.connect("storefront", "lumen/storefront", app_json)
    review_app = await heroku.open_pull_request("storefront", 7)

    assert "errored" == review_app.status
    assert words in (review_app.message or "")


async def test_the_app_goes_when_the_pull_request_does(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    review_app = await heroku.open_pull_request("storefront", 7)
    app = review_app.app
    assert app is not None
    deleting = (await wire.send("DELETE", f"/review-apps/{review_app.id}")).body["status"]
    await heroku.settle()

    assert ("deleting", "deleted") == (deleting, (await wire.get(f"/review-apps/{review_app.id}")).body["status"])
    assert ["POST", "DELETE"] == [received.method for received in acme.received]
    assert 404 == (await wire.get(f"/apps/{app.id}")).status
    assert [] == (await wire.get(f"/pipelines/{review_app.pipeline.id}/review-apps")).body


async def test_a_partner_that_fails_to_remove_is_asked_again(heroku: Emulator, acme: RawPartner) -> None:
    """The app stays until it has."""
    heroku.clock.freeze()
    review_app = await heroku.open_pull_request("storefront", 7)
    acme.reactions["DELETE"] = answer(503, {})
    await heroku.close_pull_request("storefront", 7)
    before = review_app.status
    acme.reactions["DELETE"] = answer(204, raw=b"")
    heroku.clock.advance(ASKED_AGAIN_AFTER)
    await heroku.settle()

    assert ("deleting", "deleted", None) == (before, review_app.status, review_app.app)


async def test_a_branch_has_one(heroku: Emulator, wire: Wire) -> None:
    await wire.send("POST", "/review-apps", json=ask(heroku))

    assert (422, "invalid_params") == (await wire.send("POST", "/review-apps", json=ask(heroku))).error
    assert 201 == (await wire.send("POST", "/review-apps", json=ask(heroku, "other"))).status
    await heroku.settle()


async def test_stale_ones_go_after_the_days_of_the_pipeline(heroku: Emulator, wire: Wire) -> None:
    config = f"/pipelines/{heroku.state.pipelines['storefront'].id}/review-app-config"
    heroku.clock.freeze()
    await wire.send("PATCH", config, json={"destroy_stale_apps": True, "stale_days": 2})
    review_app = await heroku.open_pull_request("storefront", 7)
    heroku.clock.advance(timedelta(days=1))
    await heroku.settle()
    early = review_app.status
    heroku.clock.advance(timedelta(days=1))
    await heroku.settle()

    assert ("created", "deleted") == (early, review_app.status)


async def test_the_cli_enables_changes_and_disables_them(heroku: Emulator, wire: Wire) -> None:
    """`PATCH` before anything was enabled is a 404, and so is `GET` after; `DELETE` comes with a body."""
    pipeline = heroku.state.pipelines["ledger-api"]
    path, flags = f"/pipelines/{pipeline.id}/review-app-config", {"automatic_review_apps": True, "wait_for_ci": True}
    body = {"pipeline": pipeline.id, "repo": "lumen/ledger-api"}
    early = await wire.send("PATCH", path, json=flags | body)
    bare = await wire.send("POST", path, json={"pipeline": pipeline.id})
    made = await wire.send("POST", path, json=body)
    changed = await wire.send("PATCH", path, json=flags | body)
    again = await wire.send("POST", path, json=body)
    gone = await wire.send("DELETE", path, json=flags | body)

    assert (404, "not_found") == early.error
    assert (422, "invalid_params") == bare.error
    assert "repo is required" in bare.body["message"]
    assert (201, False, pipeline.id) == (made.status, made.body["automatic_review_apps"], made.body["pipeline_id"])
    assert (True, True, 5) == tuple(
        changed.body[name] for name in ("automatic_review_apps", "wait_for_ci", "stale_days")
    )
    assert isinstance(made.body["repo"]["id"], int)
    assert (409, "conflict") == again.error
    assert changed.body == gone.body
    assert (404, "not_found") == (await wire.get(path)).error


async def test_a_target_is_a_region_by_name_or_uuid_and_shown_as_uuid(heroku: Emulator, wire: Wire) -> None:
    """Terraform's provider asks for the region by what stands there."""
    path = f"/pipelines/{heroku.state.pipelines['storefront'].id}/review-app-config"
    by_name = await wire.send("PATCH", path, json={"deploy_target": {"id": "eu", "type": "region"}})
    region = (await wire.get(f"/regions/{by_name.body['deploy_target']['id']}")).body
    by_id = await wire.send("PATCH", path, json={"deploy_target": {"id": region["id"], "type": "region"}})

    assert "eu" == region["name"]
    assert by_name.body == by_id.body
    assert 422 == (await wire.send("PATCH", path, json={"deploy_target": {"id": "moon", "type": "region"}})).status
    assert 422 == (await wire.send("PATCH", path, json={"deploy_target": {"id": "s", "type": "space"}})).status


async def test_names_are_random_unless_the_pipeline_says_so(heroku: Emulator, wire: Wire) -> None:
    """A predictable one has the pull request's number in it."""
    first = await heroku.open_pull_request("storefront", 1)
    config = f"/pipelines/{heroku.state.pipelines['storefront'].id}/review-app-config"
    await wire.send("PATCH", config, json={"base_name": "shop"})
    second = await heroku.open_pull_request("storefront", 2)
    assert first.app is not None
    assert second.app is not None

    assert first.app.name.startswith("storefront-")
    assert "shop-pr-2" == second.app.name


async def test_nobody_else_may(heroku: Emulator, wire: Wire) -> None:
    review_app = await heroku.open_pull_request("storefront", 7)
    path = f"/pipelines/{review_app.pipeline.id}"

    for method, place in (
        ("GET", f"/review-apps/{review_app.id}"),
        ("DELETE", f"/review-apps/{review_app.id}"),
        ("GET", f"{path}/review-apps"),
        ("GET", f"{path}/repo"),
        ("PATCH", f"{path}/stage/review/config-vars"),
        ("DELETE", f"{path}/review-app-config"),
    ):
        assert (403, "forbidden") == (await wire.send(method, place, token="linus-token", json={})).error


def test_a_plan_for_short_lived_apps_is_one_of_the_services() -> None:
    with pytest.raises(ConfigurationError, match="plans for short-lived apps: there is no gold"):
        load_world(BUILT_IN_WORLD.replace(PLANS, f'short_lived_plan = "gold"\n{PLANS}'))
    spec = load_world(BUILT_IN_WORLD.replace(PLANS, f'private_short_lived_plan = "basic"\n{PLANS}')).addon_services[0]

    assert ("", "basic") == (spec.short_lived_plan, spec.private_short_lived_plan)


async def test_nothing_is_kept_of_a_review_app_that_is_gone(heroku: Emulator, acme: RawPartner) -> None:
    """Neither for the day on which it would be stale, nor for the hour by which its add-on had to be there."""
    acme.reactions["POST"] = accept_for_later
    opened = await heroku.open_pull_request("storefront", 7)
    assert opened.app is not None
    app_id = opened.app.id
    await heroku.close_pull_request("storefront", 7)
    gc.collect()

    assert app_id not in {each.id for each in gc.get_objects() if isinstance(each, App)}
