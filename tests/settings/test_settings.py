"""Settings: everything that is wrong at once, each with where to find it, and no secret in the text."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from headrace.encryption import make_key
from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.settings import SETTINGS, find_database, read_settings

MANIFEST = json.dumps(
    {
        "id": "acme-search",
        "name": "Acme Search",
        "api": {
            "password": "the-manifest-password",
            "sso_salt": "the-sso-salt",
            "config_vars": ["ACME_SEARCH_URL"],
            "regions": ["us"],
            "version": "3",
            "production": {
                "base_url": "https://acme.example/heroku/resources",
                "sso_url": "https://acme.example/sso/login",
            },
            "test": "http://localhost:5050",
        },
    }
)
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
LOCAL = {"HEROKU_API_URL": "http://127.0.0.1:4999", "HEROKU_ID_URL": "http://127.0.0.1:4999"}
GOOD = {"HEADRACE_MANIFEST": MANIFEST, "HEADRACE_CLIENT_SECRET": "the-client-secret", "HEADRACE_KEYS": KEY}


def find_problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(environment)
    return caught.value.problems


def test_the_three_required_settings_are_enough() -> None:
    """Everything else has a default: real Heroku, a file of SQLite."""
    settings = read_settings(GOOD)

    assert ("acme-search", "sqlite:///headrace.db") == (settings.manifest.id, settings.database.url)
    assert ("https://api.heroku.com", "https://id.heroku.com") == (settings.api_url, settings.id_url)
    assert (timedelta(seconds=300), timedelta(seconds=20)) == (settings.recheck_every, settings.answer_within)
    assert settings.metrics_token is None
    assert not settings.is_local


def test_everything_missing_is_reported_at_once_with_where_to_find_it() -> None:
    """Nobody starts a service four times to learn of four settings."""
    problems = find_problems({})

    required = [setting for setting in SETTINGS if setting.is_required]
    assert sorted(f"Missing {setting.help}" for setting in required) == sorted(problems)
    assert "Partner Portal" in problems[0]
    assert any("headrace secrets new-key" in problem for problem in problems)


def test_blank_is_missing() -> None:
    """A line `NAME=` of an env file sets nothing, whatever the setting."""
    blank = {setting.name: "  " for setting in SETTINGS}

    assert find_problems({}) == find_problems(blank)
    assert repr(read_settings(GOOD)) == repr(read_settings({**blank, **GOOD}))


def test_the_help_of_a_setting_shows_its_default() -> None:
    """What it is, what it is when nothing is set, and what else there is to know: in this order."""
    (keep_days,) = (setting.help for setting in SETTINGS if setting.name == "HEADRACE_KEEP_DAYS")

    assert (
        "HEADRACE_KEEP_DAYS: how many days the steps of finished workflows are kept (default: 30). "
        "Timelines and placements are kept for good."
    ) == keep_days


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("HEADRACE_MANIFEST", "/nowhere/manifest.json", "/nowhere/manifest.json cannot be read: No such file"),
        ("HEADRACE_MANIFEST", "/", "/ cannot be read: Is a directory"),
        ("HEADRACE_MANIFEST", "{broken", "The manifest cannot be read"),
        ("HEADRACE_MANIFEST", '{"id": "acme"}', "The manifest cannot be read: .*api"),
        ("HEADRACE_KEYS", "short", "key 1 is not 32 bytes"),
        ("HEADRACE_KEYS", f"{KEY},", "key 2 is not 32 bytes"),
        ("HEROKU_API_URL", "http://heroku.example", "begins? with https://"),
        ("HEROKU_API_URL", "api.heroku.com", "begins? with https://"),
        ("HEROKU_ID_URL", "http://127.0.0.1.evil.example", "begins? with https://"),
        ("DATABASE_URL", "mysql://root@db/x", "must begin with sqlite:/// or postgres://"),
        ("DATABASE_URL", "sqlite://", "must begin with sqlite:///"),
        ("HEADRACE_RECHECK_SECONDS", "soon", "soon is not a number of seconds above zero"),
        ("HEADRACE_RECHECK_SECONDS", "0", "0 is not a number of seconds above zero"),
        ("HEADRACE_RECHECK_SECONDS", "nan", "nan is not a number of seconds above zero"),
        ("HEADRACE_RECHECK_SECONDS", "inf", "inf seconds are more than 10,000 days"),
        ("HEADRACE_RECHECK_SECONDS", "-inf", "-inf is not a number of seconds above zero"),
        ("HEADRACE_KEEP_DAYS", "99999999999", "99999999999 days are more than 10,000 days"),
        ("HEADRACE_KEEP_DAYS", "never", "never is not a number of days above zero"),
        ("HEADRACE_KEEP_DAYS", "36000", "36000 days are more than 10,000 days"),
        ("HEADRACE_PANEL_METRICS_DAYS", "many", "many is not a number of days above zero"),
        ("HEADRACE_KEEP_REQUESTS_DAYS", "-1", "-1 is not a number of days above zero"),
        ("HEADRACE_SHARE_DAYS", "91", "91 is not a number from 0 to 90"),
        ("HEADRACE_METRICS_TOKEN", "guessable", "has 9 characters, 32 are needed"),
        ("HEADRACE_API_TOKEN", "guessable", "has 9 characters, 32 are needed"),
        ("HEADRACE_OPERATOR_SECRET", "guessable", "has 9 characters, 32 are needed"),
        ("HEADRACE_CLIENT_SECRET", "new,", "has a comma with no client secret on one side"),
        ("HEADRACE_CLIENT_SECRET", "new,old,older", "has 3 client secrets; the new one and the old one"),
        ("HEADRACE_ANSWER_SECONDS", "-1", "-1 is not a number of seconds above zero"),
        ("HEADRACE_ANSWER_SECONDS", "25", "25 is too long: Heroku gives up after 25"),
    ],
)
def test_a_bad_value_is_named_and_explained(name: str, value: str, problem: str) -> None:
    """One problem, which begins with the setting's name."""
    (found,) = find_problems({**GOOD, name: value})

    assert found.startswith(f"{name}: ")
    with pytest.raises(ConfigurationError, match=problem):
        read_settings({**GOOD, name: value})


def test_requests_are_kept_for_a_week_or_for_no_time() -> None:
    """0 is a number of days like others there, and nowhere else."""
    kept = [read_settings({**GOOD, "HEADRACE_KEEP_REQUESTS_DAYS": days}).keep_requests for days in ("", "0", "1.5")]

    assert [timedelta(days=7), timedelta(0), timedelta(days=1.5)] == kept


def test_several_bad_values_are_reported_together() -> None:
    """Missing ones and wrong ones in one list."""
    problems = find_problems({"HEADRACE_MANIFEST": "{", "DATABASE_URL": "x", "HEADRACE_ANSWER_SECONDS": "x"})

    assert 5 == len(problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:the-password@db/x"),
        ("DATABASE_URL", "the-password"),
        ("HEROKU_API_URL", "http://ada:the-password@heroku.example"),
        ("HEADRACE_KEYS", "the-password"),
        ("HEADRACE_MANIFEST", MANIFEST.replace("the-manifest-password", "the-password").replace('"us"', "1")),
    ],
)
def test_no_problem_prints_a_password(name: str, value: str) -> None:
    """Start-up errors end in a log that many can read."""
    assert "the-password" not in "".join(find_problems({**GOOD, name: value}))


def test_settings_do_not_show_their_secrets() -> None:
    """A settings object in a traceback gives nothing away."""
    metrics_token = "the-metrics-token-of-at-least-32-characters"
    settings = read_settings(
        {**GOOD, "DATABASE_URL": "postgres://u:the-db-password@h/d", "HEADRACE_METRICS_TOKEN": metrics_token}
    )

    shown = repr(settings)
    for secret in ("the-db-password", "the-metrics-token", "the-client-secret", "the-manifest-password", KEY):
        assert secret not in shown
    assert Secret(metrics_token) == settings.metrics_token


def test_the_manifest_may_be_a_path(tmp_path: Path) -> None:
    """The file that `heroku addons:admin:manifest:pull` writes."""
    path = tmp_path / "addon-manifest.json"
    path.write_text(MANIFEST, encoding="utf-8")

    assert read_settings(GOOD).manifest == read_settings({**GOOD, "HEADRACE_MANIFEST": str(path)}).manifest


def test_a_manifest_file_that_is_not_text_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    """Somebody names the wrong file."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\xff")

    (problem,) = find_problems({**GOOD, "HEADRACE_MANIFEST": str(path)})
    assert problem.startswith("HEADRACE_MANIFEST: ")


def test_with_real_heroku_the_manifest_is_read_for_production_and_else_for_test() -> None:
    """An emulator on this machine calls the test URLs."""
    assert "https://acme.example/heroku/resources" == read_settings(GOOD).manifest.base_url
    assert "http://localhost:5050/heroku/resources" == read_settings({**GOOD, **LOCAL}).manifest.base_url


def test_a_process_opens_as_many_connections_as_it_is_allowed() -> None:
    """Fewer than a worker needs to work, and what is no number, are refused."""
    allowed = [
        read_settings({**GOOD, "HEADRACE_DATABASE_CONNECTIONS": text}).database_connections for text in ("", "4")
    ]
    for text in ("3", "101", "many", "-5"):
        with pytest.raises(ConfigurationError, match=f"HEADRACE_DATABASE_CONNECTIONS: {text} is not a number from 4"):
            read_settings({**GOOD, "HEADRACE_DATABASE_CONNECTIONS": text})

    assert [5, 4] == allowed


def test_a_file_of_labels_is_kept_where_it_is_said_and_by_default_nowhere() -> None:
    assert None is read_settings(GOOD).labels_file
    assert (
        Path("/var/lib/labels.csv") == read_settings(GOOD | {"HEADRACE_LABELS_FILE": "/var/lib/labels.csv"}).labels_file
    )


def test_the_client_secret_may_be_the_new_one_and_the_old_one() -> None:
    """Neither is shown, and with an emulator what the old one sealed is opened still."""
    environment = {**GOOD, **LOCAL}
    del environment["HEADRACE_KEYS"]
    before = read_settings(environment)
    rotated = read_settings({**environment, "HEADRACE_CLIENT_SECRET": "the-next-secret, the-client-secret"})

    assert (Secret("the-next-secret"), Secret("the-client-secret")) == rotated.client_secrets
    assert "hello" == rotated.keys.open(before.keys.seal("hello", row="r"), row="r")
    assert set(rotated.client_secrets) <= set(rotated.secrets)
    assert "the-next-secret" not in repr(rotated)


def test_with_an_emulator_on_this_machine_no_key_is_needed() -> None:
    """One is derived, the same each time, and another for another secret; real Heroku requires a real one."""
    environment = {**GOOD, **LOCAL}
    del environment["HEADRACE_KEYS"]
    settings, again = read_settings(environment), read_settings(environment)
    other = read_settings({**environment, "HEADRACE_CLIENT_SECRET": "another"})

    assert settings.is_local
    assert "hello" == again.keys.open(settings.keys.seal("hello", row="r"), row="r")
    assert settings.keys.current_id != other.keys.current_id
    (problem,) = find_problems({**environment, "HEROKU_API_URL": "https://api.heroku.com"})
    assert problem.startswith("Missing HEADRACE_KEYS")


def test_a_key_that_is_given_is_used_with_an_emulator_too() -> None:
    """What is set wins over what is derived."""
    key = make_key()

    assert (
        read_settings({**GOOD, "HEADRACE_KEYS": key}).keys.current_id
        == read_settings({**GOOD, **LOCAL, "HEADRACE_KEYS": key}).keys.current_id
    )


def test_a_slash_at_the_end_of_a_url_is_dropped() -> None:
    """Paths begin with one."""
    assert "https://api.example" == read_settings({**GOOD, "HEROKU_API_URL": "https://api.example/"}).api_url


@pytest.mark.parametrize("common", ["sqlite:///theirs.db", "mysql://root@db/x", ""])
def test_a_database_of_headrace_s_own_goes_before_the_application_s(common: str) -> None:
    """Whatever that one is: it is not read at all."""
    environment = {**GOOD, "HEADRACE_DATABASE_URL": "postgres://db/ours", "DATABASE_URL": common}
    own, other = read_settings(environment).database, read_settings({**GOOD, "DATABASE_URL": "sqlite:///x.db"}).database

    assert ("postgresql+psycopg://db/ours", "HEADRACE_DATABASE_URL") == (own.url, own.setting)
    assert ("sqlite:///x.db", "DATABASE_URL") == (other.url, other.setting)
    assert own == find_database({name: environment[name] for name in ("HEADRACE_DATABASE_URL", "DATABASE_URL")})


def test_what_is_wrong_with_a_database_is_said_of_the_setting_that_was_read() -> None:
    """On a dyno too, where SQLite is none."""
    wrong = find_problems({**GOOD, "HEADRACE_DATABASE_URL": "mysql://root@db/x", "DATABASE_URL": "nonsense"})
    dyno = [
        find_problems({**GOOD, "DYNO": "web.1", name: "sqlite:///x.db"})
        for name in ("HEADRACE_DATABASE_URL", "DATABASE_URL")
    ]

    assert ["HEADRACE_DATABASE_URL: must begin with sqlite:/// or postgres://."] == list(wrong)
    assert ["HEADRACE_DATABASE_URL", "DATABASE_URL"] == [each.partition(": ")[0] for (each,) in dyno]


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ("Mine", "Mine is no name of small letters, digits and _, of 40 at the most."),
        ('a"b', 'a"b is no name of small letters'),
        ("a" * 41, "is no name of small letters"),
        ("public", "public has another use; take a name of headrace's own, such as headrace."),
        ("dbos", "dbos has another use"),
        ("pg_mine", "pg_mine has another use"),
        ("first_engine", "first_engine has another use"),
    ],
)
def test_a_schema_that_can_be_none_of_ours_is_refused(schema: str, problem: str) -> None:
    """It would want quotes, would not leave room for the engine's name, or is somebody's already."""
    (found,) = find_problems({**GOOD, "HEADRACE_DATABASE_SCHEMA": schema})

    assert found.startswith("HEADRACE_DATABASE_SCHEMA: ")
    assert problem in found


def test_an_emulator_on_another_machine_is_one_by_its_name() -> None:
    """Plain http goes to the machine that was named, and to no other."""
    there = {"HEROKU_API_URL": "http://emulator:4999", "HEROKU_ID_URL": "http://emulator:4999"}
    settings = read_settings({**GOOD, **there, "HEADRACE_EMULATOR_HOST": "emulator"})
    problems = find_problems({**GOOD, **there, "HEADRACE_EMULATOR_HOST": "emulator.example"})

    assert settings.is_local
    assert not read_settings({**GOOD, "HEADRACE_EMULATOR_HOST": "emulator"}).is_local
    assert 2 == len(problems)


@pytest.mark.parametrize(("text", "expected"), [("on", True), ("off", False), ("", False)])
def test_a_removal_is_promised_only_where_it_is_switched_on(*, text: str, expected: bool) -> None:
    """It is a beta of Heroku's, which is opened to one add-on and not to another."""
    assert expected is read_settings({**GOOD, "HEADRACE_ASYNC_DEPROVISION": text}).async_deprovision


def test_a_switch_is_on_or_off() -> None:
    problems = find_problems({**GOOD, "HEADRACE_ASYNC_DEPROVISION": "1"})

    assert ("HEADRACE_ASYNC_DEPROVISION: 1 is neither on nor off.",) == problems


def test_notices_are_sent_to_an_address_that_stays_a_secret() -> None:
    """Signed as JSON unless a chat tool takes them, for which the address is all."""
    address = "https://hooks.chat.example/T0/B0/very-secret"
    chat = read_settings({**GOOD, "HEADRACE_NOTICE_URL": address, "HEADRACE_NOTICE_FORM": "chat"})

    assert (Secret(address), "chat") == (chat.notice_url, chat.notice_form)
    assert Secret(address) in chat.secrets
    assert "very-secret" not in repr(chat)
    assert "json" == read_settings(GOOD).notice_form


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HEADRACE_NOTICE_URL": "https://ops.example/x"}, "HEADRACE_NOTICE_URL: wants a HEADRACE_NOTICE_SECRET"),
        ({"HEADRACE_NOTICE_URL": "http://ops.example/x"}, "HEADRACE_NOTICE_URL: must be an address that begins with"),
        ({"HEADRACE_NOTICE_SECRET": "short"}, "HEADRACE_NOTICE_SECRET: has 5 characters, 32 are needed"),
        ({"HEADRACE_NOTICE_FORM": "xml"}, "HEADRACE_NOTICE_FORM: xml is neither json nor chat."),
    ],
)
def test_where_notices_cannot_be_sent_is_said(given: dict[str, str], said: str) -> None:
    [problem] = find_problems({**GOOD, **given})

    assert problem.startswith(said)
