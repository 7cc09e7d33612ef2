"""An app moves: the history keeps both places, and the partner's hook hears of it once."""

from headrace.models import Outcome, Stage
from headrace.store.reports.board import BoardRow, list_board_rows
from headrace.store.state.placements import PlacementRow, find_inspection, list_placements
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

Place = tuple[str | None, str | None]


async def test_a_move_is_kept_in_the_history_and_told_to_the_hook(database_url: str) -> None:
    """The old place is closed where the new one begins; the hook and the board know both."""
    async with play_pair(database_url) as pair:
        uuid = await _provision(pair, "shop-staging")
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(uuid)
        await eventually(lambda: pair.acme.moved)

        old, new = await _list_placements(pair, uuid)
        change = pair.acme.moved[0]
        row = await _find_board_row(pair, uuid)
        assert [("shop", "staging"), ("shop", "production")] == [_place(old), _place(new)]
        assert (new.valid_from, None) == (old.valid_to, new.valid_to)
        assert (uuid, Stage.STAGING, Stage.PRODUCTION) == (change.uuid, change.old_stage, change.stage)
        assert ("shop", "shop") == (_name(change.old_pipeline), _name(change.pipeline))
        assert ("production", "staging", new.valid_from) == (row.stage, row.moved_from, row.moved_at)
        assert 1 == len(pair.acme.moved)


async def test_a_move_to_another_pipeline_is_told_with_both(sqlite_url: str) -> None:
    """The board speaks of a move only within one pipeline; the hook hears of every one."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "shop-staging")
        pair.heroku.uncouple("shop-staging")
        pair.heroku.couple("shop-staging", "blog", "development")
        await pair.parts.inspector.inspect(uuid)
        await eventually(lambda: pair.acme.moved)

        change = pair.acme.moved[0]
        row = await _find_board_row(pair, uuid)
        assert ("shop", "blog") == (_name(change.old_pipeline), _name(change.pipeline))
        assert (Stage.STAGING, Stage.DEVELOPMENT) == (change.old_stage, change.stage)
        assert ("blog", "development", None) == (row.pipeline_name, row.stage, row.moved_from)


async def test_leaving_a_pipeline_and_joining_one_are_moves(sqlite_url: str) -> None:
    """No pipeline is a place too: None where Heroku says that there is none."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "shop")
        pair.heroku.uncouple("shop")
        await pair.parts.inspector.inspect(uuid)
        await eventually(lambda: pair.acme.moved)
        pair.heroku.couple("shop", "blog", "test")
        await pair.parts.inspector.inspect(uuid)
        await eventually(lambda: len(pair.acme.moved) == 2)

        left, joined = pair.acme.moved
        places = await _list_placements(pair, uuid)
        assert ((Stage.PRODUCTION, "shop"), (None, None)) == (
            (left.old_stage, _name(left.old_pipeline)),
            (left.stage, left.pipeline),
        )
        assert ((None, None), (Stage.TEST, "blog")) == (
            (joined.old_stage, joined.old_pipeline),
            (joined.stage, _name(joined.pipeline)),
        )
        assert [("shop", "production"), (None, None), ("blog", "test")] == [_place(place) for place in places]


async def test_the_hook_hears_nothing_when_nothing_moved(sqlite_url: str) -> None:
    """A look that finds the app where it was, or renamed, is no move; the new name is kept."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "shop")
        await pair.parts.inspector.inspect(uuid)
        pair.heroku.rename_app("shop", "store")
        await pair.parts.inspector.inspect(uuid)
        await pair.settle()

        names = [event.name for event in await pair.list_events(uuid)]
        assert "placement.moved" not in names
        assert [] == pair.acme.moved
        assert 1 == len(await _list_placements(pair, uuid))
        assert "store" == (await pair.find(uuid)).app_name


async def test_not_being_told_is_no_move(sqlite_url: str) -> None:
    """403 says nothing about the place: what was known stays, beside what Heroku answered."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "shop")
        pair.heroku.switches.pipelines_forbidden = True
        pair.heroku.uncouple("shop")
        await pair.parts.inspector.inspect(uuid)
        forbidden = await pair.parts.database.read(find_inspection, uuid)
        during = await _list_placements(pair, uuid)
        pair.heroku.switches.pipelines_forbidden = False
        await pair.parts.inspector.inspect(uuid)
        await eventually(lambda: pair.acme.moved)

        assert forbidden is not None
        assert Outcome.FORBIDDEN == forbidden.outcome
        assert [("shop", "production")] == [_place(place) for place in during]
        assert [(Stage.PRODUCTION, None)] == [(change.old_stage, change.stage) for change in pair.acme.moved]


async def test_each_of_several_moves_is_told(sqlite_url: str) -> None:
    """Every move has its own old place, however late the hook hears of it."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "shop-pr-1")
        for stage in ("development", "staging", "production"):
            pair.heroku.move("shop-pr-1", stage)
            await pair.parts.inspector.inspect(uuid)
        await eventually(lambda: len(pair.acme.moved) == 3)

        told = {(str(change.old_stage), str(change.stage)) for change in pair.acme.moved}
        row = await _find_board_row(pair, uuid)
        assert {("review", "development"), ("development", "staging"), ("staging", "production")} == told
        assert "staging" == row.moved_from


async def test_the_worker_finds_a_move_by_itself(sqlite_url: str) -> None:
    """Nobody has to open a page: the sweep looks again when a placement gets old."""
    async with play_pair(sqlite_url, acme=Acme(), HEADRACE_RECHECK_SECONDS="0.4") as pair:
        await _provision(pair, "shop-staging")
        pair.heroku.move("shop-staging", "production")
        await eventually(lambda: pair.acme.moved)

        assert [Stage.PRODUCTION] == [change.stage for change in pair.acme.moved]


async def _provision(pair: Pair, app: str) -> str:
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await pair.settle()
    return addon.id


async def _list_placements(pair: Pair, uuid: str) -> list[PlacementRow]:
    return await pair.parts.database.read(list_placements, uuid)


async def _find_board_row(pair: Pair, uuid: str) -> BoardRow:
    (row,) = await pair.parts.database.read(list_board_rows, [uuid])
    return row


def _place(row: PlacementRow) -> Place:
    return row.pipeline_name, row.stage


def _name(ref: object) -> str | None:
    return getattr(ref, "name", None)
