"""The emulator's answers against Heroku's published schema, which is not part of this repository."""

from collections.abc import Iterable
from dataclasses import replace

import msgspec
import pytest
from starlette.routing import Route

from headrace.emulator import Emulator, Exchange
from heroku_schema import (
    ENDPOINT_EXCEPTIONS,
    EXPANSIONS,
    LIST,
    MEMBER_EXCEPTIONS,
    HerokuSchema,
    find_unexpected,
    read_document,
    read_schema,
)

from .acme import Acme, Wire

# What an endpoint answers with, and its path.
DOCUMENTED = [
    ("account", "/account"),
    ("account", "/users/~"),
    ("rate-limit", "/account/rate-limits"),
    ("team", "/teams"),
    ("team", "/teams/lumen"),
    ("team-member", "/teams/lumen/members"),
    ("app", "/apps"),
    ("app", "/apps/storefront"),
    ("app", "/users/~/apps"),
    ("release", "/apps/storefront/releases"),
    ("release", "/apps/storefront/releases/1"),
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
    ("add-on-attachment", "/addon-attachments"),
    ("add-on-attachment", "/apps/storefront/addon-attachments"),
    ("add-on-attachment", "/addons/schema-check/addon-attachments"),
]

EXPANDED = {"Accept_Expansion": "plan, addon_service"}
RATE_LIMIT = Exchange(
    direction="to Heroku",
    method="GET",
    path="/account/rate-limits",
    status=200,
    ms=1,
    request="",
    response='{"remaining":4500}',
)


@pytest.mark.parametrize(("definition", "path"), DOCUMENTED)
@pytest.mark.parametrize("headers", [{}, EXPANDED], ids=["plain", "expanded"])
async def test_an_answer_is_what_herokus_schema_says(
    heroku: Emulator, wire: Wire, exchanges: list[Exchange], definition: str, path: str, headers: dict[str, str]
) -> None:
    """Every member that is documented, and no other."""
    await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    reply = await wire.get(path, **headers)
    link = read_schema().find_link("GET", path)

    assert 200 == reply.status
    assert reply.body
    assert link is not None
    assert definition == link.definition
    assert [] == find_unexpected(exchanges)


async def test_every_endpoint_is_documented_or_an_exception(heroku: Emulator) -> None:
    """What the emulator has of its own is listed with its reason, and nothing else is."""
    served = {
        (method, route.path)
        for route in heroku.asgi().routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }

    assert set(ENDPOINT_EXCEPTIONS) == {place for place in served if read_schema().find_link(*place) is None}


async def test_every_exception_is_needed(heroku: Emulator, acme: Acme, wire: Wire, exchanges: list[Exchange]) -> None:
    """A difference that is gone goes from the table too."""
    addon = await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    partner = await wire.authorize(acme.received[0])
    for path in ("/apps/storefront", "/teams/lumen/apps", "/plans/acme-search:basic", f"/addons/{addon.id}"):
        await wire.get(path, **EXPANDED)
    await wire.get("/apps/storefront/pipeline-couplings", token=partner)
    await wire.get("/apps/storefront/addon-attachments", Accept_Inclusion="addon:plan, config_vars")
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
    broken = replace(RATE_LIMIT, response=msgspec.json.encode(response).decode())

    assert set() == find_broken(read_schema(), [RATE_LIMIT])
    assert {(definition, member)} == find_broken(read_schema(), [broken])


def test_an_answer_of_an_unknown_endpoint_is_found() -> None:
    """A new endpoint is either documented by Heroku or listed as an exception."""
    assert ["GET /nonsense: the schema has no such endpoint"] == find_unexpected(
        [replace(RATE_LIMIT, path="/nonsense")]
    )


def find_broken(schema: HerokuSchema, exchanges: Iterable[Exchange]) -> set[tuple[str, str]]:
    return {(fault.definition, fault.member) for exchange in exchanges for fault in schema.find_faults(exchange)}
