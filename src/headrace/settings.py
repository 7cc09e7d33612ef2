"""Settings, read once from the environment; every problem is reported at once, with where to find the value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.protocol.manifest import Manifest, is_loopback, parse_manifest, read_origin
from headrace.store.seal import KeyRing, derive_key

HEROKU_API_URL = "https://api.heroku.com"
HEROKU_ID_URL = "https://id.heroku.com"
SHORTEST_SECRET = 32
LONGEST = timedelta(days=10_000)
DEFAULT_DATABASE_URL = "sqlite:///headrace.db"
DEFAULT_SMALL_PLANS = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One environment variable: what it is, and where a partner finds it."""

    name: str
    what: str
    is_required: bool = False
    example: str = ""

    @property
    def help(self) -> str:
        return f"{self.name}: {self.what}"


SETTINGS = (
    Setting(
        name="HEADRACE_MANIFEST",
        is_required=True,
        what=(
            "the add-on manifest, as a path or as its JSON text. The Partner Portal shows it under your add-on's "
            "settings; `heroku addons:admin:manifest:pull SLUG` writes it to addon-manifest.json."
        ),
        example="addon-manifest.json",
    ),
    Setting(
        name="HEADRACE_CLIENT_SECRET",
        is_required=True,
        what="the add-on's OAuth client secret. The Partner Portal shows it under your add-on's settings, OAuth.",
        example="",
    ),
    Setting(
        name="HEADRACE_KEYS",
        is_required=True,
        what=(
            "the key that seals stored tokens and signs sessions. Make one with `headrace secrets new-key`; "
            "to rotate, put the new one in front, parted by a comma. Not needed with an emulator on this machine."
        ),
        example="",
    ),
    Setting(
        name="DATABASE_URL",
        what=f"where resources are kept: sqlite:///FILE or postgres://… (default: {DEFAULT_DATABASE_URL}).",
        example=DEFAULT_DATABASE_URL,
    ),
    Setting(
        name="HEADRACE_METRICS_TOKEN",
        what=(
            "the bearer token for /metrics. Without one, /metrics is open with an emulator and closed otherwise. "
            "At least 32 characters: `headrace secrets new-key` makes such a text."
        ),
        example="",
    ),
    Setting(
        name="HEADRACE_API_TOKEN",
        what=(
            "the bearer token for /api; without one there is no such address. "
            "At least 32 characters: `headrace secrets new-key` makes such a text."
        ),
        example="",
    ),
    Setting(
        name="HEADRACE_OPERATOR_SECRET",
        what=(
            "what operators log in with at /operators; without one there are no such pages. "
            "At least 32 characters: `headrace secrets new-key` makes such a text."
        ),
        example="",
    ),
    Setting(
        name="HEADRACE_RECHECK_SECONDS",
        what="how old a placement may get before Heroku is asked again (default: 300).",
        example="300",
    ),
    Setting(
        name="HEADRACE_ANSWER_SECONDS",
        what="how long a plan change may keep Heroku waiting for the hook before it is answered 202 (default: 20).",
        example="20",
    ),
    Setting(
        name="HEADRACE_KEEP_DAYS",
        what="how many days the steps of finished workflows are kept (default: 30); timelines are kept for good.",
        example="30",
    ),
    Setting(
        name="HEADRACE_SMALL_PLANS",
        what=f"plans that are too small for production, parted by commas (default: {DEFAULT_SMALL_PLANS}).",
        example=DEFAULT_SMALL_PLANS,
    ),
    Setting(
        name="HEROKU_API_URL",
        what=f"the Platform API (default: {HEROKU_API_URL}; an emulator prints its own).",
        example=HEROKU_API_URL,
    ),
    Setting(
        name="HEROKU_ID_URL",
        what=f"where tokens come from (default: {HEROKU_ID_URL}; an emulator prints its own).",
        example=HEROKU_ID_URL,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a running service needs to know. Build it with `read_settings`."""

    manifest: Manifest
    client_secret: Secret
    keys: KeyRing
    database_url: str = field(repr=False)
    api_url: str
    id_url: str
    metrics_token: Secret | None
    api_token: Secret | None
    operator_secret: Secret | None
    recheck_every: timedelta
    answer_within: timedelta
    keep_finished: timedelta
    small_plans: frozenset[str]

    @property
    def secrets(self) -> list[Secret]:
        """Every text that is secret, but for keys and the database's password."""
        given = (self.metrics_token, self.api_token, self.operator_secret)
        always = (self.client_secret, self.manifest.password, self.manifest.sso_salt)
        return [*always, *(secret for secret in given if secret is not None)]

    @property
    def is_local(self) -> bool:
        """Whether Heroku is an emulator on this machine."""
        return is_loopback(self.api_url)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        ConfigurationError: every setting that is missing or wrong, each with what it is and where to find it.
    """
    reader = _Reader(environment)
    api_url = reader.url("HEROKU_API_URL", HEROKU_API_URL)
    id_url = reader.url("HEROKU_ID_URL", HEROKU_ID_URL)
    manifest = reader.manifest(environment="test" if is_loopback(api_url) else "production")
    client_secret = reader.required("HEADRACE_CLIENT_SECRET")
    keys = reader.keys(client_secret if is_loopback(api_url) else None)
    database_url = reader.database_url()
    recheck_every = reader.seconds("HEADRACE_RECHECK_SECONDS", 300)
    answer_within = reader.seconds("HEADRACE_ANSWER_SECONDS", 20)
    metrics_token = reader.long_secret("HEADRACE_METRICS_TOKEN")
    api_token = reader.long_secret("HEADRACE_API_TOKEN")
    operator_secret = reader.long_secret("HEADRACE_OPERATOR_SECRET")
    keep_finished = reader.days("HEADRACE_KEEP_DAYS", 30)
    if reader.problems or manifest is None or keys is None:
        raise ConfigurationError(reader.problems)
    return Settings(
        manifest=manifest,
        client_secret=Secret(client_secret),
        keys=keys,
        database_url=database_url,
        api_url=api_url,
        id_url=id_url,
        metrics_token=metrics_token,
        api_token=api_token,
        operator_secret=operator_secret,
        recheck_every=recheck_every,
        answer_within=answer_within,
        keep_finished=keep_finished,
        small_plans=_read_names(environment.get("HEADRACE_SMALL_PLANS") or DEFAULT_SMALL_PLANS),
    )


def normalise_database_url(url: str) -> str:
    """Name the driver: Heroku's own DATABASE_URL begins with postgres://."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else url


def _read_names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


class _Reader:
    """Reads one setting after another and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def required(self, name: str) -> str:
        value = self._environment.get(name, "").strip()
        if not value:
            self._report_missing(name)
        return value

    def manifest(self, *, environment: str) -> Manifest | None:
        value = self.required("HEADRACE_MANIFEST")
        if not value:
            return None
        try:
            text = value if value.startswith("{") else Path(value).read_text(encoding="utf-8")
            return parse_manifest(text, environment=environment)
        except OSError as error:
            self.problems.append(f"HEADRACE_MANIFEST: {value} cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            self.problems.append(f"HEADRACE_MANIFEST: {value} is not a text file in UTF-8.")
        except ConfigurationError as error:
            self.problems += [f"HEADRACE_MANIFEST: {problem}" for problem in error.problems]
        return None

    def keys(self, local_secret: str | None) -> KeyRing | None:
        value = self._environment.get("HEADRACE_KEYS", "").strip()
        if not value and local_secret:
            return KeyRing([derive_key(local_secret.encode(), "an emulator on this machine")])
        if not value:
            self._report_missing("HEADRACE_KEYS")
            return None
        try:
            return KeyRing.parse(value)
        except ValueError as error:
            self.problems.append(f"HEADRACE_KEYS: {error}")
            return None

    def long_secret(self, name: str) -> Secret | None:
        value = self._environment.get(name, "").strip()
        if value and len(value) < SHORTEST_SECRET:
            self.problems.append(
                f"{name}: has {len(value)} characters, {SHORTEST_SECRET} are needed; "
                "make one with `headrace secrets new-key`."
            )
        return Secret(value) if value else None

    def database_url(self) -> str:
        url = normalise_database_url(self._environment.get("DATABASE_URL") or DEFAULT_DATABASE_URL)
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            # The value may hold a password, so it is not repeated.
            self.problems.append("DATABASE_URL: must begin with sqlite:/// or postgres://.")
        return url

    def url(self, name: str, default: str) -> str:
        url = (self._environment.get(name) or default).rstrip("/")
        scheme, host = read_origin(url)
        is_good = bool(host) and (scheme == "https" or (scheme == "http" and is_loopback(url)))
        if not is_good:
            self.problems.append(f"{name}: must be an address that begins with https:// (http:// on this machine).")
        return url

    def seconds(self, name: str, default: float) -> timedelta:
        return self._duration(name, default, unit="seconds")

    def days(self, name: str, default: float) -> timedelta:
        return self._duration(name, default, unit="days")

    def _duration(self, name: str, default: float, *, unit: str) -> timedelta:
        text = self._environment.get(name, "").strip()
        try:
            duration = timedelta(**{unit: float(text) if text else default})
        except (ValueError, OverflowError):
            duration = timedelta(0)
        if not timedelta(0) < duration < LONGEST:
            self.problems.append(f"{name}: {text} is not a number of {unit} above zero.")
            duration = timedelta(**{unit: default})
        return duration

    def _report_missing(self, name: str) -> None:
        self.problems.append(f"Missing {next(setting.help for setting in SETTINGS if setting.name == name)}")
