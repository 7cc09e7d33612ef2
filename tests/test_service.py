"""The service a partner writes: registering hooks, being told what is missing, and what a hook may return."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from headrace import Inspection, NoConfig, Outcome, Provision, Stage, UnknownResource
from headrace.emulator import Addon, Emulator, describe
from headrace.errors import ConfigurationError, MisuseError
from headrace.hooks.registry import HOOKS, REQUIRED
from headrace.service import AddonService, find_assembly
from headrace.settings import read_settings
from headrace.testing import eventually, run_provider
from settings.test_settings import GOOD, LOCAL

UUID = "01234567-89ab-cdef-0123-456789abcdef"
APP = "storefront"


@pytest.fixture
def service(sqlite_url: str) -> AddonService:
    return AddonService(read_settings({**GOOD, **LOCAL, "DATABASE_URL": sqlite_url}))


@pytest.mark.parametrize("name", [name for name in HOOKS if name not in ("on_event", "action")])
def test_a_hook_is_handed_back_as_it_was(service: AddonService, name: str) -> None:
    """A decorated function can still be called and tested by its name."""

    def hook(_argument: object) -> None: ...

    assert hook is getattr(service, name)(hook)


@pytest.mark.parametrize("name", [name for name in HOOKS if name not in ("on_event", "action")])
def test_registering_a_hook_twice_is_an_error_at_import(service: AddonService, name: str) -> None:
    """The text names the first one."""
    getattr(service, name)(first_hook)
    with pytest.raises(MisuseError, match=f"@service.{name} is registered twice: on first_hook and here"):
        getattr(service, name)(lambda _argument: None)


def test_one_hook_may_hear_of_several_entities(service: AddonService) -> None:
    """It is handed back as it was; another one may hear of the rest."""

    def hook(_argument: object) -> None: ...

    assert hook is service.on_event("api:app", "api:addon")(hook)
    assert first_hook is service.on_event("api:release")(first_hook)


def test_an_entity_has_one_hook(service: AddonService) -> None:
    """The text names the first one, as it is written there."""
    service.on_event("api:app", "api:addon")(first_hook)
    with pytest.raises(MisuseError, match=r'@service.on_event\("api:app"\) is registered twice: on first_hook'):
        service.on_event("api:app")(lambda _argument: None)


@pytest.mark.parametrize("names", [(), ("api:pipeline",), ("app",), ("api:app", "api:apps"), (["api:app"],), (print,)])
def test_an_entity_that_heroku_does_not_have_is_refused_with_those_it_has(
    service: AddonService, names: tuple[Any, ...]
) -> None:
    """Also where the names were forgotten, so that the hook itself stands in their place."""
    with pytest.raises(MisuseError, match=r"takes names of entities") as caught:
        service.on_event(*names)

    assert "api:addon, api:addon-attachment, api:app," in str(caught.value)
    assert '    @service.on_event("api:app")\n    async def hear(event: Event) -> None:' in str(caught.value)


def test_a_hook_for_events_takes_one_argument(service: AddonService) -> None:
    hook: Any = no_argument
    with pytest.raises(MisuseError, match=r'on_event\("dyno"\)\n    async def hear'):
        service.on_event("dyno")(hook)


def first_hook(_argument: object) -> None: ...


def no_argument() -> None: ...


def two_arguments(_one: object, _two: object) -> None: ...


def only_by_name(*, _one: object) -> None: ...


@pytest.mark.parametrize("hook", [no_argument, two_arguments, only_by_name])
def test_a_hook_that_does_not_take_one_argument_is_refused_with_an_example(service: AddonService, hook: Any) -> None:
    """At import, with the lines as they should be."""
    with pytest.raises(MisuseError, match=rf"{hook.__name__} has to take one argument") as caught:
        service.on_provision(hook)

    assert "    @service.on_provision\n    async def create(provision: Provision)" in str(caught.value)


def test_a_hook_with_a_default_beside_its_argument_is_fine(service: AddonService) -> None:
    """It can be called with one argument, and that is all we ask."""

    def hook(_argument: object, _retries: int = 3) -> None: ...

    assert hook is service.on_provision(hook)


def start_serving(service: AddonService) -> object:
    return service.asgi()


def put_together(service: AddonService) -> object:
    return find_assembly(service).assemble()


@pytest.mark.parametrize("start", [start_serving, put_together])
def test_every_missing_hook_is_reported_with_lines_to_paste(
    service: AddonService, start: Callable[[AddonService], object]
) -> None:
    """All three at once; each text is ready to be copied."""
    with pytest.raises(ConfigurationError) as caught:
        start(service)

    assert len(REQUIRED) == len(caught.value.problems)
    for name, problem in zip(REQUIRED, caught.value.problems, strict=True):
        assert (
            f"There is no @service.{name}. Add one:\n\n    @service.{name}\n    {HOOKS[name]}\n        ..." in problem
        )


def test_the_optional_hooks_are_not_missed(service: AddonService) -> None:
    """Three hooks make a service; its parts are the same ones each time."""
    register_required(service)
    assembly = find_assembly(service)

    parts = assembly.assemble()
    assert parts is assembly.assemble()
    parts.database.close()


def register_required(service: AddonService) -> None:
    for name in REQUIRED:
        getattr(service, name)(lambda _argument: None)


async def test_inspect_needs_a_running_service(service: AddonService) -> None:
    """Called too early it says when to call it: also when the application is there and has not started."""
    register_required(service)
    with pytest.raises(MisuseError, match="No service runs in this process"):
        await service.inspect(UUID)
    service.asgi()

    with pytest.raises(MisuseError, match="No service runs in this process"):
        await service.inspect(UUID)

    find_assembly(service).assemble().database.close()


async def test_a_hook_may_inspect(heroku: Emulator, sqlite_url: str) -> None:
    """It is told where the app is at the moment, not where it was when the hook was called."""
    service = build_service(heroku, sqlite_url)
    found: list[Inspection] = []

    @service.on_provision
    async def create(provision: Provision) -> dict[str, str]:
        heroku.move(APP, "staging")
        found.append(await service.inspect(provision.uuid))
        return NoConfig()

    async with run_provider(heroku, lambda _settings: service.asgi()):
        await provision(heroku)

    assert [Stage.STAGING] == [each.placement.stage for each in found if each.placement]


async def test_whoever_runs_a_service_may_inspect(heroku: Emulator, sqlite_url: str) -> None:
    """From anywhere in the same process; of what nobody provisioned it says so."""
    service = build_service(heroku, sqlite_url)
    service.on_provision(lambda _provision: NoConfig())
    async with run_provider(heroku, lambda _settings: service.asgi()):
        addon = await provision(heroku)

        inspection = await service.inspect(addon.id)

        with pytest.raises(UnknownResource):
            await service.inspect(UUID)
    assert (Outcome.PLACED, addon.app.id) == (inspection.outcome, inspection.app.id)


async def test_a_service_that_has_ended_inspects_nothing_until_it_runs_again(heroku: Emulator, sqlite_url: str) -> None:
    """The text is that of a service that has not started."""
    service = build_service(heroku, sqlite_url)
    service.on_provision(lambda _provision: NoConfig())
    async with run_provider(heroku, lambda _settings: service.asgi()):
        addon = await provision(heroku)

    with pytest.raises(MisuseError, match="No service runs in this process"):
        await service.inspect(addon.id)

    async with run_provider(heroku, lambda _settings: service.asgi()):
        assert addon.id == (await service.inspect(addon.id)).addon.id


async def test_a_service_that_has_ended_leaves_no_idle_thread(heroku: Emulator, sqlite_url: str) -> None:
    """Its plain hooks ran on threads, which are its own."""
    service = build_service(heroku, sqlite_url)
    threads: list[threading.Thread] = []

    @service.on_provision
    def create(_provision: Provision) -> dict[str, str]:
        threads.append(threading.current_thread())
        return NoConfig()

    async with run_provider(heroku, lambda _settings: service.asgi()):
        await provision(heroku)

    await eventually(lambda: not any(thread.is_alive() for thread in threads))
    assert 1 == len(threads)


def build_service(heroku: Emulator, database_url: str) -> AddonService:
    """A service of the emulated Heroku's that lacks the hook that creates."""
    settings = describe(heroku).addon_services[0].settings
    service = AddonService.from_env({**settings, "DATABASE_URL": database_url})
    service.on_plan_change(nothing_to_do)
    service.on_deprovision(nothing_to_do)
    return service


def nothing_to_do(_argument: object) -> None: ...


async def provision(heroku: Emulator) -> Addon:
    addon = await heroku.create_addon(APP, "acme-search:basic")
    await eventually(lambda: addon.state == "provisioned")
    return addon


def test_from_env_reports_what_is_missing() -> None:
    """The settings' own list, unchanged."""
    with pytest.raises(ConfigurationError, match="HEADRACE_MANIFEST"):
        AddonService.from_env({})


@pytest.mark.parametrize("name", ["Rebuild index", "a", "Index neu bauen", "再構築", "Tier-2 check"])
def test_an_action_has_a_name_that_fits_a_button_and_an_address(name: str) -> None:
    service = AddonService(read_settings(GOOD))
    service.action(name)(lambda _order: None)

    assert [name] == service.list_actions()


@pytest.mark.parametrize("name", ["", " ", "a/b", "Rebuild ", '"', "x" * 61, "a\nb", "a?b", None, lambda _order: None])
def test_what_is_no_name_of_an_action_is_refused_with_the_lines_to_paste(name: object) -> None:
    service = AddonService(read_settings(GOOD))
    with pytest.raises(MisuseError, match=r'@service\.action\("Rebuild index"\)'):
        service.action(name)  # type: ignore[arg-type]


def test_an_action_is_registered_once() -> None:
    """And its function takes one argument."""
    service = AddonService(read_settings(GOOD))
    service.action("Rebuild index")(lambda _order: None)
    with pytest.raises(MisuseError, match=r'@service\.action\("Rebuild index"\) is registered twice'):
        service.action("Rebuild index")(lambda _order: None)
    with pytest.raises(MisuseError, match="has to take one argument"):
        service.action("Purge cache")(lambda: None)  # type: ignore[type-var]

    assert ["Rebuild index"] == service.list_actions()
