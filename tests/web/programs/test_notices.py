"""Notices by the API: what wants a person's eye, with what it means, and who settled it."""

from headrace.store.state.notices import NoticeKind, list_notices_of, raise_notice
from ordering import provision
from pair import play_pair
from web.programs.calling import call, make_token


async def test_open_notices_are_told_and_settled_by_name(database_url: str) -> None:
    """With what there is to do; a settled one is gone from the list, and settling it again is 404."""
    async with play_pair(database_url) as pair:
        addon, token = await provision(pair), await make_token(pair, "grace")
        now = pair.parts.clock()
        with pair.parts.database.transaction() as connection:
            detail = {"step": "set_config", "reason": "Unprocessable"}
            raise_notice(connection, addon.id, NoticeKind.CONFIG_FAILED, now=now, **detail)
        _, told = await call(pair, "GET", "/notices", token)
        [notice] = told["notices"]
        settled = [(await call(pair, "POST", f"/notices/{notice['id']}/settle", token))[0] for _ in range(2)]
        _, after = await call(pair, "GET", "/notices", token)
        [row] = await pair.parts.database.read(list_notices_of, addon.id)

        assert (addon.id, addon.name, "config.failed") == (notice["uuid"], notice["resource"], notice["kind"])
        assert "order them again" in notice["to_do"]
        assert {"step": "set_config", "reason": "Unprocessable"} == notice["detail"]
        assert ([204, 404], [], "grace") == (settled, after["notices"], row.settled_by)


async def test_a_notice_of_any_number_is_404(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair:
        token = await make_token(pair)

        assert [404, 404] == [(await call(pair, "POST", f"/notices/{id_}/settle", token))[0] for id_ in (1, 10**30)]
