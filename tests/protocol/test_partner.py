import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import Malformed, Unauthenticated
from headrace.models import Secret
from headrace.protocol.partner import (
    Answer,
    build_basic_auth,
    parse_plan_change,
    parse_provision,
    parse_uuid,
    verify_basic_auth,
)

PASSWORD = Secret("manifest-pass")
HEADER = "Basic cGlwZXNjb3BlOm1hbmlmZXN0LXBhc3M="
UUID = "0f3a7c52-6d1e-4b8a-9c55-2b7d1e60aa41"

V3_BODY: dict[str, Any] = {
    "callback_url": f"https://api.heroku.com/addons/{UUID}",
    "name": "pipescope-rugged-40817",
    "oauth_grant": {
        "code": "5b1d0a4e-92c7-4f0e-8a43-6f1c2d7be910",
        "expires_at": "2026-11-23T18:05:00-08:00",
        "type": "authorization_code",
    },
    "options": {"sample-rate": "10", "verbose": "true"},
    "plan": "basic",
    "region": "amazon-web-services::us-east-1",
    "uuid": UUID,
    "log_input_url": "https://token:t.7c0e@1.us.logplex.io/logs",
    "log_drain_token": "d.2f9b",
}

# As printed in "Inspecting Heroku Pipelines as an Add-on Partner".
ARTICLE_BODY = b"""{
  "heroku_id": "app1234@heroku.com",
  "plan": "basic",
  "region": "amazon-web-services::us-east-1",
  "callback_url": "https://api.heroku.com/vendor/apps/app1234@heroku.com",
  "options": {},
  "uuid": "01234567-89ab-cdef-0123-456789abcdef"
}
"""


def encode(**changes: Any) -> bytes:
    return json.dumps({**V3_BODY, **changes}).encode()


def encode_without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in V3_BODY.items() if name not in names}).encode()


def find_field(parse: Callable[[bytes], object], body: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        parse(body)
    return caught.value.field


def test_basic_credentials_are_built_as_heroku_builds_them() -> None:
    """Authorization is Basic base64(id:password)."""
    assert HEADER == build_basic_auth("pipescope", PASSWORD)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
def test_the_word_basic_may_be_written_in_any_case(scheme: str) -> None:
    """The scheme word of Authorization is case-insensitive."""
    verify_basic_auth(HEADER.replace("Basic", scheme), user="pipescope", passwords=[PASSWORD])


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "missing_credentials"),
        ("", "missing_credentials"),
        ("Bearer cGlwZXNjb3BlOm1hbmlmZXN0LXBhc3M=", "not_basic"),
        ("cGlwZXNjb3BlOm1hbmlmZXN0LXBhc3M=", "not_basic"),
        ("Basic", "wrong_credentials"),
        ("Basic ", "wrong_credentials"),
        ("Basic !!!!", "not_base64"),
        ("Basic cGlwZXNjb3B", "not_base64"),
        ("Basic pässwörd", "not_base64"),
        ("Basic cGlwZXNjb3BlOm1hbmlmZXN0LXBhc3M= x", "not_base64"),
        ("Basic d3Jvbmc6c2VjcmV0", "wrong_credentials"),  # wrong:secret, as Heroku's test tool sends
        ("Basic cGlwZXNjb3BlOg==", "wrong_credentials"),  # pipescope:
        ("Basic Om1hbmlmZXN0LXBhc3M=", "wrong_credentials"),  # :manifest-pass
        ("Basic UGlwZXNjb3BlOm1hbmlmZXN0LXBhc3M=", "wrong_credentials"),  # Pipescope:manifest-pass
        ("Basic cGlwZXNjb3BlOm1hbmlmZXN0LXBhc3MK", "wrong_credentials"),  # pipescope:manifest-pass and a newline
        ("Basic /////w==", "wrong_credentials"),  # not UTF-8
    ],
)
def test_wrong_credentials_are_refused(header: str | None, reason: str) -> None:
    """Bad or missing credentials are answered 401; the reason is for our log."""
    with pytest.raises(Unauthenticated) as caught:
        verify_basic_auth(header, user="pipescope", passwords=[PASSWORD])

    assert (401, reason) == (caught.value.status, caught.value.reason)


def test_every_refusal_reads_the_same_to_the_sender() -> None:
    """What goes over the wire does not tell a wrong user from a wrong password."""
    said = set()
    for header in (None, "Bearer x", "Basic !", "Basic d3Jvbmc6c2VjcmV0"):
        with pytest.raises(Unauthenticated) as caught:
            verify_basic_auth(header, user="pipescope", passwords=[PASSWORD])
        said.add((caught.value.message, str(caught.value)))

    assert 1 == len(said)


@settings(max_examples=60)
@given(user=st.text(st.characters(exclude_characters=":", codec="utf-8")), password=st.text())
def test_built_credentials_are_accepted(user: str, password: str) -> None:
    """What build_basic_auth signs, verify_basic_auth takes."""
    verify_basic_auth(build_basic_auth(user, Secret(password)), user=user, passwords=[Secret(password)])


@settings(max_examples=100)
@given(header=st.text())
def test_no_header_breaks_the_check(header: str) -> None:
    """Whatever the header holds, the answer is a 401."""
    with pytest.raises(Unauthenticated):
        verify_basic_auth(header, user="pipescope", passwords=[PASSWORD])


def test_a_v3_body_is_read_whole() -> None:
    """Every member that v3 documents arrives."""
    request = parse_provision(encode())

    assert UUID == request.uuid
    assert "pipescope-rugged-40817" == request.name
    assert ("basic", "amazon-web-services::us-east-1") == (request.plan, request.region)
    assert f"https://api.heroku.com/addons/{UUID}" == request.callback_url
    assert {"sample-rate": "10", "verbose": "true"} == request.options
    assert request.grant is not None
    assert "5b1d0a4e-92c7-4f0e-8a43-6f1c2d7be910" == request.grant.code.reveal()
    assert datetime(2026, 11, 24, 2, 5, tzinfo=UTC) == request.grant.expires_at
    assert Secret("https://token:t.7c0e@1.us.logplex.io/logs") == request.log_input_url
    assert Secret("d.2f9b") == request.log_drain_token


def test_the_articles_legacy_body_is_read() -> None:
    """The article prints the legacy body, which has no grant and no name."""
    request = parse_provision(ARTICLE_BODY)

    assert "01234567-89ab-cdef-0123-456789abcdef" == request.uuid
    assert ("basic", "amazon-web-services::us-east-1") == (request.plan, request.region)
    assert (None, {}, "") == (request.grant, request.options, request.name)


@pytest.mark.parametrize("name", ["oauth_grant", "options", "log_input_url", "log_drain_token"])
def test_a_member_may_be_null_or_absent(name: str) -> None:
    """oauth_grant may be null; what belongs to another manifest is absent."""
    with_null = parse_provision(encode(**{name: None}))

    assert with_null == parse_provision(encode_without(name))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T18:05:00-0800", datetime(2026, 11, 24, 2, 5, tzinfo=UTC)),
        ("2026-11-23T18:05:00-08:00", datetime(2026, 11, 24, 2, 5, tzinfo=UTC)),
        ("2016-03-03T18:01:31-07:00", datetime(2016, 3, 4, 1, 1, 31, tzinfo=UTC)),
        ("2016-03-03T18:01:31.5-0800", datetime(2016, 3, 4, 2, 1, 31, 500_000, tzinfo=UTC)),
        ("2026-11-23T18:05:00.123456-08:00", datetime(2026, 11, 24, 2, 5, 0, 123456, tzinfo=UTC)),
        ("2026-11-23T18:05:00Z", datetime(2026, 11, 23, 18, 5, tzinfo=UTC)),
    ],
)
def test_a_grants_expiry_may_have_any_offset(text: str, moment: datetime) -> None:
    """expires_at carries -0800 or -07:00, with or without fractions."""
    request = parse_provision(encode(oauth_grant={"code": "c", "expires_at": text, "type": "authorization_code"}))

    assert request.grant is not None
    assert moment == request.grant.expires_at


@pytest.mark.parametrize(
    "text",
    ["", "soon", "1767225600", "2026-11-23T18:05:00", "2026-13-01T00:00:00Z", "2026-11-23T18:05:00-99:00"],
)
def test_a_grants_expiry_must_be_a_moment(text: str) -> None:
    """A time without a zone is no moment."""
    body = encode(oauth_grant={"code": "c", "expires_at": text})

    assert "oauth_grant.expires_at" == find_field(parse_provision, body)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-08:00", "0001-01-01T00:00:00+23:59"])
def test_a_grants_expiry_at_the_edge_of_time_is_a_moment_or_malformed(text: str) -> None:
    """What is accepted can be stored in UTC."""
    body = encode(oauth_grant={"code": "c", "expires_at": text})

    assert "oauth_grant.expires_at" == find_field(to_utc, body)


def to_utc(body: bytes) -> datetime:
    grant = parse_provision(body).grant
    assert grant is not None
    return grant.expires_at.astimezone(UTC)


def test_unknown_members_are_ignored() -> None:
    """Heroku may add members at any time."""
    grown = encode(heroku_id="app1@heroku.com", logplex_token="t", colour={"deep": [1, 2.5, None, True]})

    assert parse_provision(encode()) == parse_provision(grown)


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}])
@pytest.mark.parametrize(
    "name",
    ["uuid", "plan", "name", "region", "callback_url", "log_input_url", "log_drain_token"],
)
def test_a_text_of_another_kind_is_named(name: str, value: object) -> None:
    """Malformed names the member that is of the wrong kind."""
    assert name == find_field(parse_provision, encode(**{name: value}))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"uuid": None}, "uuid"),
        ({"uuid": ""}, "uuid"),
        ({"plan": None}, "plan"),
        ({"plan": ""}, "plan"),
        ({"options": []}, "options"),
        ({"options": "verbose"}, "options"),
        ({"options": {"verbose": True}}, "options[...]"),
        ({"options": {"verbose": None}}, "options[...]"),
        ({"options": {"verbose": {}}}, "options[...]"),
        ({"oauth_grant": "code"}, "oauth_grant"),
        ({"oauth_grant": []}, "oauth_grant"),
        ({"oauth_grant": {}}, "oauth_grant.code"),
        ({"oauth_grant": {"code": "c"}}, "oauth_grant.expires_at"),
        ({"oauth_grant": {"code": 1, "expires_at": "2026-11-23T18:05:00Z"}}, "oauth_grant.code"),
        ({"oauth_grant": {"code": "", "expires_at": "2026-11-23T18:05:00Z"}}, "oauth_grant.code"),
        ({"oauth_grant": {"code": "c", "expires_at": 1767225600}}, "oauth_grant.expires_at"),
    ],
)
def test_a_wrong_member_is_named(changes: dict[str, object], field: str) -> None:
    """Malformed.field is the path to the culprit."""
    assert field == find_field(parse_provision, encode(**changes))


@pytest.mark.parametrize("name", ["uuid", "plan"])
def test_a_missing_member_is_named(name: str) -> None:
    """uuid and plan are what nobody can do without."""
    assert name == find_field(parse_provision, encode_without(name))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"nope",
        b"{",
        b'{"uuid": "',
        b'{"plan": "\xff"}',
        b"\xff\xfe",
        b"\x00" * 64,
        b"[]",
        b"null",
        b'"text"',
        b"uuid=1&plan=basic",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"plan": "\\ud800", "uuid": "0f3a7c52-6d1e-4b8a-9c55-2b7d1e60aa41"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("parse", [parse_provision, parse_plan_change])
def test_what_is_no_object_is_malformed(parse: Callable[[bytes], object], body: bytes) -> None:
    """Garbage names no member: the body as a whole is wrong."""
    assert "" == find_field(parse, body)


@settings(max_examples=150)
@given(body=st.binary() | st.text().map(str.encode))
def test_no_bytes_break_the_parsers(body: bytes) -> None:
    """A parser returns a value or raises Malformed, nothing else."""
    for parse in (parse_provision, parse_plan_change):
        with suppress(Malformed):
            parse(body)


@settings(max_examples=150)
@given(
    changes=st.dictionaries(
        st.sampled_from([*V3_BODY, "new_member"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["code"]), inner),
            max_leaves=5,
        ),
    )
)
def test_no_member_breaks_the_parser(changes: dict[str, object]) -> None:
    """A body of the right outline with anything inside is read or named Malformed."""
    try:
        request = parse_provision(encode(**changes))
    except Malformed as error:
        culprit = error.field
    else:
        culprit = ""
        assert request.uuid == parse_uuid(request.uuid)

    assert culprit.partition(".")[0].partition("[")[0] in {"", *changes}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "app1234@heroku.com",
        UUID[:-1],
        UUID + "0",
        UUID + "\n",
        UUID.replace("-", ""),
        "{" + UUID + "}",
        "urn:uuid:" + UUID,
        UUID.replace("0", "٠"),  # noqa: RUF001 - a digit that is not ASCII
        "../../" + UUID,
    ],
)
def test_only_herokus_form_of_a_uuid_is_one(text: str) -> None:
    """The uuid is a primary key, so it has one spelling."""
    with pytest.raises(Malformed) as caught:
        parse_uuid(text)

    assert "uuid" == caught.value.field


def test_a_uuid_in_capitals_is_the_same_uuid() -> None:
    """One resource never becomes two by its spelling."""
    assert UUID == parse_uuid(UUID.upper())


@pytest.mark.parametrize(
    "body",
    [b'{"plan":"premium"}', b'{"plan":"premium","heroku_id":"app1@heroku.com","uuid":"x"}'],
)
def test_a_plan_change_names_its_plan(body: bytes) -> None:
    """The legacy body also carries heroku_id and uuid; they are ignored."""
    assert "premium" == parse_plan_change(body)


@pytest.mark.parametrize("body", [b"{}", b'{"plan":""}', b'{"plan":null}', b'{"plan":{"name":"x"}}', b'{"plan":1}'])
def test_a_plan_change_without_a_plan_is_malformed(body: bytes) -> None:
    """A plan change is nothing but its plan."""
    assert "plan" == find_field(parse_plan_change, body)


@pytest.mark.parametrize(
    ("answer", "members"),
    [
        (Answer(status=202, provider_id=UUID, message="On its way."), {"id": UUID, "message": "On its way."}),
        (Answer(status=200, provider_id=UUID, config={"A_URL": "x"}), {"id": UUID, "config": {"A_URL": "x"}}),
        (Answer(status=200, provider_id=UUID, config={}), {"id": UUID, "config": {}}),
        (Answer(status=422, message="Not in this region."), {"message": "Not in this region."}),
        (Answer(status=410), {}),
    ],
)
def test_an_answer_is_always_json(answer: Answer, members: dict[str, object]) -> None:
    """Heroku wants valid JSON; what is not said is left out rather than null."""
    assert members == json.loads(answer.encode())


def test_an_accepted_provision_carries_no_config() -> None:
    """An asynchronous answer has an id and a message; config vars follow later."""
    assert b"config" not in Answer(status=202, provider_id=UUID).encode()


def test_a_204_has_no_body() -> None:
    """204 means no content."""
    assert b"" == Answer(status=204, message="Gone.").encode()


def test_a_grant_is_good_for_the_time_it_says() -> None:
    """The code lives five minutes, counted from Heroku's own clock."""
    grant = parse_provision(encode()).grant

    assert grant is not None
    assert timedelta(minutes=5) == grant.expires_at - datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
