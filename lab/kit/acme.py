"""A service as a partner writes one, for the commands that are measured, of whichever build they are."""

from headrace import AddonService, PlanChange, Provision, Resource

service = AddonService.from_env()


@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}


@service.on_plan_change
async def resize(_change: PlanChange) -> None: ...


@service.on_deprovision
async def drop(_resource: Resource) -> None: ...
