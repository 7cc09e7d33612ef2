from base64 import b64encode
from datetime import timedelta

import pytest

from emulator.partner import RawPartner
from emulator.wire import ADA, Wire
from headrace.emulator import Emulator

BASIC = "Basic " + b64encode(f":{ADA}".encode()).decode()


@pytest.mark.parametrize("authorization", [f"Bearer {ADA}", f"bearer {ADA}", BASIC])
async def test_a_token_may_come_as_bearer_or_as_basic_password(wire: Wire, authorization: str) -> None:
    reply = await wire.get("/account", token=None, Authorization=authorization)

    assert (200, "ada@lumen.example") == (reply.status, reply.body["email"])


@pytest.mark.parametrize("authorization", ["", "Bearer nobody", "Basic !!!", BASIC.replace("Basic", "Digest")])
async def test_an_unknown_token_is_answered_401(wire: Wire, authorization: str) -> None:
    reply = await wire.get("/apps", token=None, Authorization=authorization)

    assert (401, "unauthorized") == reply.error


@pytest.mark.parametrize("variant", ["", ".sdk", ".pipelines", ".filters", ".webhooks", ".cedar-acm"])
async def test_every_variant_of_version_3_is_answered_with_json(wire: Wire, variant: str) -> None:
    reply = await wire.get("/apps", Accept=f"application/vnd.heroku+json; version=3{variant}")

    assert 200 == reply.status
    assert "application/json" == reply.headers["Content-Type"]


async def test_asking_for_no_version_can_be_made_an_error(heroku: Emulator, wire: Wire) -> None:
    heroku.switches.needs_accept = True

    assert (406, "not_acceptable") == (await wire.get("/apps", Accept="application/json")).error
    assert 200 == (await wire.get("/apps", Accept="application/vnd.heroku+json; version=3.sdk")).status


async def test_what_does_not_exist_is_answered_404_with_its_kind(wire: Wire) -> None:
    reply = await wire.get("/apps/nowhere")

    assert 404 == reply.status
    assert {"id": "not_found", "message": "Couldn't find that app.", "resource": "app"} == reply.body


@pytest.mark.parametrize("path", ["/nonsense", "/apps/", "/pipelines/"])
async def test_an_unknown_path_is_a_404_in_herokus_shape(wire: Wire, path: str) -> None:
    assert (404, "not_found") == (await wire.get(path)).error


async def test_somebody_elses_app_is_answered_403(wire: Wire) -> None:
    assert (403, "forbidden") == (await wire.get("/apps/billing")).error


async def test_a_body_that_is_no_json_is_a_bad_request(wire: Wire) -> None:
    reply = await wire.send("POST", "/apps", data=b"{nope")

    assert (400, "bad_request") == reply.error


async def test_a_missing_member_is_named(wire: Wire) -> None:
    reply = await wire.send("POST", "/pipeline-couplings", json={"app": "ada-notes"})

    assert (422, "invalid_params") == reply.error
    assert "pipeline is required." == reply.body["message"]


async def test_every_answer_carries_a_request_id_of_its_own(wire: Wire) -> None:
    found = [(await wire.get(path)).headers["Request-Id"] for path in ("/account", "/account", "/nonsense")]

    assert 3 == len(set(found))


async def test_an_unchanged_thing_is_answered_304_without_a_body(wire: Wire) -> None:
    first = await wire.get("/apps/storefront")
    second = await wire.get("/apps/storefront", If_None_Match=first.headers["ETag"])

    assert first.headers["ETag"].startswith('W/"')
    assert (304, b"") == (second.status, second.raw)


async def test_a_changed_thing_is_answered_anew(heroku: Emulator, wire: Wire) -> None:
    etag = (await wire.get("/apps/storefront/pipeline-couplings")).headers["ETag"]
    heroku.move("storefront", "staging")
    reply = await wire.get("/apps/storefront/pipeline-couplings", If_None_Match=etag)

    assert (200, "staging") == (reply.status, reply.body["stage"])


async def test_a_list_is_read_page_by_page(wire: Wire) -> None:
    whole = [app["name"] for app in (await wire.get("/apps", Range="name ..;")).body]
    first = await wire.get("/apps", Range="name ..; max=5")
    names, page = [app["name"] for app in first.body], first
    while page.status == 206:
        page = await wire.get("/apps", Range=page.headers["Next-Range"])
        names += [app["name"] for app in page.body]

    assert sorted(whole) == names
    assert f"name ]{first.body[-1]['name']}..; max=5" == first.headers["Next-Range"]
    assert f"name {names[0]}..{names[4]}; max=5" == first.headers["Content-Range"]
    assert "id, name" == first.headers["Accept-Ranges"]


@pytest.mark.parametrize("header", ["version ..; order=desc,max=1", "version ..; max=1, order=desc"])
async def test_the_newest_release_comes_first_when_asked_for(wire: Wire, header: str) -> None:
    for number in range(12):
        await wire.send("PATCH", "/apps/ada-notes/config-vars", json={"N": str(number)})
    newest = await wire.get("/apps/ada-notes/releases", Range=header)
    next_one = await wire.get("/apps/ada-notes/releases", Range=newest.headers["Next-Range"])

    assert [13] == [release["version"] for release in newest.body]
    assert [12] == [release["version"] for release in next_one.body]


@pytest.mark.parametrize("header", ["domain ..; ;", "seq ..; order=desc,max=1000", "what?"])
async def test_a_range_that_makes_no_sense_is_ignored(wire: Wire, header: str) -> None:
    assert 200 == (await wire.get("/apps/storefront/releases", Range=header)).status


async def test_a_range_is_ignored_on_a_single_thing(wire: Wire) -> None:
    assert 200 == (await wire.get("/apps/storefront", Range="id ..; max=1")).status


async def test_each_request_costs_one_of_the_pool_and_time_gives_it_back(heroku: Emulator, wire: Wire) -> None:
    heroku.clock.freeze()
    first = await wire.get("/account")
    free = await wire.get("/account/rate-limits")
    heroku.clock.advance(timedelta(minutes=1))
    later = await wire.get("/account/rate-limits")

    assert "4499" == first.headers["RateLimit-Remaining"]
    assert {"remaining": 4499} == free.body
    assert {"remaining": 4500} == later.body


async def test_an_empty_pool_is_answered_429(heroku: Emulator, wire: Wire) -> None:
    heroku.clock.freeze()
    heroku.switches.rate_limit = 1
    await wire.get("/account")

    assert (429, "rate_limit") == (await wire.get("/account")).error


async def test_what_a_client_writes_the_next_read_shows(wire: Wire) -> None:
    made = await wire.send("POST", "/apps", json={"name": "fresh-app"})
    renamed = await wire.send("PATCH", "/apps/fresh-app", json={"name": "fresher-app"})
    await wire.send("PATCH", "/apps/fresher-app/config-vars", json={"A": "1", "B": "2"})
    await wire.send("PATCH", "/apps/fresher-app/config-vars", json={"A": None})
    await wire.send("POST", "/apps/fresher-app/collaborators", json={"user": "grace@lumen.example"})

    assert (201, made.body["id"]) == (made.status, renamed.body["id"])
    assert {"B": "2"} == (await wire.get("/apps/fresher-app/config-vars")).body
    assert 404 == (await wire.get("/apps/fresh-app")).status
    assert 200 == (await wire.get("/apps/fresher-app", token="grace-token")).status
    assert 200 == (await wire.send("DELETE", "/apps/fresher-app")).status
    assert 404 == (await wire.get("/apps/fresher-app")).status


async def test_a_release_keeps_the_config_vars_of_its_time(wire: Wire) -> None:
    """The CLI's `releases:info` shows them."""
    for value in ("first", "second"):
        await wire.send("PATCH", "/apps/ada-notes/config-vars", json={"A": value})
    shown = [(await wire.get(f"/apps/ada-notes/releases/{version}/config-vars")).body for version in (1, 2, 3)]

    assert [{}, {"A": "first"}, {"A": "second"}] == shown
    assert (404, "not_found") == (await wire.get("/apps/ada-notes/releases/4/config-vars")).error


async def test_an_app_name_is_taken_once(wire: Wire) -> None:
    reply = await wire.send("POST", "/apps", json={"name": "storefront"})

    assert (422, "Name is already taken") == (reply.status, reply.body["message"])


async def test_apps_are_found_in_a_batch_by_id(heroku: Emulator, wire: Wire) -> None:
    wanted = [heroku.state.apps[name].id for name in ("storefront", "billing", "atlas")]
    reply = await wire.send("POST", "/filters/apps", json={"in": {"id": wanted}}, Range="id ..; max=1000;")

    assert {"storefront", "atlas"} == {app["name"] for app in reply.body}


async def test_a_teams_app_says_whether_the_reader_works_on_it(wire: Wire) -> None:
    """A member may see an app without having joined it."""
    await wire.send("POST", "/apps/storefront/collaborators", json={"user": "grace@lumen.example"})
    apps = {token: (await wire.get("/teams/lumen/apps", token=token)).body for token in (ADA, "grace-token")}
    joined = {token: {app["name"] for app in found if app["joined"]} for token, found in apps.items()}

    assert {ADA: set(), "grace-token": {"storefront"}} == joined


async def test_a_user_lists_their_own_and_shared_apps_without_those_of_teams(wire: Wire) -> None:
    reply = await wire.get("/users/~/apps")

    assert {"ada-notes", "help-centre", "help-centre-staging", "atlas"} == {app["name"] for app in reply.body}


async def test_a_team_shows_its_members_with_roles(wire: Wire) -> None:
    reply = await wire.get("/teams/lumen/members")

    assert {"ada@lumen.example": "admin", "grace@lumen.example": "member"} == {
        m["email"]: m["role"] for m in reply.body
    }
    assert (403, "forbidden") == (await wire.get("/teams/orbit/members")).error


async def test_traffic_is_kept_for_both_directions_without_secrets(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await wire.exchange(acme.received[0].body["oauth_grant"]["code"])
    await wire.get("/apps/storefront/config-vars")
    kept = [str(part) for exchange in heroku.traffic for part in (exchange, exchange.request, exchange.response)]

    assert [("POST", 200), ("POST", 200), ("GET", 200)] == [(e.method, e.status) for e in heroku.traffic]
    for secret in (acme.received[0].body["oauth_grant"]["code"], addon.config["ACME_SEARCH_URL"], "acme-client-secret"):
        assert not [text for text in kept if secret in text]
    assert not [text for text in kept if "HRKU-" in text]


async def test_a_path_with_a_user_names_the_caller_only(wire: Wire) -> None:
    assert 200 == (await wire.get("/users/ada@lumen.example/apps")).status
    assert (403, "forbidden") == (await wire.get("/users/linus@orbit.example/apps")).error
    assert (404, "not_found") == (await wire.get("/users/nobody@orbit.example/apps")).error


async def test_somebody_unknown_is_invited_to_an_app(heroku: Emulator, wire: Wire) -> None:
    """Heroku sends an invitation and lists them; what is no e-mail address nobody can be."""
    reply = await wire.send("POST", "/apps/storefront/collaborators", json={"user": "new@person.example"})
    listed = (await wire.get("/apps/storefront/collaborators")).body

    assert (201, "new@person.example") == (reply.status, reply.body["user"]["email"])
    assert "new@person.example" in [person["user"]["email"] for person in listed]
    assert heroku.state.users_by_email["new@person.example"].collaborations
    assert (404, "not_found") == (
        await wire.send("POST", "/apps/storefront/collaborators", json={"user": "nobody"})
    ).error


@pytest.mark.parametrize("member", [{"space": "nope"}, {"locked": True}, {"feature_flags": ["x"]}])
async def test_what_an_app_cannot_have_here_is_refused_in_words(wire: Wire, member: dict[str, object]) -> None:
    """Rather than answered as done."""
    reply = await wire.send("POST", "/teams/apps", json={"name": "hx-sp", "team": "lumen"} | member)

    assert (422, "invalid_params") == reply.error
    assert next(iter(member)) in reply.body["message"]
    assert 404 == (await wire.get("/apps/hx-sp")).status


async def test_a_team_has_no_features(wire: Wire) -> None:
    """The CLI's `members` asks for them first."""
    assert [] == (await wire.get("/teams/lumen/features")).body


async def test_a_rollback_is_a_release_with_the_config_vars_of_then(heroku: Emulator, wire: Wire) -> None:
    """The customer's own; those of add-ons stay as they are, and the release that runs is none to roll back to."""
    await wire.send("PATCH", "/apps/storefront/config-vars", json={"COLOUR": "green"})
    good = heroku.state.apps["storefront"].releases[-1]
    await heroku.create_addon("storefront", "acme-search:basic")
    await wire.send("PATCH", "/apps/storefront/config-vars", json={"COLOUR": "red", "SIZE": "2"})
    eligible = [release["eligible_for_rollback"] for release in (await wire.get("/apps/storefront/releases")).body]
    reply = await wire.send("POST", "/apps/storefront/releases", json={"release": good.id})
    config = (await wire.get("/apps/storefront/config-vars")).body
    again = await wire.send("POST", "/apps/storefront/releases", json={"release": reply.body["id"]})

    assert (201, f"Rollback to v{good.version}") == (reply.status, reply.body["description"])
    assert ("green", False, True) == (config["COLOUR"], "SIZE" in config, "ACME_SEARCH_URL" in config)
    assert 1 == eligible.count(False)
    assert (422, "invalid_params") == again.error
