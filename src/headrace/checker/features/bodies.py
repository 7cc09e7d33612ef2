"""Bodies that are larger, smaller or stranger than usual: a provider answers them all."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from headrace.checker.kit.articles import PARTNER_API
from headrace.checker.kit.fact import Complaint, Feature, Level, Sureness
from headrace.checker.kit.harness import Harness
from headrace.checker.kit.judging import REFUSAL, SUCCESS, UNAVAILABLE, Statuses, expect_object, expect_status

bodies: Feature[Harness] = Feature("bodies", "What is answered to bodies that are not as usual.")

HUGE = 2 * 1024 * 1024
ANSWERED = SUCCESS | REFUSAL | UNAVAILABLE
MISSING = msgspec.UNSET
LEGACY = {
    "heroku_id": "app4711@heroku.com",
    "callback_url": "https://api.heroku.com/vendor/apps/app4711@heroku.com",
    "name": MISSING,
    "oauth_grant": MISSING,
}


@bodies.must(PARTNER_API)
async def unknown_members(harness: Harness) -> Complaint | None:
    """Members that nobody has heard of are ignored: Heroku may add some at any time."""
    return await answers_changed(harness, {"new_member": {"of": ["next", "year"]}, "another": None}, SUCCESS)


@bodies.must(PARTNER_API)
async def options(harness: Harness) -> Complaint | None:
    """What the customer typed after the plan comes as `options`, and is taken or refused."""
    return await answers_changed(harness, {"options": {"sample-rate": "10", "verbose": "true"}}, ANSWERED)


@bodies.should(PARTNER_API, Sureness.SEEN)
async def null_grant(harness: Harness) -> Complaint | None:
    """A provision whose `oauth_grant` is null is answered, never with a 500."""
    return await answers_changed(harness, {"oauth_grant": None}, ANSWERED)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def legacy(harness: Harness) -> Complaint | None:
    """The older body, with `heroku_id` and without a grant, is answered, never with a 500."""
    return await answers_changed(harness, LEGACY, ANSWERED)


@bodies.should(PARTNER_API, Sureness.SEEN)
async def short_offset(harness: Harness) -> Complaint | None:
    """The grant's `expires_at` is read with any offset: Heroku writes -08:00, -0800, and fractions of seconds."""
    body = msgspec.json.decode(harness.build_body(addon := harness.begin()))
    grant = body["oauth_grant"] or {"code": str(uuid4()), "type": "authorization_code"}
    changed = {"oauth_grant": grant | {"expires_at": "2026-11-23T18:05:00-0800"}}
    return expect_status(await harness.send_provision(addon, changed), SUCCESS)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def content_type(harness: Harness) -> Complaint | None:
    """A provision that is declared as text/plain is taken or refused."""
    addon = harness.begin()
    answer = await harness.post(harness.build_body(addon), addon, content_type="text/plain")
    return expect_status(answer, SUCCESS | REFUSAL)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def huge(harness: Harness) -> Complaint | None:
    """A body of two megabytes is taken, refused, or cut off; it is not waited for, and no failure."""
    addon = harness.begin()
    answer = await harness.send_provision(addon, {"padding": "x" * HUGE})
    is_cut_off = answer.status is None and answer.seconds < harness.limits.patience
    return None if is_cut_off else expect_status(answer, SUCCESS | REFUSAL)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def error_is_json(harness: Harness) -> Complaint | None:
    """A refusal is JSON too, so that its `message` can be read."""
    return expect_object(await harness.post(b"{garbage"))


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def odd_uuid(harness: Harness) -> Complaint | None:
    """A deprovision of something that is no uuid is answered with a 4xx, or as if it were one."""
    return expect_status(await harness.provider.call("DELETE", "/not-a-uuid"), SUCCESS | REFUSAL)


async def answers_changed(harness: Harness, changes: Mapping[str, Any], allowed: Statuses) -> Complaint | None:
    return expect_status((await harness.provision(changes=changes)).answer, allowed)


async def refuses_provision(harness: Harness, *, changes: Mapping[str, Any]) -> Complaint | None:
    return await answers_changed(harness, changes, REFUSAL)


async def refuses_body(harness: Harness, *, body: bytes) -> Complaint | None:
    return expect_status(await harness.post(body), REFUSAL)


def _refuse(name: str, text: str, judge: Any) -> None:
    bodies.add(name, text, judge, level=Level.SHOULD, article=PARTNER_API, sureness=Sureness.UNCERTAIN)


for _name, _words, _changes in (
    ("missing-uuid", "without `uuid`", {"uuid": MISSING}),
    ("missing-plan", "without `plan`", {"plan": MISSING}),
    ("wrong-uuid", "whose `uuid` is a number", {"uuid": 4711}),
    ("wrong-plan", "whose `plan` is an object", {"plan": {"name": "basic"}}),
):
    _refuse(_name, f"A provision {_words} is refused with a 4xx.", partial(refuses_provision, changes=_changes))

for _name, _words, _body in (
    ("garbage", "that is not JSON", b"{garbage"),
    ("empty", "that is empty", b""),
    ("list", "that is a list", b"[]"),
    ("null", "that is null", b"null"),
    ("not-utf-8", "that is not UTF-8", b'{"uuid": "\xff\xfe"}'),
):
    _refuse(_name, f"A provision with a body {_words} is refused with a 4xx.", partial(refuses_body, body=_body))
