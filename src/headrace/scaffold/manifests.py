"""A new manifest: what Heroku's own plugin for add-on partners would write, with secrets of its own (contract §5)."""

import json
import secrets
from typing import Any

from headrace.scaffold.names import Names

SECRET_BYTES = 24
SERVICE_URL = "http://127.0.0.1:5050"


def build_manifest(names: Names) -> dict[str, Any]:
    """Return a manifest whose password and salt nobody else has; `test` is where `headrace dev` serves."""
    return {
        "id": names.slug,
        "name": names.title,
        "api": {
            "config_vars_prefix": names.prefix,
            "config_vars": [f"{names.prefix}_URL"],
            "password": make_secret(),
            "sso_salt": make_secret(),
            "regions": ["us", "eu"],
            "requires": [],
            "production": _build_urls(f"https://{names.slug.replace('_', '-')}.herokuapp.com"),
            "test": _build_urls(SERVICE_URL),
            "version": "3",
        },
    }


def render(contents: dict[str, Any]) -> str:
    """Return the text as Heroku's plugin writes it: two spaces, and no line's end at the end."""
    return json.dumps(contents, indent=2, ensure_ascii=False)


def make_secret() -> str:
    """Return 32 characters that a URL, a shell and JSON take as they are."""
    return secrets.token_urlsafe(SECRET_BYTES)


def _build_urls(root: str) -> dict[str, str]:
    return {"base_url": f"{root}/heroku/resources", "sso_url": f"{root}/sso/login"}
