"""Acme Search, an add-on in three hooks.

Run it with `headrace serve acme:service`; or say `app = service.asgi()` and run it with any ASGI server, such as
`uvicorn acme:app`.
"""

from headrace import AddonService, PlanChange, Provision, Refused, Resource, Stage

ROOM = {"free": 2_000, "basic": 100_000, "standard": 5_000_000, "premium": 100_000_000}
documents: dict[str, int] = {}  # Acme's cloud: how many documents each index holds, by uuid

service = AddonService.from_env()


@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    size = "shared" if provision.stage in (Stage.REVIEW, Stage.TEST) else "dedicated"
    documents.setdefault(provision.uuid, 12_000)
    return {"ACME_SEARCH_URL": f"https://{size}.search.acme.example/{provision.uuid}"}


@service.on_plan_change
async def resize(change: PlanChange) -> None:
    if documents.get(change.uuid, 0) > ROOM.get(change.new_plan, 0):
        raise Refused("Your data does not fit this plan.")


@service.on_deprovision
async def drop(resource: Resource) -> None:
    documents.pop(resource.uuid, None)
