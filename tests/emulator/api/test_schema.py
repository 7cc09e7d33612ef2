"""The emulator's answers against Heroku's published schema, which is not part of this repository."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace

from emulator.partner import RawPartner, answer, change_manifest
from emulator.wire import CLIENT_SECRET, Wire
from headrace.emulator import Emulator, Exchange
from headrace.emulator.front.app import PATHS
from heroku_schema import (
    ENDPOINT_EXCEPTIONS,
    EXPANSIONS,
    LIST,
    MEMBER_EXCEPTIONS,
    HerokuSchema,
    find_impossible,
    find_unexpected,
    read_document,
    read_schema,
)

# What an endpoint answers with, and its path.
DOCUMENTED = [
    ("account", "/account"),
    ("account", "/users/~"),
    ("rate-limit", "/account/rate-limits"),
    ("team", "/teams"),
    ("team", "/teams/lumen"),
    ("team-member", "/teams/lumen/members"),
    ("oauth-authorization", "/oauth/authorizations"),
    ("oauth-client", "/oauth/clients"),
    ("region", "/regions"),
    ("region", "/regions/eu"),
    ("stack", "/stacks"),
    ("app", "/apps"),
    ("app", "/apps/storefront"),
    ("app", "/users/~/apps"),
    ("release", "/apps/storefront/releases"),
    ("release", "/apps/storefront/releases/1"),
    ("domain", "/apps/storefront/domains"),
    ("domain", "/apps/storefront/domains/storefront.herokuapp.com"),
    ("formation", "/apps/storefront/formation"),
    ("formation", "/apps/storefront/formation/web"),
    ("dyno", "/apps/storefront/dynos"),
    ("dyno", "/apps/storefront/dynos/web.1"),
    ("collaborator", "/apps/help-centre/collaborators"),
    ("pipeline", "/pipelines"),
    ("pipeline", "/pipelines/storefront"),
    ("pipeline-coupling", "/pipeline-couplings"),
    ("pipeline-coupling", "/apps/storefront/pipeline-couplings"),
    ("add-on-service", "/addon-services"),
    ("add-on-service", "/addon-services/acme-search"),
    ("plan", "/addon-services/acme-search/plans"),
    ("plan", "/plans/acme-search:basic"),
    ("add-on", "/addons"),
    ("add-on", "/addons/schema-check"),
    ("add-on", "/apps/storefront/addons"),
    ("add-on", "/apps/storefront/addons/schema-check"),
    ("add-on-config", "/addons/schema-check/config"),
    ("log-drain", "/apps/storefront/log-drains"),
    ("log-drain", "/addons/schema-check/log-drains"),
    ("add-on-attachment", "/addon-attachments"),
    ("add-on-attachment", "/apps/storefront/addon-attachments"),
    ("add-on-attachment", "/addons/schema-check/addon-attachments"),
]

# Definition and path; items of lists and what is read by its id have to fit.
WEBHOOKS = [
    ("app-webhook/definitions/app_webhook", "/apps/storefront/webhooks"),
    ("app-webhook-delivery", "/apps/storefront/webhook-deliveries"),
    ("app-webhook-event", "/apps/storefront/webhook-events"),
    ("add-on-webhook/definitions/addon_webhook", "/addons/schema-check/webhooks"),
    ("app-webhook-delivery", "/addons/schema-check/webhook-deliveries"),
    ("app-webhook-event", "/addons/schema-check/webhook-events"),
]

PROVISIONED = {"id": "one", "config": {"ACME_SEARCH_URL": "https://in.acme"}, "log_drain_url": "https://logs.acme"}
EXPANDED = {"Accept_Expansion": "plan, addon_service"}
RATE_LIMIT = Exchange(
    direction="to Heroku",
    method="GET",
    path="/account/rate-limits",
    status=200,
    at=datetime(2026, 11, 23, tzinfo=UTC),
    ms=1,
    raw_response=b'{"remaining":4500}',
)


@pytest.mark.parametrize(("definition", "path"), DOCUMENTED)
@pytest.mark.parametrize("headers", [{}, EXPANDED], ids=["plain", "expanded"])
async def test_an_answer_is_what_herokus_schema_says(
    heroku: Emulator,
    acme: RawPartner,
    wire: Wire,
    exchanges: list[Exchange],
    definition: str,
    path: str,
    headers: dict[str, str],
) -> None:
    """Every member that is documented, and no other."""
    await make_one_of_each(heroku, acme, wire)
    reply = await wire.get(path, **headers)
    link = read_schema().find_link("GET", path)

    assert 200 == reply.status
    assert reply.body
    assert link is not None
    assert definition == link.definition
    assert [] == find_unexpected(exchanges)


async def test_a_token_is_what_herokus_schema_says(
    heroku: Emulator, acme: RawPartner, wire: Wire, exchanges: list[Exchange]
) -> None:
    """The API host issues tokens as the id host asks it to (contract §2.3)."""
    await heroku.create_addon("storefront", "acme-search:basic")
    grant = {"code": acme.received[0].body["oauth_grant"]["code"], "type": "authorization_code"}
    body = {"client": {"secret": CLIENT_SECRET}, "grant": grant, "refresh_token": {}}
    reply = await wire.send("POST", "/oauth/tokens", token=None, json=body)

    assert 201 == reply.status
    assert [] == find_unexpected(exchanges)


@pytest.mark.parametrize(("definition", "path"), WEBHOOKS)
@pytest.mark.parametrize("status", [204, 500])
async def test_webhooks_are_what_herokus_schema_says(
    heroku: Emulator,
    acme: RawPartner,
    wire: Wire,
    exchanges: list[Exchange],
    definition: str,
    path: str,
    status: int,
) -> None:
    """In the list and by itself, delivered or waiting behind one that failed."""
    await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    acme.reactions["webhook"] = answer(status, raw=b"")
    wanted = {"include": ["api:addon"], "level": "sync", "url": f"{acme.url}/webhooks/schema"}
    for owner in ("/apps/storefront", "/addons/schema-check"):
        assert 201 == (await wire.send("POST", f"{owner}/webhooks", json=wanted)).status
    await heroku.change_plan("schema-check", "standard")
    await heroku.change_plan("schema-check", "basic")
    await heroku.settle()
    link = read_schema().find_link("GET", path)
    listed = (await wire.get(path)).body
    alone = (await wire.get(f"{path}/{listed[0]['id']}")).body

    assert alone == listed[0]
    assert link is not None
    assert definition == link.definition
    assert [] == find_unexpected(exchanges)


async def make_one_of_each(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    change_manifest(heroku, requires=("log_input", "syslog_drain"))
    acme.reactions["POST"] = answer(200, PROVISIONED)
    await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    for path, body in (
        ("/oauth/clients", {"name": "bot", "redirect_uri": "https://bot.example"}),
        ("/oauth/authorizations", {"scope": ["read"], "description": "for CI", "expires_in": 60}),
        ("/apps/storefront/log-drains", {"url": "https://drain.example"}),
        ("/apps/storefront/domains", {"hostname": "shop.example.com"}),
    ):
        assert 201 == (await wire.send("POST", path, json=body)).status


def test_every_endpoint_is_documented_or_an_exception() -> None:
    """What the emulator has of its own is listed with its reason, and nothing else is."""
    assert set(ENDPOINT_EXCEPTIONS) == {
        place for place in PATHS.places if place[0] != "OPTIONS" and read_schema().find_link(*place) is None
    }


async def test_every_exception_is_needed(
    heroku: Emulator, acme: RawPartner, wire: Wire, exchanges: list[Exchange]
) -> None:
    """A difference that is gone goes from the table too."""
    addon = await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    partner = await wire.authorize(acme.received[0])
    for path in ("/apps/storefront", "/teams/lumen/apps", "/apps/storefront/domains", f"/addons/{addon.id}"):
        await wire.get(path, **EXPANDED)
    heroku.switches.async_deprovision = True
    acme.reactions["DELETE"] = answer(202, {})
    await wire.get("/apps/storefront/pipeline-couplings", token=partner)
    await wire.get("/apps/storefront/addon-attachments", Accept_Inclusion="addon:plan, config_vars")
    await wire.send("DELETE", f"/apps/storefront/addons/{addon.id}")
    unexpanded = HerokuSchema(read_document(), expansions={})

    assert set(MEMBER_EXCEPTIONS) == find_broken(read_schema(), exchanges)
    assert set(EXPANSIONS) == {
        (definition, member.partition(".")[0]) for definition, member in find_broken(unexpanded, exchanges)
    } & set(EXPANSIONS)


@pytest.mark.parametrize(
    ("definition", "member", "response"),
    [
        ("rate-limit", "remaining", {}),
        ("rate-limit", "remaining", {"remaining": "many"}),
        ("rate-limit", "extra", {"remaining": 1, "extra": 1}),
        ("rate-limit", "", None),
        ("rate-limit", LIST, []),
    ],
)
def test_an_answer_that_breaks_the_schema_is_found(definition: str, member: str, response: object) -> None:
    """The check of all traffic can fail."""
    broken = replace(RATE_LIMIT, raw_response=msgspec.json.encode(response))

    assert set() == find_broken(read_schema(), [RATE_LIMIT])
    assert {(definition, member)} == find_broken(read_schema(), [broken])


def test_an_answer_of_an_unknown_endpoint_is_found() -> None:
    """A new endpoint is either documented by Heroku or listed as an exception."""
    assert ["GET /nonsense: the schema has no such endpoint"] == find_unexpected(
        [replace(RATE_LIMIT, path="/nonsense")]
    )


def test_what_no_answer_can_meet_is_known() -> None:
    """Mistakes of Heroku's own, by their place in the schema: another one in a newer schema is noticed here.

    A webhook of an app has members all the same, in a definition beside this one; nothing is of that kind of dyno size.
    """
    assert {
        "app-webhook": {"created_at", "id", "include", "level", "updated_at", "url"},
        "formation.definitions.dyno_size.identity.anyOf": {
            "#/definitions/dyno_size/definitions/id",
            "#/definitions/dyno_size/definitions/name",
        },
    } == find_impossible(read_document())


def test_what_no_answer_can_meet_is_found() -> None:
    """The check can fail: at any depth, and not at what is only unusual."""
    fine = {"required": ["a"], "additionalProperties": False, "properties": {"a": {"$ref": "#/definitions/fine"}}}
    open_to_more = {"required": ["a"]}
    wrong = {"items": {"required": ["a"], "additionalProperties": False}, "anyOf": [{"$ref": "#/definitions/gone"}]}
    schema = {"definitions": {"fine": fine, "open": open_to_more, "wrong": wrong}}

    assert {"wrong.items": {"a"}, "wrong.anyOf": {"#/definitions/gone"}} == find_impossible(schema)


def find_broken(schema: HerokuSchema, exchanges: Iterable[Exchange]) -> set[tuple[str, str]]:
    return {(fault.definition, fault.member) for exchange in exchanges for fault in schema.find_faults(exchange)}
