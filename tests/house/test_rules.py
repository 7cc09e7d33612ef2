"""The rules of the house that a command can check."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from headrace.checker.catalogue import FACTS
from headrace.checker.kit.fact import Level, Sureness
from headrace.cli.main import main
from headrace.logs import LOGGED, LogName
from headrace.protocol.lifecycle import TABLE, Call
from headrace.service import AddonService
from headrace.settings import SETTINGS
from headrace.store.state.notices import MEANINGS, NoticeKind
from headrace.store.state.timeline import TOLD, TimelineName
from headrace.web.operators.frame.pages import OPERATOR_PAGES
from house.commands import walk_commands
from house.draw import DRAWINGS, EXAMPLE, find_place, render_example
from house.reading import DOCS, SOURCES, TESTS, find_functions, name_of, parse
from house.rooms import ROOT

FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "base.py"}
# Where `except Exception` may stand: a hook, the partner's own code, may raise anything; a worker's chores go on; and
# whoever waits for a write is told.
MAY_CATCH_EVERYTHING = {
    "cli/run.py",
    "hooks/registry.py",
    "inspector/batches.py",
    "inspector/inspector.py",
    "running.py",
    "workflows/config/batches.py",
    "workflows/lifecycle/failures.py",
    "workflows/lifecycle/panels.py",
    "workflows/lifecycle/steps.py",
    "store/sql/group_commit.py",
    "web/customers/boards.py",
    "workflows/engine/port.py",
    "workflows/engine/run.py",
}


def find_lines(paths: Iterable[Path], pattern: str) -> list[str]:
    """Return where lines with such a text stand."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]


def catches_everything(handler: ast.AST) -> bool:
    if not isinstance(handler, ast.ExceptHandler):
        return False
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id == "Exception") for kind in kinds)


def test_no_file_is_a_drawer_for_leftovers() -> None:
    """A file is named after what it is about."""
    assert [] == [name_of(path) for path in SOURCES if path.name in FORBIDDEN_NAMES]


def test_only_the_boundary_catches_everything() -> None:
    """An error that nobody expected is seen, not swallowed."""
    found = {name_of(path) for path in SOURCES if any(catches_everything(node) for node in ast.walk(parse(path)))}

    assert set() == found - MAY_CATCH_EVERYTHING


def test_nothing_is_patched() -> None:
    """A test works what it tests as everybody does: by arguments, switches and what really happens.

    The environment of a process and its folder are nobody's insides: `setenv` and `chdir` are no patches.
    """
    assert [] == find_lines(TESTS, r"monkeypatch\.(set|del)attr|unittest\.mock|\bmock\.patch")


def test_every_todo_has_an_issue() -> None:
    """A TODO without an issue is a wish."""
    assert [] == find_lines([*SOURCES, *DOCS], r"\b(TODO|FIXME|XXX)\b(?!.*#\d)")


def test_every_setting_is_documented() -> None:
    """A setting stands in .env.example and in the docs, or nobody finds it; `./dev draw` writes it there."""
    docs = "\n".join(path.read_text(encoding="utf-8") for path in DOCS)

    assert [] == [setting.name for setting in SETTINGS if f"| `{setting.name}` |" not in docs]
    assert render_example() == EXAMPLE.read_text(encoding="utf-8")


def test_every_page_in_the_operators_bar_is_documented() -> None:
    """docs/settings.md has a row for each address."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert [] == [path for path in OPERATOR_PAGES if f"| `{path}`" not in page]


def test_every_command_of_headrace_is_documented() -> None:
    """A page of the docs says what it is for, or nobody finds it."""
    docs = "\n".join(path.read_text(encoding="utf-8") for path in DOCS)

    assert [] == [name for name in main.commands if not re.search(rf"headrace {name}\b", docs)]


def test_every_option_of_every_command_is_documented() -> None:
    """Those of commands within commands too; docs/commands.md is drawn from them."""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    commands = list(walk_commands(main, ("headrace",)))
    missing = [
        f"{' '.join(path)} {option}"
        for path, command in commands[1:]
        for parameter in command.params
        for option in (parameter.opts if isinstance(parameter, click.Option) and not parameter.hidden else ())
        if option not in find_chapter(page, path)
    ]

    assert len(commands) > 40
    assert [] == missing


def find_chapter(page: str, path: tuple[str, ...]) -> str:
    """Return what a page has under the heading of a command, up to the next one."""
    _, found, rest = page.partition(f"\n{'#' * len(path)} {' '.join(path)}\n")
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0] if found else ""


def test_every_hook_is_documented() -> None:
    """docs/hooks.md says of each what it gets and returns; a lifespan is what they share."""
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    hooks = [name for name in vars(AddonService) if name.startswith("on_")]

    assert len(hooks) >= 8
    assert [] == [name for name in (*hooks, "panel") if f"| `@service.{name}" not in page]
    assert "@service.lifespan" in page


def test_every_metric_is_documented() -> None:
    """docs/metrics.md says what each is."""
    modules = (ROOT / "src" / "headrace" / "web" / "programs").glob("*.py")
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    names = set(re.findall(r'"(headrace_[a-z_]+)"', source))
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert names == set(re.findall(r"`(headrace_[a-z_]+)", page))


def test_every_fixture_for_partners_is_documented() -> None:
    """docs/testing.md says what each is."""
    functions = find_functions(ROOT / "src" / "headrace" / "pytest_plugin.py")
    fixtures = [each.name for each in functions if "pytest.fixture" in map(ast.unparse, each.decorator_list)]
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")

    assert fixtures
    assert [] == [name for name in fixtures if f"| `{name}` |" not in page]


@pytest.mark.parametrize("command", ["emulate", "replay"])
def test_every_option_of_the_emulator_is_documented(command: str) -> None:
    """docs/emulator.md says what each does."""
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    options = [option for parameter in main.commands[command].params for option in parameter.opts if option[0] == "-"]

    assert options
    assert [] == [option for option in options if f"{option}" not in page]


def test_the_readme_shows_the_example_that_is_run() -> None:
    """The acceptance tests serve examples/acme.py; the README prints the same lines."""
    shown = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)

    assert 1 == len(shown)
    assert shown[0].strip() in (ROOT / "examples" / "acme.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.name))
def test_every_test_that_is_named_exists(page: Path) -> None:
    """A rule that claims a test has it."""
    missing = []
    for file, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text(encoding="utf-8")):
        path = ROOT / file
        if not path.exists() or test not in {function.name for function in find_functions(path)}:
            missing.append(f"{file}::{test}")

    assert [] == missing


def test_what_must_hold_is_written_somewhere() -> None:
    """A fact that is uncertain is advice; only one that Heroku states, or that code shows, can fail a provider."""
    assert [] == [fact.id for fact in FACTS if fact.level is Level.MUST and fact.sureness is Sureness.UNCERTAIN]


def test_every_fact_is_named_once_and_states_itself_in_a_sentence() -> None:
    """A report is read by its names and sentences."""
    assert len(FACTS) == len({fact.id for fact in FACTS})
    assert [] == [fact.id for fact in FACTS if not fact.text.endswith(".") or "\n" in fact.text]


@pytest.mark.parametrize("source", DRAWINGS)
def test_what_the_docs_have_of_the_code_is_drawn_from_it(source: str) -> None:
    """The page shows what the code does; `./dev draw` writes it anew."""
    path, render = DRAWINGS[source]
    drawn = find_place(source).search(path.read_text(encoding="utf-8"))

    assert drawn is not None
    assert render() == drawn[0]


def test_every_kind_of_notice_has_a_meaning() -> None:
    """What an operator is shown says what happened and what to do."""
    assert set(NoticeKind) == set(MEANINGS)


def test_every_call_of_herokus_is_in_the_lifecycle() -> None:
    assert set(Call) == {call for _, call in TABLE}


def test_what_is_logged_and_told_has_a_name_and_a_meaning() -> None:
    """Who greps a log or a timeline finds each name in one list, and in the docs what it tells."""
    assert (set(LogName), set(TimelineName)) == (set(LOGGED), set(TOLD))


def test_every_log_line_begins_with_a_name_from_the_list() -> None:
    """`log.warning(LogName.STEP_FAILED, extra=…)`: one event a line, its fields beside it."""
    spelt = [
        f"{name_of(path)}:{call.lineno}"
        for path in SOURCES
        for call in ast.walk(parse(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "log"
        and any(isinstance(argument, ast.Constant | ast.JoinedStr) for argument in call.args)
    ]

    assert [] == spelt
