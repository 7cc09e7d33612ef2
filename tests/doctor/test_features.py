"""What the doctor says of what is switched on, before the first customer finds out."""

import os
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emulator.partner import Reaction, answer, serve_partner
from headrace.doctor import Finding, Level, examine
from headrace.doctor.features import SLOW_SECONDS, explain_refusal
from headrace.emulator import Switches
from headrace.store.state.panel_metrics import save_panel_metrics
from headrace.store.state.people.share_links import Giver, add_share_link
from headrace.testing import eventually
from headrace.workflows.chores.sending import Answer
from ordering import provision
from pair import Pair, play_pair
from workflows.chores.test_sending import SECRET, load_recipe

SUBJECTS = {"receiver", "labels", "panels", "sharing", "removals"}


async def look(pair: Pair, subject: str) -> Finding:
    [found] = [finding for finding in await examine(pair.parts) if finding.subject == subject]
    return found


async def ping(sqlite_url: str, reaction: Reaction, **settings: str) -> tuple[Finding, list[Any]]:
    """Return what is found of a receiver that answers so, and what it was sent."""
    async with serve_partner() as partner:
        partner.reactions["POST"] = reaction
        told: Any = {"HEADRACE_NOTICE_URL": f"{partner.url}/ops", "HEADRACE_NOTICE_SECRET": SECRET, **settings}
        async with play_pair(sqlite_url, has_worker=False, **told) as pair:
            found = await look(pair, "receiver")
    assert "/ops" not in found.text
    return found, partner.received


async def test_what_is_not_switched_on_has_no_line(sqlite_url: str) -> None:
    """But for the receiver of notices: that nobody is told is worth a line."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        found = [finding for finding in await examine(pair.parts) if finding.subject in SUBJECTS]

    assert [("receiver", Level.OK)] == [(finding.subject, finding.level) for finding in found]
    assert found[0].text.startswith("none is set")


async def test_the_receiver_is_sent_a_ping_that_the_recipe_takes(sqlite_url: str) -> None:
    """Signed like a notice, about nothing, and another one each time."""
    found, [received] = await ping(sqlite_url, answer(204, raw=b""))
    _, [again] = await ping(sqlite_url, answer(204, raw=b""))
    told = load_recipe()(received.raw, received.headers["headrace-signature"], SECRET)

    assert (Level.OK, "took a signed ping") == (found.level, found.text)
    assert ("ping", "acme-search", None, None) == (told["event"], told["service"], told["resource"], told["notice"])
    assert told["id"].startswith("ping-")
    assert told["id"] != again.body["id"]


async def test_a_chat_tool_is_sent_a_line(sqlite_url: str) -> None:
    found, [received] = await ping(sqlite_url, answer(200, {}), HEADRACE_NOTICE_FORM="chat")

    assert Level.OK == found.level
    assert received.body["text"].startswith("acme-search: `headrace doctor` looks")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "is HEADRACE_NOTICE_SECRET what it checks the signature with?"),
        (403, "is HEADRACE_NOTICE_SECRET what it checks the signature with?"),
        (302, "redirects are not followed"),
        (404, "nothing takes a POST there"),
        (500, "look at its log"),
    ],
)
async def test_a_receiver_that_refuses_is_told_with_what_to_do(sqlite_url: str, status: int, text: str) -> None:
    found, _ = await ping(sqlite_url, answer(status, {}))

    assert Level.FAIL == found.level
    assert str(status) in found.text
    assert text in found.text


async def test_a_receiver_that_is_not_there_is_told(sqlite_url: str) -> None:
    async with serve_partner() as partner:
        pass
    settings: Any = {"HEADRACE_NOTICE_URL": f"{partner.url}/ops", "HEADRACE_NOTICE_SECRET": SECRET}
    async with play_pair(sqlite_url, has_worker=False, **settings) as pair:
        found = await look(pair, "receiver")

    assert Level.FAIL == found.level
    assert found.text.startswith("cannot be reached (ClientConnectorError)")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Answer(error="TimeoutError", seconds=10), "has not answered within 10 s"),
        (Answer(error="ClientConnectorCertificateError", seconds=1), "shows a certificate that is not trusted"),
        (Answer(status=403, seconds=1), "is HEADRACE_NOTICE_URL still good?"),
        (Answer(status=202, seconds=SLOW_SECONDS), None),
    ],
)
def test_each_way_to_fail_has_its_own_words(given: Answer, text: str | None) -> None:
    said = explain_refusal(given, is_signed=False)

    assert (text is None) == (said is None)
    assert (text or "") in (said or "")


async def test_a_labels_file_that_nobody_can_write_is_told(sqlite_url: str, tmp_path: Path) -> None:
    """Its folder is missing, or a worker lives and the file is old or not there."""
    path = tmp_path / "labels" / "labels.csv"
    async with play_pair(sqlite_url, HEADRACE_LABELS_FILE=str(path)) as pair:
        without_folder = await look(pair, "labels")
        path.parent.mkdir()
        await provision(pair)
        await eventually(path.exists)
        written = await look(pair, "labels")
        await pair.parts.heartbeat.beat()
    old = datetime.now(UTC) - timedelta(hours=3)
    os.utime(path, (old.timestamp(), old.timestamp()))
    async with play_pair(sqlite_url, has_worker=False, HEADRACE_LABELS_FILE=str(path)) as pair:
        late = await look(pair, "labels")
        path.unlink()
        missing = await look(pair, "labels")

    assert (Level.WARN, True) == (without_folder.level, "is not there on this machine" in without_folder.text)
    assert (Level.OK, True) == (written.level, written.text.startswith("labels.csv was written"))
    assert (Level.WARN, True) == (late.level, "was last written 3 h ago" in late.text)
    assert (Level.WARN, True) == (missing.level, "is not there; does it run on this machine" in missing.text)


async def test_numbers_that_do_not_come_are_told(database_url: str) -> None:
    """The hook is in the service, which the doctor does not run: what came in tells of it."""
    async with play_pair(database_url, HEADRACE_PANEL_METRICS_DAYS="30") as pair:
        nobody = await look(pair, "panels")
        addon = await provision(pair)
        unasked = await look(pair, "panels")
        await keep(pair, addon.id, {})
        silent = await look(pair, "panels")
        await keep(pair, addon.id, {"documents": 12.0})
        told = await look(pair, "panels")

    assert [Level.OK, Level.WARN, Level.WARN, Level.OK] == [each.level for each in (nobody, unasked, silent, told)]
    assert "no panel was asked" in unasked.text
    assert "none has told a number" in silent.text
    assert "1 of 1 resource was asked since yesterday, and numbers came" == told.text


async def test_links_that_were_given_and_are_dark_are_told(database_url: str) -> None:
    async with play_pair(database_url, HEADRACE_SHARE_DAYS="7") as pair:
        addon = await provision(pair)
        now = pair.parts.clock()
        giver = Giver(resource_uuid=addon.id, user_id="", email="ada@lumen.example")
        await pair.parts.database.write(
            partial(add_share_link, now=now, ends_at=now + timedelta(days=7)), giver, "k" * 16
        )
        on = await look(pair, "sharing")
    async with play_pair(database_url, has_worker=False) as pair:
        off = await look(pair, "sharing")

    assert (Level.OK, "links are good for 7 days; 1 link is") == (on.level, on.text)
    assert (Level.WARN, True) == (off.level, "1 link that customers gave shows nothing" in off.text)


@pytest.mark.parametrize(("is_open", "level"), [(True, Level.OK), (False, Level.FAIL)])
async def test_a_beta_that_is_not_open_is_told_once_a_removal_was_tried(
    database_url: str, *, is_open: bool, level: Level
) -> None:
    """Before, it is not known, and the line says how to find out."""
    switches = Switches(async_deprovision=is_open)
    async with play_pair(database_url, switches=switches, HEADRACE_ASYNC_DEPROVISION="on") as pair:
        addon = await provision(pair)
        before = await look(pair, "removals")
        await pair.heroku.deprovision(addon)
        await pair.settle()
        after = await look(pair, "removals")

    assert (Level.WARN, True) == (before.level, "none was tried" in before.text)
    assert level == after.level


async def keep(pair: Pair, uuid: str, metrics: dict[str, float]) -> None:
    day: date = pair.parts.clock().date()
    await pair.parts.database.write(save_panel_metrics, uuid, day, metrics)
