"""Who is calling: every verb wants the manifest's credentials, before anything else is looked at."""

from functools import partial
from uuid import uuid4

from headrace.checker.kit.articles import PARTNER_API
from headrace.checker.kit.fact import Complaint, Feature, Level, Sureness
from headrace.checker.kit.harness import Harness
from headrace.checker.kit.judging import complain, exactly, expect_status
from headrace.checker.kit.provider import NO_CREDENTIALS, Credentials
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth

authentication: Feature[Harness] = Feature(
    "authentication", "Calls without the manifest's credentials are answered 401."
)

VERBS = ("POST", "PUT", "DELETE")
# Without plan changes a provider need not take a PUT.
CONCERNS = {"POST": "provision", "PUT": "plan-change", "DELETE": "deprovision"}
WORDS = {
    "missing": "no credentials",
    "wrong-password": "a wrong password",
    "empty-password": "an empty password",
    "wrong-user": "a wrong user name",
    "malformed": "credentials that are not base64",
    "other-scheme": "a scheme that is not Basic",
}
# Heroku never sends these: that they are refused is what counts, and some libraries do it with a 400.
NEVER_SENT = ("malformed", "other-scheme")
UNAUTHORIZED = exactly(401)
REFUSED = exactly(401, 400, 403)


def build_credentials(kind: str, harness: Harness) -> Credentials:
    """Return the wrong credentials that a kind names."""
    slug, password = harness.manifest.id, harness.manifest.password
    headers = {
        "wrong-password": build_basic_auth(slug, Secret("wrong")),
        "empty-password": build_basic_auth(slug, Secret("")),
        "wrong-user": build_basic_auth(f"not-{slug}", password),
        "malformed": "Basic %%%",
        "other-scheme": f"Bearer {password.reveal()}",
    }
    return Credentials(words=WORDS[kind], header=headers[kind]) if kind in headers else NO_CREDENTIALS


async def refuses(harness: Harness, *, kind: str, verb: str) -> Complaint | None:
    """Call about a resource that exists, so that only the credentials can be what is wrong."""
    allowed = REFUSED if kind in NEVER_SENT else UNAUTHORIZED
    credentials = build_credentials(kind, harness)
    if verb == "POST":
        return expect_status(await harness.send_provision(harness.begin(), credentials=credentials), allowed)
    resource = await harness.once(Harness.accepted)
    if verb == "PUT":
        return expect_status(await harness.change_plan(resource, harness.plans[0], credentials=credentials), allowed)
    return expect_status(await harness.provider.call(verb, resource.path, credentials=credentials), allowed)


async def refuses_before_look_up(harness: Harness, *, verb: str) -> Complaint | None:
    credentials = build_credentials("wrong-password", harness)
    body = b'{"plan":"any"}' if verb == "PUT" else b""
    answer = await harness.provider.call(verb, f"/{uuid4()}", body=body, credentials=credentials)
    return expect_status(answer, UNAUTHORIZED, because="for a uuid that nobody knows as for any other")


for _verb in VERBS:
    for _kind, _words in WORDS.items():
        _answer = "answered 401, 400 or 403" if _kind in NEVER_SENT else "answered 401"
        authentication.add(
            f"{_kind}-{_verb.lower()}",
            f"A {_verb} with {_words} is {_answer}.",
            partial(refuses, kind=_kind, verb=_verb),
            level=Level.SHOULD if _kind in NEVER_SENT else Level.MUST,
            article=PARTNER_API,
            sureness=Sureness.UNCERTAIN if _kind in NEVER_SENT else Sureness.STATED,
            concerns=CONCERNS[_verb],
        )

for _verb in ("PUT", "DELETE"):
    authentication.add(
        f"before-look-up-{_verb.lower()}",
        f"A {_verb} with a wrong password is answered 401 for an unknown uuid too: who calls is checked first.",
        partial(refuses_before_look_up, verb=_verb),
        level=Level.MUST,
        article=PARTNER_API,
        concerns=CONCERNS[_verb],
    )


@authentication.should(PARTNER_API, Sureness.UNCERTAIN)
async def before_parsing(harness: Harness) -> Complaint | None:
    """A POST without credentials is answered 401 even when its body is garbage: who calls is checked first."""
    return expect_status(await harness.post(b"{garbage", credentials=NO_CREDENTIALS), UNAUTHORIZED)


@authentication.should(PARTNER_API, Sureness.SEEN)
async def scheme_in_any_case(harness: Harness) -> Complaint | None:
    """The word Basic counts in any case, as in every HTTP header of its kind."""
    good = build_basic_auth(harness.manifest.id, harness.manifest.password)
    credentials = Credentials(words="the manifest's credentials, as `basic`", header=good.replace("Basic", "basic"))
    answer = await harness.send_provision(harness.begin(), credentials=credentials)
    return complain(answer, "an answer other than 401") if answer.status == 401 else None
