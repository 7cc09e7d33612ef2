"""Answers that no Heroku should give: each costs its own resource a look, and nobody else anything."""

import json
from datetime import timedelta
from typing import Any

import pytest

from headrace.client import HerokuClient
from headrace.emulator import Clock, Switches
from headrace.errors import Unprocessable
from headrace.inspector.inspector import Inspector
from headrace.protocol.pipelines import Access
from headrace.protocol.platform import build_addon_info
from headrace.protocol.wire import Response
from headrace.store.state.due import claim_batch, find_longest_due, list_batch
from headrace.store.state.people.access import list_freshly_checked_apps, save_access
from headrace.store.state.placements import (
    find_current_placement,
    find_inspection,
    make_first_due,
    save_inspection,
    want_inspection,
)
from headrace.store.state.secrets import TOKEN
from headrace.workflows.chores.sweep import LEASE
from headrace.workflows.chores.upkeep import Upkeep
from inspector.odd_heroku import BATCH, RECHECK, inspect_batch, open_client
from pair import Pair, play_pair
from store.making import add_resource, id_of, place

PIPELINE = "99999999-89ab-cdef-0123-456789abcdef"
GOOD = ("shop", "shop-staging", "ada-notes")


def _answer_place(app_id: str, **changes: Any) -> Response:
    coupling = {"id": BATCH, "app": {"id": app_id}, "pipeline": {"id": PIPELINE}, "stage": "production", **changes}
    return Response(status=200, body=json.dumps([coupling]).encode())


@pytest.mark.parametrize(
    "odd",
    [
        {"stage": "a\0b"},
        {"stage": "s" * 256},
        {"pipeline": {"id": PIPELINE + "0"}},
        {"app": {"id": "a\0b"}},
    ],
)
async def test_an_odd_answer_about_one_resource_costs_its_neighbours_nothing(
    database_url: str, odd: dict[str, Any]
) -> None:
    """A NUL, or more than any of Heroku's names or ids has: the error is noted there, and the others are followed."""
    async with play_pair(database_url) as pair:
        blog, good = await _provision(pair, "blog"), [await _provision(pair, app) for app in GOOD]
        app_id = pair.heroku.find_app("blog").id
        pair.heroku.move("shop", "staging")
        answers = {f"/apps/{app_id}/pipeline-couplings": _answer_place(app_id, **odd)}
        tally = await inspect_batch(pair, answers)

        assert (3, 1, 1) == (tally.inspected, tally.failed, tally.moved)
        assert "staging" == await _find_stage(pair, good[0])
        assert ("UnexpectedAnswer", "production") == (await _find_error(pair, blog), await _find_stage(pair, blog))
        assert [None] * 3 == [await _find_error(pair, uuid) for uuid in good]


async def test_a_next_page_that_no_header_can_name_costs_nobody_a_look(database_url: str) -> None:
    """Each has a look of its own where the list of its pipeline cannot be read on."""
    async with play_pair(database_url, switches=Switches(siblings_visible=True)) as pair:
        good = [await _provision(pair, app) for app in GOOD]
        pipeline_id = pair.heroku.find_pipeline("shop").id
        pair.heroku.move("shop", "staging")
        odd = Response(status=206, headers={"next-range": "id ä..; max=1"}, body=b"[]")
        tally = await inspect_batch(pair, {f"/pipelines/{pipeline_id}/pipeline-couplings": odd})

        assert (3, 0, 1) == (tally.inspected, tally.failed, tally.moved)
        assert "staging" == await _find_stage(pair, good[0])


async def test_a_wait_of_years_that_heroku_asks_for_is_an_hour(sqlite_url: str) -> None:
    """The next look is not in 2058."""
    async with play_pair(sqlite_url) as pair:
        blog, app_id = await _provision(pair, "blog"), pair.heroku.find_app("blog").id
        limited = Response(status=429, headers={"retry-after": "999999999"}, body=b"{}")
        await inspect_batch(pair, {f"/apps/{app_id}/pipeline-couplings": limited})

        due = await pair.parts.database.read(find_longest_due)
        check = await pair.parts.database.read(find_inspection, blog)
        assert check is not None
        assert check.tried_at is not None
        assert ("RateLimited", check.tried_at + timedelta(hours=1)) == (check.error, due)


async def test_an_answer_that_cannot_be_recorded_costs_its_neighbours_nothing(database_url: str) -> None:
    """Answers that cannot be recorded together are recorded one by one; what is odd is its resource's failure."""
    async with play_pair(database_url) as pair:
        odd, good = await _provision(pair, "shop-staging"), await _provision(pair, "shop")
        pair.heroku.move("shop-staging", "development")
        pair.heroku.move("shop", "staging")
        tally = await inspect_batch(pair, {}, spoilt=odd)

        assert (1, 1, 1) == (tally.inspected, tally.failed, tally.moved)
        assert ("staging", None) == (await _find_stage(pair, good), await _find_error(pair, good))
        assert ("staging", "ValueError") == (await _find_stage(pair, odd), await _find_error(pair, odd))


@pytest.mark.parametrize("text", ["[]", "no JSON", '["access", 1]'])
async def test_a_token_that_says_nothing_costs_its_neighbours_nothing(database_url: str, text: str) -> None:
    """It opens, and no token is in it: the tokens of a batch are opened together, and each is its own resource's."""
    async with play_pair(database_url) as pair:
        odd, good = await _provision(pair, "blog"), [await _provision(pair, app) for app in GOOD]
        expires_at = pair.parts.clock() + timedelta(hours=8)
        await pair.parts.database.write(pair.parts.secrets.save, odd, TOKEN, text, expires_at=expires_at)
        tally = await inspect_batch(pair, {})

        assert (3, 1) == (tally.inspected, tally.failed)
        assert await _find_error(pair, odd) is not None
        assert [None] * 3 == [await _find_error(pair, uuid) for uuid in good]


async def test_whatever_goes_wrong_with_one_answer_ends_that_look_alone(database_url: str) -> None:
    """When somebody asks for looks, and for who may see apps: no error is of a kind that was thought of."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        uuids = {app: await _provision(pair, app) for app in ("blog", *GOOD)}
        clock.advance(RECHECK)
        apps = {pair.heroku.find_app(app).id: uuid for app, uuid in uuids.items()}
        odd = pair.heroku.find_app("blog").id
        unthought_of = ValueError("nobody thought of this")
        answers = {f"/addons/{uuids['blog']}": unthought_of, f"/apps/{odd}/collaborators": unthought_of}
        async with open_client(pair, answers) as client:
            inspector = _build_inspector(pair, client)
            answered = await inspector.inspect_all(uuids.values())
            await inspector.refresh_access(apps)
        now = clock.now()
        told = await pair.parts.database.read(list_freshly_checked_apps, apps, after=now - RECHECK, now=now)

        assert 3 == answered
        assert apps.keys() - {odd} == told
        errors = {app: await _find_error(pair, uuid) for app, uuid in uuids.items()}
        assert {"blog": "ValueError", **dict.fromkeys(GOOD)} == errors


async def test_times_of_the_future_are_taken_for_now(database_url: str) -> None:
    """A clock that was a day ahead, and has been put right, keeps no move unseen and no right to see an app fresh."""
    async with play_pair(database_url, has_worker=False) as pair:
        parts, now = pair.parts, pair.parts.clock()
        ahead = now + timedelta(days=1)
        with parts.database.transaction() as connection:
            add_resource(connection, "acme-1", state="provisioned", at=now)
            save_inspection(connection, place("acme-1", at=ahead), next_check_at=ahead + RECHECK)
            save_access(connection, id_of("shop"), Access(user_ids=frozenset(), emails=frozenset()), now=ahead)
        await Upkeep(parts, keep_finished=timedelta(days=1), recheck_every=RECHECK).run_once()

        due = await parts.database.read(find_longest_due)
        check = await parts.database.read(find_inspection, id_of("acme-1"))
        fresh = await parts.database.read(list_freshly_checked_apps, [id_of("shop")], after=now, now=parts.clock())
        assert check is not None
        assert due is not None
        assert check.checked_at == due
        assert now <= due <= parts.clock()
        assert set() == fresh


async def test_a_look_that_is_due_in_a_far_future_is_due_now(database_url: str) -> None:
    """As a clock that was ahead made it, or wanted it by a webhook: no rule of ours waits for so long."""
    async with play_pair(database_url, has_worker=False) as pair:
        parts, now = pair.parts, pair.parts.clock()
        with parts.database.transaction() as connection:
            for name, ahead in (("far", timedelta(days=40)), ("near", timedelta(hours=20))):
                add_resource(connection, name, state="provisioned", at=now)
                make_first_due(connection, id_of(name), now=now + ahead)
            add_resource(connection, "wanted", state="provisioned", at=now)
            save_inspection(connection, place("wanted", at=now), next_check_at=now + RECHECK)
            want_inspection(connection, id_of("wanted"), now=now + timedelta(days=1))
        await Upkeep(parts, keep_finished=timedelta(days=1), recheck_every=RECHECK).run_once()
        with parts.database.transaction() as connection:
            claim_batch(connection, BATCH, now=parts.clock(), limit=10, lease=LEASE)
            due = {each.name for each in list_batch(connection, BATCH)}

        assert {"far", "wanted"} == due


@pytest.mark.parametrize("kind", ["access", "refresh", "client secret"])
async def test_a_secret_that_heroku_repeats_is_in_no_errors_text(sqlite_url: str, kind: str) -> None:
    """What is logged of a look that failed, and what `headrace inspect` prints, is this text."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "blog")
        token = await pair.parts.database.read(pair.parts.secrets.find_token, uuid)
        assert token is not None
        secrets = {
            "access": token.access,
            "refresh": token.refresh,
            "client secret": pair.parts.settings.client_secrets[0],
        }
        message = f"Not with {secrets[kind].reveal()}, please."
        odd = Response(status=422, body=json.dumps({"id": "invalid_params", "message": message}).encode())
        async with open_client(pair, {f"/addons/{uuid}": odd}) as client:
            with pytest.raises(Unprocessable) as caught:
                await client.call(uuid, build_addon_info(uuid))

        assert f"GET /addons/{uuid}: 422 invalid_params: Not with •••, please." == str(caught.value)


def _build_inspector(pair: Pair, client: HerokuClient) -> Inspector:
    parts = pair.parts
    return Inspector(parts.database, client, clock=parts.clock, recheck_every=RECHECK, on_move=lambda *_: None)


async def _provision(pair: Pair, app: str) -> str:
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await pair.settle()
    return addon.id


async def _find_stage(pair: Pair, uuid: str) -> str | None:
    place = await pair.parts.database.read(find_current_placement, uuid)
    return place.stage if place else None


async def _find_error(pair: Pair, uuid: str) -> str | None:
    check = await pair.parts.database.read(find_inspection, uuid)
    return check.error if check else None
