"""Worlds of any size."""

import json
from collections.abc import Sequence

from headrace.models import Stage

USER_TOKEN, CLIENT_SECRET = "ada-token", "acme-client-secret"


def name_app(number: int) -> str:
    return f"app-{number:05}"


def build_world(app_count: int, *, partner: str = "http://127.0.0.1:9", requires: Sequence[str] = ()) -> str:
    """Return a world whose apps stand five to a pipeline, one at each stage, with a rate pool that never empties."""
    names = [(name_app(number), f"pipeline-{number // len(Stage):05}") for number in range(app_count)]
    stages = list(Stage) * (app_count // len(Stage))
    apps = [{"name": app, "owner": "lumen"} for app, _ in names]
    pipelines = [{"name": pipeline, "owner": "lumen"} for pipeline in dict(names[:: len(Stage)]).values()]
    couplings = [
        {"app": app, "pipeline": pipeline, "stage": str(stage)}
        for (app, pipeline), stage in zip(names, stages, strict=True)
    ]
    service = {
        "slug": "acme-search",
        "password": "acme-manifest-password",
        "sso_salt": "acme-sso-salt",
        "client_secret": CLIENT_SECRET,
        "config_vars": ["ACME_SEARCH_URL", "ACME_SEARCH_TOKEN"],
        "base_url": f"{partner}/heroku/resources",
        "sso_url": f"{partner}/sso/login",
        "requires": ["many_per_app", "attachable", *requires],
        "plans": [{"name": "free", "price": 0, "default": True}, {"name": "basic"}, {"name": "tiny"}],
    }
    tables = {
        "users": [{"email": "ada@lumen.example", "token": USER_TOKEN}],
        "teams": [{"name": "lumen", "members": {"ada@lumen.example": "admin"}}],
        "pipelines": pipelines,
        "apps": apps,
        "couplings": couplings,
        "addon_services": [service],
        "switches": {"rate_limit": 1_000_000_000},
    }
    return "\n".join(f"{name} = {_render_toml(value)}" for name, value in tables.items())


def _render_toml(value: object) -> str:
    """A value in TOML's inline form, in which only tables differ from JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_render_toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_render_toml(item)},\n" for item in value) + "]"
    return json.dumps(value)
