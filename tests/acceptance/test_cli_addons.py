"""The official CLI, command by command: add-on services, plans, add-ons, attachments."""

import asyncio
import re

import pytest

from acceptance.heroku_cli import Terminal
from emulator.partner import RawPartner, accept_for_later, answer
from headrace.emulator import Emulator, Exchange, Fault
from headrace.testing import eventually

pytestmark = pytest.mark.acceptance


async def test_services_and_plans_are_listed(ada: Terminal) -> None:
    """With prices; what is not there is named."""
    services = await ada.enter("addons:services")
    plans = await ada.enter("addons:plans", "acme-search")
    docs = await ada.enter("addons:docs", "acme-search", "--show-url")
    missing = await ada.enter_in_vain("addons:plans", "nothing")

    assert "acme-search Acme Search ga" in services
    assert "default acme-search:free Free free free" in plans
    assert "acme-search:basic Basic ~$0.013/hour $9/month" in plans
    assert docs.endswith("https://devcenter.heroku.com/articles/acme-search")
    assert "Couldn't find that add-on service." in missing


async def test_an_addon_is_created_with_all_that_can_be_said(ada: Terminal, acme: RawPartner, heroku: Emulator) -> None:
    """A name, a name for its attachment, and options, which reach the partner as text."""
    none = await ada.enter("addons", "--app", "ada-notes")
    created = await ada.enter(
        "addons:create", "acme-search:basic", "--app", "ada-notes", "--name", "notes-search", "--as", "FIND", "--wait",
        "--", "--index-size=10", "--verbose",
    )  # fmt: skip
    on_app = await ada.enter("addons", "--app", "ada-notes")
    everywhere = await ada.enter("addons", "--all")
    info = await ada.enter("addons:info", "FIND", "--app", "ada-notes")
    config = await ada.enter("config", "--app", "ada-notes")
    addon = heroku.state.addons["notes-search"]

    assert "No add-ons for app ada-notes." in none
    assert "Creating acme-search:basic on ada-notes... ~$0.013/hour (max $9/month)" in created
    assert "Welcome Created notes-search as FIND_URL" in created
    assert {"index-size": "10", "verbose": "true"} == acme.received[0].body["options"]
    assert "acme-search (notes-search) basic ~$0.013/hour $9/month created └─ as FIND" in on_app
    assert "ada-notes notes-search acme-search:basic" in everywhere
    assert "=== notes-search Plan: acme-search:basic" in info
    assert "Attachments: ada-notes::FIND Owning app: ada-notes" in info
    assert config.endswith(f"FIND_URL: https://in.acme/{addon.id}")


async def test_an_addon_that_is_provisioned_later_is_waited_for(
    ada: Terminal, acme: RawPartner, heroku: Emulator, exchanges: list[Exchange]
) -> None:
    """`addons:create` comes back at once, `addons:wait` asks until the partner is done."""
    acme.reactions["POST"] = accept_for_later
    created = await ada.enter("addons:create", "acme-search", "--app", "ada-notes", "--name", "notes-search")
    being_made = await ada.enter("addons", "--app", "ada-notes")
    waiting = asyncio.create_task(ada.enter("addons:wait", "notes-search", "--wait-interval", "1"))
    await eventually(lambda: any(each.path.endswith("/addons/notes-search") for each in exchanges))
    heroku.state.mark_provisioned(heroku.state.addons["notes-search"])
    waited = await waiting

    assert "Soon" in created
    assert "notes-search is being created in the background" in created
    assert "acme-search (notes-search) free free free creating" in being_made
    assert "Creating notes-search... done" in waited


async def test_one_lost_answer_makes_two_addons(ada: Terminal, acme: RawPartner, heroku: Emulator) -> None:
    """The CLI sends a POST again that was not answered, and says that all went well: a partner serves both."""
    heroku.faults.add(Fault(kind="drop", after_effect=True, method="POST", path="/apps/*/addons", count=1))
    created = await ada.enter("addons:create", "acme-search:basic", "--app", "ada-notes", "--wait")
    asked = [received.body["uuid"] for received in acme.received if received.method == "POST"]
    addons = heroku.state.apps["ada-notes"].addons

    assert "Created" in created
    assert 2 == len(set(asked))
    assert set(asked) == set(addons)
    assert ["provisioned"] * 2 == [str(addon.state) for addon in addons.values()]


async def test_a_plan_change_that_failed_is_called_done(ada: Terminal, heroku: Emulator) -> None:
    """Whoever drives the CLI reads the plan back: what it says, and how it ends, tell nothing."""
    addon = await heroku.create_addon("ada-notes", "acme-search:basic", name="notes-search")
    heroku.faults.add(Fault(kind="status", status=401, method="PATCH", path="/apps/*/addons/*", count=1))
    upgraded = await ada.enter("addons:upgrade", "notes-search", "acme-search:standard")
    info = await ada.enter("addons:info", "notes-search")

    assert "done" in upgraded
    assert "basic" == addon.plan.name
    assert "Plan: acme-search:basic" in info


async def test_an_addons_plan_and_name_are_changed(ada: Terminal, acme: RawPartner, heroku: Emulator) -> None:
    """By the add-on's name, or by its service on an app; a refusal reaches the customer in the partner's words."""
    addon = await heroku.create_addon("ada-notes", "acme-search:basic", name="notes-search")
    upgraded = await ada.enter("addons:upgrade", "notes-search", "acme-search:premium")
    downgraded = await ada.enter("addons:downgrade", "acme-search:free", "--app", "ada-notes")
    acme.reactions["PUT"] = answer(422, {"message": "Your data does not fit this plan."})
    refused = await ada.enter_in_vain("addons:upgrade", "notes-search", "acme-search:basic")
    unknown = await ada.enter_in_vain("addons:upgrade", "notes-search", "acme-search:nope")
    renamed = await ada.enter("addons:rename", "notes-search", "notes-find")

    assert (
        "Changing notes-search on ada-notes from acme-search:basic to acme-search:premium... "
        "done, ~$0.276/hour (max $199/month)"
    ) in upgraded
    assert "from acme-search:premium to acme-search:free... done, free" in downgraded
    assert ["premium", "free", "basic"] == [call.body["plan"] for call in acme.received if call.method == "PUT"]
    assert "Your data does not fit this plan." in refused
    assert "Here are the available plans for acme-search: acme-search:" in unknown
    assert "notes-search successfully renamed to notes-find." in renamed
    assert ("notes-find", "free") == (addon.name, addon.plan.name)


async def test_an_addon_is_attached_elsewhere_and_detached(ada: Terminal, heroku: Emulator) -> None:
    """Its config vars appear on the other app under the attachment's name, and go with it."""
    addon = await heroku.create_addon("storefront", "acme-search:basic", name="shop-search")
    attached = await ada.enter("addons:attach", "shop-search", "--app", "ada-notes", "--as", "NOTES")
    confirmed = await ada.enter(
        "addons:attach", "shop-search", "--app", "ada-notes", "--as", "NOTES", "--confirm", "ada-notes"
    )
    on_app = await ada.enter("addons", "--app", "ada-notes")
    config = await ada.enter("config", "--app", "ada-notes")
    detached = await ada.enter("addons:detach", "NOTES", "--app", "ada-notes")
    left = await ada.enter("config", "--app", "ada-notes")

    assert "Attaching shop-search as NOTES to ada-notes... done" in attached
    assert "Setting NOTES config vars and restarting ada-notes... done, v2" in attached
    # It takes the place of the one before, for which the CLI asks unless it is confirmed on the line.
    assert "Attaching shop-search as NOTES to ada-notes... done" in confirmed
    assert "(billed to storefront app)" in on_app
    assert "as NOTES" in on_app
    assert config.endswith(f"NOTES_URL: https://in.acme/{addon.id}")
    assert "Detaching NOTES to shop-search from ada-notes... done" in detached
    assert "Unsetting NOTES config vars and restarting ada-notes... done, v5" in detached
    assert "NOTES_URL" not in left


async def test_an_addon_is_opened(ada: Terminal, heroku: Emulator) -> None:
    """By its name anywhere, by an attachment's name on an app: the page that logs the customer in."""
    addon = await heroku.create_addon("ada-notes", "acme-search:basic", name="notes-search")
    by_name = await ada.enter("addons:open", "notes-search", "--show-url")
    by_attachment = await ada.enter("addons:open", "ACME_SEARCH", "--app", "ada-notes", "--show-url")
    docs = await ada.enter("addons:docs", "notes-search", "--show-url")

    page = f"{heroku.url}/sso/apps/{addon.app.id}/addons/{addon.id}"
    assert page in by_name.split()
    assert page in by_attachment.split()
    assert docs.endswith("https://devcenter.heroku.com/articles/acme-search")


async def test_an_addon_is_destroyed(ada: Terminal, acme: RawPartner, heroku: Emulator) -> None:
    """The partner is asked; when it fails the add-on stays."""
    await heroku.create_addon("ada-notes", "acme-search:basic", name="notes-search")
    destroy = ("addons:destroy", "notes-search", "--app", "ada-notes", "--confirm")
    unconfirmed = await ada.enter_in_vain(*destroy, "storefront")
    acme.reactions["DELETE"] = answer(503, {"message": "Come back later."})
    failed = await ada.enter_in_vain(*destroy, "ada-notes")
    acme.reactions["DELETE"] = answer(204, raw=b"")
    destroyed = await ada.enter(*destroy, "ada-notes")
    again = await ada.enter_in_vain(*destroy, "ada-notes")

    assert "Confirmation storefront did not match ada-notes. Aborted." in unconfirmed
    assert "Come back later." in failed
    assert "Destroying notes-search on ada-notes... done" in destroyed
    assert "Couldn't find that add on. Error ID: not_found" in again
    assert 0 == len(heroku.state.addons)


async def test_what_is_wrong_with_an_addon_is_told(ada: Terminal, acme: RawPartner, heroku: Emulator) -> None:
    """A plan, a service or an app that is not there, a name that is taken, and what the partner says."""
    await heroku.create_addon("storefront", "acme-search:basic", name="shop-search")
    create = ("addons:create", "--app", "ada-notes")
    no_plan = await ada.enter_in_vain(*create, "acme-search:nope")
    no_service = await ada.enter_in_vain(*create, "nothing")
    no_app = await ada.enter_in_vain("addons:create", "acme-search", "--app", "nowhere")
    taken = await ada.enter_in_vain(*create, "acme-search", "--name", "shop-search")
    acme.reactions["POST"] = answer(422, {"message": "Not in your region."})
    refused = await ada.enter_in_vain(*create, "acme-search")

    assert 'Couldn\'t find either the add-on service or the add-on plan of "acme-search:nope".' in no_plan
    assert 'Couldn\'t find either the add-on service or the add-on plan of "nothing".' in no_service
    assert "Couldn't find that app." in no_app
    assert "Name is already taken" in taken
    assert re.search(r"Not in your region\. Error ID: \w+", refused)
    assert {} == heroku.state.apps["ada-notes"].addons
