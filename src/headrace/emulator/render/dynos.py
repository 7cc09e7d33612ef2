"""Domains, formation, dynos, regions and stacks as the JSON objects of the Platform API."""

from headrace.emulator.kit.catalogue import DEFAULT_STACK, DYNO_SIZE, Region
from headrace.emulator.kit.paging import Json
from headrace.emulator.render.values import render_named, render_ref, render_time
from headrace.emulator.world.dynos import Dyno
from headrace.emulator.world.populate import WORLD_BEGAN_AT
from headrace.emulator.world.records import App, Domain, Process
from headrace.emulator.world.world_file import derive_id


def render_domain(domain: Domain, app: App) -> Json:
    """A custom domain is told where to point; nothing waits for it to do so."""
    return {
        "acm_status": None,
        "acm_status_reason": None,
        "app": render_ref(app),
        "cname": f"{domain.hostname}.herokudns.com" if domain.is_custom else None,
        "created_at": render_time(domain.created_at),
        "hostname": domain.hostname,
        "id": domain.id,
        "kind": "custom" if domain.is_custom else "heroku",
        "sni_endpoint": None,
        "status": "succeeded",
        "updated_at": render_time(domain.created_at),
    }


def read_size(process: Process, app: App) -> str:
    """Return a process type's size; one that an older emulator saved has none of its own."""
    return process.size or DYNO_SIZE[app.generation]


def render_process(process: Process, app: App) -> Json:
    size = read_size(process, app)
    return {
        "app": render_ref(app),
        "command": f"bin/{process.type}",
        "created_at": render_time(process.created_at),
        "dyno_size": render_named("dyno_size", size),
        "id": derive_id("process", f"{app.id}:{process.type}"),
        "quantity": process.quantity,
        "size": size,
        "type": process.type,
        "updated_at": render_time(process.updated_at),
    }


def render_dyno(dyno: Dyno, app: App) -> Json:
    release = app.releases[-1]
    return {
        "app": render_ref(app),
        "attach_url": None,
        "command": f"bin/{dyno.process.type}",
        "created_at": render_time(dyno.started_at),
        "id": dyno.id,
        "name": dyno.name,
        "release": {"id": release.id, "version": release.version},
        "size": read_size(dyno.process, app),
        "state": "up",
        "type": dyno.process.type,
        "updated_at": render_time(dyno.started_at),
    }


def render_region(region: Region) -> Json:
    return {
        "country": region.country,
        "created_at": render_time(WORLD_BEGAN_AT),
        "description": f"{region.locale}, {region.country}",
        "id": derive_id("region", region.name),
        "locale": region.locale,
        "name": region.name,
        "private_capable": region.is_private,
        "provider": {"name": "amazon-web-services", "region": region.aws},
        "updated_at": render_time(WORLD_BEGAN_AT),
    }


def render_stack(name: str) -> Json:
    return {
        "created_at": render_time(WORLD_BEGAN_AT),
        "default": name == DEFAULT_STACK["cedar"],
        "id": derive_id("stack", name),
        "name": name,
        "state": "public",
        "updated_at": render_time(WORLD_BEGAN_AT),
    }
