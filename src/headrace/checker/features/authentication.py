"""Who is calling: every verb wants the manifest's credentials, before anything else is looked at."""

from functools import partial
from uuid import uuid4

from headrace.checker.articles import PARTNER_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, Level, Sureness
from headrace.checker.judging import complain, exactly, expect_status
from headrace.checker.provider import NO_CREDENTIALS, Credentials
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth

authentication: Feature[Bench] = Feature("authentication", "Calls without the manifest's credentials are answered 401.")

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
UNAUTHORIZED = exactly(401)


def build_credentials(kind: str, bench: Bench) -> Credentials:
    """Return the wrong credentials that a kind names."""
    slug, password = bench.manifest.id, bench.manifest.password
    headers = {
        "wrong-password": build_basic_auth(slug, Secret("wrong")),
        "empty-password": build_basic_auth(slug, Secret("")),
        "wrong-user": build_basic_auth(f"not-{slug}", password),
        "malformed": "Basic %%%",
        "other-scheme": f"Bearer {password.reveal()}",
    }
    return Credentials(words=WORDS[kind], header=headers[kind]) if kind in headers else NO_CREDENTIALS


async def refuses(bench: Bench, *, kind: str, verb: str) -> Complaint | None:
    """Call about a resource that exists, so that only the credentials can be what is wrong."""
    credentials = build_credentials(kind, bench)
    if verb == "POST":
        return expect_status(await bench.send_provision(bench.begin(), credentials=credentials), UNAUTHORIZED)
    resource = await bench.once(Bench.accepted)
    if verb == "PUT":
        return expect_status(await bench.change_plan(resource, bench.plans[0], credentials=credentials), UNAUTHORIZED)
    return expect_status(await bench.provider.call(verb, resource.path, credentials=credentials), UNAUTHORIZED)


async def refuses_before_look_up(bench: Bench, *, verb: str) -> Complaint | None:
    credentials = build_credentials("wrong-password", bench)
    body = b'{"plan":"any"}' if verb == "PUT" else b""
    answer = await bench.provider.call(verb, f"/{uuid4()}", body=body, credentials=credentials)
    return expect_status(answer, UNAUTHORIZED, because="for a uuid that nobody knows as for any other")


for _verb in VERBS:
    for _kind, _words in WORDS.items():
        authentication.add(
            f"{_kind}-{_verb.lower()}",
            f"A {_verb} with {_words} is answered 401.",
            partial(refuses, kind=_kind, verb=_verb),
            level=Level.MUST,
            article=PARTNER_API,
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
async def before_parsing(bench: Bench) -> Complaint | None:
    """A POST without credentials is answered 401 even when its body is garbage: who calls is checked first."""
    return expect_status(await bench.provider.call("POST", body=b"{garbage", credentials=NO_CREDENTIALS), UNAUTHORIZED)


@authentication.should(PARTNER_API, Sureness.SEEN)
async def scheme_in_any_case(bench: Bench) -> Complaint | None:
    """The word Basic counts in any case, as in every HTTP header of its kind."""
    good = build_basic_auth(bench.manifest.id, bench.manifest.password)
    credentials = Credentials(words="the manifest's credentials, as `basic`", header=good.replace("Basic", "basic"))
    answer = await bench.send_provision(bench.begin(), credentials=credentials)
    return complain(answer, "an answer other than 401") if answer.status == 401 else None
