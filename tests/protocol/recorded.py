"""Answers as Heroku gives them today, made up anew in the shape of recorded ones, and every way to make one odd."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

ADDON_ID, APP_ID = "0f3a7c52-6d1e-4b8a-9c55-2b7d1e60aa41", "4c0c1f4e-2f5b-4b0a-8d2e-9a1b2c3d4e5f"
PIPELINE_ID, TEAM_ID = "8d1f2b5e-77a0-4c1b-b1f3-0a6a2a9c4d11", "5c2f7f0a-0d6f-4f0e-9a7b-2f1f0b9e7c33"
OTHER_APP_ID = "9e0d6f1a-1c2b-4d3e-8f4a-5b6c7d8e9f00"
AT = "2026-11-23T18:00:11Z"

Answer = Any
Place = tuple[str | int, ...]

ADDON = {
    "actions": [
        {"id": "c1d2", "label": "Example", "action": "example", "url": "https://x.example", "requires_owner": True}
    ],
    "addon_service": {"id": "d1f7", "name": "pipescope"},
    "app": {"id": APP_ID, "name": "shop-staging"},
    "billed_price": {"cents": 0, "contract": False, "unit": "month"},
    "billing_entity": {"id": APP_ID, "name": "shop-staging", "type": "app"},
    "config_vars": ["PIPESCOPE_URL"],
    "created_at": AT,
    "id": ADDON_ID,
    "name": "pipescope-cubed-12345",
    "plan": {"id": "b2c3", "name": "pipescope:basic"},
    "provider_id": ADDON_ID,
    "state": "provisioned",
    "updated_at": AT,
    "web_url": f"https://addons-sso.heroku.com/apps/{APP_ID}/addons/{ADDON_ID}",
}


def couple(app_id: str) -> dict[str, Any]:
    return {
        "app": {"id": app_id, "name": "shop-staging"},
        "created_at": AT,
        "id": "01234567-89ab-cdef-0123-456789abcdef",
        "pipeline": {"id": PIPELINE_ID, "name": "shop"},
        "stage": "staging",
        "updated_at": AT,
    }


COUPLING = couple(APP_ID)
COUPLINGS_OF_PIPELINE = [COUPLING, couple(OTHER_APP_ID)]
PIPELINE = {
    "created_at": AT,
    "generation": {"id": "a0b1", "name": "cedar"},
    "id": PIPELINE_ID,
    "name": "shop",
    "owner": {"id": TEAM_ID, "type": "team"},
    "updated_at": AT,
}
APP = {
    "acm": True,
    "archived_at": None,
    "generation": {"id": "a0b1", "name": "cedar"},
    "id": APP_ID,
    "name": "shop-staging",
    "owner": {"email": "lumen@herokumanager.com", "id": TEAM_ID},
    "region": {"id": "r1", "name": "us"},
    "space": None,
    "team": {"id": TEAM_ID, "name": "lumen"},
}


def make_person(name: str) -> dict[str, Any]:
    return {"email": f"{name}@lumen.example", "federated": False, "id": f"id-{name}"}


COLLABORATORS = [
    {
        "app": {"id": APP_ID, "name": "shop-staging"},
        "created_at": AT,
        "id": f"collaboration-{name}",
        "permissions": [{"name": "deploy", "description": "Deploy."}],
        "role": "collaborator",
        "user": make_person(name),
    }
    for name in ("ada", "grace")
]
MEMBERS = [
    {
        "created_at": AT,
        "email": f"{name}@lumen.example",
        "federated": False,
        "id": f"membership-{name}",
        "identity_provider": None,
        "role": role,
        "two_factor_authentication": True,
        "user": {**make_person(name), "name": name.title()},
    }
    for name, role in (("bob", "admin"), ("eve", "member"))
]
TOKEN = {
    "access_token": "HRKU-AAnewnewnewnewnewnewnewnewnewnewnewnewnewnewnewnewnewnewnew0",
    "expires_in": 28799,
    "refresh_token": "3f1f0c3a-6a42-4d8e-b0a5-7d2c9b1e55f0",
    "session_nonce": None,
    "token_type": "Bearer",
    "user_id": "c1a7e9d2-0b4f-4b87-9f3e-5a6c7d8e9f01",
}

OTHER_TYPES: tuple[Any, ...] = (None, True, -1, 2.5, 2**70, "", "a\0b", "x" * 400, [], ["x"], {}, {"id": None}, [[[]]])
# An id or a token that is no text, or none that could be stored, is none.
LEFT_OUT = object()


def mutate(answer: Answer) -> Iterator[tuple[Place, Answer]]:
    """Each place of an answer dropped, null and of other types; then each object with a member that is new."""
    for place in list_places(answer):
        for value in (LEFT_OUT, *OTHER_TYPES):
            yield place, _put(answer, place, value)
    for place in [(), *list_places(answer)]:
        if isinstance(_get(answer, place), dict):
            yield (*place, "new_member"), _put(answer, (*place, "new_member"), {"deep": [1]})


def list_places(value: Answer, place: Place = ()) -> Iterator[Place]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from list_places(inner, (*place, key))


def spell(place: Place) -> str:
    """`app.id`: a place as the docs write it; items of a list are not told apart."""
    return ".".join(key for key in place if isinstance(key, str))


def _get(answer: Answer, place: Place) -> Any:
    for key in place:
        answer = answer[key]
    return answer


def _put(answer: Answer, place: Place, value: Any) -> Answer:
    changed = deepcopy(answer)
    inner = _get(changed, place[:-1])
    if value is LEFT_OUT:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed
