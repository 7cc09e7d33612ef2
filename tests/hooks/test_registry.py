"""How hooks are called: on their loop or on threads, which belong to one service alone."""

import asyncio
import threading
from functools import partial

import pytest

from headrace.errors import MisuseError
from headrace.hooks.registry import Hooks
from headrace.hooks.threads import MOST_PANELS
from headrace.testing import eventually


async def test_a_plain_hook_runs_on_a_thread_and_all_async_ones_on_one_loop() -> None:
    """A plain function may block; an async one may not, and holds up nobody but other hooks if it does."""

    async def on_loop(_argument: object) -> int:
        return threading.get_ident()

    def on_thread(_argument: object) -> int:
        return threading.get_ident()

    hooks = Hooks()
    hooks.register("on_provision", on_loop)
    hooks.register("panel", on_loop)
    hooks.register("on_stage_change", lambda argument: on_loop(argument))  # noqa: PLW0108
    hooks.register("on_deprovision", on_thread)
    loop, *others = [await hooks.call(name, None) for name in ("on_provision", "panel", "on_stage_change")]

    assert [loop, loop] == others
    assert 3 == len({threading.get_ident(), loop, await hooks.call("on_deprovision", None)})
    hooks.end_threads()


async def test_what_a_plain_function_returns_may_be_awaited() -> None:
    """A lambda or a partial around an async function works as well."""

    async def double(number: int) -> int:
        return 2 * number

    hooks = Hooks()
    hooks.register("on_provision", lambda number: double(number))  # noqa: PLW0108

    assert 4 == await hooks.call("on_provision", 2)


async def test_an_object_with_an_async_call_is_a_hook() -> None:
    """A class of the partner's with state of its own."""

    class Hook:
        async def __call__(self, argument: str) -> str:
            return argument

    hooks = Hooks()
    hooks.register("on_provision", Hook())

    assert "x" == await hooks.call("on_provision", "x")


async def test_the_error_of_a_hook_is_its_own() -> None:
    """Nothing is wrapped."""

    def fail(_argument: object) -> None:
        raise LookupError("cloud")

    hooks = Hooks()
    hooks.register("on_provision", fail)

    with pytest.raises(LookupError, match="cloud"):
        await hooks.call("on_provision", None)


def test_what_has_no_name_of_its_own_is_named_by_its_class() -> None:
    """Of a partial or an object a person reads which kind it is, and nothing of what is in it."""
    hooks = Hooks()
    hooks.register("on_provision", partial(lambda _password, _argument: None, "pass-word"))

    with pytest.raises(MisuseError, match=r"registered twice: on partial and here"):
        hooks.register("on_provision", lambda _argument: None)
    with pytest.raises(MisuseError, match=r"partial has to take one argument"):
        hooks.register("on_deprovision", partial(lambda: None))


async def test_the_hooks_of_two_services_share_no_threads() -> None:
    """Panels of one that all hang keep no panel of the other waiting."""
    may_go_on = threading.Event()
    hanging, other = Hooks(), Hooks()
    hanging.register("panel", lambda _argument: may_go_on.wait(20))
    other.register("panel", lambda argument: argument)
    held_up = [asyncio.ensure_future(hanging.call("panel", None)) for _ in range(MOST_PANELS + 1)]

    assert "shown" == await other.call("panel", "shown")

    may_go_on.set()
    assert {True} == set(await asyncio.gather(*held_up))
    hanging.end_threads()
    other.end_threads()


async def test_a_service_that_ends_takes_no_threads_from_another() -> None:
    """The other's hooks are called as before."""
    ending, other = Hooks(), Hooks()
    for hooks in (ending, other):
        hooks.register("on_provision", lambda argument: argument)
        await hooks.call("on_provision", None)

    ending.end_threads()

    assert "created" == await other.call("on_provision", "created")
    other.end_threads()


async def test_idle_threads_end_with_their_service() -> None:
    """Whoever starts and stops services in one process, as tests do, gathers no threads."""
    hooks = Hooks()
    hooks.register("on_provision", lambda _argument: threading.current_thread())
    thread = await hooks.call("on_provision", None)

    hooks.end_threads()

    await eventually(lambda: not thread.is_alive())


async def test_a_hook_that_hangs_holds_up_nobody_who_ends_the_threads() -> None:
    """It goes on to its end, on a thread that ends with it; nobody waits for it."""
    may_go_on = threading.Event()
    hooks = Hooks()
    threads: list[threading.Thread] = []

    def hang(_argument: object) -> None:
        threads.append(threading.current_thread())
        may_go_on.wait(20)

    hooks.register("on_provision", hang)
    call = asyncio.ensure_future(hooks.call("on_provision", None))
    await eventually(lambda: threads)

    hooks.end_threads()
    assert threads[0].is_alive()

    may_go_on.set()
    await call
    await eventually(lambda: not threads[0].is_alive())


async def test_a_service_that_starts_again_has_threads_again() -> None:
    """They are made when they are needed, as the first time."""
    hooks = Hooks()
    hooks.register("on_provision", lambda argument: argument)
    hooks.end_threads()

    assert "created" == await hooks.call("on_provision", "created")
    hooks.end_threads()
