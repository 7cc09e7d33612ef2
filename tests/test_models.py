import copy
import json
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from headrace import errors
from headrace.errors import (
    ConfigurationError,
    DeliveryRejected,
    HeadraceError,
    Malformed,
    MisuseError,
    PlatformError,
    Rejected,
    ResourceGone,
    SsoRejected,
    Unauthenticated,
    UnknownResource,
)
from headrace.models import ConfigVar, Grant, Secret, Stage, State, Token, read_stage
from headrace.protocol.manifest import parse_manifest
from headrace.protocol.oauth import (
    build_backfill,
    build_exchange,
    build_refresh,
    read_backfill,
    read_exchange,
    read_refresh,
)
from headrace.protocol.partner import Answer, parse_provision, verify_basic_auth
from headrace.protocol.platform import build_addon_info, build_config_update, read_addon
from headrace.protocol.sso import verify_sso
from headrace.protocol.webhooks import verify_delivery
from headrace.protocol.wire import Response

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
PLANTED = "planted-7f3a"
SECRET = Secret(PLANTED)
UUID = "0f3a7c52-6d1e-4b8a-9c55-2b7d1e60aa41"
TOKEN = Token(access=SECRET, refresh=SECRET, expires_at=NOW)
GRANT = Grant(code=SECRET, expires_at=NOW)
REQUEST = build_addon_info(UUID)
PROVISION = {
    "uuid": UUID,
    "plan": "basic",
    "oauth_grant": {"code": PLANTED, "expires_at": "2026-11-23T18:05:00-08:00"},
    "log_input_url": f"https://token:{PLANTED}@1.us.logplex.io/logs",
    "log_drain_token": PLANTED,
}
MANIFEST = {
    "id": "pipescope",
    "api": {
        "password": PLANTED,
        "sso_salt": PLANTED,
        "regions": ["us"],
        "production": "https://pipescope.example",
    },
}


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        TOKEN,
        GRANT,
        parse_provision(json.dumps(PROVISION).encode()),
        parse_manifest(json.dumps(MANIFEST)),
        Answer(status=200, provider_id=UUID, config={"A_URL": PLANTED}),
        build_exchange(GRANT, client_secret=SECRET),
        build_refresh(TOKEN, client_secret=SECRET),
        build_config_update(UUID, {"A_URL": PLANTED}),
        REQUEST.with_header("Authorization", f"Bearer {PLANTED}"),
        Response(status=200, body=PLANTED.encode()),
        Response(status=201, headers={"heroku-webhook-secret": PLANTED}),
        ConfigVar(name="A_URL", value=PLANTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_value_shows_its_secret(value: object) -> None:
    """Whatever ends in a log line or a page, the secret is not in it."""
    shown = [repr(value), str(value), f"{value}", f"{value!r}", "%s" % (value,), repr([value]), ascii(value)]  # noqa: UP031

    assert PLANTED not in " ".join(shown)


@pytest.mark.parametrize(
    "fail",
    [
        lambda: verify_basic_auth(f"Basic {PLANTED}", user="pipescope", passwords=[SECRET]),
        lambda: verify_basic_auth(f"Bearer {PLANTED}", user="pipescope", passwords=[SECRET]),
        lambda: parse_provision(json.dumps({**PROVISION, "uuid": PLANTED}).encode()),
        lambda: parse_provision(json.dumps({**PROVISION, "options": {PLANTED: 1}}).encode()),
        lambda: parse_provision(json.dumps({**PROVISION, "oauth_grant": {"code": PLANTED}}).encode()),
        lambda: parse_provision(
            json.dumps({**PROVISION, "oauth_grant": {"code": PLANTED, "expires_at": PLANTED}}).encode()
        ),
        lambda: parse_provision(PLANTED.encode()),
        lambda: parse_manifest(json.dumps({**MANIFEST, "id": "Not A Slug"})),
        lambda: parse_manifest(json.dumps({**MANIFEST, "name": 1})),
        lambda: verify_sso({"resource_id": UUID, "timestamp": "1", "resource_token": PLANTED}, salt=SECRET, now=NOW),
        lambda: verify_sso({"resource_id": UUID}, salt=SECRET, now=NOW),
        lambda: verify_delivery(b"{}", signature="AAAA", secret=SECRET),
        lambda: read_exchange(
            Response(status=401, body=PLANTED.encode()),
            build_exchange(GRANT, client_secret=SECRET),
            grant=GRANT,
            now=NOW,
        ),
        lambda: read_backfill(
            Response(status=200, body=json.dumps({"code": PLANTED, "expires_at": PLANTED}).encode()),
            build_backfill(UUID, slug="acme-search", password=SECRET),
        ),
        lambda: read_refresh(
            Response(status=200, body=json.dumps({"access_token": [PLANTED], PLANTED: 1}).encode()),
            build_refresh(TOKEN, client_secret=SECRET),
            token=TOKEN,
            now=NOW,
        ),
        lambda: read_addon(Response(status=200, body=json.dumps({"id": PLANTED}).encode()), REQUEST),
        lambda: read_addon(Response(status=503, body=PLANTED.encode()), REQUEST),
    ],
)
def test_no_failure_shows_a_secret(fail: Callable[[], object]) -> None:
    """Text, repr and traceback of an error hold no secret, nor do its causes."""
    with pytest.raises(HeadraceError) as caught:
        fail()
    # Its frames quote this file's source lines, which name the secret's variable and never its text.
    shown = "".join(traceback.format_exception(caught.value, chain=True))

    assert PLANTED not in shown + repr(caught.value) + str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize(
    "leak",
    [
        pickle.dumps,
        copy.deepcopy,
        json.dumps,
        msgspec.json.encode,
        lambda secret: asdict(Token(access=secret, refresh=secret, expires_at=NOW)),
        iter,
        vars,
        len,
    ],
)
def test_a_secret_cannot_be_taken_along(leak: Callable[[Secret], object]) -> None:
    """A secret is sealed, never serialised: not pickled, not copied, not JSON."""
    with pytest.raises(TypeError):
        leak(SECRET)


@pytest.mark.parametrize("text", [f"{SECRET:>20}", f"{SECRET!s}", f"{SECRET!r:^9}", f"{SECRET:x}"])
def test_no_format_shows_a_secret(text: str) -> None:
    """A secret prints as three dots in every format."""
    assert "•••" == text.strip()


def test_a_secret_is_told_when_asked() -> None:
    """reveal() is the only way to read it."""
    assert PLANTED == SECRET.reveal()


def test_equal_secrets_are_equal() -> None:
    """Secrets compare by their text, and with nothing but secrets."""
    assert Secret(PLANTED) == SECRET
    assert Secret("another") != SECRET
    assert {Secret(PLANTED)} == {SECRET}
    assert PLANTED != SECRET


@pytest.mark.parametrize("stage", Stage)
def test_a_known_stage_is_a_stage(stage: Stage) -> None:
    """Heroku's five words."""
    assert stage is read_stage(stage.value)


@pytest.mark.parametrize("text", ["", "canary", "Production", " staging"])
def test_an_unknown_stage_stays_text(text: str) -> None:
    """A word of Heroku's that we do not know survives."""
    assert text == read_stage(text)


def test_the_states_keep_herokus_words() -> None:
    """provisioning, provisioned and deprovisioned are Heroku's."""
    assert {"provisioning", "provisioned", "deprovisioned"} <= set(State)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated(reason="x"), 401),
        (SsoRejected(reason="x"), 403),
        (DeliveryRejected(reason="x"), 403),
        (Malformed("x"), 400),
        (UnknownResource("x"), 404),
        (ResourceGone("x"), 410),
    ],
)
def test_a_rejection_knows_its_status(error: Rejected, status: int) -> None:
    """Bad credentials 401, bad tokens 403, unknown 404, gone 410."""
    assert status == error.status


def test_one_class_catches_everything() -> None:
    """Every error of the tree is a HeadraceError."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BaseException)}

    assert [] == [kind for kind in kinds if not issubclass(kind, HeadraceError)]
    assert issubclass(MisuseError, RuntimeError)


def test_a_configuration_error_lists_every_problem() -> None:
    """One line for each."""
    error = ConfigurationError(["one", "two"])

    assert (("one", "two"), "one\ntwo") == (error.problems, str(error))


def test_a_platform_error_tells_what_was_asked() -> None:
    """Method and path, status and id, and what Heroku said."""
    error = PlatformError("Not found.", request="GET /addons/r1", status=404, error_id="not_found")

    assert "GET /addons/r1: 404 not_found: Not found." == str(error)


@pytest.mark.parametrize(
    ("age", "is_due"), [(timedelta(0), True), (timedelta(hours=-1), False), (timedelta(hours=1), True)]
)
def test_a_token_expires_at_its_moment(age: timedelta, is_due: bool) -> None:  # noqa: FBT001
    """A margin of nothing asks whether it has expired."""
    assert is_due is TOKEN.expires_within(timedelta(0), now=NOW + age)
