"""What follows for review apps, test runs and app setups when something happens to an app or add-on of theirs."""

from headrace.emulator.flow import review_apps, test_runs
from headrace.emulator.flow.setups import fail, finish, is_ready
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.world.change_feed import Change
from headrace.emulator.world.flow import OVER, AppSetup
from headrace.emulator.world.records import Addon, App


def follow(heroku: Heroku, change: Change) -> None:
    """Take note of an add-on that is there now, or of one or an app that is gone."""
    flow = heroku.flow
    if isinstance(change.thing, App) and change.action == "destroy":
        review_app = flow.review_apps_by_app.pop(change.app.id, None)
        if review_app is not None:
            review_apps.note_app_gone(heroku, review_app)
        flow.test_runs_by_app.pop(change.app.id, None)
        setup = flow.setups_by_app.pop(change.app.id, None)
        if setup is not None and setup.status != "failed":
            del flow.setups[setup.id]
    elif isinstance(change.thing, Addon) and change.app.id in flow.setups_by_app:
        _follow_addon(heroku, flow.setups_by_app[change.app.id], change.thing, is_gone=change.action == "destroy")


def resume(heroku: Heroku) -> None:
    """Plan anew what an emulator that was loaded has before it."""
    for review_app in heroku.flow.review_apps.values():
        if review_app.is_open:
            review_apps.plan_stale_check(heroku, review_app)
    for run in heroku.flow.test_runs.values():
        if run.status == "running":
            test_runs.plan_end(heroku, run)


def advance_setup(heroku: Heroku, setup: AppSetup) -> None:
    """Finish a setup whose add-ons are all there, with what it is for."""
    flow, app_id = heroku.flow, setup.app.id
    if setup.status != "pending":
        return
    if app_id in flow.review_apps_by_app:
        review_apps.advance(heroku, flow.review_apps_by_app[app_id])
    elif app_id in flow.test_runs_by_app:
        test_runs.advance(heroku, flow.test_runs_by_app[app_id])
    elif is_ready(heroku, setup):
        finish(heroku, setup)


def _follow_addon(heroku: Heroku, setup: AppSetup, addon: Addon, *, is_gone: bool) -> None:
    if setup.status != "pending" or not setup.is_asked:
        return
    if not is_gone:
        advance_setup(heroku, setup)
    elif addon.id in setup.addon_ids and not _is_ending(heroku, setup):
        heroku.agenda.start(_give_up(heroku, setup, f"The add-on {addon.name} was not provisioned."))


def _is_ending(heroku: Heroku, setup: AppSetup) -> bool:
    review_app = heroku.flow.review_apps_by_app.get(setup.app.id)
    run = heroku.flow.test_runs_by_app.get(setup.app.id)
    return (review_app is not None and not review_app.is_open) or (run is not None and run.status in OVER)


async def _give_up(heroku: Heroku, setup: AppSetup, message: str) -> None:
    review_app = heroku.flow.review_apps_by_app.get(setup.app.id)
    run = heroku.flow.test_runs_by_app.get(setup.app.id)
    if review_app is not None:
        await review_apps.give_up(heroku, review_app, message)
        return
    await fail(heroku, setup, message)
    if run is not None:
        test_runs.note_setup_failed(heroku, run)
