"""Where the steps of hooks are kept: sealed, because what one returns may well be a password."""

from collections.abc import Callable
from typing import Any

from headrace.hooks.registry import Hooks
from headrace.hooks.steps import StepBook, read_result, write_result
from headrace.store.state.secrets import HOOK_STEP, name_part
from headrace.workflows.lifecycle.core import Core


def build_steps(core: Core, hooks: Hooks, uuid: str, *, scope: str | None = None) -> StepBook:
    """Return the steps of one call of a hook.

    `scope` is what the hook is called for, by which its steps are found again; a provision, of which a resource has
    one, has none.
    """
    database, secrets = core.database, core.secrets

    async def checkpoint(name: str, function: Callable[[], Any]) -> Any:
        kind = f"{HOOK_STEP}/{name}" if scope is None else name_part(scope, name)
        known = await database.read(secrets.find, uuid, kind)
        if known is None:
            known = write_result(name, await hooks.call_part(function))
            await database.write(secrets.save, uuid, kind, known)
        return read_result(known)

    return StepBook(checkpoint)
