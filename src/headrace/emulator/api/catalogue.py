"""Platform API: regions and stacks, and what nobody has here: keys, features, certificates, Private Spaces, usage."""

from collections.abc import Iterable

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, listing
from headrace.emulator.kit.catalogue import REGIONS, STACKS
from headrace.emulator.kit.errors import Declined, invalid, not_found
from headrace.emulator.render.dynos import render_region, render_stack
from headrace.emulator.render.values import render_ref
from headrace.emulator.world.world_file import derive_id


def list_regions(_call: Call) -> ApiAnswer:
    return listing(REGIONS.values(), render_region, by=("name",))


def show_region(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_region(REGIONS[_find_name(call, "region", REGIONS)]))


def list_stacks(_call: Call) -> ApiAnswer:
    return listing(STACKS, render_stack, by={"name": str})


def show_stack(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_stack(_find_name(call, "stack", STACKS)))


def list_nothing(_call: Call) -> ApiAnswer:
    """A user's SSH keys, features and Private Spaces: there are none."""
    return ApiAnswer(body=[])


def list_nothing_of_app(call: Call) -> ApiAnswer:
    """An app's features and certificates: there are none."""
    call.app()
    return ApiAnswer(body=[])


def refuse_feature(call: Call) -> ApiAnswer:
    """The CLI's `labs` looks for a feature of the account's first, and goes on to the app's when that is 404."""
    if "app" in call.request.path_params:
        call.app()
    raise Declined(404, "not_found", f"The emulator has no features, and so no {call.part('feature')}.")


def refuse_certificate(call: Call) -> ApiAnswer:
    call.app()
    raise invalid("The emulator has no certificates.")


def show_space(_call: Call) -> ApiAnswer:
    raise not_found("space")


def refuse_space(_call: Call) -> ApiAnswer:
    raise invalid("The emulator has no Private Spaces; a world's app may stand in a region of theirs.")


def show_app_usage(call: Call) -> ApiAnswer:
    """No add-on is billed by a meter here."""
    app = call.app()
    return ApiAnswer(body={"addons": [], **render_ref(app)})


def show_team_usage(call: Call) -> ApiAnswer:
    team = call.team()
    return ApiAnswer(body={"apps": [], "id": team.id, "name": team.name})


ENDPOINTS = (
    Endpoint("GET", "/account/keys", list_nothing),
    Endpoint("GET", "/account/features", list_nothing),
    Endpoint("GET", "/regions", list_regions, Partner.YES),
    Endpoint("GET", "/regions/{region}", show_region, Partner.YES),
    Endpoint("GET", "/stacks", list_stacks, Partner.YES),
    Endpoint("GET", "/stacks/{stack}", show_stack, Partner.YES),
    Endpoint("GET", "/account/features/{feature}", refuse_feature),
    Endpoint("PATCH", "/account/features/{feature}", refuse_feature),
    Endpoint("GET", "/apps/{app}/features", list_nothing_of_app),
    Endpoint("GET", "/apps/{app}/features/{feature}", refuse_feature),
    Endpoint("PATCH", "/apps/{app}/features/{feature}", refuse_feature),
    Endpoint("GET", "/apps/{app}/sni-endpoints", list_nothing_of_app),
    Endpoint("POST", "/apps/{app}/sni-endpoints", refuse_certificate),
    Endpoint("POST", "/apps/{app}/acm", refuse_certificate),
    Endpoint("GET", "/spaces", list_nothing),
    Endpoint("POST", "/spaces", refuse_space),
    Endpoint("GET", "/spaces/{space}", show_space),
    Endpoint("GET", "/apps/{app}/usage", show_app_usage),
    Endpoint("GET", "/teams/{team}/usage", show_team_usage),
    Endpoint("GET", "/teams/{team}/apps/{app}/usage", show_app_usage),
)


def _find_name(call: Call, kind: str, names: Iterable[str]) -> str:
    """By name or by the id that is made from it."""
    key = call.part(kind)
    for name in names:
        if key in {name, derive_id(kind, name)}:
            return name
    raise not_found(kind)
