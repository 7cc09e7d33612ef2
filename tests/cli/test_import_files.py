"""Files of resources as spreadsheets, psql and Heroku's tools write them: read, or refused in words that help."""

import io
import json
from typing import Any

import pytest

from headrace.cli.import_files import Lines, open_text, read_lines
from headrace.errors import UnreadableFile
from headrace.models import Ref

UUID, OTHER = "01234567-89ab-cdef-0123-456789abcdef", "11234567-89ab-cdef-0123-456789abcdef"
APP = "21234567-89ab-cdef-0123-456789abcdef"
ADDON: dict[str, Any] = {
    "id": UUID,
    "name": "acme-1",
    "app": {"id": APP, "name": "shop"},
    "plan": {"id": APP, "name": "acme-search:basic"},
    "addon_service": {"id": APP, "name": "acme-search"},
    "state": "provisioned",
}


class NamedBytes(io.BytesIO):
    name = "resources"


def read(content: bytes, form: str) -> Lines:
    file = open_text(io.BufferedReader(NamedBytes(content)))
    found = list(read_lines(file, form, size=100, service="acme-search"))
    assert 1 >= len(found)
    return found[0] if found else Lines()


def list_plans(lines: Lines) -> list[tuple[str, str]]:
    assert [] == lines.problems
    return [(each.uuid, each.plan) for each in lines.resources]


BASIC = [(UUID, "basic")]
CSV = f"uuid,plan\n{UUID},basic\n"
JSON_LINE = json.dumps({"uuid": UUID, "plan": "basic"})


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (CSV.encode("utf-8-sig"), "csv"),
        (CSV.encode("utf-16"), "csv"),
        (JSON_LINE.encode("utf-8-sig"), "jsonl"),
        (JSON_LINE.encode("utf-16"), "jsonl"),
        (json.dumps([ADDON]).encode("utf-8-sig"), "heroku"),
        (json.dumps([ADDON]).encode("utf-16"), "heroku"),
        (CSV.replace("\n", "\r\n").encode(), "csv"),
        (CSV.replace(",", ";").encode("utf-8-sig"), "csv"),
        (CSV.replace(",", "\t").encode("utf-16"), "csv"),
        (f"sep=;\r\nuuid;plan\r\n{UUID};basic\r\n".encode(), "csv"),
        (f'"UUID","Plan","App ID"\n"{UUID}"," basic ",""\n,,\n'.encode(), "csv"),
        (f"\nuuid,plan,\n{UUID},basic,\n".encode(), "csv"),
    ],
)
def test_what_a_spreadsheet_saves_is_read(content: bytes, form: str) -> None:
    """With its mark in UTF-8 or UTF-16, parted by commas, semicolons or tabs, columns in any spelling, rows empty."""
    assert BASIC == list_plans(read(content, form))


@pytest.mark.parametrize(
    "content",
    [
        f"uuid|plan\n{UUID}|basic\n(1 row)\n",
        f" uuid | plan \n------+------\n {UUID} | basic \n(1 row)\n\n",
        f"uuid\tplan\n{UUID}\tbasic\n",
    ],
)
def test_what_psql_prints_is_read(content: str) -> None:
    """Aligned or not, with its footer, or as COPY writes it."""
    assert BASIC == list_plans(read(content.encode(), "csv"))


@pytest.mark.parametrize("nothing", ["\\N", "NULL", "null", "(null)", "<null>", " ", ""])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_says_nothing_is_empty(form: str, nothing: str) -> None:
    """The resource is called by its uuid, and has no app and no token."""
    row = dict.fromkeys(("name", "region", "state", "created_at", "refresh_token", "app_id", "app_name"), nothing)
    row |= {"uuid": UUID, "plan": "basic"}
    text = json.dumps(row) if form == "jsonl" else ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    (found,) = read(text.encode(), form).resources

    assert (UUID, "", "provisioned", None, None, None) == (
        found.name,
        found.region,
        found.state,
        found.created_at,
        found.token,
        found.app,
    )


def test_a_plan_that_is_null_is_missing() -> None:
    """Named by its line."""
    lines = read(f"uuid,plan\n{UUID},\\N\n{OTHER},basic\n".encode(), "csv")

    assert [(OTHER, "basic")] == [(each.uuid, each.plan) for each in lines.resources]
    (problem,) = lines.problems
    assert problem.startswith("line 2: plan: ")


def test_null_in_json_is_as_good_as_absent() -> None:
    """As `row_to_json` writes a column that is empty."""
    row: dict[str, Any] = dict.fromkeys(("name", "region", "state", "created_at", "refresh_token", "app_id"))
    (found,) = read(json.dumps(row | {"uuid": UUID, "plan": "basic"}).encode(), "jsonl").resources

    assert (UUID, "", None) == (found.name, found.region, found.token)


@pytest.mark.parametrize(
    "text",
    ["2026-11-24 12:00:00+00", "2026-11-24 12:00:00.000000+00", "2026-11-24 12:00:00 UTC", "2026-11-24T12:00:00Z"],
)
def test_times_are_read_as_databases_write_them(text: str) -> None:
    """PostgreSQL's, Ruby's, and the standard's."""
    (found,) = read(f"uuid,plan,created_at\n{UUID},basic,{text}\n".encode(), "csv").resources

    assert found.created_at is not None
    assert "2026-11-24T12:00:00+00:00" == found.created_at.isoformat()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (f"uuid,plan\n{UUID},acme-search:free\n", "csv"),
        (json.dumps({"uuid": UUID, "plan": "acme-search:free"}), "jsonl"),
        (json.dumps([ADDON | {"plan": {"id": APP, "name": "acme-search:free"}}]), "heroku"),
    ],
)
def test_a_plan_with_its_service_in_front_is_the_same_plan(content: str, form: str) -> None:
    """In each form."""
    assert [(UUID, "free")] == list_plans(read(content.encode(), form))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_plan_of_another_service_is_refused(form: str) -> None:
    """Whoever names it has mixed something up."""
    csv, line = f"uuid,plan\n{UUID},other:free\n", json.dumps({"uuid": UUID, "plan": "other:free"})
    lines = read((csv if form == "csv" else line).encode(), form)

    assert [] == lines.resources
    assert "of another add-on service" in lines.problems[0]


@pytest.mark.parametrize(
    "other",
    [
        ADDON | {"addon_service": {"id": APP, "name": "other"}},
        {name: value for name, value in ADDON.items() if name != "addon_service"}
        | {"plan": {"id": APP, "name": "other:basic"}},
        {"resource": {"uuid": UUID, "name": "other-1"}, "plan": "other:basic"},
    ],
)
def test_add_ons_of_another_service_are_left_out_and_counted(other: dict[str, Any]) -> None:
    """`heroku addons --json` has whatever the person may see."""
    lines = read(json.dumps([other, ADDON | {"id": OTHER}]).encode(), "heroku")

    assert ([(OTHER, "basic")], 1) == (list_plans(lines), lines.others)


@pytest.mark.parametrize(
    ("item", "app"),
    [
        (
            {
                "app": {"id": APP, "name": "shop"},
                "callback_url": f"https://api.heroku.com/addons/{UUID}",
                "heroku_id": "app123@heroku.com",
                "plan": "basic",
                "provider_id": UUID,
                "resource": {"name": "acme-1", "uuid": UUID},
            },
            Ref(id=APP, name="shop"),
        ),
        (
            {
                "callback_url": f"https://api.heroku.com/vendor/apps/{UUID}",
                "heroku_id": "app123@heroku.com",
                "plan": "acme-search:basic",
                "provider_id": 4213,
                "resource": {"name": "acme-1", "uuid": UUID},
            },
            None,
        ),
        ({"uuid": UUID, "plan": "basic", "name": "acme-1", "owner_email": "ada@lumen.example"}, None),
        ({"uuid": UUID, "plan": "basic", "name": "acme-1", "app": "shop"}, None),
    ],
)
def test_the_install_lists_are_read(item: dict[str, Any], app: Ref | None) -> None:
    """The add-ons host's, the one that it replaced, and one with the uuid by itself."""
    (found,) = read(json.dumps([item]).encode(), "heroku").resources

    assert (UUID, "acme-1", "basic", app) == (found.uuid, found.name, found.plan, found.app)


@pytest.mark.parametrize(
    ("content", "form", "problem"),
    [
        (b"id,plan\n1,basic\n", "csv", "has no column uuid"),
        (b"", "csv", "has no column uuid and no column plan"),
        (b"uuid,plan\n\xff\xfe\xfd,basic\n", "csv", "not a text file in UTF-8"),
        (b'{"id": "unauthorized"}', "heroku", "not Heroku's list"),
    ],
)
def test_what_is_no_such_file_cannot_be_imported(content: bytes, form: str, problem: str) -> None:
    """And headrace does not say that it cannot start."""
    with pytest.raises(UnreadableFile, match=problem):
        read(content, form)
