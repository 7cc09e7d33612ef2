"""An operator who looks through the lists; addresses go on from /operators/."""

import json
from typing import Any

from browsing import OPERATOR_COOKIE, Page, visit
from pair import Pair, play_pair

SECRET = "planted-operator-secret-of-36-letters"
LISTS = ("pipelines", "resources", "requests", "workflows", "deliveries", "sync")


def play(database_url: str, **options: Any) -> Any:
    return play_pair(database_url, HEADRACE_OPERATOR_SECRET=SECRET, **options)


async def enter(pair: Pair) -> str:
    page = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
    assert page.cookie is not None
    return page.cookie.value


async def look(pair: Pair, cookie: str, path: str, form: Any = None) -> Page:
    return await visit(pair, f"/operators/{path}", cookie=cookie, form=form, name=OPERATOR_COOKIE)


async def read(pair: Pair, cookie: str, path: str) -> Any:
    page = await look(pair, cookie, path)
    assert 200 == page.status
    return json.loads(page.text)
