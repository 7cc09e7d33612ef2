"""How a world becomes the first state of an emulator."""

from datetime import UTC, datetime

import msgspec

from headrace.emulator.world.dynos import scale
from headrace.emulator.world.flow import FlowBook, ReviewAppConfig
from headrace.emulator.world.manifests import add_revision
from headrace.emulator.world.people import add_user
from headrace.emulator.world.records import AddonService, Plan, Team
from headrace.emulator.world.state import Registry
from headrace.emulator.world.world_file import AddonServiceSpec, AppEntry, PipelineEntry, World, derive_id
from headrace.models import Secret

# What a world holds has stood there for a while; a fixed date makes runs repeat.
WORLD_BEGAN_AT = datetime(2026, 10, 1, 9, tzinfo=UTC)


def populate(registry: Registry, flow: FlowBook, world: World) -> None:
    """Put a world's things into an empty registry and flow book."""
    for entry in world.users:
        add_user(registry, entry.email, name=entry.name, token=entry.token, user_id=entry.id, at=WORLD_BEGAN_AT)
    for team in world.teams:
        roles = {registry.users_by_email[email].id: role for email, role in team.members.items()}
        team_id = team.id or derive_id("team", team.name)
        found = registry.teams.add(
            Team(id=team_id, name=team.name, is_enterprise=team.enterprise, roles=roles, created_at=WORLD_BEGAN_AT)
        )
        for user_id in roles:
            registry.users[user_id].teams[team_id] = found
    for spec in world.addon_services:
        _add_service(registry, spec)
    for app in world.apps:
        _add_world_app(registry, app)
    for pipeline in world.pipelines:
        _add_world_pipeline(registry, flow, pipeline)
    for coupling in world.couplings:
        registry.couple(
            registry.apps[coupling.app],
            registry.pipelines[coupling.pipeline],
            coupling.stage,
            coupling_id=derive_id("coupling", coupling.app),
            at=WORLD_BEGAN_AT,
        )


def _add_service(registry: Registry, spec: AddonServiceSpec) -> None:
    slug = spec.manifest.id
    service = AddonService(
        id=derive_id("addon_service", slug),
        name=slug,
        manifest=spec.manifest,
        client_secret=Secret(spec.client_secret),
        generations=spec.generations,
        environment=spec.environment,
        short_lived_plan=spec.short_lived_plan,
        private_short_lived_plan=spec.private_short_lived_plan,
        created_at=WORLD_BEGAN_AT,
    )
    for entry in spec.plans:
        plan = Plan(
            id=derive_id("plan", f"{slug}:{entry.name}"),
            name=entry.name,
            service=service,
            price_cents=entry.price,
            is_default=entry.default,
            created_at=WORLD_BEGAN_AT,
        )
        service.plans[entry.name] = plan
        registry.plans[plan.id] = plan
    contents = msgspec.json.decode(spec.manifest_text)
    contents["api"].setdefault("config_vars_prefix", service.manifest.config_vars_prefix)
    add_revision(service, contents, at=WORLD_BEGAN_AT)
    registry.addon_services.add(service)
    registry.services_by_secret[spec.client_secret] = service


def _add_world_app(registry: Registry, entry: AppEntry) -> None:
    owner = registry.find_owner(entry.owner)
    assert owner is not None, "load_world has checked it"
    app = registry.add_app(
        entry.name,
        owner=owner,
        region=entry.region,
        generation=entry.generation,
        config=entry.config,
        app_id=entry.id or derive_id("app", entry.name),
        at=WORLD_BEGAN_AT,
    )
    scale(app, entry.formation, at=WORLD_BEGAN_AT)
    for email in entry.collaborators:
        permissions = entry.permissions.get(email, ())
        registry.add_collaborator(app, registry.users_by_email[email], permissions=permissions, at=WORLD_BEGAN_AT)


def _add_world_pipeline(registry: Registry, flow: FlowBook, entry: PipelineEntry) -> None:
    pipeline = registry.add_pipeline(
        entry.name,
        owner=registry.find_owner(entry.owner) if entry.owner else None,
        generation=entry.generation,
        pipeline_id=entry.id or derive_id("pipeline", entry.name),
        at=WORLD_BEGAN_AT,
    )
    if entry.repository:
        flow.connect(pipeline, entry.repository, entry.app_json)
    if entry.review_apps:
        flow.of(pipeline).config = ReviewAppConfig(automatic=True)
