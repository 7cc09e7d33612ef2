"""The service a partner writes: registering hooks, being told what is missing, and what a hook may return."""

import threading
from typing import Any

import pytest

from headrace.errors import ConfigurationError, MisuseError
from headrace.protocol.manifest import Manifest, parse_manifest
from headrace.service import AddonService
from headrace.settings import read_settings
from headrace.workflows.hooks import HOOKS, REQUIRED, Hooks, call, read_config
from test_settings import GOOD, LOCAL, MANIFEST


@pytest.fixture
def service(sqlite_url: str) -> AddonService:
    return AddonService(read_settings({**GOOD, **LOCAL, "DATABASE_URL": sqlite_url}))


@pytest.fixture
def manifest() -> Manifest:
    return parse_manifest(MANIFEST)


@pytest.mark.parametrize("name", [name for name in HOOKS if name != "on_event"])
def test_a_hook_is_handed_back_as_it_was(service: AddonService, name: str) -> None:
    """A decorated function can still be called and tested by its name."""

    def hook(_argument: object) -> None: ...

    assert hook is getattr(service, name)(hook)


@pytest.mark.parametrize("name", [name for name in HOOKS if name != "on_event"])
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
    with pytest.raises(MisuseError, match=r'on_event\("dyno"\)\n    async def hear'):
        service.on_event("dyno")(no_argument)


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


@pytest.mark.parametrize("start", ["asgi", "assemble"])
def test_every_missing_hook_is_reported_with_lines_to_paste(service: AddonService, start: str) -> None:
    """All three at once; each text is ready to be copied."""
    with pytest.raises(ConfigurationError) as caught:
        getattr(service, start)()

    assert len(REQUIRED) == len(caught.value.problems)
    for name, problem in zip(REQUIRED, caught.value.problems, strict=True):
        assert (
            f"There is no @service.{name}. Add one:\n\n    @service.{name}\n    {HOOKS[name]}\n        ..." in problem
        )


def test_the_optional_hooks_are_not_missed(service: AddonService) -> None:
    """Three hooks make a service; its parts are the same ones each time."""
    for name in REQUIRED:
        getattr(service, name)(lambda _argument: None)

    parts = service.assemble()
    assert parts is service.assemble()
    parts.database.close()


async def test_inspect_needs_a_running_service(service: AddonService) -> None:
    """Called too early it says when to call it."""
    with pytest.raises(MisuseError, match="inspect\\(\\) needs a running service"):
        await service.inspect("01234567-89ab-cdef-0123-456789abcdef")


def test_from_env_reports_what_is_missing() -> None:
    """The settings' own list, unchanged."""
    with pytest.raises(ConfigurationError, match="HEADRACE_MANIFEST"):
        AddonService.from_env({})


async def test_a_plain_hook_runs_on_a_thread_and_an_async_one_on_the_loop() -> None:
    """A plain function may block; an async one may not."""

    async def on_loop(_argument: object) -> int:
        return threading.get_ident()

    def on_thread(_argument: object) -> int:
        return threading.get_ident()

    hooks = Hooks()
    hooks.register("on_provision", on_loop)
    hooks.register("on_deprovision", on_thread)

    assert threading.get_ident() == await hooks.call("on_provision", None)
    assert threading.get_ident() != await hooks.call("on_deprovision", None)


async def test_what_a_plain_function_returns_may_be_awaited() -> None:
    """A lambda or a partial around an async function works as well."""

    async def double(number: int) -> int:
        return 2 * number

    assert 4 == await call(lambda number: double(number), 2)  # noqa: PLW0108


async def test_an_object_with_an_async_call_is_a_hook() -> None:
    """A class of the partner's with state of its own."""

    class Hook:
        async def __call__(self, argument: str) -> str:
            return argument

    assert "x" == await call(Hook(), "x")


async def test_the_error_of_a_hook_is_its_own() -> None:
    """Nothing is wrapped."""

    def fail(_argument: object) -> None:
        raise LookupError("cloud")

    with pytest.raises(LookupError, match="cloud"):
        await call(fail, None)


@pytest.mark.parametrize(
    ("returned", "config"),
    [
        (None, {}),
        ({}, {}),
        ({"ACME_SEARCH_URL": "https://x.example"}, {"ACME_SEARCH_URL": "https://x.example"}),
        ({"ACME_SEARCH_URL": "redis://:pass@host:6379/0"}, {"ACME_SEARCH_URL": "redis://:pass@host:6379/0"}),
    ],
)
def test_declared_config_vars_are_taken_as_they_are(
    manifest: Manifest, returned: object, config: dict[str, str]
) -> None:
    """Nothing at all is fine too."""
    assert config == read_config(returned, manifest=manifest)


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        ({"OTHER": "x"}, "returned OTHER, which the manifest does not declare. Add it to api.config_vars"),
        ({"B": "x", "A": "x"}, "returned A, B, which"),
        ({"ACME_SEARCH_URL": 1}, "names and values are both text"),
        ({"ACME_SEARCH_URL": None}, "names and values are both text"),
        ({1: "x"}, "names and values are both text"),
        (["ACME_SEARCH_URL"], "a dict of config vars"),
        ("https://x.example", "a dict of config vars"),
        ({"ACME_SEARCH_URL": "/relative"}, "ACME_SEARCH_URL that is not an absolute URL"),
        ({"ACME_SEARCH_URL": "search.acme.example"}, "ACME_SEARCH_URL that is not an absolute URL"),
        ({"ACME_SEARCH_URL": ""}, "ACME_SEARCH_URL that is not an absolute URL"),
        ({"ACME_SEARCH_URL": "http://[broken"}, "ACME_SEARCH_URL that is not an absolute URL"),
    ],
)
def test_what_heroku_would_refuse_is_refused_here_with_what_to_do(
    manifest: Manifest, returned: object, text: str
) -> None:
    """Before Heroku has to; and no value is shown."""
    with pytest.raises(MisuseError, match=text) as caught:
        read_config(returned, manifest=manifest)

    assert "relative" not in str(caught.value)
