"""Notices are sent out: signed, at least once, tried again, and at nobody's cost."""

import asyncio
import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from acceptance.documented import list_blocks
from emulator.partner import RawPartner, answer, serve_partner
from headrace.clock import read_clock
from headrace.logs import LogName
from headrace.models import Secret
from headrace.protocol.retries import NEVER, TABLE
from headrace.settings.notices import NoticeForm
from headrace.store.state.notice_sending import claim_unsent, list_unsent
from headrace.store.state.notices import NoticeKind, raise_notice, settle_notices
from headrace.testing import eventually
from headrace.workflows.chores.sending import CLAIM, GIVEN_UP_AFTER, LONGEST_WAIT, NoticeSender
from ordering import provision
from pair import Acme, Pair, play_pair

SECRET = "a-secret-of-thirty-two-characters"
NOW = datetime(2026, 11, 30, 10, 20, tzinfo=UTC)
NEVER_AGAIN = dict.fromkeys(TABLE, NEVER)


def build_sender(
    pair: Pair, partner: RawPartner, *, now: datetime = NOW, form: NoticeForm = NoticeForm.JSON
) -> NoticeSender:
    """Be a process that sends what this pair has, at a moment."""
    core = replace(pair.parts, clock=lambda: now)
    return NoticeSender(core, url=Secret(f"{partner.url}/ops"), secret=Secret(SECRET), form=form)


async def raise_one(pair: Pair, uuid: str, kind: NoticeKind = NoticeKind.PROVISION_FAILED) -> None:
    await pair.parts.database.write(partial(raise_notice, now=NOW, step="run_hook", reason="ValueError"), uuid, kind)


async def settle_all(pair: Pair, uuid: str, *, now: datetime = NOW) -> None:
    await pair.parts.database.write(partial(settle_notices, by="grace", now=now), uuid)


def list_ids(partner: RawPartner) -> list[str]:
    return [received.body["id"] for received in partner.received]


def load_recipe() -> Any:
    """Return the page's own function that checks what came."""
    [block] = [text for kind, text in list_blocks("notices.md") if kind == "python"]
    names: dict[str, Any] = {}
    exec(block, names)
    return names["read_notice"]


async def test_what_is_raised_and_settled_is_sent_and_signed(database_url: str) -> None:
    """By a service with these settings; the page's recipe takes it, and nothing that somebody else has touched."""
    async with serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        settings: Any = {"HEADRACE_NOTICE_URL": f"{partner.url}/ops", "HEADRACE_NOTICE_SECRET": SECRET}
        acme = Acme(error=ValueError("Our cloud is away."), failures_left=1)
        async with play_pair(database_url, acme=acme, retries=NEVER_AGAIN, **settings) as pair:
            addon = await provision(pair)
            await eventually(lambda: len(partner.received) == 1)
            await settle_all(pair, addon.id, now=read_clock())
            await eventually(lambda: len(partner.received) == 2)
    raised, settled = partner.received
    read_notice = load_recipe()
    told = read_notice(raised.raw, raised.headers["headrace-signature"], SECRET)

    assert ("raised", "acme-search", addon.id) == (told["event"], told["service"], told["resource"]["uuid"])
    assert ("provision.failed", {"step": "run_hook", "reason": "ValueError"}) == (
        told["notice"]["kind"],
        told["notice"]["detail"],
    )
    assert ("settled", "grace") == (settled.body["event"], settled.body["notice"]["settled_by"])
    for body, secret in ((raised.raw.replace(b"provision", b"Provision"), SECRET), (raised.raw, "another")):
        with pytest.raises(ValueError, match="not from headrace"):
            read_notice(body, raised.headers["headrace-signature"], secret)


async def test_the_page_shows_what_is_sent(sqlite_url: str) -> None:
    """Member by member."""
    [block] = [text for kind, text in list_blocks("notices.md") if kind == "json"]
    async with play_pair(sqlite_url) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(204, raw=b"")
        await raise_one(pair, (await provision(pair)).id)
        await build_sender(pair, partner).run_once()
    shown, sent = json.loads(block), partner.received[0].body

    assert (shown.keys(), shown["notice"].keys()) == (sent.keys(), sent["notice"].keys())
    assert shown["notice"]["means"] == sent["notice"]["means"]
    assert (shown["sent_at"], "/ops") == (sent["sent_at"], partner.received[0].path)


async def test_what_was_sent_too_long_ago_is_refused_by_the_recipe(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        await raise_one(pair, (await provision(pair)).id)
        await build_sender(pair, partner, now=NOW - timedelta(days=300)).run_once()
    [received] = partner.received
    with pytest.raises(ValueError, match="sent too long ago"):
        load_recipe()(received.raw, received.headers["headrace-signature"], SECRET)


async def test_a_chat_tool_gets_a_text(sqlite_url: str) -> None:
    """In its form, unsigned: what happened, to what, and what to do."""
    async with play_pair(sqlite_url) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        addon = await provision(pair)
        await raise_one(pair, addon.id)
        sender = build_sender(pair, partner, form=NoticeForm.CHAT)
        await sender.run_once()
        await settle_all(pair, addon.id)
        await sender.run_once()
    raised, settled = partner.received

    assert ["text"] == list(raised.body)
    assert raised.body["text"].startswith(f"acme-search: provision.failed of {addon.name} ({addon.id}), step run_hook")
    assert "Read the timeline" in raised.body["text"]
    assert settled.body["text"].endswith("is settled, by grace.")
    assert "headrace-signature" not in raised.headers


@pytest.mark.parametrize(
    "reaction",
    [answer(500, {}), answer(302, {}), answer(404, {})],
    ids=["broken", "redirects", "nowhere"],
)
async def test_what_is_not_taken_is_sent_again(
    sqlite_url: str, reaction: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at once, and with the same id; a redirect is not followed; it is said once, without the address."""
    caplog.set_level(logging.WARNING, logger="headrace.workflows.chores")
    async with play_pair(sqlite_url) as pair, serve_partner() as partner:
        partner.reactions["POST"] = reaction
        await raise_one(pair, (await provision(pair)).id)
        await build_sender(pair, partner).run_once()
        await build_sender(pair, partner, now=NOW + timedelta(seconds=1)).run_once()
        at_first = len(partner.received)
        await build_sender(pair, partner, now=NOW + timedelta(seconds=6)).run_once()
        partner.reactions["POST"] = answer(200, {})
        await build_sender(pair, partner, now=NOW + LONGEST_WAIT).run_once()
        await build_sender(pair, partner, now=NOW + timedelta(hours=2)).run_once()

    assert (1, 3, 1) == (at_first, len(partner.received), len(set(list_ids(partner))))
    assert [LogName.NOTICE_UNSENT] == [record.msg for record in caplog.records if record.msg in list(LogName)]
    assert "/ops" not in caplog.text


async def test_nobody_there_costs_nothing_else_and_is_given_up_after_a_day(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The resource is provisioned as if there were no address; the last try that fails is said."""
    caplog.set_level(logging.WARNING, logger="headrace.workflows.chores")
    async with play_pair(sqlite_url) as pair:
        async with serve_partner() as partner:
            pass
        addon = await provision(pair)
        await raise_one(pair, addon.id)
        for after in (timedelta(0), GIVEN_UP_AFTER - timedelta(seconds=2), GIVEN_UP_AFTER + timedelta(hours=1)):
            await build_sender(pair, partner, now=NOW + after).run_once()
        left = await pair.parts.database.read(partial(list_unsent, now=NOW + GIVEN_UP_AFTER, since=NOW, limit=9))

    assert [LogName.NOTICE_UNSENT, LogName.NOTICE_GIVEN_UP] == [
        record.msg for record in caplog.records if record.msg in list(LogName)
    ]
    assert [] == left


async def test_two_processes_send_each_message_once(database_url: str) -> None:
    """On both databases: whoever claims it sends it."""
    async with play_pair(database_url) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        addon = await provision(pair)
        for kind in (NoticeKind.PROVISION_FAILED, NoticeKind.EVENT_FAILED, NoticeKind.CONFIG_FAILED):
            await raise_one(pair, addon.id, kind)
        await asyncio.gather(*(build_sender(pair, partner).run_once() for _ in range(4)))

    ids = list_ids(partner)
    assert (3, 3) == (len(ids), len(set(ids)))
    assert all(re.fullmatch(r"notice-\d+-raised", each) for each in ids)


async def test_what_a_process_died_over_is_sent_by_another(sqlite_url: str) -> None:
    """Its claim ends by itself; nobody knows whether the receiver had it, so it comes again with its id."""
    async with play_pair(sqlite_url) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        await raise_one(pair, (await provision(pair)).id)
        [unsent] = await pair.parts.database.read(partial(list_unsent, now=NOW, since=NOW - CLAIM, limit=9))
        await pair.parts.database.write(partial(claim_unsent, now=NOW, until=NOW + CLAIM), unsent)
        await build_sender(pair, partner, now=NOW + CLAIM / 2).run_once()
        before = len(partner.received)
        await build_sender(pair, partner, now=NOW + CLAIM).run_once()

    assert (0, [f"notice-{unsent.notice.id}-raised"]) == (before, list_ids(partner))
