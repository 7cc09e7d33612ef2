"""`rotate`: new credentials beside the old ones, which are retired after some time; nobody is ever without one."""

import threading
from dataclasses import dataclass, field
from math import inf

import pytest

from headrace import (
    AddonService,
    ConfigChangeKind,
    ConfigChangeOutcome,
    MisuseError,
    Provision,
    Retirement,
    Rotation,
    Secret,
    UnknownResource,
)
from headrace.emulator import Fault
from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from ordering import SOON, TOKEN, URL, list_patches, list_secret_kinds, load_config, provision, settle_order
from pair import Acme, Pair, play_pair
from test_service import UUID


@dataclass
class RotatingAcme(Acme):
    """A partner's cloud that knows which tokens of a resource are good, and has two of them for a while."""

    good: dict[str, list[str]] = field(default_factory=dict)
    rotations: list[Rotation] = field(default_factory=list)
    retirements: list[Retirement] = field(default_factory=list)
    service: AddonService | None = None
    returns: object = None
    rotate_failures: int = 0
    retire_failures: int = 0
    has_retire: bool = True
    may_rotate: threading.Event = field(default_factory=threading.Event)

    def register(self, service: AddonService) -> None:
        super().register(service)
        self.service = service
        self.may_rotate.set()
        service.on_rotate(self.rotate)
        if self.has_retire:
            service.on_retire(self.retire)

    def _behave(self) -> None:
        super()._behave()
        uuid = self.created[-1].uuid
        self.good.setdefault(uuid, ["t-1"])
        self.config = {URL: "https://search.acme.example/", TOKEN: "t-1"}

    async def rotate(self, rotation: Rotation) -> dict[str, str]:
        self.rotations.append(rotation)
        token = await rotation.step("make token", self.make_token, rotation.uuid)
        if self.rotate_failures:
            self.rotate_failures -= 1
            raise RuntimeError("the cloud is down")
        return self.returns if self.returns is not None else {TOKEN: token}  # type: ignore[return-value]

    def make_token(self, uuid: str) -> str:
        self.good[uuid].append(f"t-{len(self.good[uuid]) + 1}")
        return self.good[uuid][-1]

    def retire(self, retirement: Retirement) -> None:
        self.retirements.append(retirement)
        if self.retire_failures:
            self.retire_failures -= 1
            raise RuntimeError("the cloud is down")
        self.good[retirement.uuid].remove(retirement.old_config[TOKEN].reveal())


async def rotate(pair: Pair, acme: RotatingAcme, uuid: str) -> ConfigChangeOutcome | None:
    assert acme.service is not None
    change = await acme.service.rotate(uuid, by="grace", wait=SOON)
    await settle_order(pair, change)
    return change.outcome


async def test_new_credentials_are_set_and_the_old_ones_retired(database_url: str) -> None:
    """Both are good until the app has the new ones for a while; the timeline tells each part."""
    acme = RotatingAcme()
    async with play_pair(database_url, acme=acme, HEADRACE_RETIRE_SECONDS="0.001") as pair:
        addon = await provision(pair)
        outcome = await rotate(pair, acme, addon.id)
        await eventually(lambda: ["t-2"] == acme.good[addon.id])
        await pair.settle()
        names = [event.name for event in await pair.list_events(addon.id)]
        rows = await pair.parts.database.read(list_config_changes, addon.id)

        assert (ConfigChangeOutcome.DONE, "t-2") == (outcome, addon.config[TOKEN])
        assert addon.config == await load_config(pair, addon.id)
        assert ["config.requested", "hook.returned", "config.set", "credentials.retired"] == names[-4:]
        assert [
            (ConfigChangeKind.ROTATE, (TOKEN,), ConfigChangeOutcome.DONE),
            (ConfigChangeKind.RETIRE, (TOKEN,), ConfigChangeOutcome.DONE),
        ] == [(row.kind, row.names, row.outcome) for row in rows]
        assert {"config", "token"} == await list_secret_kinds(pair, addon.id)


async def test_hooks_are_told_what_there_is_and_what_it_replaces(sqlite_url: str) -> None:
    """The values are secrets, which no log prints; each call has an id of its own."""
    acme = RotatingAcme()
    async with play_pair(sqlite_url, acme=acme, HEADRACE_RETIRE_SECONDS="0.001") as pair:
        addon = await provision(pair)
        await rotate(pair, acme, addon.id)
        await eventually(lambda: bool(acme.retirements))
        rotation, retirement = acme.rotations[0], acme.retirements[0]

        assert (f"{addon.id}:1", "shop", "basic") == (rotation.id, rotation.app and rotation.app.name, rotation.plan)
        assert Secret("t-1") == rotation.config[TOKEN]
        assert f"{addon.id}:2" == retirement.id
        assert ({TOKEN: Secret("t-1")}, Secret("t-2")) == (retirement.old_config, retirement.config[TOKEN])
        assert "'t-1'" not in repr(rotation) + repr(retirement)


async def test_the_old_ones_are_good_until_their_time_has_come(sqlite_url: str) -> None:
    """An hour, unless the setting says otherwise; until then nobody needs to look."""
    acme = RotatingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await provision(pair)
        without_any = await pair.parts.feeding.run_once()
        await rotate(pair, acme, addon.id)
        seconds = await pair.parts.feeding.run_once()
        row = (await pair.parts.database.read(list_config_changes, addon.id))[-1]

        assert (ConfigChangeKind.RETIRE, None) == (row.kind, row.outcome)
        assert row.waits_until is not None
        assert 3600 == round((row.waits_until - row.requested_at).total_seconds())
        assert ["t-1", "t-2"] == acme.good[addon.id]
        assert (inf, True) == (without_any, 3000 < seconds <= 3600)


async def test_a_hook_that_fails_makes_no_second_token(database_url: str) -> None:
    """It runs again with the same id, and its step returns what it made; meanwhile the app has the old one."""
    acme = RotatingAcme(rotate_failures=2)
    async with play_pair(database_url, acme=acme) as pair:
        addon = await provision(pair)
        await rotate(pair, acme, addon.id)

        assert ["t-1", "t-2"] == acme.good[addon.id]
        assert [f"{addon.id}:1"] * 3 == [rotation.id for rotation in acme.rotations]
        assert "t-2" == addon.config[TOKEN]


async def test_what_heroku_declines_leaves_the_old_ones_good(database_url: str) -> None:
    """Nothing is retired that an app may still have."""
    acme = RotatingAcme()
    async with play_pair(database_url, acme=acme, HEADRACE_RETIRE_SECONDS="0.001") as pair:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="status", status=422, method="PATCH", path="/addons/*/config", count=1))
        outcome = await rotate(pair, acme, addon.id)
        await pair.parts.feeding.run_once()
        notices = [notice.kind for notice in await pair.parts.database.read(list_open_notices)]

        assert (ConfigChangeOutcome.FAILED, ["config.failed"], []) == (outcome, notices, acme.retirements)
        assert "t-1" in acme.good[addon.id]
        assert "t-1" == addon.config[TOKEN]
        assert addon.config == await load_config(pair, addon.id)


async def test_an_answer_that_was_lost_sets_nothing_twice(database_url: str) -> None:
    """After it Heroku is asked, and has the new one already."""
    acme = RotatingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="drop", method="PATCH", path="/addons/*/config", count=1, after_effect=True))
        outcome = await rotate(pair, acme, addon.id)

        assert (ConfigChangeOutcome.DONE, "t-2", 1) == (outcome, addon.config[TOKEN], len(acme.rotations))
        assert 2 == len(list_patches(pair, addon))


async def test_a_retirement_that_fails_is_tried_again_and_then_told(sqlite_url: str) -> None:
    acme = RotatingAcme(retire_failures=2)
    async with play_pair(sqlite_url, acme=acme, HEADRACE_RETIRE_SECONDS="0.001") as pair:
        addon = await provision(pair)
        await rotate(pair, acme, addon.id)
        await eventually(lambda: ["t-2"] == acme.good[addon.id])

        assert 3 == len(acme.retirements)
        assert 1 == len({retirement.id for retirement in acme.retirements})


async def test_without_a_second_hook_nothing_is_retired(sqlite_url: str) -> None:
    """Then the first one has to see to it that the old one ends."""
    acme = RotatingAcme(has_retire=False)
    async with play_pair(sqlite_url, acme=acme, HEADRACE_RETIRE_SECONDS="0.001") as pair:
        addon = await provision(pair)
        await rotate(pair, acme, addon.id)

        assert 1 == len(await pair.parts.database.read(list_config_changes, addon.id))
        assert {"config", "token"} == await list_secret_kinds(pair, addon.id)


async def test_a_resource_that_goes_has_nothing_retired(database_url: str) -> None:
    """Its own hook removes all of it, and what waited is forgotten."""
    acme = RotatingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await provision(pair)
        await rotate(pair, acme, addon.id)
        await pair.heroku.deprovision(addon)
        await pair.settle()
        rows = await pair.parts.database.read(list_config_changes, addon.id)

        assert [ConfigChangeOutcome.DONE, ConfigChangeOutcome.DROPPED] == [row.outcome for row in rows]
        assert set() == await list_secret_kinds(pair, addon.id)


@pytest.mark.parametrize("returned", [{}, {"OTHER": "x"}, {TOKEN: 3}, 3])
async def test_a_hook_that_returns_nothing_to_set_fails_at_once(sqlite_url: str, returned: object) -> None:
    """Its text is in the log; the app has what it had."""
    acme = RotatingAcme(returns=returned)
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await provision(pair)

        assert ConfigChangeOutcome.FAILED is await rotate(pair, acme, addon.id)
        assert ("t-1", 1) == (addon.config[TOKEN], len(acme.rotations))


async def test_without_a_hook_there_is_nothing_to_rotate_with(sqlite_url: str) -> None:
    """The text has the lines to paste."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        async with AddonService(pair.parts.settings).connected() as service:
            with pytest.raises(MisuseError, match=r"no @service.on_rotate. Add one") as caught:
                await service.rotate(UUID)

        assert "async def rotate(rotation: Rotation) -> dict[str, str]:" in str(caught.value)


async def test_a_resource_that_nobody_has_is_named(sqlite_url: str) -> None:
    acme = RotatingAcme()
    async with play_pair(sqlite_url, acme=acme, has_worker=False) as pair:
        with pytest.raises(UnknownResource, match=UUID):
            await rotate(pair, acme, UUID)


def test_a_rotation_can_be_made_in_a_test() -> None:
    """In a line, as every hook's argument."""
    made = Provision(uuid=UUID, name="acme-1", plan="basic", region="us", options={})
    rotation = Rotation(uuid=UUID, name="acme-1", plan="basic", region="us", options={}, config={TOKEN: Secret("t")})

    assert (None, Secret("t")) == (made.app, rotation.config[TOKEN])
