"""Acme with one index for all review apps of a pipeline: made for the first of them, given back when the last goes."""

from headrace import AddonService, KnownResource, PlanChange, Provision, Resource, Stage, State

service = AddonService.from_env()
indexes: dict[str, str] = {}  # Acme's cloud: what each index is for, by its key


def is_review(resource: Resource) -> bool:
    return resource.stage is Stage.REVIEW and resource.pipeline is not None


def find_key(resource: Resource) -> str:
    """Review apps of a pipeline share an index; every other app has its own."""
    return f"review-{resource.pipeline.id}" if is_review(resource) and resource.pipeline else resource.uuid


def uses(sibling: KnownResource) -> bool:
    return is_review(sibling) and sibling.state is not State.DEPROVISIONING


@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    key = find_key(provision)
    async with provision.lock(key):  # twenty pull requests may be opened at once
        indexes.setdefault(key, provision.name)
    return {"ACME_SEARCH_URL": f"https://search.acme.example/{key}"}


@service.on_deprovision
async def drop(resource: Resource) -> None:
    key = find_key(resource)
    async with resource.lock(key):  # the last two may go at the same moment
        if not is_review(resource) or not any(map(uses, await resource.siblings())):
            indexes.pop(key, None)


@service.on_plan_change
async def resize(change: PlanChange) -> None: ...
