"""Who is in a team, what they may do with its apps, and apps that change hands."""

from typing import Any

import pytest

from emulator.partner import RawPartner
from emulator.wire import Wire
from headrace.emulator import Emulator, Exchange
from heroku_schema import find_unexpected

GRACE = "grace-token"
LINUS = "linus-token"


async def list_roles(wire: Wire, team: str = "lumen") -> dict[str, str]:
    return {member["email"]: member["role"] for member in (await wire.get(f"/teams/{team}/members")).body}


async def test_a_member_joins_gets_another_role_and_leaves(wire: Wire) -> None:
    """What the CLI's `members:add`, `:set` and `:remove` send; who joins sees the team's apps, who leaves does not."""
    before = await wire.get("/apps/storefront", token=LINUS)
    added = await wire.send("PUT", "/teams/lumen/members", json={"email": "linus@orbit.example", "role": "member"})
    seen = await wire.get("/apps/storefront", token=LINUS)
    raised = await wire.send("PATCH", "/teams/lumen/members", json={"email": "linus@orbit.example", "role": "admin"})
    roles = await list_roles(wire)
    removed = await wire.send("DELETE", "/teams/lumen/members/linus@orbit.example")
    after = await wire.get("/apps/storefront", token=LINUS)

    assert (403, 200, 403) == (before.status, seen.status, after.status)
    assert (200, "member") == (added.status, added.body["role"])
    assert (200, "admin") == (raised.status, raised.body["role"])
    assert {"ada@lumen.example": "admin", "grace@lumen.example": "member", "linus@orbit.example": "admin"} == roles
    assert (200, "linus@orbit.example") == (removed.status, removed.body["email"])
    assert "linus@orbit.example" not in await list_roles(wire)


async def test_somebody_without_an_account_is_invited_into_a_team(wire: Wire, heroku: Emulator) -> None:
    added = await wire.send("PUT", "/teams/lumen/members", json={"email": "new@person.example", "role": "member"})
    nobody = await wire.send("PUT", "/teams/lumen/members", json={"email": "nobody", "role": "member"})

    assert (200, 422) == (added.status, nobody.status)
    assert heroku.state.users_by_email["new@person.example"].id in heroku.state.teams["lumen"].roles


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/teams/lumen/members", {"email": "linus@orbit.example", "role": "king"}, 422),
        ("PUT", "/teams/lumen/members", {"email": "linus@orbit.example"}, 422),
        ("PATCH", "/teams/lumen/members", {"email": "linus@orbit.example", "role": "member"}, 404),
        ("PATCH", "/teams/lumen/members", {"email": "ada@lumen.example", "role": "member"}, 422),
        ("DELETE", "/teams/lumen/members/ada@lumen.example", None, 422),
        ("DELETE", "/teams/lumen/members/linus@orbit.example", None, 404),
        ("PUT", "/teams/orbit/members", {"email": "ada@lumen.example", "role": "admin"}, 403),
    ],
)
async def test_a_team_keeps_an_admin_and_known_roles(
    wire: Wire, method: str, path: str, body: object, status: int
) -> None:
    before = await list_roles(wire)

    assert status == (await wire.send(method, path, json=body)).status
    assert before == await list_roles(wire)


async def test_only_admins_change_a_team_though_members_may_leave_it(wire: Wire) -> None:
    body = {"email": "linus@orbit.example", "role": "member"}
    refused = await wire.send("PUT", "/teams/lumen/members", token=GRACE, json=body)
    left = await wire.send("DELETE", "/teams/lumen/members/grace@lumen.example", token=GRACE)

    assert (403, 200) == (refused.status, left.status)
    assert {"ada@lumen.example": "admin"} == await list_roles(wire)


async def test_permissions_on_a_team_app_are_kept_as_they_were_given(wire: Wire) -> None:
    """`view` comes with any; without a word of permissions there are all (`access:add`, `access:update`)."""

    def name(body: dict[str, Any]) -> list[str]:
        return [permission["name"] for permission in body["permissions"]]

    path = "/teams/apps/storefront/collaborators"
    whole = await wire.send("POST", path, json={"user": "grace@lumen.example"})
    part = await wire.send("POST", path, json={"user": "linus@orbit.example", "permissions": ["deploy"]})
    changed = await wire.send("PATCH", f"{path}/linus@orbit.example", json={"permissions": ["operate"]})
    shown = await wire.get("/apps/storefront/collaborators/linus@orbit.example")
    odd = await wire.send("PATCH", f"{path}/linus@orbit.example", json={"permissions": ["rule"]})
    none = await wire.send("PATCH", f"{path}/linus@orbit.example", json={})
    personal = await wire.send("PATCH", "/teams/apps/help-centre/collaborators/grace@lumen.example", json={})

    assert ["deploy", "manage", "operate", "view"] == name(whole.body)
    assert ["deploy", "view"] == name(part.body)
    assert ["operate", "view"] == name(changed.body) == name(shown.body)
    assert (422, 422, 404) == (odd.status, none.status, personal.status)


async def test_a_locked_app_is_joined_by_admins_word_alone(wire: Wire) -> None:
    joining = {"user": "grace@lumen.example"}
    locked = await wire.send("PATCH", "/teams/apps/storefront", json={"locked": True})
    refused = await wire.send("POST", "/teams/apps/storefront/collaborators", token=GRACE, json=joining)
    shown = await wire.get("/teams/apps/storefront")
    await wire.send("PATCH", "/teams/apps/storefront", json={"locked": False})
    joined = await wire.send("POST", "/teams/apps/storefront/collaborators", token=GRACE, json=joining)
    by_member = await wire.send("PATCH", "/teams/apps/storefront", token=GRACE, json={"locked": True})
    personal = await wire.send("PATCH", "/teams/apps/help-centre", json={"locked": True})

    assert (200, True, True) == (locked.status, locked.body["locked"], shown.body["locked"])
    assert (403, 201) == (refused.status, joined.status)
    assert (await wire.get("/teams/apps/storefront", token=GRACE)).body["joined"]
    assert (403, 422) == (by_member.status, personal.status)


async def test_an_app_goes_from_a_person_to_a_team_and_back(wire: Wire, heroku: Emulator) -> None:
    """A team's app that becomes a person's comes without whoever worked on it, as the CLI warns."""
    to_team = await wire.send("PATCH", "/teams/apps/help-centre", json={"owner": "lumen"})
    app = heroku.state.apps["help-centre"]
    owner, collaborators = app.owner, dict(app.collaborators)
    to_person = await wire.send("PATCH", "/teams/apps/help-centre", json={"owner": "linus@orbit.example"})

    assert (200, "lumen@herokumanager.com") == (to_team.status, to_team.body["owner"]["email"])
    assert heroku.state.teams["lumen"] is owner
    assert 1 == len(collaborators)
    assert (200, "linus@orbit.example") == (to_person.status, to_person.body["owner"]["email"])
    assert {} == app.collaborators


@pytest.mark.parametrize(
    ("app", "owner", "token", "status"),
    [
        ("help-centre", "orbit", "ada-token", 403),
        ("help-centre", "nobody", "ada-token", 404),
        ("help-centre", "grace@lumen.example", "ada-token", 422),
        ("help-centre", "lumen", GRACE, 403),
        ("storefront", "grace@lumen.example", GRACE, 403),
    ],
)
async def test_an_app_is_not_given_where_it_cannot_go(
    wire: Wire, heroku: Emulator, app: str, owner: str, token: str, status: int
) -> None:
    before = heroku.state.apps[app].owner

    assert status == (await wire.send("PATCH", f"/teams/apps/{app}", token=token, json={"owner": owner})).status
    assert before is heroku.state.apps[app].owner


async def test_an_app_is_offered_to_somebody_who_accepts_it(wire: Wire, heroku: Emulator, acme: RawPartner) -> None:
    """It stays whose it is until then; its add-ons go with it, and their partner is not asked."""
    await heroku.create_addon("ada-notes", "acme-search:basic")
    calls = len(acme.received)
    offered = await wire.send(
        "POST", "/account/app-transfers", json={"app": "ada-notes", "recipient": "grace@lumen.example"}
    )
    path = f"/account/app-transfers/{offered.body['id']}"
    seen = await wire.get("/account/app-transfers", token=GRACE)
    owner = heroku.state.apps["ada-notes"].owner.email
    by_giver = await wire.send("PATCH", path, json={"state": "accepted"})
    odd = await wire.send("PATCH", path, token=GRACE, json={"state": "maybe"})
    accepted = await wire.send("PATCH", path, token=GRACE, json={"state": "accepted"})
    again = await wire.send("PATCH", path, token=GRACE, json={"state": "declined"})

    assert (201, "pending", "ada@lumen.example") == (offered.status, offered.body["state"], owner)
    assert [offered.body] == seen.body
    assert (403, 422, 422) == (by_giver.status, odd.status, again.status)
    assert (200, "accepted") == (accepted.status, accepted.body["state"])
    assert accepted.body == (await wire.get(path)).body
    assert "grace@lumen.example" == heroku.state.apps["ada-notes"].owner.email
    assert calls == len(acme.received)


async def test_an_offer_can_be_taken_back_or_declined(wire: Wire, heroku: Emulator) -> None:
    body = {"app": "ada-notes", "recipient": "grace@lumen.example"}
    offered = (await wire.send("POST", "/account/app-transfers", json=body)).body
    twice = await wire.send("POST", "/account/app-transfers", json=body)
    by_other = await wire.send("DELETE", f"/account/app-transfers/{offered['id']}", token=GRACE)
    declined = await wire.send(
        "PATCH", f"/account/app-transfers/{offered['id']}", token=GRACE, json={"state": "declined"}
    )
    anew = await wire.send("POST", "/account/app-transfers", json=body)
    taken_back = await wire.send("DELETE", f"/account/app-transfers/{anew.body['id']}")

    assert (422, 403, 200, 201, 200) == (
        twice.status, by_other.status, declined.status, anew.status, taken_back.status,
    )  # fmt: skip
    assert [] == (await wire.get("/account/app-transfers")).body
    assert "ada@lumen.example" == heroku.state.apps["ada-notes"].owner.email


@pytest.mark.parametrize(
    ("app", "recipient", "status"),
    [
        ("storefront", "grace@lumen.example", 403),
        ("ada-notes", "nobody@nowhere.example", 404),
        ("ada-notes", "ada@lumen.example", 422),
        ("billing", "grace@lumen.example", 403),
    ],
)
async def test_only_ones_own_app_is_offered_and_to_somebody_else(
    wire: Wire, app: str, recipient: str, status: int
) -> None:
    reply = await wire.send("POST", "/account/app-transfers", json={"app": app, "recipient": recipient})

    assert status == reply.status
    assert 404 == (await wire.get("/account/app-transfers/nothing")).status


async def test_an_enterprise_team_says_that_permissions_count_there(
    heroku: Emulator, wire: Wire, exchanges: list[Exchange]
) -> None:
    """The CLI's `access:add` asks for the feature, and then for permissions; without any, somebody may view the app."""
    plain = await wire.get("/teams/lumen/features")
    heroku.state.teams["lumen"].is_enterprise = True
    kind, features = (await wire.get("/teams/lumen")).body["type"], (await wire.get("/teams/lumen/features")).body
    added = await wire.send("POST", "/teams/apps/storefront/collaborators", json={"user": "linus@orbit.example"})

    assert ([], "enterprise", ["org-access-controls"]) == (plain.body, kind, [each["name"] for each in features])
    assert ["view"] == [permission["name"] for permission in added.body["permissions"]]
    assert [] == find_unexpected(exchanges)
