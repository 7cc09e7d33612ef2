"""What an add-on is called: by Heroku, by people, and in config vars; all of it from one name."""

import re
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import ConfigurationError

# Config vars begin with it in capitals, so that its first character is a letter.
SLUG = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
LONGEST = 30
WANTED = "lower-case letters, digits and dashes, at most 30, beginning with a letter, such as acme-search"


@dataclass(frozen=True, slots=True)
class Names:
    """An add-on's names, from its slug."""

    slug: str

    @property
    def title(self) -> str:
        return " ".join(word.capitalize() for word in re.split("[-_]", self.slug))

    @property
    def prefix(self) -> str:
        return self.slug.upper().replace("-", "_")


def read_name(text: str) -> Names:
    """Return the names that somebody has chosen.

    Raises:
        ConfigurationError: Heroku would not take it as a slug.
    """
    if len(text) > LONGEST or not SLUG.fullmatch(text):
        raise ConfigurationError([f"{text[:60]} is no name for an add-on: it takes {WANTED}."])
    return Names(text)


def guess_name(folder: Path) -> Names:
    """Return the names of an add-on that is made in a folder: the folder's, in Heroku's letters.

    Raises:
        ConfigurationError: nothing is left of the folder's name.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:LONGEST].rstrip("-")
    if not SLUG.fullmatch(slug):
        raise ConfigurationError([f"Say what the add-on is called: headrace init NAME, of {WANTED}."])
    return Names(slug)
