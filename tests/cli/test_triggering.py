"""`headrace trigger`: what customers do, at a Heroku that runs already."""

import asyncio
import re

import pytest
from click.testing import Result

from cli.running import invoke
from emulator.partner import RawPartner, accept_for_later, answer
from headrace.cli.triggering import STAGES
from headrace.emulator import Emulator
from headrace.models import Stage
from headrace.process.ports import bind
from headrace.testing import eventually

BOARD = re.compile(r"^(?:Its board: )?(http://127\.0\.0\.1:\d+/sso/apps/[-\w]+/addons/[-\w]+\S*)$", re.MULTILINE)


async def trigger(heroku: Emulator, *arguments: str) -> Result:
    """Run a command while the emulator serves in this process."""
    return await asyncio.to_thread(invoke, "trigger", *arguments, "--heroku", heroku.url)


async def test_a_customer_comes_changes_and_goes(heroku: Emulator, acme: RawPartner) -> None:
    """Each says what has come of it; the plan's service is the only one there is."""
    came = await trigger(heroku, "provision", "--app", "storefront", "--plan", "basic", "--user", "ada@lumen.example")
    changed = await trigger(heroku, "plan-change", "--app", "storefront", "--plan", "premium")
    opened = await trigger(heroku, "sso", "--app", "storefront", "--user", "grace@lumen.example")
    gone = await trigger(heroku, "deprovision", "--app", "storefront")
    again = await trigger(heroku, "deprovision", "--app", "storefront")

    assert [0, 0, 0, 0, 1] == [result.exit_code for result in (came, changed, opened, gone, again)], came.output
    assert re.match(r"acme-search-\w+-\d+ \(acme-search:basic\) on storefront: provisioned\.\n", came.output)
    assert (True, True) == (bool(BOARD.search(came.output)), opened.output.endswith("?user=grace@lumen.example\n"))
    assert "has the plan acme-search:premium." in changed.output
    assert ("storefront has no add-on.\n", True) == (again.output, gone.output.endswith(" is gone.\n"))


async def test_apps_move_are_promoted_and_told_of(heroku: Emulator, acme: RawPartner) -> None:
    moved = await trigger(heroku, "move", "--app", "storefront-dev", "--stage", "staging")
    promoted = await trigger(heroku, "promote", "--app", "storefront-staging")
    told = await trigger(heroku, "webhook", "--app", "storefront")

    assert "storefront-dev is at staging of storefront.\n" == moved.output
    assert "storefront-staging is promoted to storefront.\n" == promoted.output
    assert "api:app update of storefront is told.\n" == told.output


async def test_what_the_add_on_refuses_is_said_in_its_words(heroku: Emulator, acme: RawPartner) -> None:
    """As the customer would read it, and the status is that of a failure."""
    await trigger(heroku, "provision", "--app", "storefront", "--plan", "basic")
    acme.reactions |= dict.fromkeys(("PUT", "POST"), answer(422, {"message": "Your data does not fit."}))
    changed = await trigger(heroku, "plan-change", "--app", "storefront", "--plan", "free")
    made = await trigger(heroku, "provision", "--app", "ada-notes", "--plan", "free")
    unknown = await trigger(heroku, "plan-change", "--app", "storefront", "--plan", "nonsense")

    assert [(1, "Your data does not fit.\n")] * 2 == [(result.exit_code, result.output) for result in (changed, made)]
    assert (1, 1) == (unknown.exit_code, len(unknown.output.splitlines())), unknown.output


async def test_a_provision_that_is_given_up_is_said_to_be(heroku: Emulator, acme: RawPartner) -> None:
    """Heroku knows such an add-on no more, which would be said of a mistyped name too."""
    acme.reactions["POST"] = accept_for_later
    waiting = asyncio.create_task(trigger(heroku, "provision", "--app", "storefront", "--plan", "basic"))
    # Heroku gives the partner its time once the partner has answered; before that it says so itself.
    await eventually(lambda: [addon for addon in heroku.state.addons if addon.deadline is not None])
    [addon] = heroku.state.addons
    heroku.remove_addon(addon)
    result = await waiting

    assert (1, f"{addon.name} is gone: the add-on gave the provision up. Its log says why.\n") == (
        result.exit_code,
        result.output,
    )


@pytest.mark.parametrize("app", ["nonsense", "storefront/../x", "?"])
async def test_an_app_that_there_is_not_is_said_in_a_line(heroku: Emulator, app: str) -> None:
    result = await trigger(heroku, "sso", "--app", app)

    assert (1, 1) == (result.exit_code, len(result.output.splitlines())), result.output


async def test_an_add_on_is_named_where_an_app_has_several(heroku: Emulator, acme: RawPartner) -> None:
    for _ in range(2):
        await trigger(heroku, "provision", "--app", "storefront", "--plan", "acme-search:basic")
    names = [addon.name for addon in heroku.state.addons]
    unclear = await trigger(heroku, "sso", "--app", "storefront")
    clear = await trigger(heroku, "sso", "--app", "storefront", "--addon", names[1])

    assert (1, True) == (unclear.exit_code, unclear.output.endswith("say which with --addon.\n"))
    assert all(name in unclear.output for name in names)
    assert 0 == clear.exit_code


def test_a_heroku_that_is_not_there_is_said_in_a_line() -> None:
    with bind("127.0.0.1", 0) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        result = invoke("trigger", "sso", "--app", "storefront", "--heroku", url)

    assert (1, f"No emulated Heroku answers at {url}.") == (result.exit_code, result.output.partition(" Start")[0])


@pytest.mark.parametrize("url", ["https://heroku.com", "heroku.com", "nonsense"])
def test_only_a_heroku_of_this_machine_is_asked(url: str) -> None:
    """HEROKU_HOST may be another one's."""
    result = invoke("trigger", "sso", "--app", "storefront", HEROKU_HOST=url)

    assert (1, True) == (result.exit_code, "is no emulated Heroku of this machine" in result.output)


def test_an_app_can_be_moved_to_every_stage() -> None:
    """They are written down once more, because what reads them weighs more than the whole command line."""
    assert set(STAGES) == {str(stage) for stage in Stage}
