"""A whole life of a resource, and no secret of it anywhere: not in the log, the database, an answer or a repr."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from browsing import SALT, visit
from headrace.hooks.arguments import PlanChange, Provision, Resource
from headrace.service import AddonService
from pair import ADA, PASSWORD, Acme, Pair, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"
PLANTED_CONFIG = {"ACME_SEARCH_URL": "https://u:planted-url-pass@search.acme.example", "ACME_SEARCH_TOKEN": "planted-t"}
PLANTED_LOG_TOKEN = "d.planted-drain-token"
PLANTED_METRICS_TOKEN = "planted-metrics-token-of-36-letters-"
PLANTED_STEP = "planted-step-result"


class PlantingAcme(Acme):
    """A partner whose every answer is a secret, and whose hooks fail once on their way."""

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            self.created.append(provision)
            await provision.step("make password", lambda: PLANTED_STEP)
            self._behave()
            return {**PLANTED_CONFIG, "ACME_SEARCH_TOKEN": "planted-first-token"}

        @service.on_plan_change
        def resize(change: PlanChange) -> dict[str, str]:
            self.changed.append(change)
            self._behave()
            return PLANTED_CONFIG

        @service.on_deprovision
        def drop(resource: Resource) -> None:
            self.dropped.append(resource)


async def test_no_secret_leaks_anywhere(sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From provision to deprovision: not into the log, the database file, any answer, or any repr."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    acme = PlantingAcme(error=RuntimeError("the cloud is down"), failures_left=1)
    answers: list[str] = []
    secrets: dict[str, str] = {
        "manifest password": PASSWORD,
        "salt": SALT.reveal(),
        "client secret": "client-secret",
        "drain token": PLANTED_LOG_TOKEN,
        "metrics token": PLANTED_METRICS_TOKEN,
        "step": PLANTED_STEP,
        "first config": "planted-first-token",
        "config url": "planted-url-pass",
        "config token": PLANTED_CONFIG["ACME_SEARCH_TOKEN"],
    }
    async with play_pair(sqlite_url, acme=acme, HEADRACE_METRICS_TOKEN=PLANTED_METRICS_TOKEN) as pair:
        secrets |= await _live_a_whole_life(pair, acme, answers)
        copied = _copy_database(tmp_path)
        reprs = _spell_parts(pair)
    places = {
        "the log": "\n".join(f"{record.__dict__} {record.getMessage()}" for record in caplog.records) + caplog.text,
        "the answers": "\n".join(answers),
        "the database": copied + _read_files(tmp_path),
        "a repr": reprs,
    }

    # What may be seen is found by the same search, so the search is a good one.
    assert "step.failed" in places["the log"]
    assert "step/make password" in places["the database"]
    assert "headrace_resources_by_plan" in places["the answers"]
    assert 13 == len(set(secrets.values()))
    assert [] == [
        f"{what} in {place}" for place, text in places.items() for what, value in secrets.items() if value in text
    ]


async def _live_a_whole_life(pair: Pair, acme: Acme, answers: list[str]) -> dict[str, str]:
    """Go through everything that happens to a resource; return the secrets that came up on the way."""
    acme.may_go_on.clear()
    addon = await pair.heroku.create_addon("shop", "acme-search:basic")
    code = addon.provision_body.decode().split('"code":"')[1].split('"', maxsplit=1)[0]
    acme.may_go_on.set()
    await pair.settle()
    found = {"grant code": code, **await _find_tokens(pair, addon.id, "first")}
    body = {"uuid": UUID, "plan": "basic", "log_drain_token": PLANTED_LOG_TOKEN, "oauth_grant": None}
    # The answer to this one has the config, which is how Heroku gets it without a grant.
    assert 200 == (await pair.call("POST", json=body))[0]
    answers.append(str(await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})))
    answers.append(str(await pair.call("POST", password="wrong", json=body)))
    answers.append(str(await pair.call("POST", json={**body, "oauth_grant": {"code": code, "expires_at": "soon"}})))
    acme.error, acme.failures_left = RuntimeError("the cloud is down"), 1
    await pair.heroku.change_plan(addon, "basic")
    pair.heroku.expire_tokens(addon)
    await pair.parts.inspector.inspect(addon.id)
    found |= await _find_tokens(pair, addon.id, "second")
    form = pair.heroku.sso_form(addon, ADA)[1]
    page = await visit(pair, "/sso/login", form=form)
    cookie = page.cookie.value if page.cookie else ""
    answers += [page.text, str(page.headers)]
    paths = ("/board", "/board.json", "/", "/health", "/ready", "/nowhere", "/metrics")
    for path in paths:
        shown = await visit(pair, path, cookie=cookie)
        answers += [shown.text, str(shown.headers)]
    headers = {"Authorization": f"Bearer {PLANTED_METRICS_TOKEN}"}
    async with pair.http.get(f"{pair.url}/metrics", headers=headers) as answer:
        answers.append(await answer.text())
    pair.heroku.revoke_tokens(addon)
    answers.append((await visit(pair, "/board", cookie=cookie)).text)
    answers.append(str(await pair.call("DELETE", f"/{addon.id}")))
    await pair.settle()
    # Another one stays, so that the file has sealed secrets of each kind.
    await pair.heroku.create_addon("blog", "acme-search:basic")
    await pair.settle()
    return found


async def _find_tokens(pair: Pair, uuid: str, which: str) -> dict[str, str]:
    token = await pair.parts.database.read(pair.parts.secrets.find_token, uuid)
    assert token is not None
    found = {f"{which} access token": token.access.reveal()}
    return found | ({"refresh token": token.refresh.reveal()} if which == "first" else {})


def _copy_database(folder: Path) -> str:
    """Return every byte of the database: what is still in the write-ahead log comes into the copy."""
    copy = folder / "copy.db"
    with closing(sqlite3.connect(folder / "headrace.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy.read_text(encoding="latin-1")


def _read_files(folder: Path) -> str:
    """Return every byte of the database's own files."""
    return "".join(path.read_text(encoding="latin-1") for path in folder.glob("headrace.db*"))


def _spell_parts(pair: Pair) -> str:
    """Every part of the service as a debugger, an error or an f-string would show it."""
    parts = pair.parts
    things: list[Any] = [
        parts,
        *(getattr(parts, each.name) for each in fields(parts)),
        parts.settings.manifest,
        *pair.acme.created,
    ]
    return "\n".join(f"{thing!r} {thing}" for thing in things)
