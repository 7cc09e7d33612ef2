r"""Files of settings: `NAME=VALUE` in each line, where a value is what it says.

Nothing in a value is replaced by another: `$`, `{`, `!` and `\` stand for themselves, as does a `#` that no space
precedes. What needs quotes, for a space and a `#` or at its ends, has '…', in which \' and \\ are one character, or
"…", in which \" and \n are, too. What the environment has already wins.
"""

import os
from collections.abc import Mapping, MutableMapping
from io import StringIO
from pathlib import Path

from dotenv.parser import Original, parse_stream

from headrace.errors import ConfigurationError


def load_env(path: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what a file says and the environment does not.

    Raises:
        ConfigurationError: it cannot be read; the text names the line, and nothing of what stands there.
    """
    try:
        bindings = list(parse_stream(StringIO(Path(path).read_text(encoding="utf-8"))))
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path} is not a text file in UTF-8."]) from None
    unread = [_find_line(each.original) for each in bindings if each.error or "\0" in (each.value or "")]
    if unread:
        what = "this is no NAME=VALUE, or a quote that it begins with is not closed."
        raise ConfigurationError([f"{path}, line {line}: {what}" for line in unread])
    for each in bindings:
        if each.key is not None and each.value is not None:
            environment.setdefault(each.key, each.value)


def render_env(settings: Mapping[str, str]) -> str:
    """Return the text of a file that `load_env` reads these settings from."""
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in settings.items()}
    return "".join(f"{name}='{value}'\n" for name, value in quoted.items())


def _find_line(original: Original) -> int:
    """Return the line on which something stands; empty ones before it count as its own."""
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")
