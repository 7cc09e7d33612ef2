"""Platform API: log drains of apps and of add-ons (contract §6.2)."""

from headrace.emulator.call import Answer, Call, created, listing
from headrace.emulator.errors import forbidden, not_found
from headrace.emulator.logs import add_drain, find_drain, list_drains, put_drain
from headrace.emulator.records import App, LogDrain
from headrace.emulator.render import render_drain


def list_app_drains(call: Call) -> Answer:
    return listing(call.app().log_drains.values(), render_drain)


def show_drain(call: Call) -> Answer:
    return Answer(body=render_drain(_find(call, call.app())))


def create_drain(call: Call) -> Answer:
    """What a partner drains is its add-on's drain."""
    drain = add_drain(call.heroku.clock, call.app(), call.text("url"), addon=call.scope.addon)
    return created(render_drain(drain))


def delete_drain(call: Call) -> Answer:
    """Customers and partners remove their own."""
    app = call.app()
    own = [drain for drain in app.log_drains.values() if drain.addon is call.scope.addon]
    drain = find_drain(own, call.part("drain"))
    if drain is None:
        raise forbidden(f"The log drain {_find(call, app).id} belongs to somebody else.")
    del app.log_drains[drain.id]
    return Answer(body=render_drain(drain))


def list_addon_drains(call: Call) -> Answer:
    return listing(list_drains(call.addon()), render_drain)


def update_drain(call: Call) -> Answer:
    drain = put_drain(call.heroku.clock, call.own_addon(), call.part("drain"), call.text("url"))
    return Answer(body=render_drain(drain))


def _find(call: Call, app: App) -> LogDrain:
    drain = find_drain(app.log_drains.values(), call.part("drain"))
    if drain is None:
        raise not_found("log drain")
    return drain
