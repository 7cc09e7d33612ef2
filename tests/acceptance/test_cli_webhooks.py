"""The official CLI, command by command: webhooks, their deliveries and events."""

import re

import pytest

from acceptance.heroku_cli import Terminal
from emulator.partner import RawPartner, answer
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

APP = ("--app", "ada-notes")


def find_id(text: str) -> str:
    found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
    assert found is not None, text
    return found[0]


async def test_a_webhook_is_added_shown_changed_and_removed(ada: Terminal, acme: RawPartner) -> None:
    """Its secret is shown once; when none is given Heroku makes one."""
    hook = ("--url", f"{acme.url}/webhooks", "--include", "api:app,api:addon", "--level", "notify")
    none = await ada.enter("webhooks", *APP)
    added = await ada.enter("webhooks:add", *hook, *APP)
    listed = await ada.enter("webhooks", *APP)
    hook_id = find_id(listed)
    info = await ada.enter("webhooks:info", hook_id, *APP)
    changed = ("--url", f"{acme.url}/webhooks/2", "--include", "api:app", "--level", "sync")
    updated = await ada.enter("webhooks:update", hook_id, *changed, *APP)
    info_after = await ada.enter("webhooks:info", hook_id, *APP)
    removed = await ada.enter("webhooks:remove", hook_id, *APP)
    missing = await ada.enter_in_vain("webhooks:info", hook_id, *APP)
    unknown = await ada.enter_in_vain(
        "webhooks:add", "--url", acme.url, "--include", "api:nonsense", "--level", "notify", *APP
    )

    assert "ada-notes has no webhooks" in none
    assert re.search(r"Adding webhook to ada-notes\.\.\. done", added)
    assert re.search(r"=== Webhooks Signing Secret \S{20,}", added)
    assert f"{hook_id} {acme.url}/webhooks api:app,api:addon notify" in listed
    assert f"Include: api:app,api:addon Level: notify URL: {acme.url}/webhooks" in info
    assert f"Updating webhook {hook_id} for ada-notes... done" in updated
    assert f"Include: api:app Level: sync URL: {acme.url}/webhooks/2" in info_after
    assert f"Removing webhook {hook_id} from ada-notes... done" in removed
    assert "Error ID: not_found" in missing
    assert "Error ID: invalid_params" in unknown


async def test_deliveries_and_events_are_listed_and_shown(ada: Terminal, acme: RawPartner, heroku: Emulator) -> None:
    """What was delivered, what failed, and what it was about."""
    await ada.enter("webhooks:add", "--url", f"{acme.url}/webhooks", "--include", "api:app", "--level", "notify", *APP)
    none = await ada.enter("webhooks:deliveries", *APP)
    await ada.enter("apps:rename", "ada-jottings", *APP)
    await heroku.settle()
    acme.reactions["webhook"] = answer(500, {})
    await ada.enter("apps:rename", "ada-notes", "--app", "ada-jottings")
    await heroku.settle()
    deliveries = await ada.enter("webhooks:deliveries", *APP)
    failed = await ada.enter("webhooks:deliveries", "--status", "failed", *APP)
    delivery = await ada.enter("webhooks:deliveries:info", find_id(failed), *APP)
    events = await ada.enter("webhooks:events", *APP)
    event = await ada.enter("webhooks:events:info", find_id(events), *APP)

    assert "ada-notes has no deliveries" in none
    assert re.search(r"succeeded api:app notify 1 204 .* failed api:app notify 1 500", deliveries)
    assert "succeeded" not in failed
    assert "Status: failed Include: api:app Level: notify Attempts: 1 Code: 500" in delivery
    assert "=== Event Payload" in delivery
    assert '"action": "update"' in delivery
    assert re.search(r"app update .* app update", events)
    assert '"action": "update"' in event
