"""Single sign-on: which login forms let a customer in, and which must not."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from uuid import uuid4

from headrace.checker.kit.articles import SSO
from headrace.checker.kit.fact import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness, Resource
from headrace.checker.kit.judging import REDIRECT, REFUSAL, SUCCESS, complain, expect_status
from headrace.checker.kit.landing import is_bounced
from headrace.checker.kit.provider import ProviderAnswer
from headrace.protocol.sso import sign_resource, sign_user

sso: Feature[Harness] = Feature("sso", "Which login forms let a customer in, and which do not.")

LET_IN = SUCCESS | REDIRECT
USER_TOKEN, RESOURCE_TOKEN, LEGACY_TOKEN = "user_scoped_resource_token", "resource_token", "token"
TOKENS = (USER_TOKEN, RESOURCE_TOKEN, LEGACY_TOKEN)
STALE = timedelta(minutes=-6)
FAR_FUTURE = timedelta(hours=1)

Form = Mapping[str, str]


@sso.must(SSO)
async def good(harness: Harness) -> Complaint | None:
    """A form as Heroku sends it lets the customer in: 2xx, or 3xx to another page than one to log in at."""
    return await expect_login(harness, await harness.once(log_in_well))


@sso.should(SSO)
async def user_token(harness: Harness) -> Complaint | None:
    """`user_scoped_resource_token` alone lets the customer in; Heroku recommends it."""
    return await let_in_with(harness, USER_TOKEN)


@sso.should(SSO)
async def resource_token(harness: Harness) -> Complaint | None:
    """`resource_token` alone lets the customer in, as it did before there were user-scoped tokens."""
    return await let_in_with(harness, RESOURCE_TOKEN)


@sso.should(SSO, Sureness.UNCERTAIN)
async def legacy_token(harness: Harness) -> Complaint | None:
    """The oldest form, with `id` and `token` only, lets the customer in or is refused."""
    form = await build_form(harness)
    legacy = keep_token({name: value for name, value in form.items() if name != "resource_id"}, LEGACY_TOKEN)
    return expect_status(await harness.provider.log_in(legacy), LET_IN | REFUSAL)


@sso.must(SSO)
async def wrong_tokens(harness: Harness) -> Complaint | None:
    """A form whose tokens were signed with another salt is refused with a 4xx, best a 403."""
    form = await build_form(harness)
    return await expect_refusal(harness, form | {name: flip(form[name]) for name in TOKENS})


@sso.must(SSO)
async def no_tokens(harness: Harness) -> Complaint | None:
    """A form without any token is refused with a 4xx."""
    return await expect_refusal(harness, keep_token(await build_form(harness)))


@sso.must(SSO)
async def stale(harness: Harness) -> Complaint | None:
    """A form that was signed more than five minutes ago is refused with a 4xx, best a 403."""
    return await expect_refusal(harness, sign(harness, await build_form(harness), age=STALE))


@sso.should(SSO, Sureness.UNCERTAIN)
async def far_future(harness: Harness) -> Complaint | None:
    """A form that was signed an hour from now is refused with a 4xx."""
    return await expect_refusal(harness, sign(harness, await build_form(harness), age=FAR_FUTURE))


@sso.must(SSO)
async def moved_timestamp(harness: Harness) -> Complaint | None:
    """A stale form whose timestamp was made fresh, its tokens left alone, is refused with a 4xx."""
    form = await build_form(harness)
    old = sign(harness, form, age=STALE)
    return await expect_refusal(harness, old | {"timestamp": form["timestamp"]})


@sso.must(SSO)
async def other_resource(harness: Harness) -> Complaint | None:
    """A form with the tokens of another resource is refused with a 4xx."""
    own, other = await build_form(harness), await build_form(harness, await harness.provisioned())
    return await expect_refusal(harness, own | {name: other[name] for name in TOKENS})


@sso.should(SSO, Sureness.UNCERTAIN)
async def other_person(harness: Harness) -> Complaint | None:
    """A form whose `email` is not the one that the user-scoped token was signed with is refused with a 4xx."""
    return await expect_refusal(harness, await build_form(harness) | {"email": "someone-else@checker.example"})


@sso.should(SSO, Sureness.SEEN)
async def unknown_resource(harness: Harness) -> Complaint | None:
    """A well-signed form for a resource that nobody knows is answered with a 4xx, best a 404."""
    uuid = str(uuid4())
    return await expect_refusal(harness, sign(harness, await build_form(harness) | {"resource_id": uuid, "id": uuid}))


@sso.should(SSO, Sureness.SEEN)
async def gone(harness: Harness) -> Complaint | None:
    """A well-signed form for a resource that was deprovisioned is answered with a 4xx, best a 410."""
    resource = await harness.provisioned()
    form = await build_form(harness, resource)
    removed = await harness.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    return await expect_refusal(harness, form)


@sso.should(SSO, Sureness.UNCERTAIN)
async def replay(harness: Harness) -> Complaint | None:
    """A form that comes twice within its five minutes, as when a page is loaded again, is no failure: never a 5xx."""
    form = await build_form(harness)
    await harness.provider.log_in(form)
    return expect_status(await harness.provider.log_in(form), LET_IN | REFUSAL)


async def let_in_with(harness: Harness, token: str) -> Complaint | None:
    form = {name: value for name, value in (await build_form(harness)).items() if name != "id"}
    return await expect_login(harness, await harness.provider.log_in(keep_token(form, token)))


async def log_in_well(harness: Harness) -> ProviderAnswer:
    return await harness.provider.log_in(await build_form(harness))


async def expect_login(harness: Harness, answer: ProviderAnswer) -> Complaint | None:
    if answer.status in LET_IN.members and await is_let_in(harness, answer):
        return None
    return complain(answer, "2xx, or 3xx to a page for those who are logged in, not to one to log in at")


async def expect_refusal(harness: Harness, form: Form) -> Complaint | None:
    """Refusing is what counts: some answer 403, others 401 or 404, or send people to where they can log in."""
    answer = await harness.provider.log_in(form)
    if answer.status in REFUSAL.members or (answer.location and not await is_let_in(harness, answer)):
        return None
    return complain(answer, "4xx, best a 403, or 3xx to where one logs in")


async def is_let_in(harness: Harness, answer: ProviderAnswer) -> bool:
    """Tell whether a login let somebody in.

    A redirect does not if it leads to a door, or brings no cookie where one for a good login does.
    """
    if not answer.location:
        return answer.status in LET_IN.members
    if not answer.cookies and (await harness.once(log_in_well)).cookies:
        return False
    return not await is_bounced(harness.provider, answer)


async def build_form(harness: Harness, resource: Resource | None = None) -> dict[str, str]:
    """Return the login form of a resource, the first one if none is named, signed now."""
    if not harness.manifest.sso_url:
        raise NotJudged(Why.NOT_DECLARED, "the manifest names no sso_url, or nothing to sign with")
    found = resource or await harness.first_provisioned()
    return harness.heroku.sso_form(found.addon)[1]


def sign(harness: Harness, form: Form, *, age: timedelta = timedelta(0)) -> dict[str, str]:
    """Sign a form again, as if it were older or, with a positive age, from the future."""
    salt, timestamp = harness.manifest.sso_salt, str(int((harness.heroku.clock.now() + age).timestamp()))
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


async def refuses_form(harness: Harness, *, without: tuple[str, ...], changes: Form) -> Complaint | None:
    form = {name: text for name, text in (await build_form(harness)).items() if name not in without}
    return await expect_refusal(harness, {**form, **changes})


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

for _name, _text, _without, _changes in _ODD_FORMS:
    sso.add(
        _name,
        _text,
        partial(refuses_form, without=_without, changes=_changes),
        level=Level.SHOULD,
        article=SSO,
        sureness=Sureness.UNCERTAIN,
    )
