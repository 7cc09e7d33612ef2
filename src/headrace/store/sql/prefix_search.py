"""Finding by a name: by its beginning with an index, by any part of it among so many rows; on both databases alike."""

import sqlalchemy as sa

# A search finds no more than this in each place that it looks at: whoever wants fewer types more of the name.
MOST_MATCHES = 1_000
# Heroku's names are shorter by far.
LONGEST_TEXT = 100
LAST_CHARACTER = "\U0010ffff"
# What a name has inside, no index of ours tells: so many rows are read for it.
SEARCHED_INSIDE = 10_000


def fold_text(text: str) -> str:
    """Return a text as names are written at Heroku, which has them in lower case; NUL fits into no database."""
    return text.replace("\0", "").strip().lower()[:LONGEST_TEXT]


def begins_with(name: sa.ColumnElement[str | None], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a name begins with a text, as a range: nothing in the text means anything else."""
    return sa.and_(name >= text, name < text + LAST_CHARACTER)


def holds_text(name: sa.ColumnElement[str | None], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a name has a text anywhere: every row that it is asked of is read."""
    return sa.func.lower(name).contains(text, autoescape=True)
