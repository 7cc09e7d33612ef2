"""What a hook may return as config vars."""

import pytest

from headrace.errors import MisuseError
from headrace.hooks.config import read_config
from headrace.protocol.manifest import Manifest, parse_manifest
from settings.test_settings import MANIFEST


@pytest.fixture
def manifest() -> Manifest:
    return parse_manifest(MANIFEST)


@pytest.mark.parametrize(
    ("returned", "config"),
    [
        (None, {}),
        ({}, {}),
        ({"ACME_SEARCH_URL": "https://x.example"}, {"ACME_SEARCH_URL": "https://x.example"}),
        ({"ACME_SEARCH_URL": "redis://:pass@host:6379/0"}, {"ACME_SEARCH_URL": "redis://:pass@host:6379/0"}),
    ],
)
def test_declared_config_vars_are_taken_as_they_are(
    manifest: Manifest, returned: object, config: dict[str, str]
) -> None:
    """Nothing at all is fine too."""
    assert config == read_config(returned, manifest=manifest)


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        ({"OTHER": "x"}, "returned OTHER, which the manifest does not declare. Add it to api.config_vars"),
        ({"B": "x", "A": "x"}, "returned A, B, which"),
        ({"ACME_SEARCH_URL": 1}, "names and values are both text"),
        ({"ACME_SEARCH_URL": None}, "names and values are both text"),
        ({1: "x"}, "names and values are both text"),
        (["ACME_SEARCH_URL"], "a dict of config vars"),
        ("https://x.example", "a dict of config vars"),
        ({"ACME_SEARCH_URL": "/relative"}, "ACME_SEARCH_URL that is not an absolute URL"),
        ({"ACME_SEARCH_URL": "search.acme.example"}, "ACME_SEARCH_URL that is not an absolute URL"),
        ({"ACME_SEARCH_URL": ""}, "ACME_SEARCH_URL that is not an absolute URL"),
        ({"ACME_SEARCH_URL": "http://[broken"}, "ACME_SEARCH_URL that is not an absolute URL"),
    ],
)
def test_what_heroku_would_refuse_is_refused_here_with_what_to_do(
    manifest: Manifest, returned: object, text: str
) -> None:
    """Before Heroku has to; and no value is shown."""
    with pytest.raises(MisuseError, match=text) as caught:
        read_config(returned, manifest=manifest)

    assert "relative" not in str(caught.value)
