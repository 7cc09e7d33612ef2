"""Platform API: log drains of apps and of add-ons (contract §6.2), telemetry drains of Fir apps, and no log to read."""

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing, require_text
from headrace.emulator.heroku.logs import add_drain, find_drain, list_drains, put_drain
from headrace.emulator.heroku.telemetry import add_telemetry_drain, change_telemetry_drain
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.render.apps import render_drain, render_telemetry_drain
from headrace.emulator.world.belongings import TelemetryDrain
from headrace.emulator.world.records import App, LogDrain


def list_app_drains(call: Call) -> ApiAnswer:
    return listing(call.app().log_drains.values(), render_drain)


def show_drain(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_drain(_find(call, call.app())))


def create_drain(call: Call) -> ApiAnswer:
    """What a partner drains is its add-on's drain."""
    drain = add_drain(call.heroku.clock, call.app(), call.text("url"), addon=call.scope.addon)
    return created(render_drain(drain))


def delete_drain(call: Call) -> ApiAnswer:
    """Customers and partners remove their own."""
    app = call.app()
    own = [drain for drain in app.log_drains.values() if drain.addon is call.scope.addon]
    drain = find_drain(own, call.part("drain"))
    if drain is None:
        raise forbidden(f"The log drain {_find(call, app).id} belongs to somebody else.")
    del app.log_drains[drain.id]
    return ApiAnswer(body=render_drain(drain))


def list_addon_drains(call: Call) -> ApiAnswer:
    return listing(list_drains(call.addon()), render_drain)


def update_drain(call: Call) -> ApiAnswer:
    drain = put_drain(call.heroku.clock, call.own_addon(), call.part("drain"), call.text("url"))
    return ApiAnswer(body=render_drain(drain))


def refuse_session(call: Call) -> ApiAnswer:
    app = call.app()
    raise invalid(f"The emulator runs nothing, so that {app.name} has no log to read.")


def list_telemetry_drains(call: Call) -> ApiAnswer:
    app = call.app()
    return listing(app.telemetry_drains.values(), lambda drain: render_telemetry_drain(drain, app))


def create_telemetry_drain(call: Call) -> ApiAnswer:
    body = call.body()
    owner = body.get("owner")
    if not isinstance(owner, dict) or owner.get("type") != "app":
        raise invalid("owner has to be an app, by its id and the type `app`: the emulator has no Private Spaces.")
    app = call.app(require_text(owner, "id"))
    drain = add_telemetry_drain(call.heroku.clock, app, signals=body.get("signals"), exporter=body.get("exporter"))
    return created(render_telemetry_drain(drain, app))


def show_telemetry_drain(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_telemetry_drain(*_find_telemetry_drain(call)))


def update_telemetry_drain(call: Call) -> ApiAnswer:
    drain, app = _find_telemetry_drain(call)
    change_telemetry_drain(call.heroku.clock, drain, call.body())
    return ApiAnswer(body=render_telemetry_drain(drain, app))


def delete_telemetry_drain(call: Call) -> ApiAnswer:
    drain, app = _find_telemetry_drain(call)
    del app.telemetry_drains[drain.id]
    return ApiAnswer(body=render_telemetry_drain(drain, app))


ENDPOINTS = (
    Endpoint("GET", "/apps/{app}/log-drains", list_app_drains),
    Endpoint("POST", "/apps/{app}/log-drains", create_drain, Partner.YES),
    Endpoint("GET", "/apps/{app}/log-drains/{drain}", show_drain),
    Endpoint("DELETE", "/apps/{app}/log-drains/{drain}", delete_drain, Partner.YES),
    Endpoint("GET", "/addons/{addon}/log-drains", list_addon_drains, Partner.YES),
    Endpoint("PUT", "/addons/{addon}/log-drains/{drain}", update_drain, Partner.YES),
    Endpoint("POST", "/apps/{app}/log-sessions", refuse_session),
    Endpoint("GET", "/apps/{app}/telemetry-drains", list_telemetry_drains),
    Endpoint("POST", "/telemetry-drains", create_telemetry_drain),
    Endpoint("GET", "/telemetry-drains/{telemetry_drain}", show_telemetry_drain),
    Endpoint("PATCH", "/telemetry-drains/{telemetry_drain}", update_telemetry_drain),
    Endpoint("DELETE", "/telemetry-drains/{telemetry_drain}", delete_telemetry_drain),
)


def _find_telemetry_drain(call: Call) -> tuple[TelemetryDrain, App]:
    for app in call.scope.apps():
        drain = app.telemetry_drains.get(call.part("telemetry_drain"))
        if drain is not None:
            return drain, app
    raise not_found("telemetry drain")


def _find(call: Call, app: App) -> LogDrain:
    drain = find_drain(app.log_drains.values(), call.part("drain"))
    if drain is None:
        raise not_found("log drain")
    return drain
