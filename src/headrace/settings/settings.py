"""Settings, read once from the environment; every problem is reported at once, with where to find the value.

A setting is one field of `Settings`: its type, and beside it its name, how it is read, and what the docs say of it.
`./dev draw` writes .env.example and docs/settings.md from there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from headrace.database_urls import DATABASE_SCHEMA, Address, read_schema
from headrace.encryption import KeyRing
from headrace.errors import ConfigurationError
from headrace.face import Accent, Link, Logo, read_accent, read_home, read_links, read_logo
from headrace.models import Secret
from headrace.protocol.manifest import Manifest, is_emulated
from headrace.protocol.oauth import read_client_secrets
from headrace.settings.declaring import EMULATOR_HOST, Given, Needed, Setting, declare
from headrace.settings.notices import NOTICE_FORM, NOTICE_SECRET, NoticeForm, read_notice_form, read_notice_url
from headrace.settings.texts import (
    COMMON_DATABASE,
    OWN_DATABASE,
    read_answer_seconds,
    read_common_database,
    read_connections,
    read_days,
    read_days_or_none,
    read_keys,
    read_long_secret,
    read_manifest,
    read_names,
    read_own_database,
    read_seconds,
    read_series,
    read_share_days,
    read_switch,
    read_url,
)

OURS = "HEADRACE_"
NEEDS_POSTGRES = (
    "a dyno's disk is emptied at every restart, and SQLite's file with it. "
    "`heroku addons:create heroku-postgresql:essential-0` makes a PostgreSQL and sets this."
)
MAKE_SECRET = "At least 32 characters: `headrace secrets new-key` makes such a text."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a running service needs to know. Build it with `read_settings`."""

    manifest: Manifest = declare(
        "HEADRACE_MANIFEST",
        read_manifest,
        needed=Needed.ALWAYS,
        what="the add-on manifest, as a path or as its JSON text",
        more="The Partner Portal shows it under your add-on's settings; "
        "`heroku addons:admin:manifest:pull SLUG` writes it to addon-manifest.json.",
    )
    client_secrets: tuple[Secret, ...] = declare(
        "HEADRACE_CLIENT_SECRET",
        lambda given: read_client_secrets(given.text),
        needed=Needed.ALWAYS,
        what="the add-on's OAuth client secret",
        more="The Partner Portal shows it under your add-on's settings, OAuth. To rotate, put the new one in front, "
        "parted by a comma: Heroku is asked with the new one, and with the old one where it refuses that.",
    )
    keys: KeyRing = declare(
        "HEADRACE_KEYS",
        read_keys,
        needed=Needed.WITH_HEROKU,
        what="the key that seals stored tokens and signs sessions",
        more="Make one with `headrace secrets new-key`; to rotate, put the new one in front, parted by a comma. "
        "Not needed with an emulator on this machine.",
    )
    own_database_url: str = declare(
        OWN_DATABASE,
        read_own_database,
        is_shown=False,
        what="the same as `DATABASE_URL`, and read before it",
        more="For an application beside headrace that has a `DATABASE_URL` of its own.",
    )
    common_database_url: str = declare(
        COMMON_DATABASE,
        read_common_database,
        default="sqlite:///headrace.db",
        is_shown=False,
        what="where resources are kept: `sqlite:///FILE` or `postgres://USER:PASSWORD@HOST/NAME`",
        more="Heroku Postgres sets it by itself.",
    )
    database_schema: str = declare(
        "HEADRACE_DATABASE_SCHEMA",
        lambda given: read_schema(given.text),
        default=DATABASE_SCHEMA,
        what="the schema of a PostgreSQL in which headrace's tables stand",
        more="The workflow engine's stand in another one, whose name has `_engine` after it. Two services in one "
        "database have a schema each. docs/own-database.md says more.",
    )
    database_connections: int = declare(
        "HEADRACE_DATABASE_CONNECTIONS",
        read_connections,
        default="5",
        what="how many connections to PostgreSQL a process may open",
        more="A worker's lease is one of them, so a web opens one less.",
    )
    metrics_token: Secret | None = declare(
        "HEADRACE_METRICS_TOKEN",
        read_long_secret,
        what="the bearer token for `/metrics`",
        more=f"Without one, `/metrics` is open with an emulator on this machine and closed otherwise. {MAKE_SECRET}",
    )
    placed_series: int = declare(
        "HEADRACE_PLACED_SERIES",
        read_series,
        default="0",
        what="of how many resources `/metrics` tells where each of them is, so that your own series can be grouped by "
        "stage",
        more="Of none by default: they are as many series, with your customers' names of apps and pipelines. "
        "docs/metrics.md says more.",
    )
    panel_metrics_for: timedelta = declare(
        "HEADRACE_PANEL_METRICS_DAYS",
        read_days_or_none,
        default="0",
        what="for how many days the numbers of panels (`Panel.metrics`) are kept, so that they can be told by stage",
        more="None by default. Where they are kept, your panel hook is called once a day for each resource. "
        "docs/hooks.md says more.",
    )
    labels_file: Path | None = declare(
        "HEADRACE_LABELS_FILE",
        lambda given: Path(given.text) if given.text else None,
        what="where a worker keeps a CSV file of where each provisioned resource is, for an OpenTelemetry Collector",
        more="No such file by default: it has your customers' names of apps and pipelines. docs/labels.md says more.",
    )
    api_token: Secret | None = declare(
        "HEADRACE_API_TOKEN",
        read_long_secret,
        what="a bearer token for `/api` that may read and write",
        more=f"`headrace tokens new` makes others, each with a name. {MAKE_SECRET}",
    )
    operator_secret: Secret | None = declare(
        "HEADRACE_OPERATOR_SECRET",
        read_long_secret,
        what="what operators log in with at `/operators`, or each with a token of their own",
        more=f"Without one there are no such pages. A new one ends every operator's session. {MAKE_SECRET}",
    )
    notice_url: Secret | None = declare(
        "HEADRACE_NOTICE_URL",
        read_notice_url,
        what="where notices are sent, as an HTTP POST, when they are raised and when they are settled",
        more="docs/notices.md says in which form, and how to check the signature.",
    )
    notice_secret: Secret | None = declare(
        NOTICE_SECRET,
        read_long_secret,
        what="what signs the notices that are sent out as JSON",
        more=MAKE_SECRET,
    )
    notice_form: NoticeForm = declare(
        NOTICE_FORM,
        read_notice_form,
        default=NoticeForm.JSON,
        what='the form of notices that are sent out: `json`, or `chat` for what chat tools take, `{"text": …}`',
    )
    recheck_every: timedelta = declare(
        "HEADRACE_RECHECK_SECONDS",
        read_seconds,
        default="300",
        what="how old a placement may get before Heroku is asked again, in seconds",
    )
    answer_within: timedelta = declare(
        "HEADRACE_ANSWER_SECONDS",
        read_answer_seconds,
        default="20",
        what="how long a plan change may keep Heroku waiting for your hook before it is answered 202, in seconds",
        more="Heroku gives up after 25.",
    )
    async_deprovision: bool = declare(
        "HEADRACE_ASYNC_DEPROVISION",
        read_switch,
        default="off",
        what="`on`, where Heroku has opened asynchronous deprovisioning to your add-on, a beta",
        more="A removal is then answered 202, and Heroku told when your hook is done: until then the customer's app "
        "keeps its config vars.",
    )
    keep_finished: timedelta = declare(
        "HEADRACE_KEEP_DAYS",
        read_days,
        default="30",
        what="how many days the steps of finished workflows are kept",
        more="Timelines and placements are kept for good.",
    )
    keep_requests: timedelta = declare(
        "HEADRACE_KEEP_REQUESTS_DAYS",
        read_days_or_none,
        default="7",
        what="how many days requests with Heroku are kept for operators, without what is secret in them; 0: none are",
        more="Those that failed, and those of orders: at most 200 of a resource, and 50,000 in all.",
    )
    retire_after: timedelta = declare(
        "HEADRACE_RETIRE_SECONDS",
        read_seconds,
        default="3600",
        what="how long credentials go on working that a rotation has replaced, in seconds",
        more="Then your `on_retire` hook is called.",
    )
    small_plans: frozenset[str] = declare(
        "HEADRACE_SMALL_PLANS",
        read_names,
        default="free",
        what="plans that are too small for production, parted by commas",
        more="A resource on one of them in production is an opportunity.",
    )
    share_for: timedelta = declare(
        "HEADRACE_SHARE_DAYS",
        read_share_days,
        default="0",
        what="for how many days a link is good that a customer gives to a colleague, who sees the board by it and can "
        "do nothing; 0 is off",
        more="90 at the most. Off, links that were given show nothing. docs/sharing.md says more.",
    )
    logo: Logo | None = declare(
        "HEADRACE_LOGO",
        lambda given: read_logo(given.text),
        what="your logo on the board, as the path of an SVG or a PNG",
        more="It is shown 20 pixels high, by day and by night.",
    )
    accent: Accent | None = declare(
        "HEADRACE_ACCENT",
        lambda given: read_accent(given.text),
        what="your colour on the board, as `#0b5fff`, and a second one by night",
        more="It is the colour of links and of what is marked; one that could not be read is refused.",
    )
    product_url: str = declare(
        "HEADRACE_PRODUCT_URL",
        lambda given: read_home(given.text),
        what="where your name on the board leads to",
    )
    links: tuple[Link, ...] = declare(
        "HEADRACE_LINKS",
        lambda given: read_links(given.text),
        what="up to four links in the board's bar, parted by commas: `Docs https://acme.example/docs, …`",
    )
    emulator_host: str = declare(
        EMULATOR_HOST,
        lambda given: given.text,
        what="the name of another machine that has the emulator, such as a container's",
        more="Plain http is fine to it, and all else is as with an emulator on this machine. Real Heroku goes without.",
    )
    own_url: str = declare(
        "HEADRACE_URL",
        lambda given: read_url(given) if given.text else "",
        what="the address at which Heroku reaches headrace itself, where it runs without MODULE",
        more="Webhooks are subscribed there; without it none are.",
    )
    api_url: str = declare(
        "HEROKU_API_URL",
        read_url,
        default="https://api.heroku.com",
        what="the Platform API",
        more="An emulator prints its own.",
    )
    id_url: str = declare(
        "HEROKU_ID_URL",
        read_url,
        default="https://id.heroku.com",
        what="where tokens come from",
        more="An emulator prints its own.",
    )

    @property
    def database(self) -> Address:
        """Where resources are kept."""
        return _name_database(self.own_database_url, self.common_database_url, self.database_schema)

    @property
    def secrets(self) -> list[Secret]:
        """Every text that is secret, but for keys and the database's password."""
        given = (self.metrics_token, self.api_token, self.operator_secret, self.notice_url, self.notice_secret)
        always = (*self.client_secrets, *self.manifest.secrets)
        return [*always, *(secret for secret in given if secret is not None)]

    @property
    def is_local(self) -> bool:
        """Whether Heroku is an emulator on this machine."""
        return is_emulated(self.api_url, self.emulator_host)


def _name_database(own_database_url: str, common_database_url: str, database_schema: str) -> Address:
    setting = OWN_DATABASE if own_database_url else COMMON_DATABASE
    return Address(url=own_database_url or common_database_url, setting=setting, schema=database_schema)


_FIELDS: Mapping[str, Setting] = {each.name: each.metadata["setting"] for each in fields(Settings)}
SETTINGS = tuple(_FIELDS.values())
_OF_DATABASE = ("own_database_url", "common_database_url", "database_schema")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        ConfigurationError: every setting that is missing or wrong, each with what it is and where to find it.
    """
    return Settings(**_read(environment, _FIELDS))


def find_database(environment: Mapping[str, str]) -> Address:
    """Return where resources are kept, whatever else is set.

    Raises:
        ConfigurationError: it is wrong.
    """
    values = _read(environment, {name: _FIELDS[name] for name in _OF_DATABASE})
    return _name_database(**{name: values[name] for name in _OF_DATABASE})


def _read(environment: Mapping[str, str], wanted: Mapping[str, Setting]) -> dict[str, Any]:
    texts = {setting.name: environment.get(setting.name, "").strip() or setting.default for setting in SETTINGS}
    values: dict[str, Any] = {}
    problems = list(_find_mistyped(environment))
    for name, setting in wanted.items():
        given = Given(setting.name, texts)
        if setting.is_missing(given):
            problems.append(f"Missing {setting.help}")
            continue
        try:
            values[name] = setting.read(given)
        except ConfigurationError as error:
            problems += [f"{setting.name}: {problem}" for problem in error.problems]
    # With an emulator beside it, a service on a dyno is a trial that leaves nothing.
    is_trial = is_emulated(texts["HEROKU_API_URL"], texts[EMULATOR_HOST])
    is_sqlite = any(str(values.get(name)).startswith("sqlite") for name in _OF_DATABASE)
    if environment.get("DYNO") and not is_trial and is_sqlite:
        problems.append(f"{OWN_DATABASE if values.get('own_database_url') else COMMON_DATABASE}: {NEEDS_POSTGRES}")
    if problems:
        raise ConfigurationError(problems)
    return values


def _find_mistyped(environment: Mapping[str, str]) -> Iterator[str]:
    """Find what looks like a setting that is not set. Any other name may be another program's, or a later release's."""
    unset = [setting.name for setting in SETTINGS if setting.name not in environment]
    for name in sorted(environment.keys() - {setting.name for setting in SETTINGS}):
        if name.startswith(OURS) and (meant := get_close_matches(name, unset, n=1, cutoff=0.85)):
            yield f"{name}: there is no such setting; did you mean {meant[0]}?"
