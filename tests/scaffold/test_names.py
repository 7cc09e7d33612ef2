"""An add-on's names."""

from pathlib import Path

import pytest

from headrace.errors import ConfigurationError
from headrace.scaffold.names import guess_name, read_name


def test_one_name_is_enough() -> None:
    """People's and that of config vars are made of the slug."""
    names = read_name("acme-search2")

    assert ("acme-search2", "Acme Search2", "ACME_SEARCH2") == (names.slug, names.title, names.prefix)


@pytest.mark.parametrize("text", ["", "Acme", "acme search", "2fast", "acme-", "-acme", "../acme", "a" * 31, "acmé"])
def test_what_heroku_would_not_take_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no name for an add-on: it takes lower-case letters") as error:
        read_name(text)
    assert 1 == len(str(error.value).splitlines())


@pytest.mark.parametrize(
    ("folder", "slug"),
    [("acme", "acme"), ("Acme Search", "acme-search"), ("acme_2.0", "acme-2-0"), ("/x/acme", "acme")],
)
def test_a_name_is_guessed_from_the_folder(folder: str, slug: str) -> None:
    """In Heroku's letters."""
    assert slug == guess_name(Path(folder)).slug


@pytest.mark.parametrize("folder", ["/", "2024", "тест"])
def test_a_folder_that_gives_no_name_is_asked_about(folder: str) -> None:
    with pytest.raises(ConfigurationError, match="Say what the add-on is called: headrace init NAME"):
        guess_name(Path(folder))
