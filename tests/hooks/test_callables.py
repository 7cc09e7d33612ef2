"""What a type checker says of partners' hooks: real `mypy --strict`, over a file for each row of two tables."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import headrace
from house.rooms import ROOT

PREFACE = """
from collections.abc import Mapping
from functools import partial
from typing import Any

from headrace import (
    ActionOrder, AddonService, ConfigChange, Event, KnownResource, NoConfig, Panel, PlanChange, Provision, Refused,
    Resource, Retirement, Rotation, Stage, StageChange
)

service = AddonService.from_env({})
"""

RIGHT = {
    "async_functions": """
@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    return {"ACME_URL": await provision.step("make", str)}

@service.on_plan_change
async def resize(change: PlanChange) -> None:
    raise Refused(change.new_plan)

@service.on_deprovision
async def drop(resource: Resource) -> None: ...

@service.on_stage_change
async def move(change: StageChange) -> None: ...

@service.on_event("api:app", "api:domain")
async def hear(event: Event) -> None: ...

@service.panel
async def show(resource: Resource) -> Panel | None:
    return Panel(sentence=resource.uuid)
""",
    "hooks_that_renew_credentials": """
@service.on_rotate
async def rotate(rotation: Rotation) -> dict[str, str]:
    return {"ACME_TOKEN": await rotation.step("make", rotation.config["ACME_TOKEN"].reveal)}

@service.on_retire
def retire(retirement: Retirement) -> None:
    for name, old in retirement.old_config.items():
        print(name, old.reveal())

service.on_rotate(lambda rotation: {"ACME_TOKEN": rotation.id})
""",
    "actions_of_ones_own": """
@service.action("Rebuild index")
async def rebuild(order: ActionOrder) -> str | None:
    told: str = await order.step("rebuild", str, order.action)
    return told

@service.action("Purge cache")
def purge(order: ActionOrder) -> None:
    raise Refused(order.ordered_by)

service.action("Count documents")(lambda order: f"12 of {order.uuid}")

async def give(uuid: str) -> ConfigChange:
    return await service.order_action(uuid, "Rebuild index", by="grace")
""",
    "no_config_vars_on_purpose": """
@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    return {"ACME_URL": provision.uuid} if provision.plan else NoConfig()
""",
    "steps_in_every_hook": """
@service.on_plan_change
async def resize(change: PlanChange) -> None:
    await change.step("bill", print, change.id)

@service.on_deprovision
async def drop(resource: Resource) -> None:
    await resource.step("drop", print)

@service.on_event("api:app")
async def hear(event: Event) -> None:
    await event.step("hear", print)
""",
    "orders_and_resources_of_a_service": """
async def daily() -> ConfigChange:
    async with service.connected() as acme:
        found: KnownResource = await acme.resources.get(app="shop")
        async for each in service.resources.iterate(plan=["free", "basic"], stage=Stage.REVIEW):
            print(each.state, each.checked_at)
        await service.jobs.set_config({"ACME_TOKEN": None}, pipeline="storefront")
        return await service.set_config(found.uuid, {"ACME_TOKEN": "t-1", "ACME_URL": None})

def plainly() -> str:
    with service.connected() as acme:
        change = acme.rotate(acme.resources.get(name="acme-1").uuid)
        return f"{change.outcome} {acme.jobs.list()[0].total}"
""",
    "what_hooks_share_and_who_is_around": """
from collections.abc import AsyncIterator
from headrace import Failure

@service.lifespan
async def cloud() -> AsyncIterator[dict[str, int]]:
    yield {}

@service.on_error
def tell(failure: Failure) -> None:
    print(failure.hook, failure.error, failure.will_retry)

@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    async with provision.lock("cloud"):
        known: list[KnownResource] = await provision.siblings()
    return {"ACME_URL": f"{cloud.value['x'] + 1} {known[0].checked_at}"}
""",
    "plain_functions": """
@service.on_provision
def create(provision: Provision) -> dict[str, str]:
    return {}

@service.on_plan_change
def resize(change: PlanChange) -> dict[str, str] | None: ...

@service.on_deprovision
def drop(resource: Resource) -> None: ...

@service.on_stage_change
def move(change: StageChange) -> None: ...

@service.on_event("dyno")
def hear(event: Event) -> None: ...

@service.panel
def show(resource: Resource) -> Panel:
    return Panel(sentence=resource.uuid)
""",
    "a_function_keeps_its_type": """
@service.on_provision
async def create(provision: Provision, retries: int = 3) -> dict[str, str]:
    return {}

async def use(provision: Provision) -> str:
    return (await create(provision, retries=2))["ACME_URL"]
""",
    "an_argument_of_a_base_class": """
def log(resource: Resource) -> None: ...
def anything(argument: object) -> None: ...

service.on_plan_change(log)
service.on_stage_change(log)
service.on_event("api:app")(anything)
""",
    "arguments_with_defaults_and_others": """
def create(provision: Provision, retries: int = 3, *more: str, quick: bool = False) -> dict[str, str]:
    return {}

service.on_provision(create)
""",
    "a_mapping_or_no_config_vars": """
def create(provision: Provision) -> Mapping[str, str]:
    return {}

def without(provision: Provision) -> None: ...

service.on_provision(create)
service.on_provision(without)
""",
    "bound_methods": """
class Acme:
    async def create(self, provision: Provision) -> dict[str, str]:
        return {}

    def drop(self, resource: Resource) -> None: ...

service.on_provision(Acme().create)
service.on_deprovision(Acme().drop)
""",
    "objects_that_can_be_called": """
class Create:
    async def __call__(self, provision: Provision) -> dict[str, str]:
        return {}

class Show:
    def __call__(self, resource: Resource) -> Panel | None: ...

service.on_provision(Create())
service.panel(Show())
""",
    "partials": """
async def create(region: str, provision: Provision) -> dict[str, str]:
    return {}

def drop(resource: Resource, *, region: str) -> None: ...

service.on_provision(partial(create, "eu"))
service.on_deprovision(partial(drop, region="eu"))
""",
    "lambdas": """
service.on_provision(lambda provision: {"ACME_URL": provision.uuid})
service.panel(lambda resource: Panel(sentence=resource.uuid))
""",
}

WRONG = {
    "provision_takes_a_plan_change": """
@service.on_provision
def create(provision: PlanChange) -> dict[str, str]:
    return {}
""",
    "provision_returns_a_number": """
@service.on_provision
async def create(provision: Provision) -> int:
    return 1
""",
    "provision_returns_numbers_in_a_dict": """
@service.on_provision
def create(provision: Provision) -> dict[str, int]:
    return {}
""",
    "provision_returns_a_list": """
@service.on_provision
async def create(provision: Provision) -> list[str]:
    return []
""",
    "plan_change_takes_a_provision": """
@service.on_plan_change
async def resize(change: Provision) -> None: ...
""",
    "plan_change_returns_whether_it_fits": """
@service.on_plan_change
def resize(change: PlanChange) -> bool:
    return True
""",
    "rotate_returns_nothing": """
@service.on_rotate
async def rotate(rotation: Rotation) -> None: ...
""",
    "rotate_may_return_nothing": """
@service.on_rotate
def rotate(rotation: Rotation) -> dict[str, str] | None: ...
""",
    "rotate_takes_a_provision": """
@service.on_rotate
def rotate(rotation: Provision) -> dict[str, str]:
    return {}
""",
    "retire_returns_config_vars": """
@service.on_retire
async def retire(retirement: Retirement) -> dict[str, str]:
    return {}
""",
    "retire_takes_a_rotation": """
@service.on_retire
def retire(retirement: Rotation) -> None: ...
""",
    "a_config_var_that_is_a_number": """
async def daily() -> None:
    await service.set_config("uuid", {"ACME_TOKEN": 3})
""",
    "a_filter_that_is_none": """
async def daily() -> None:
    await service.resources.list(colour="red")
""",
    "an_order_without_await": """
def daily() -> ConfigChange:
    return service.set_config("uuid", {})
""",
    "a_lifespan_that_yields_something_else": """
from collections.abc import AsyncIterator

@service.lifespan
async def cloud() -> AsyncIterator[int]:
    yield 1

def use() -> str:
    return cloud.value
""",
    "a_lifespan_that_opens_nothing": """
@service.lifespan
async def cloud() -> int:
    return 1
""",
    "on_error_takes_an_exception": """
@service.on_error
def tell(error: Exception) -> None: ...
""",
    "an_action_without_a_name": """
@service.action
async def rebuild(order: ActionOrder) -> None: ...
""",
    "an_action_takes_a_plan_change": """
@service.action("Rebuild index")
def rebuild(change: PlanChange) -> None: ...
""",
    "an_action_returns_config_vars": """
@service.action("Rebuild index")
async def rebuild(order: ActionOrder) -> dict[str, str]:
    return {}
""",
    "deprovision_takes_a_provision": """
@service.on_deprovision
def drop(resource: Provision) -> None: ...
""",
    "deprovision_takes_text": """
@service.on_deprovision
async def drop(uuid: str) -> None: ...
""",
    "deprovision_returns_whether_it_was_there": """
@service.on_deprovision
async def drop(resource: Resource) -> bool:
    return True
""",
    "stage_change_takes_an_event": """
@service.on_stage_change
def move(change: Event) -> None: ...
""",
    "stage_change_returns_a_stage": """
@service.on_stage_change
def move(change: StageChange) -> Stage:
    return Stage.REVIEW
""",
    "event_takes_a_resource": """
@service.on_event("api:app")
async def hear(event: Resource) -> None: ...
""",
    "event_returns_config_vars": """
@service.on_event("api:app")
async def hear(event: Event) -> dict[str, str]:
    return {}
""",
    "event_names_no_entity": """
@service.on_event
async def hear(event: Event) -> None: ...
""",
    "panel_returns_text": """
@service.panel
def show(resource: Resource) -> str:
    return ""
""",
    "panel_takes_an_event": """
@service.panel
async def show(event: Event) -> Panel | None: ...
""",
    "two_required_arguments": """
@service.on_provision
def create(provision: Provision, region: str) -> dict[str, str]:
    return {}
""",
    "no_argument": """
@service.on_deprovision
async def drop() -> None: ...
""",
    "an_argument_by_name_only": """
@service.on_deprovision
async def drop(*, resource: Resource) -> None: ...
""",
    "a_method_that_takes_something_else": """
class Acme:
    def create(self, provision: PlanChange) -> dict[str, str]:
        return {}

service.on_provision(Acme().create)
""",
    "an_object_that_returns_something_else": """
class Show:
    async def __call__(self, resource: Resource) -> int:
        return 1

service.panel(Show())
""",
    "a_decorated_function_called_wrongly": """
@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    return {}

async def use() -> str:
    return (await create("no provision"))["ACME_URL"]
""",
    "a_name_that_is_not_ours": """
from headrace import Provisioning
""",
}


def test_mypy_takes_every_right_hook_and_refuses_every_wrong_one(tmp_path: Path) -> None:
    """As a partner runs it: on files of their own, beside an installed headrace."""
    names = f"from headrace import ({', '.join(headrace.__all__)})\n"
    everything = "from headrace import *\nservice: AddonService\nsecret: Secret\nreveal_type(secret.reveal())\n"
    right = {name: PREFACE + text for name, text in RIGHT.items()} | {"every_name": names, "star": everything}
    wrong = {name: PREFACE + text for name, text in WRONG.items()}

    complaints = run_mypy(tmp_path, right | wrong)

    assert {} == {name: complaints[name] for name in right if name in complaints}
    assert [] == [name for name in wrong if name not in complaints]


def run_mypy(folder: Path, sources: Mapping[str, str]) -> dict[str, str]:
    """Check each text as a module of its own; return the complaints about each that mypy has complaints about."""
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    copy_cache(folder / "cache")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-color-output", "--cache-dir", str(folder / "cache"), "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    complaints: dict[str, str] = {}
    for name, text in re.findall(r"^(\w+)\.py:\d+: error: (.*)$", done.stdout, re.MULTILINE):
        complaints[name] = f"{complaints.get(name, '')}{text}\n"
    return complaints


def copy_cache(folder: Path) -> None:
    """Have what mypy knows of headrace and its libraries, which it finds out anew of each file that has changed.

    `./dev test` may be writing it at this moment; where it is not there, mypy takes some seconds more.
    """
    kept = ROOT / ".mypy_cache"
    for file in kept.rglob("*.db"):
        to = folder / file.relative_to(kept)
        to.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
