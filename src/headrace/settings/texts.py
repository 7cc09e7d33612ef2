"""How the text of a setting is read: each reader raises ConfigurationError with what is wrong, without the name."""

from datetime import timedelta
from pathlib import Path

from headrace.database_urls import read_database_url
from headrace.encryption import KeyRing, derive_key
from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.protocol.manifest import Manifest, is_emulated, parse_manifest, read_origin
from headrace.settings.declaring import EMULATOR_HOST, Given

SHORTEST_SECRET = 32
OWN_DATABASE, COMMON_DATABASE = "HEADRACE_DATABASE_URL", "DATABASE_URL"
LONGEST = timedelta(days=10_000)
HEROKU_GIVES_UP_AFTER = timedelta(seconds=25)
# With fewer a worker has none left to work with, once it holds the two that show others that it lives.
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 4, 100
# A million series are some 240 MB at each scrape.
MOST_SERIES = 1_000_000
MOST_SHARE_DAYS = 90


def read_manifest(given: Given) -> Manifest:
    try:
        text = given.text if given.text.startswith("{") else Path(given.text).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{given.text} cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{given.text} is not a text file in UTF-8."]) from None
    return parse_manifest(text, environment="test" if given.is_local else "production")


def read_long_secret(given: Given) -> Secret | None:
    if given.text and len(given.text) < SHORTEST_SECRET:
        problem = f"has {len(given.text)} characters, {SHORTEST_SECRET} are needed"
        raise ConfigurationError([f"{problem}; make one with `headrace secrets new-key`."])
    return Secret(given.text) if given.text else None


def read_keys(given: Given) -> KeyRing:
    """Read the keys, or derive one: an emulator on this machine has nothing to lose."""
    if not given.text:
        secrets = [part.strip() for part in given.texts["HEADRACE_CLIENT_SECRET"].split(",")]
        return KeyRing([derive_key(each.encode(), "an emulator on this machine") for each in secrets])
    try:
        return KeyRing.parse(given.text)
    except ValueError as error:
        raise ConfigurationError([str(error)]) from None


def read_own_database(given: Given) -> str:
    return read_database_url(given.text) if given.text else ""


def read_common_database(given: Given) -> str:
    """Read what an application beside this one may have set for itself, unless there is one of headrace's own."""
    return "" if given.texts[OWN_DATABASE] else read_database_url(given.text)


def read_connections(given: Given) -> int:
    return _read_number(given.text, FEWEST_CONNECTIONS, MOST_CONNECTIONS)


def read_series(given: Given) -> int:
    return _read_number(given.text, 0, MOST_SERIES)


def read_share_days(given: Given) -> timedelta:
    return timedelta(days=_read_number(given.text, 0, MOST_SHARE_DAYS))


def _read_number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise ConfigurationError([f"{text} is not a number from {least} to {most}."])
    return int(text)


def read_url(given: Given) -> str:
    url = given.text.rstrip("/")
    scheme, host = read_origin(url)
    is_good = bool(host) and (scheme == "https" or (scheme == "http" and is_emulated(url, given.texts[EMULATOR_HOST])))
    if not is_good:
        raise ConfigurationError(
            [f"must be an address that begins with https:// (http:// on this machine, or to {EMULATOR_HOST})."]
        )
    return url


def read_seconds(given: Given) -> timedelta:
    return _read_duration(given.text, unit="seconds")


def read_answer_seconds(given: Given) -> timedelta:
    duration = read_seconds(given)
    if duration >= HEROKU_GIVES_UP_AFTER:
        raise ConfigurationError([f"{given.text} is too long: Heroku gives up after {HEROKU_GIVES_UP_AFTER.seconds}."])
    return duration


def read_days(given: Given) -> timedelta:
    return _read_duration(given.text, unit="days")


def read_days_or_none(given: Given) -> timedelta:
    """Read days, of which there may be none."""
    return timedelta(0) if given.text == "0" else read_days(given)


def _read_duration(text: str, *, unit: str) -> timedelta:
    try:
        number = float(text)
        duration = timedelta(**{unit: number})
    except ValueError:
        duration = timedelta(0)
    except OverflowError:
        duration = timedelta.max if number > 0 else timedelta(0)
    if duration <= timedelta(0):
        raise ConfigurationError([f"{text} is not a number of {unit} above zero."])
    if duration > LONGEST:
        raise ConfigurationError([f"{text} {unit} are more than {LONGEST.days:,} days."])
    return duration


def read_switch(given: Given) -> bool:
    if given.text not in ("on", "off"):
        raise ConfigurationError([f"{given.text} is neither on nor off."])
    return given.text == "on"


def read_names(given: Given) -> frozenset[str]:
    return frozenset(name.strip() for name in given.text.split(",") if name.strip())
