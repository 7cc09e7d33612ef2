"""`provision.step`: a part of a hook that is done once, however often the hook runs."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.hooks.arguments import PlanChange, Provision, Resource, StageChange
from headrace.hooks.config import NoConfig
from headrace.models import State
from headrace.service import AddonService
from headrace.store.sql.tables.schema import secret
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

RECOGNISABLE = "pass-of-the-new-index-7f3a"


class SteppingAcme(Acme):
    """A partner whose hook makes an index in a step, and then fails twice."""

    def __init__(self, result: Any, *, failures: int = 2) -> None:
        super().__init__(error=RuntimeError("the cloud is down"), failures_left=failures)
        self.result = result
        self.calls: list[tuple[str, ...]] = []
        self.results: list[Any] = []

    def make_index(self, *arguments: str) -> Any:
        self.calls.append(arguments)
        return self.result

    async def make_alias(self) -> str:
        self.calls.append(("alias",))
        return "alias"

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            self.created.append(provision)
            self.results.append(await provision.step("make index", self.make_index, provision.uuid, provision.plan))
            await provision.step("make alias", self.make_alias)
            if self.failures_left > 0:
                self.failures_left -= 1
                raise RuntimeError("the cloud is down")
            return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

        @service.on_plan_change
        async def resize(change: PlanChange) -> None:
            self.changed.append(change)

        @service.on_deprovision
        async def drop(resource: Resource) -> None:
            self.dropped.append(resource)


@pytest.mark.parametrize("result", [{"password": RECOGNISABLE}, None, []])
async def test_a_step_of_a_hook_is_done_once_although_the_hook_runs_again(sqlite_url: str, result: Any) -> None:
    """What the first call returned comes back, an empty value too, and the function is not called again."""
    acme = SteppingAcme(result)
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert State.PROVISIONED == addon.state
        assert 3 == len(acme.created)
        assert [(addon.id, "basic"), ("alias",)] == acme.calls
        assert [result] * 3 == acme.results


async def test_two_resources_have_steps_of_their_own(sqlite_url: str) -> None:
    """A result belongs to its resource: the same name on another one is another step."""
    acme = SteppingAcme("made", failures=0)
    async with play_pair(sqlite_url, acme=acme) as pair:
        first = await pair.heroku.create_addon("shop", "acme-search:basic")
        second = await pair.heroku.create_addon("blog", "acme-search:free")
        await pair.settle()

        made = [call for call in acme.calls if call != ("alias",)]
        assert sorted([(first.id, "basic"), (second.id, "free")]) == sorted(made)


async def test_what_a_step_returned_is_stored_sealed(database_url: str, tmp_path: Path) -> None:
    """It may well be a password: nowhere in the database does it stand in clear."""
    acme = SteppingAcme({"password": RECOGNISABLE})
    async with play_pair(database_url, acme=acme) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        kinds, stored = await _read_everything(pair)

        assert {"step/make index", "step/make alias", "token", "config"} == kinds
        assert RECOGNISABLE not in stored
    assert RECOGNISABLE not in _read_files(tmp_path)


async def test_a_step_that_fails_is_done_again(sqlite_url: str) -> None:
    """Only what was done is not repeated."""
    acme = SteppingAcme("made", failures=0)
    failures = [RuntimeError("the cloud is down"), RuntimeError("the cloud is down")]

    def make_index(*_arguments: str) -> str:
        acme.calls.append(("index",))
        if failures:
            raise failures.pop()
        return "made"

    acme.make_index = make_index  # type: ignore[method-assign]
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert State.PROVISIONED == addon.state
        assert [("index",)] * 3 + [("alias",)] == acme.calls


def _read_files(folder: Path) -> str:
    """Return every byte of the files of SQLite; of PostgreSQL there are none here."""
    return "".join(path.read_text(encoding="latin-1") for path in folder.glob("headrace.db*"))


async def _read_everything(pair: Pair) -> tuple[set[str], str]:
    """Return the kinds of secrets, and every value of every table as text, the workflow engine's included."""

    def read(connection: sa.Connection) -> tuple[set[str], str]:
        kinds = set(connection.execute(sa.select(secret.c.kind)).scalars())
        inspector = sa.inspect(connection)
        rows: list[sa.Row[Any]] = []
        for schema in inspector.get_schema_names():
            if schema == "information_schema":
                continue
            for name in inspector.get_table_names(schema=schema):
                rows += connection.execute(sa.text(f'SELECT * FROM "{schema}"."{name}"')).all()
        return kinds, "\n".join(str(tuple(row)) for row in rows)

    return await pair.parts.database.read(read)


class EverywhereAcme(Acme):
    """A partner whose hooks each do a step of the same name, and then fail once."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.failing: set[str] = set()
        self.ids: list[str] = []
        self.config_for_all = {"ACME_SEARCH_URL": "https://search.acme.example/"}

    async def do(self, hook: str, argument: Any) -> None:
        await argument.step("once", self.done.append, hook)
        if hook not in self.failing:
            self.failing.add(hook)
            raise RuntimeError("the cloud is down")

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            await self.do("provision", provision)
            return self.config_for_all

        @service.on_plan_change
        async def resize(change: PlanChange) -> None:
            self.ids.append(change.id)
            await self.do(f"to {change.new_plan}", change)

        @service.on_deprovision
        async def drop(resource: Resource) -> None:
            await self.do("deprovision", resource)

        @service.on_stage_change
        async def move(change: StageChange) -> None:
            await self.do("stage", change)


async def test_every_hook_has_steps_of_its_own_which_are_done_once(database_url: str) -> None:
    """A plan change to the same plan later is another one; what was kept goes when its hook is done."""
    acme = EverywhereAcme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:free")
        await pair.settle()
        for plan in ("basic", "free", "basic"):
            acme.failing.discard(f"to {plan}")
            await pair.heroku.change_plan(addon, plan)
            await pair.settle()
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        await eventually(lambda: "stage" in acme.done)
        await eventually(lambda: _has_no_parts(pair))
        await pair.heroku.deprovision(addon)
        await pair.settle()

        assert ["provision", "to basic", "to free", "to basic", "stage", "deprovision"] == acme.done
        assert [f"{addon.id}:{number}" for number in (1, 1, 2, 2, 3, 3)] == acme.ids
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state


async def _has_no_parts(pair: Pair) -> bool:
    kinds, _ = await _read_everything(pair)
    return not [kind for kind in kinds if kind.startswith("part/")]


class ForgetfulAcme(Acme):
    """A partner whose hook returns what it is told to."""

    def __init__(self, returned: Any) -> None:
        super().__init__()
        self.returned = returned

    def register(self, service: AddonService) -> None:
        service.on_provision(lambda _provision: self.returned)
        service.on_plan_change(lambda _change: None)
        service.on_deprovision(lambda _resource: None)


@pytest.mark.parametrize(
    ("returned", "state"), [(None, State.FAILED), ({}, State.FAILED), (NoConfig(), State.PROVISIONED)]
)
async def test_a_forgotten_return_is_no_add_on_without_config_vars(
    sqlite_url: str, returned: Any, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    """The manifest declares some: none at all has to be meant."""
    async with play_pair(sqlite_url, acme=ForgetfulAcme(returned)) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert state is (await pair.find(addon.id)).state
    told = [str(vars(record).get("error")) for record in caplog.records if record.msg == "step.failed"]
    assert (state is State.FAILED) == any("Is a `return` missing?" in text for text in told)
