"""Acme keeps the logs of apps: Heroku sends each to a drain, and Acme writes a line of its own to it.

The manifest says `"requires": ["syslog_drain", "log_input"]`; `routes` are for a web application at ACME_LOGS_URL.
"""

import os
from collections import defaultdict
from datetime import UTC, datetime

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from yarl import URL

from headrace import (
    AddonService,
    LogLine,
    PlanChange,
    PlanChanged,
    Provision,
    Provisioned,
    Refused,
    Resource,
    Secret,
    read_log_batch,
    write_log_input,
)

service = AddonService.from_env()
logs: defaultdict[str, list[LogLine]] = defaultdict(list)  # Acme's cloud: the lines of each app, by uuid
batches: set[str] = set()
days = {"free": 1, "basic": 7, "standard": 30}


@service.on_provision
async def create(provision: Provision) -> Provisioned:
    address = os.environ.get("ACME_LOGS_URL", "https://logs.acme.example")
    if provision.log_input_url:
        await provision.step("greet", greet, provision.log_input_url)
    return Provisioned(
        config={"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"},
        log_drain_url=f"{address}/logs/{provision.uuid}",
        message=f"Your app's log is kept for {days[provision.plan]} days.",
    )


async def greet(log_input_url: Secret) -> None:
    url = URL(log_input_url.reveal())
    hello = LogLine(at=datetime.now(UTC), source="acme", process="acme", message="[info] this log is kept by Acme")
    headers, body = write_log_input([hello], Secret(url.password or ""))
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        await http.post(url, headers=headers, data=body)


async def take(request: Request) -> Response:
    batch = read_log_batch(request.headers, await request.body())
    if batch.id not in batches:  # what was not answered in time comes again
        batches.add(batch.id)
        logs[request.path_params["uuid"]] += batch.lines
    return Response(status_code=204)


routes = [Route("/logs/{uuid}", take, methods=["POST"])]


@service.on_plan_change
async def resize(change: PlanChange) -> PlanChanged:
    if change.new_plan not in days:
        raise Refused(f"Acme has no plan {change.new_plan}.")
    return PlanChanged(message=f"Your app's log is kept for {days[change.new_plan]} days.")


@service.on_deprovision
async def drop(resource: Resource) -> None:
    logs.pop(resource.uuid, None)
