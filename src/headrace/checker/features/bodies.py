"""Bodies that are larger, smaller or stranger than usual: a provider answers them all."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from headrace.checker.articles import PARTNER_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, Level, Sureness
from headrace.checker.judging import REFUSAL, SUCCESS, UNAVAILABLE, Statuses, expect_object, expect_status

bodies: Feature[Bench] = Feature("bodies", "What is answered to bodies that are not as usual.")

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
async def unknown_members(bench: Bench) -> Complaint | None:
    """Members that nobody has heard of are ignored: Heroku may add some at any time."""
    return await answers_changed(bench, {"new_member": {"of": ["next", "year"]}, "another": None}, SUCCESS)


@bodies.must(PARTNER_API)
async def options(bench: Bench) -> Complaint | None:
    """What the customer typed after the plan comes as `options`, and is taken or refused."""
    return await answers_changed(bench, {"options": {"sample-rate": "10", "verbose": "true"}}, ANSWERED)


@bodies.must(PARTNER_API)
async def null_grant(bench: Bench) -> Complaint | None:
    """A provision whose `oauth_grant` is null is answered, never with a 500."""
    return await answers_changed(bench, {"oauth_grant": None}, ANSWERED)


@bodies.must(PARTNER_API)
async def legacy(bench: Bench) -> Complaint | None:
    """The older body, with `heroku_id` and without a grant, is answered, never with a 500."""
    return await answers_changed(bench, LEGACY, ANSWERED)


@bodies.should(PARTNER_API, Sureness.SEEN)
async def short_offset(bench: Bench) -> Complaint | None:
    """The grant's `expires_at` is read with any offset: Heroku writes -08:00, -0800, and fractions of seconds."""
    body = msgspec.json.decode(bench.build_body(addon := bench.begin()))
    grant = body["oauth_grant"] or {"code": str(uuid4()), "type": "authorization_code"}
    changed = {"oauth_grant": grant | {"expires_at": "2026-11-23T18:05:00-0800"}}
    return expect_status(await bench.send_provision(addon, changed), SUCCESS)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def content_type(bench: Bench) -> Complaint | None:
    """A provision that is declared as text/plain is taken or refused."""
    addon = bench.begin()
    answer = await bench.provider.call("POST", body=bench.build_body(addon), content_type="text/plain")
    bench.keep(addon, answer)
    return expect_status(answer, SUCCESS | REFUSAL)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def huge(bench: Bench) -> Complaint | None:
    """A body of two megabytes is taken, refused, or cut off; it is not waited for, and no failure."""
    addon = bench.begin()
    answer = await bench.provider.call("POST", body=bench.build_body(addon, {"padding": "x" * HUGE}))
    bench.keep(addon, answer)
    is_cut_off = answer.status is None and answer.seconds < bench.limits.patience
    return None if is_cut_off else expect_status(answer, SUCCESS | REFUSAL)


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def error_is_json(bench: Bench) -> Complaint | None:
    """A refusal is JSON too, so that its `message` can be read."""
    return expect_object(await bench.provider.call("POST", body=b"{garbage"))


@bodies.should(PARTNER_API, Sureness.UNCERTAIN)
async def odd_uuid(bench: Bench) -> Complaint | None:
    """A deprovision of something that is no uuid is answered with a 4xx, or as if it were one."""
    return expect_status(await bench.provider.call("DELETE", "/not-a-uuid"), SUCCESS | REFUSAL)


async def answers_changed(bench: Bench, changes: Mapping[str, Any], allowed: Statuses) -> Complaint | None:
    return expect_status((await bench.provision(changes=changes)).answer, allowed)


async def refuses_provision(bench: Bench, *, changes: Mapping[str, Any]) -> Complaint | None:
    return await answers_changed(bench, changes, REFUSAL)


async def refuses_body(bench: Bench, *, body: bytes) -> Complaint | None:
    return expect_status(await bench.provider.call("POST", body=body), REFUSAL)


def _refuse(name: str, fact: str, judge: Any) -> None:
    bodies.add(name, fact, judge, level=Level.SHOULD, article=PARTNER_API, sureness=Sureness.UNCERTAIN)


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
