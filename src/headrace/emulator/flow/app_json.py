"""What an app.json asks for (contract §7.6), out of a world, or out of an archive that was uploaded."""

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from secrets import token_hex
from typing import Any, Literal

import msgspec

from headrace.errors import HeadraceError
from headrace.protocol.manifest import strip_mark

Environment = Literal["", "review", "test"]
# Plans of Heroku Data that run inside the dyno of a test: no partner hears of them (contract §7.6).
IN_DYNO = "in-dyno"
MOST_NODES = 32
MOST_BYTES = 1_000_000


class AppJsonError(HeadraceError):
    """An app.json that cannot be used: every problem that it has."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonWish:
    """An add-on that an app.json names: its service, and the plan that only a lasting app gets."""

    service: str
    plan: str = ""
    attachment_name: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppJson:
    """What one environment of an app.json asks for. `required` are config vars for which it has no value."""

    addons: tuple[AddonWish, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    required: tuple[str, ...] = ()
    nodes: int = 1


def read_app_json(written: Any, environment: Environment = "") -> AppJson:
    """Return what an app.json asks for in an environment, whose own lines go before those for all.

    Raises:
        AppJsonError: every problem that it has.

    """
    problems: list[str] = []
    whole = _read_object(written, "app.json", problems)
    environments = _read_object(whole.get("environments"), "environments", problems)
    own = _read_object(environments.get(environment), f"environments.{environment}", problems) if environment else {}
    wishes = list(_read_addons(own.get("addons", whole.get("addons")), problems))
    env = _read_object(whole.get("env"), "env", problems) | _read_object(own.get("env"), "env", problems)
    values, required = _read_env(env, problems)
    nodes = _read_nodes(own, problems) if environment == "test" else 1
    if problems:
        raise AppJsonError(problems)
    kept = tuple(wish for wish in wishes if environment != "test" or wish.plan != IN_DYNO)
    return AppJson(addons=kept, env=values, required=tuple(required), nodes=nodes)


def find_app_json(archive: bytes) -> dict[str, Any]:
    """Return the app.json at the top of a gzipped tar, or below the one folder that archives of GitHub have.

    Raises:
        AppJsonError: there is none, or it is no JSON object.

    """
    try:
        with tarfile.open(fileobj=BytesIO(archive), mode="r:gz") as tar:
            found = min(_list_app_jsons(tar), key=lambda member: member.name.count("/"), default=None)
            file = tar.extractfile(found) if found is not None else None
            text = file.read(MOST_BYTES) if file is not None else None
    except (tarfile.TarError, OSError, EOFError):
        raise AppJsonError(["The source is no gzipped tar archive."]) from None
    if text is None:
        raise AppJsonError(["The source has no app.json."])
    try:
        return msgspec.json.decode(strip_mark(text), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AppJsonError(["The app.json is no JSON object."]) from None


def _list_app_jsons(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        folder, _, name = member.name.removeprefix("./").rpartition("/")
        if member.isfile() and name == "app.json" and "/" not in folder:
            yield member


def _read_addons(written: Any, problems: list[str]) -> Iterator[AddonWish]:
    """Text `service` or `service:plan`, or an object with `plan`, `as` and `options` (app.json Schema)."""
    if written is None:
        return
    if not isinstance(written, list):
        problems.append("addons has to be a list.")
        return
    for number, entry in enumerate(written, start=1):
        members = {"plan": entry} if isinstance(entry, str) else entry
        text = members.get("plan") if isinstance(members, dict) else None
        if not isinstance(text, str) or not text:
            problems.append(f"addons, number {number}: has to be text, or an object whose plan is text.")
            continue
        service, _, plan = text.partition(":")
        options = _read_object(members.get("options"), f"addons, number {number}, options", problems)
        yield AddonWish(
            service=service,
            plan=plan,
            attachment_name=str(members.get("as") or ""),
            options={name: str(value) for name, value in options.items()},
        )


def _read_env(env: dict[str, Any], problems: list[str]) -> tuple[dict[str, str], list[str]]:
    """Text, or an object with `value`, `generator` and `required`, which is true unless it says otherwise."""
    values, required = {}, []
    for name, entry in env.items():
        members = {"value": entry} if isinstance(entry, str) else entry
        if not isinstance(members, dict):
            problems.append(f"env, {name}: has to be text or an object.")
        elif members.get("value") is not None:
            values[name] = str(members["value"])
        elif members.get("generator") == "secret":
            values[name] = token_hex(32)
        elif members.get("required", True):
            required.append(name)
    return values, required


def _read_nodes(own: dict[str, Any], problems: list[str]) -> int:
    formation = _read_object(own.get("formation"), "formation", problems)
    quantity = _read_object(formation.get("test"), "formation.test", problems).get("quantity", 1)
    if isinstance(quantity, int) and 1 <= quantity <= MOST_NODES:
        return quantity
    problems.append(f"formation.test.quantity has to be from 1 to {MOST_NODES}.")
    return 1


def _read_object(written: Any, place: str, problems: list[str]) -> dict[str, Any]:
    if isinstance(written, dict):
        return written
    if written is not None:
        problems.append(f"{place} has to be an object.")
    return {}
