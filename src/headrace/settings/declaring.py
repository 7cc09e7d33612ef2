"""What a setting is: its name, how it is read, and what the docs say of it, beside the field that it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar, cast

from headrace.protocol.manifest import is_emulated

EMULATOR_HOST = "HEADRACE_EMULATOR_HOST"
T = TypeVar("T")


class Needed(StrEnum):
    """When a service cannot start without a setting."""

    ALWAYS = "always"
    WITH_HEROKU = "with real Heroku"
    NEVER = ""


@dataclass(frozen=True, slots=True)
class Given:
    """A setting's name, and what every setting is set to: its default where nothing is, or nothing."""

    name: str
    texts: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.texts[self.name]

    @property
    def is_local(self) -> bool:
        """Whether Heroku is an emulator on this machine."""
        return is_emulated(self.texts["HEROKU_API_URL"], self.texts[EMULATOR_HOST])


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One environment variable: what it is, and `more`, such as where a partner finds it.

    `read` raises ConfigurationError with what is wrong, without the name.
    """

    name: str
    read: Callable[[Given], Any]
    what: str
    more: str
    default: str
    needed: Needed

    @property
    def is_required(self) -> bool:
        return self.needed is not Needed.NEVER

    @property
    def help(self) -> str:
        default = f" (default: {self.default})" if self.default else ""
        return f"{self.name}: {self.what}{default}. {self.more}".rstrip()

    def is_missing(self, given: Given) -> bool:
        is_needed = self.needed is Needed.ALWAYS or (self.needed is Needed.WITH_HEROKU and not given.is_local)
        return is_needed and not given.text


def declare(
    name: str,
    read: Callable[[Given], T],
    *,
    what: str,
    more: str = "",
    default: str = "",
    needed: Needed = Needed.NEVER,
    is_shown: bool = True,
) -> T:
    """Declare a field of `Settings`; its type is that of the value, which is what `read` returns."""
    setting = Setting(name=name, read=read, what=what, more=more, default=default, needed=needed)
    return cast("T", field(repr=is_shown, metadata={"setting": setting}))
