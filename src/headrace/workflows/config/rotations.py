"""The partner's two hooks of a rotation: one makes new credentials, the other retires those that they replaced."""

from collections.abc import Mapping

import sqlalchemy as sa

from headrace.errors import MisuseError
from headrace.hooks.arguments import Retirement, Rotation
from headrace.hooks.config import read_config
from headrace.hooks.registry import Hooks, blaming
from headrace.models import Secret
from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.state.config.changes import name_config_vars
from headrace.store.state.secrets import seal_config_change
from headrace.store.state.timeline import TimelineName, add_event
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.hook_arguments import describe_resource, load_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.siblings import build_company

NOTHING = (
    "The on_rotate hook returned no config vars. Return those that change with the new credentials, such as "
    "{'ACME_TOKEN': token}."
)


class RotationHooks:
    """Calls the hooks, and keeps what the first returns until Heroku is told."""

    def __init__(self, core: Core, hooks: Hooks) -> None:
        self._core = core
        self._hooks = hooks

    async def rotate(self, uuid: str, *, number: int) -> None:
        """Have new credentials made, unless they are: what the hook returned was kept."""
        core = self._core
        if await core.database.read(core.secrets.find_config_change, uuid, number) is not None:
            return
        self._hooks.require("on_rotate")
        returned = await self._hooks.call("on_rotate", await self._build(uuid, number))
        with blaming("on_rotate"):
            config = read_config(returned, manifest=core.manifest)
            if not config:
                raise MisuseError(NOTHING)
        await core.database.write(self._keep, uuid, number, config)

    async def retire(self, uuid: str, *, number: int) -> None:
        """Have the credentials retired that a rotation has replaced."""
        core = self._core
        old = await core.database.read(core.secrets.find_config_change, uuid, number) or {}
        rotation = await self._build(uuid, number)
        self._hooks.require("on_retire")
        known = {name: getattr(rotation, name) for name in Rotation.__dataclass_fields__}
        replaced = {name: Secret(value) for name, value in old.items() if value is not None}
        await self._hooks.call("on_retire", Retirement(**known, old_config=replaced))

    async def _build(self, uuid: str, number: int) -> Rotation:
        row, placement = await self._core.database.read(load_resource, uuid)
        config = await self._core.database.read(self._core.secrets.find_config, uuid) or {}
        return Rotation(
            **describe_resource(row, placement),
            id=f"{uuid}:{number}",
            config={name: Secret(value) for name, value in config.items()},
            _steps=build_steps(self._core, self._hooks, uuid, scope=name_scope(number)),
            _company=build_company(self._core, uuid),
        )

    def _keep(self, connection: sa.Connection, uuid: str, number: int, config: Mapping[str, str]) -> None:
        self._core.secrets.save_all(connection, [seal_config_change(uuid, number, config)])
        name_config_vars(connection, uuid, number, names=config)
        detail = {"hook": "on_rotate", "config_vars": sorted(config)}
        add_event(connection, uuid, TimelineName.HOOK_RETURNED, now=self._core.clock(), **detail)


def name_scope(number: int) -> str:
    """Return by what the steps of an order's hook are found again."""
    return f"{WorkflowKind.CONFIG_CHANGE}/{number}"
