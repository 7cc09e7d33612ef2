"""The official CLI, command by command: OAuth authorizations and clients."""

import re
from dataclasses import replace

import pytest

from acceptance.heroku_cli import Terminal
from emulator.wire import ADA

pytestmark = pytest.mark.acceptance

HOUR = "3600"


def find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, f"no {pattern} in {text}"
    return found[1]


async def test_an_authorization_is_made_used_changed_and_revoked(ada: Terminal) -> None:
    """Its token works as Ada's own until it is revoked, and then no more."""
    create = ("authorizations:create", "--description", "for CI", "--scope", "read,write", "--expires-in", HOUR)
    created = await ada.enter(*create)
    auth_id, token = find(r"ID: (\S+)", created), find(r"Token: (\S+)", created)
    listed = await ada.enter("authorizations")
    account = await replace(ada, token=token).enter("auth:whoami")
    info = await ada.enter("authorizations:info", auth_id)
    renamed = await ada.enter("authorizations:update", auth_id, "--description", "for releases")
    revoked = await ada.enter("authorizations:revoke", auth_id)
    refused = await replace(ada, token=token).enter_in_vain("apps")
    left = await ada.read("authorizations", "--json")
    missing = await ada.enter_in_vain("authorizations:info", auth_id)

    assert "Scope: read,write" in created
    assert "(in about 1 hour)" in created
    assert f"for CI {auth_id} read,write" in listed
    assert "ada@lumen.example" in account
    assert f"ID: {auth_id} Description: for CI" in info
    assert "Description: for releases" in renamed
    assert "Revoking OAuth Authorization... done, revoked authorization from for releases" in revoked
    assert "The token provided to HEROKU_API_KEY is invalid" in refused
    assert [ADA] == [authorization["access_token"]["token"] for authorization in left]
    assert "Error ID: not_found" in missing


async def test_a_rotated_authorization_has_another_token(ada: Terminal) -> None:
    """The old one is dead at once. `auth:token` shows the one in use."""
    created = await ada.read("authorizations:create", "--json")
    rotated = await ada.enter("authorizations:rotate", created["id"])
    old, new = created["access_token"]["token"], find(r"Token: (\S+)", rotated)
    refused = await replace(ada, token=old).enter_in_vain("apps")
    shown = await replace(ada, token=new).enter("auth:token")

    assert old != new
    assert "The token provided to HEROKU_API_KEY is invalid" in refused
    assert new in shown.split()


async def test_an_oauth_client_is_made_changed_rotated_and_destroyed(ada: Terminal) -> None:
    """Its secret changes with a rotation only."""
    none = await ada.enter("clients")
    created = await ada.enter("clients:create", "Amazing", "https://amazing.example/callback")
    client_id, secret = find(r"HEROKU_OAUTH_ID=(\S+)", created), find(r"HEROKU_OAUTH_SECRET=(\S+)", created)
    updated = await ada.enter("clients:update", client_id, "--url", "https://amazing.example/back")
    listed = await ada.enter("clients")
    info = await ada.enter("clients:info", client_id, "--shell")
    rotated = await ada.enter("clients:rotate", client_id, "--shell")
    destroyed = await ada.enter("clients:destroy", client_id)
    missing = await ada.enter_in_vain("clients:info", client_id)

    assert "No OAuth clients." in none
    assert f"Updating {client_id}... done" in updated
    assert f"Amazing {client_id} https://amazing.example/back" in listed
    assert f"HEROKU_OAUTH_SECRET={secret}" in info
    assert secret != find(r"HEROKU_OAUTH_SECRET=(\S+)", rotated)
    assert f"Destroying {client_id}... done" in destroyed
    assert "Error ID: not_found" in missing
