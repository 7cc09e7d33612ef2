"""The gate of the API: who brings a token that may comes in, and nobody else learns or changes anything."""

from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.people.api_tokens import Scope, revoke_api_token
from ordering import TOKEN, provision
from pair import play_pair
from web.programs.calling import UUID, call, make_token

ENVIRONMENT = "api-token-of-36-letters-0a1b2c3d4e5f"
CALLS = {
    Scope.READ: [
        ("GET", "/resources"),
        ("GET", f"/resources/{UUID}"),
        ("GET", f"/resources/{UUID}/siblings"),
        ("GET", f"/resources/{UUID}/placements"),
        ("GET", f"/resources/{UUID}/board"),
        ("GET", f"/resources/{UUID}/orders/1"),
        ("GET", "/jobs"),
        ("GET", f"/jobs/{UUID}"),
        ("GET", f"/jobs/{UUID}/failures"),
        ("GET", "/notices"),
        ("GET", "/changes"),
        ("GET", f"/resources/{UUID}/actions"),
    ],
    Scope.WRITE: [
        ("POST", "/resources"),
        ("PATCH", f"/resources/{UUID}/config"),
        ("POST", f"/resources/{UUID}/rotate"),
        ("POST", "/jobs"),
        ("POST", f"/jobs/{UUID}/stop"),
        ("POST", f"/jobs/{UUID}/resume"),
    ],
    Scope.OPERATE: [
        ("POST", f"/resources/{UUID}/retry"),
        ("POST", f"/resources/{UUID}/abandon"),
        ("POST", f"/resources/{UUID}/try-now"),
        ("POST", f"/resources/{UUID}/give-up"),
        ("POST", f"/resources/{UUID}/actions/Rebuild"),
        ("POST", "/notices/1/settle"),
    ],
}


async def test_each_call_takes_its_scope_and_no_other_will_do(sqlite_url: str) -> None:
    """403 names the token and what it lacks; with the scope it is about what was asked."""
    async with play_pair(sqlite_url) as pair:
        tokens = {scope: await make_token(pair, f"may {scope}", scope) for scope in Scope}
        refused = {}
        for needed, calls in CALLS.items():
            for scope, token in tokens.items():
                answers = [await call(pair, method, path, token) for method, path in calls]
                refused[needed, scope] = [status == 403 for status, _ in answers]
        _, told = await call(pair, "POST", f"/resources/{UUID}/retry", tokens[Scope.READ])

    assert {(needed, scope): [needed != scope] * len(CALLS[needed]) for needed in Scope for scope in Scope} == refused
    assert "The token may read may read, and this takes one that may operate." == told["message"]


async def test_a_token_without_the_scope_changes_nothing(sqlite_url: str) -> None:
    """Not a row is written."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        token = await make_token(pair, "reader", Scope.READ)
        status, _ = await call(pair, "PATCH", f"/resources/{addon.id}/config", token, json={"config": {TOKEN: "x"}})
        changes = await pair.parts.database.read(list_config_changes, addon.id)

        assert (403, []) == (status, changes)


async def test_a_revoked_token_opens_nothing_from_then_on(database_url: str) -> None:
    """401, as for any other text."""
    async with play_pair(database_url) as pair:
        token = await make_token(pair)
        before, _ = await call(pair, "GET", "/resources", token)
        await pair.parts.database.write(revoke_api_token, "deploy", now=pair.parts.clock())
        after, told = await call(pair, "GET", "/resources", token)

        assert (200, 401) == (before, after)
        assert "`headrace tokens new`" in told["message"]


async def test_the_settings_token_reads_and_writes_and_does_not_operate(sqlite_url: str) -> None:
    """Its orders are `environment`'s in the timeline."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=ENVIRONMENT) as pair:
        addon = await provision(pair)
        config = {"config": {TOKEN: "t-1"}}
        ordered, order = await call(pair, "PATCH", f"/resources/{addon.id}/config", ENVIRONMENT, json=config)
        await pair.settle()
        retried, _ = await call(pair, "POST", f"/resources/{addon.id}/retry", ENVIRONMENT)
        [requested] = [event for event in await pair.list_events(addon.id) if event.name == "config.requested"]

        assert (202, "environment", 403) == (ordered, order["ordered_by"], retried)
        assert "environment" == requested.detail["by"]


async def test_what_is_asked_with_no_bearer_token_is_401(sqlite_url: str) -> None:
    """Another kind of credential is none."""
    async with play_pair(sqlite_url) as pair:
        token = await make_token(pair)
        statuses = []
        for header in (f"Basic {token}", token, "Bearer", f"bearer {token}"):
            async with pair.http.get(f"{pair.url}/api/resources", headers={"Authorization": header}) as answer:
                statuses.append(answer.status)

        assert [401, 401, 401, 200] == statuses
