"""Single sign-on: which login forms let a customer in, and which must not."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from uuid import uuid4

from headrace.checker.articles import SSO
from headrace.checker.bench import Bench, Resource
from headrace.checker.check import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.checker.judging import REDIRECT, REFUSAL, SUCCESS, expect_status
from headrace.protocol.sso import sign_resource, sign_user

sso: Feature[Bench] = Feature("sso", "Which login forms let a customer in, and which do not.")

LET_IN = SUCCESS | REDIRECT
USER_TOKEN, RESOURCE_TOKEN, LEGACY_TOKEN = "user_scoped_resource_token", "resource_token", "token"
TOKENS = (USER_TOKEN, RESOURCE_TOKEN, LEGACY_TOKEN)
STALE = timedelta(minutes=-6)
FAR_FUTURE = timedelta(hours=1)

Form = Mapping[str, str]


@sso.must(SSO)
async def good(bench: Bench) -> Complaint | None:
    """A form as Heroku sends it, with all its tokens, lets the customer in: 2xx or 3xx, and no Basic credentials."""
    return expect_status(await bench.provider.log_in(await build_form(bench)), LET_IN)


@sso.should(SSO)
async def user_token(bench: Bench) -> Complaint | None:
    """`user_scoped_resource_token` alone lets the customer in; Heroku recommends it."""
    return await let_in_with(bench, USER_TOKEN)


@sso.should(SSO)
async def resource_token(bench: Bench) -> Complaint | None:
    """`resource_token` alone lets the customer in, as it did before there were user-scoped tokens."""
    return await let_in_with(bench, RESOURCE_TOKEN)


@sso.should(SSO, Sureness.UNCERTAIN)
async def legacy_token(bench: Bench) -> Complaint | None:
    """The oldest form, with `id` and `token` only, lets the customer in or is refused."""
    form = await build_form(bench)
    legacy = keep_token({name: value for name, value in form.items() if name != "resource_id"}, LEGACY_TOKEN)
    return expect_status(await bench.provider.log_in(legacy), LET_IN | REFUSAL)


@sso.must(SSO)
async def wrong_tokens(bench: Bench) -> Complaint | None:
    """A form whose tokens were signed with another salt is refused with a 4xx, best a 403."""
    form = await build_form(bench)
    return await expect_refusal(bench, form | {name: flip(form[name]) for name in TOKENS})


@sso.must(SSO)
async def no_tokens(bench: Bench) -> Complaint | None:
    """A form without any token is refused with a 4xx."""
    return await expect_refusal(bench, keep_token(await build_form(bench)))


@sso.must(SSO)
async def stale(bench: Bench) -> Complaint | None:
    """A form that was signed more than five minutes ago is refused with a 4xx, best a 403."""
    return await expect_refusal(bench, sign(bench, await build_form(bench), age=STALE))


@sso.should(SSO, Sureness.UNCERTAIN)
async def far_future(bench: Bench) -> Complaint | None:
    """A form that was signed an hour from now is refused with a 4xx."""
    return await expect_refusal(bench, sign(bench, await build_form(bench), age=FAR_FUTURE))


@sso.must(SSO)
async def moved_timestamp(bench: Bench) -> Complaint | None:
    """A stale form whose timestamp was made fresh, its tokens left alone, is refused with a 4xx."""
    form = await build_form(bench)
    old = sign(bench, form, age=STALE)
    return await expect_refusal(bench, old | {"timestamp": form["timestamp"]})


@sso.must(SSO)
async def other_resource(bench: Bench) -> Complaint | None:
    """A form with the tokens of another resource is refused with a 4xx."""
    own, other = await build_form(bench), await build_form(bench, await bench.provisioned())
    return await expect_refusal(bench, own | {name: other[name] for name in TOKENS})


@sso.should(SSO, Sureness.UNCERTAIN)
async def other_person(bench: Bench) -> Complaint | None:
    """A form whose `email` is not the one that the user-scoped token was signed with is refused with a 4xx."""
    return await expect_refusal(bench, await build_form(bench) | {"email": "someone-else@checker.example"})


@sso.must(SSO, Sureness.SEEN)
async def unknown_resource(bench: Bench) -> Complaint | None:
    """A well-signed form for a resource that nobody knows is answered with a 4xx, best a 404."""
    uuid = str(uuid4())
    return await expect_refusal(bench, sign(bench, await build_form(bench) | {"resource_id": uuid, "id": uuid}))


@sso.must(SSO, Sureness.SEEN)
async def gone(bench: Bench) -> Complaint | None:
    """A well-signed form for a resource that was deprovisioned is answered with a 4xx, best a 410."""
    resource = await bench.provisioned()
    form = await build_form(bench, resource)
    removed = await bench.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    return await expect_refusal(bench, form)


@sso.should(SSO, Sureness.UNCERTAIN)
async def replay(bench: Bench) -> Complaint | None:
    """A form that comes twice within its five minutes, as when a page is loaded again, is no failure: never a 5xx."""
    form = await build_form(bench)
    await bench.provider.log_in(form)
    return expect_status(await bench.provider.log_in(form), LET_IN | REFUSAL)


async def let_in_with(bench: Bench, token: str) -> Complaint | None:
    form = {name: value for name, value in (await build_form(bench)).items() if name != "id"}
    return expect_status(await bench.provider.log_in(keep_token(form, token)), LET_IN)


async def expect_refusal(bench: Bench, form: Form) -> Complaint | None:
    """Refusing is what counts: some answer 403, others 401 or 404."""
    return expect_status(await bench.provider.log_in(form), REFUSAL)


async def build_form(bench: Bench, resource: Resource | None = None) -> dict[str, str]:
    """Return the login form of a resource, the first one if none is named, signed now."""
    if not bench.manifest.sso_url:
        raise NotJudged(Why.NOT_DECLARED, "the manifest names no sso_url")
    found = resource or await bench.first_provisioned()
    return bench.heroku.sso_form(found.addon)[1]


def sign(bench: Bench, form: Form, *, age: timedelta = timedelta(0)) -> dict[str, str]:
    """Sign a form again, as if it were older or, with a positive age, from the future."""
    salt, timestamp = bench.manifest.sso_salt, str(int((bench.heroku.clock.now() + age).timestamp()))
    return {
        **form,
        "timestamp": timestamp,
        RESOURCE_TOKEN: sign_resource(form["resource_id"], salt=salt, timestamp=timestamp),
        LEGACY_TOKEN: sign_resource(form["id"], salt=salt, timestamp=timestamp),
        USER_TOKEN: sign_user(
            form["resource_id"], salt=salt, timestamp=timestamp, user_id=form["user_id"], email=form["email"]
        ),
    }


def keep_token(form: Form, *kept: str) -> dict[str, str]:
    return {name: value for name, value in form.items() if name not in TOKENS or name in kept}


def flip(token: str) -> str:
    """Return another token of the same length."""
    return ("1" if token[0] == "0" else "0") + token[1:]


async def refuses_form(bench: Bench, *, without: tuple[str, ...], changes: Form) -> Complaint | None:
    form = {name: text for name, text in (await build_form(bench)).items() if name not in without}
    return await expect_refusal(bench, {**form, **changes})


_ODD_FORMS: tuple[tuple[str, str, tuple[str, ...], Form], ...] = (
    ("no-resource", "A form that names no resource is answered with a 4xx.", ("resource_id", "id"), {}),
    ("no-timestamp", "A form without `timestamp` is answered with a 4xx.", ("timestamp",), {}),
    (
        "garbage-timestamp",
        "A form whose `timestamp` is no number is answered with a 4xx.",
        (),
        {"timestamp": "yesterday"},
    ),
)

for _name, _fact, _without, _changes in _ODD_FORMS:
    sso.add(
        _name,
        _fact,
        partial(refuses_form, without=_without, changes=_changes),
        level=Level.MUST,
        article=SSO,
    )
