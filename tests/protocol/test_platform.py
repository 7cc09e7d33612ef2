import json
import posixpath
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import (
    Forbidden,
    HerokuBroken,
    Malformed,
    NotFound,
    PlatformError,
    RateLimited,
    TokenRejected,
    UnexpectedAnswer,
    Unprocessable,
)
from headrace.models import ConfigVar, Ref
from headrace.protocol.platform import (
    ACCEPT,
    DEFAULT_RETRY_AFTER,
    MOST_PAGES,
    Range,
    build_addon_info,
    build_app_info,
    build_collaborators,
    build_config_update,
    build_coupling_by_app,
    build_deprovision_action,
    build_pipeline_info,
    build_provision_action,
    build_team_members,
    is_unchanged,
    parse_range,
    raise_for_status,
    read_addon,
    read_config,
    read_coupling,
    read_etag,
    read_pages,
    read_rate_remaining,
    with_etag,
)
from headrace.protocol.wire import Request, Response

REQUEST = build_addon_info("r1")
IDENTIFIERS = st.from_regex(r"[A-Za-z0-9@_+:-]([A-Za-z0-9@_+:-]|\.[A-Za-z0-9])*", fullmatch=True) | st.just("")


def catch(response: Response) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        raise_for_status(response, REQUEST)
    return caught.value


@pytest.mark.parametrize(
    ("request_", "method", "path", "endpoint"),
    [
        (build_addon_info("r1"), "GET", "/addons/r1", "/addons/{addon}"),
        (build_coupling_by_app("a1"), "GET", "/apps/a1/pipeline-couplings", "/apps/{app}/pipeline-couplings"),
        (build_pipeline_info("p1"), "GET", "/pipelines/p1", "/pipelines/{pipeline}"),
        (build_app_info("a1"), "GET", "/apps/a1", "/apps/{app}"),
        (build_collaborators("a1"), "GET", "/apps/a1/collaborators", "/apps/{app}/collaborators"),
        (build_team_members("t1"), "GET", "/teams/t1/members", "/teams/{team}/members"),
        (build_config_update("r1", {}), "PATCH", "/addons/r1/config", "/addons/{addon}/config"),
        (
            build_provision_action("r1"),
            "POST",
            "/addons/r1/actions/provision",
            "/addons/{addon}/actions/provision",
        ),
        (
            build_deprovision_action("r1"),
            "POST",
            "/addons/r1/actions/deprovision",
            "/addons/{addon}/actions/deprovision",
        ),
    ],
)
def test_a_request_goes_where_the_schema_says(request_: Request, method: str, path: str, endpoint: str) -> None:
    """Method and path of each call, always under version 3."""
    assert (method, path, endpoint) == (request_.method, request_.path, request_.endpoint)
    assert "application/vnd.heroku+json; version=3" == ACCEPT == request_.headers["Accept"]


@pytest.mark.parametrize("part", ["a/b", "../../account", "a?b=c", "a#b", "a b", "é", "%2F", "{}"])
def test_no_name_leaves_its_segment(part: str) -> None:
    """A name from outside never makes another call of ours."""
    path = posixpath.normpath(build_app_info(part).path)

    assert ["", "apps"] == path.split("/")[:2]
    assert 3 == len(path.split("/"))
    assert not set("?# ") & set(path)


@pytest.mark.parametrize("part", [".", ".."])
def test_a_step_up_is_no_name(part: str) -> None:
    """Dots climb out of a path however they are encoded, so they are refused."""
    with pytest.raises(Malformed, match="no name"):
        build_app_info(part)


def test_config_vars_are_set_as_a_list_of_names_and_values() -> None:
    """A null removes a config var."""
    request = build_config_update("r1", {"PIPESCOPE_URL": "https://x", "PIPESCOPE_TOKEN": None})

    assert {
        "config": [{"name": "PIPESCOPE_URL", "value": "https://x"}, {"name": "PIPESCOPE_TOKEN", "value": None}]
    } == json.loads(request.body)
    assert "application/json" == request.headers["Content-Type"]


def test_config_vars_are_read_back() -> None:
    """The answer is the whole array; a value may be null."""
    response = Response(status=200, body=b'[{"name":"A","value":"1"},{"name":"B","value":null}]')

    assert [ConfigVar(name="A", value="1"), ConfigVar(name="B", value=None)] == read_config(response, REQUEST)


def test_an_add_on_is_read_from_todays_wire() -> None:
    """provider_id is empty until the partner answered; web_url may be null."""
    body: dict[str, object] = {
        "actions": [],
        "addon_service": {"id": "s1", "name": "pipescope"},
        "app": {"id": "a1", "name": "shop-staging"},
        "billed_price": {"cents": 0, "contract": False, "unit": "month"},
        "id": "r1",
        "name": "pipescope-rugged-40817",
        "plan": {"id": "p1", "name": "pipescope:basic"},
        "provider_id": "",
        "state": "deprovisioning",
        "web_url": None,
    }
    addon = read_addon(Response(status=200, body=json.dumps(body).encode()), REQUEST)

    assert ("r1", Ref(id="a1", name="shop-staging"), "deprovisioning") == (addon.id, addon.app, addon.state)
    assert ("", None, ()) == (addon.provider_id, addon.web_url, addon.config_vars)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Unprocessable),
        (401, TokenRejected),
        (402, Unprocessable),
        (403, Forbidden),
        (404, NotFound),
        (406, Unprocessable),
        (409, Unprocessable),
        (410, Unprocessable),
        (412, Unprocessable),
        (416, Unprocessable),
        (422, Unprocessable),
        (423, Unprocessable),
        (429, RateLimited),
        (500, HerokuBroken),
        (502, HerokuBroken),
        (503, HerokuBroken),
        (504, HerokuBroken),
        (599, HerokuBroken),
        (301, UnexpectedAnswer),
        (304, UnexpectedAnswer),
        (100, UnexpectedAnswer),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[PlatformError]) -> None:
    """The error is known by its status, and carries what Heroku said."""
    error = catch(
        Response(
            status=status,
            headers={"request-id": "q1"},
            body=b'{"id":"slug","message":"Because.","url":"https://x","errors":[],"resource":"app"}',
        )
    )

    assert kind is type(error)
    assert (status, "Because.", "q1", "GET /addons/r1") == (
        error.status,
        error.message,
        error.request_id,
        error.request,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_a_success_is_no_error(status: int) -> None:
    """Any 2xx is a success."""
    raise_for_status(Response(status=status), REQUEST)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"[]",
        b"null",
        b'"text"',
        b'{"message":7}',
        b'{"message":null}',
        b"\xff\xfe",
        b'{"message":"\xff"}',
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (503, HerokuBroken)])
def test_an_error_without_a_readable_body_is_still_that_error(
    status: int, kind: type[PlatformError], body: bytes
) -> None:
    """A proxy in between answers HTML; the status says enough."""
    assert kind is type(catch(Response(status=status, body=body)))


def test_an_error_keeps_the_half_that_can_be_read() -> None:
    """A null id does not cost the message."""
    assert "Because." == catch(Response(status=422, body=b'{"id":null,"message":"Because."}')).message


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "0"}, timedelta(0)),
        ({"retry-after": "999999999"}, timedelta(hours=1)),
        ({"retry-after": ""}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "-1"}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "soon"}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, DEFAULT_RETRY_AFTER),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], wait: timedelta) -> None:
    """429 with and without Retry-After."""
    error = catch(Response(status=429, headers=headers, body=b'{"id":"rate_limit","message":"Slow down."}'))

    assert isinstance(error, RateLimited)
    assert wait == error.retry_after


@pytest.mark.parametrize("text", ["9" * 15, "9" * 400, "9" * 5000])
def test_an_absurd_wait_is_still_a_rate_limit(text: str) -> None:
    """A number too large for a timedelta is not an error of ours."""
    assert isinstance(catch(Response(status=429, headers={"retry-after": text})), RateLimited)


@pytest.mark.parametrize(
    ("headers", "count"),
    [
        ({"ratelimit-remaining": "4498"}, 4498),
        ({"ratelimit-remaining": "0"}, 0),
        ({"ratelimit-remaining": "-1"}, None),
        ({"ratelimit-remaining": "many"}, None),
        ({}, None),
    ],
)
def test_the_rate_pool_is_read_where_it_is_told(headers: dict[str, str], count: int | None) -> None:
    """RateLimit-Remaining says how many requests are left."""
    assert count == read_rate_remaining(Response(status=200, headers=headers))


def test_a_read_may_be_conditional() -> None:
    """If-None-Match carries the ETag; an unchanged thing is a 304."""
    assert 'W/"abc"' == with_etag(REQUEST, 'W/"abc"').headers["If-None-Match"]
    assert REQUEST == with_etag(REQUEST, None)
    assert is_unchanged(Response(status=304))
    assert not is_unchanged(Response(status=200))


@pytest.mark.parametrize(
    ("etag", "read"),
    [('W/"abc"', 'W/"abc"'), (None, None), ("", None), ('"\udcff"', None), ('"\0"', None), ('"é"', None)],
    ids=["Heroku's", "none", "empty", "not UTF-8", "NUL", "not ASCII"],
)
def test_a_proof_that_no_request_could_carry_is_none(etag: str | None, read: str | None) -> None:
    """It fits into no header, nor into every database: the next look asks for everything again."""
    assert read == read_etag(Response(status=200, headers={} if etag is None else {"etag": etag}))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>", b"[7]", b"null", b"{}", b'{"id":"\xff"}', b"\xff", b'{"x":' + b"[" * 100_000]
)
@pytest.mark.parametrize("read", [read_addon, read_config])
def test_an_unreadable_success_is_our_own_error(read: Callable[[Response, Request], object], body: bytes) -> None:
    """Whatever a 200 holds, a value or UnexpectedAnswer comes out."""
    with pytest.raises(UnexpectedAnswer):
        read(Response(status=200, body=body), REQUEST)


@settings(max_examples=100)
@given(body=st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_reading_of_a_coupling(body: bytes) -> None:
    """The answer of many shapes is read as a coupling, as none, or as UnexpectedAnswer."""
    try:
        coupling = read_coupling(Response(status=200, body=body), REQUEST)
    except UnexpectedAnswer:
        coupling = None

    assert coupling is None


def test_a_deep_coupling_is_unreadable() -> None:
    """Nesting beyond reading is an answer we cannot read."""
    with pytest.raises(UnexpectedAnswer):
        read_coupling(Response(status=200, body=b"[" * 100_000), REQUEST)


def test_a_list_is_read_to_its_end() -> None:
    """Each 206 names the next page in Next-Range, to be echoed as it is."""
    pages = read_pages(build_collaborators("a1"), Ref)
    first = next(pages)
    second = pages.send(
        Response(status=206, headers={"next-range": "id ]1..; max=200, order=desc"}, body=b'[{"id":"1"}]')
    )
    third = pages.send(Response(status=206, headers={"next-range": "id ]2..; max=200"}, body=b'[{"id":"2"}]'))
    with pytest.raises(StopIteration) as stop:
        pages.send(Response(status=200, body=b'[{"id":"3"}]'))

    assert [None, "id ]1..; max=200, order=desc", "id ]2..; max=200"] == [
        page.headers.get("Range") for page in (first, second, third)
    ]
    assert [Ref(id="1"), Ref(id="2"), Ref(id="3")] == stop.value.value


def test_a_partial_answer_without_a_next_page_ends_the_list() -> None:
    """A 206 without Next-Range has nothing to ask for."""
    pages = read_pages(REQUEST, Ref)
    next(pages)
    with pytest.raises(StopIteration) as stop:
        pages.send(Response(status=206, body=b"[]"))

    assert [] == stop.value.value


def test_a_list_that_never_ends_is_no_answer() -> None:
    """It would use up a token's pool, and hold up whoever waits for it."""
    pages = read_pages(REQUEST, Ref)
    next(pages)
    another = Response(status=206, headers={"next-range": "id ]1.."}, body=b'[{"id":"1"}]')
    for _ in range(MOST_PAGES - 1):
        pages.send(another)

    with pytest.raises(UnexpectedAnswer, match="more than 500 pages"):
        pages.send(another)


def test_a_page_that_fails_fails_the_list() -> None:
    """Half a list is never taken for the whole."""
    pages = read_pages(REQUEST, Ref)
    next(pages)
    pages.send(Response(status=206, headers={"next-range": "id ]1.."}, body=b'[{"id":"1"}]'))

    with pytest.raises(HerokuBroken):
        pages.send(Response(status=503))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version ..; order=desc,max=1", Range(attribute="version", max=1, order="desc")),
        ("version ..; max=1, order=desc", Range(attribute="version", max=1, order="desc")),
        ("seq ..; order=desc,max=1000", Range(attribute="seq", max=1000, order="desc")),
        ("id ..; max=1000;", Range(attribute="id", max=1000)),
        ("id ..; max=1000", Range(attribute="id", max=1000)),
        ("id ..; ;", Range(attribute="id")),
        ("domain ..; ;", Range(attribute="domain")),
        ("name ..; order=desc,max=1;", Range(attribute="name", max=1, order="desc")),
        ("id ..", Range(attribute="id")),
        ("updated_at ..", Range(attribute="updated_at")),
        ("id ]abc..; max=200", Range(attribute="id", start="abc", exclusive_start=True, max=200)),
        ("id a..b[", Range(attribute="id", start="a", end="b", exclusive_end=True)),
        (
            "id ]a..b[; max=2",
            Range(attribute="id", start="a", end="b", exclusive_start=True, exclusive_end=True, max=2),
        ),
        ("email ]a.b@x.test..", Range(attribute="email", start="a.b@x.test", exclusive_start=True)),
        ("id ..; max=ten", Range(attribute="id")),
        ("id ..; max=-1", Range(attribute="id")),
    ],
)
def test_every_range_that_clients_send_is_read(text: str, expected: Range) -> None:
    """Options in either order, with or without spaces, with a trailing semicolon."""
    assert expected == parse_range(text)


@pytest.mark.parametrize("text", ["", "id", "..", "bytes=0-99", "id a b..", "ID ..", "; max=1", "id ..]x"])
def test_what_is_no_range_is_none(text: str) -> None:
    """A header of another kind is no range."""
    assert parse_range(text) is None


@settings(max_examples=150)
@given(
    wanted=st.builds(
        Range,
        attribute=st.sampled_from(["id", "name", "updated_at", "email"]),
        start=IDENTIFIERS,
        end=IDENTIFIERS,
        exclusive_start=st.booleans(),
        exclusive_end=st.booleans(),
        max=st.none() | st.integers(min_value=0, max_value=1000),
        order=st.sampled_from(["asc", "desc"]),
    )
)
def test_a_range_reads_as_it_is_written(wanted: Range) -> None:
    """parse_range(str(r)) is r."""
    assert wanted == parse_range(str(wanted))


@settings(max_examples=150)
@given(text=st.text(st.sampled_from("id .[];=,max09order")) | st.text())
def test_no_header_breaks_the_reading_of_a_range(text: str) -> None:
    """A Range header gives a range or None."""
    parsed = parse_range(text)

    assert parsed is None or parsed.attribute in text


@pytest.mark.parametrize("text", ["id ..; max=" + "9" * 5000, "id" + " " * 5000 + "x", "id " + "." * 5000])
def test_an_absurd_range_is_none_at_once(text: str) -> None:
    """A header far longer than any real one costs no time and is no error of ours."""
    assert parse_range(text) is None
