"""The config vars that a hook returns, or that are set by the partner's code, read as Heroku will read them."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from headrace.errors import MisuseError
from headrace.protocol.manifest import Manifest


class NoConfig(dict[str, str]):
    """What a hook returns that sets no config vars on purpose, although the manifest declares some."""


def require_config(returned: object, config: Mapping[str, str], *, manifest: Manifest) -> None:
    """See to it that a provision's hook did not forget to return what the manifest declares.

    Raises:
        MisuseError: it returned nothing, and did not say that it means it.
    """
    if manifest.config_vars and not config and not isinstance(returned, NoConfig):
        raise MisuseError(
            f"The on_provision hook returned no config vars, and the manifest declares "
            f"{', '.join(manifest.config_vars)}. Is a `return` missing? If it sets none on purpose, return NoConfig()."
        )


def read_config(returned: object, *, manifest: Manifest) -> dict[str, str]:
    """Return the config vars that a hook returned, checked as Heroku will check them (contract §1.2).

    Raises:
        MisuseError: something Heroku would refuse; the text says what to do.
    """
    try:
        config = msgspec.convert(returned or {}, dict[str, str])
    except msgspec.ValidationError:
        raise MisuseError("A hook returns a dict of config vars: names and values are both text.") from None
    _require_fit(config, manifest, of="The hook returned")
    return config


def read_config_change(given: object, *, manifest: Manifest) -> dict[str, str | None]:
    """Return the config vars that are to be set, and those that are to be removed, whose value is None.

    Raises:
        MisuseError: something Heroku would refuse, or nothing at all; the text says what to do.
    """
    try:
        config = msgspec.convert(given, dict[str, str | None])
    except msgspec.ValidationError as error:
        # The error's text names the place, and never a value.
        raise MisuseError(
            f"Config vars are a dict of names and values; a value is text, or None to remove the name ({error})."
        ) from None
    if not config:
        raise MisuseError("There is no config var to set. Name one at least, such as {'ACME_URL': 'https://…'}.")
    _require_fit(config, manifest, of="You set")
    return config


def _require_fit(config: Mapping[str, str | None], manifest: Manifest, *, of: str) -> None:
    if undeclared := manifest.find_undeclared(config):
        raise MisuseError(
            f"{of} {', '.join(undeclared)}, which the manifest does not declare. "
            "Add it to api.config_vars and push the manifest, or give another name."
        )
    for name, value in config.items():
        if name.endswith("_URL") and value is not None and not read_scheme(value):
            raise MisuseError(f"{of} a {name} that is not an absolute URL.")


def read_scheme(url: str) -> str:
    """Return a URL's scheme, such as `https` or `postgres`; empty when it is no absolute URL."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""
