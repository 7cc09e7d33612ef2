"""The rules of the house that a command can check; run as a script, it draws what docs/ has of the code anew."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.checker.catalogue import CHECKS, FEATURES
from headrace.checker.check import Level, Sureness
from headrace.cli import main
from headrace.inspector.definitions import DEFINITIONS, RULES
from headrace.protocol.lifecycle import TABLE, Call
from headrace.store.notices import MEANINGS, NoticeKind

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
DOCS = sorted((ROOT / "docs").rglob("*.md"))
LIFECYCLE = ROOT / "docs" / "lifecycle.md"
CHECKER = ROOT / "docs" / "checker.md"
METRICS = ROOT / "docs" / "metrics.md"
RELIABILITY = ROOT / "docs" / "reliability.md"
DRAWN = re.compile(r"(?<=<!-- drawn from lifecycle.TABLE -->\n).*(?=<!-- end -->)", re.DOTALL)
DEFINED = re.compile(r"(?<=<!-- drawn from the definitions -->\n).*?(?=<!-- end -->)", re.DOTALL)
NOTICES = re.compile(r"(?<=<!-- drawn from the meanings of notices -->\n).*?(?=<!-- end -->)", re.DOTALL)
LISTED = re.compile(r"(?<=<!-- drawn from the catalogue of checks -->\n).*(?=<!-- end -->)", re.DOTALL)

LONGEST_FILE = 500
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "base.py"}
# Where `except Exception` may stand: a hook, the partner's own code, may raise anything; a worker's chores go on; and
# whoever waits for a write is told.
MAY_CATCH_EVERYTHING = {
    "service.py",
    "store/group_commit.py",
    "web/boards.py",
    "workflows/engine.py",
    "workflows/run.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "src" / "headrace").as_posix()


def find_functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def catches_everything(handler: ast.AST) -> bool:
    if not isinstance(handler, ast.ExceptHandler):
        return False
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id == "Exception") for kind in kinds)


def test_no_file_is_a_drawer_for_leftovers() -> None:
    """A file is named after what it is about."""
    assert [] == [name_of(path) for path in SOURCES if path.name in FORBIDDEN_NAMES]


def test_no_file_is_too_long_to_read() -> None:
    """Five hundred lines are the most that one file may ask of a reader."""
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_too_long_to_read() -> None:
    """Sixty lines are the most that one function may take; a migration is a list, not a function to follow."""
    lengths = {
        f"{name_of(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in SOURCES
        for function in find_functions(path)
        if "migrations/versions" not in path.as_posix()
    }

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_only_the_boundary_catches_everything() -> None:
    """An error that nobody expected is seen, not swallowed."""
    found = {
        name_of(path)
        for path in SOURCES
        if any(catches_everything(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    }

    assert set() == found - MAY_CATCH_EVERYTHING


def test_every_todo_has_an_issue() -> None:
    """A TODO without an issue is a wish."""
    todo = re.compile(r"\b(TODO|FIXME|XXX)\b(?!.*#\d)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*SOURCES, *DOCS]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if todo.search(line)
    ]

    assert [] == found


def test_every_setting_is_documented() -> None:
    """A setting stands in .env.example and in the docs, or nobody finds it."""
    settings = ROOT / "src" / "headrace" / "settings.py"
    example = ROOT / ".env.example"
    names = set(re.findall(r'name="([A-Z_]+)"', settings.read_text(encoding="utf-8"))) if settings.exists() else set()
    places = {"docs": "\n".join(path.read_text(encoding="utf-8") for path in DOCS)}
    places[".env.example"] = example.read_text(encoding="utf-8") if example.exists() else ""

    assert [] == [f"{name} in {place}" for name in sorted(names) for place, text in places.items() if name not in text]


def test_every_command_that_is_told_exists() -> None:
    """What README and CONTRIBUTING tell to run, ./dev runs."""
    told = {
        command
        for name in ("README.md", "CONTRIBUTING.md")
        for command in re.findall(r"\./dev ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"))
    }
    known = set(re.findall(r"^  ([a-z]+)\) set_up", (ROOT / "dev").read_text(encoding="utf-8"), re.MULTILINE))

    assert set() == told - known


def test_every_metric_is_documented() -> None:
    """docs/metrics.md says what each is."""
    source = (ROOT / "src" / "headrace" / "web" / "metrics.py").read_text(encoding="utf-8")
    names = set(re.findall(r'"(headrace_[a-z_]+)"', source))
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert names
    assert set() == {name for name in names if f"`{name}" not in page}


def test_every_kind_of_notice_has_a_meaning() -> None:
    """docs/reliability.md says of each what it means and what to do, in the words of the operators' page."""
    drawn = NOTICES.search(RELIABILITY.read_text(encoding="utf-8"))

    assert drawn is not None
    assert set(NoticeKind) == set(MEANINGS)
    assert render_notices() == drawn[0]


def test_every_figure_is_defined_in_the_same_words_everywhere() -> None:
    """docs/metrics.md says what the operators' page of definitions says."""
    drawn = DEFINED.search(METRICS.read_text(encoding="utf-8"))

    assert drawn is not None
    assert render_definitions() == drawn[0]


def test_every_fixture_for_partners_is_documented() -> None:
    """docs/testing.md says what each is."""
    fixtures = [function.name for function in find_functions(ROOT / "src" / "headrace" / "pytest_plugin.py")]
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


def test_the_lifecycle_page_is_drawn_from_the_table() -> None:
    """The page shows what the code does."""
    drawn = DRAWN.search(LIFECYCLE.read_text(encoding="utf-8"))

    assert drawn is not None
    assert render_lifecycle() == drawn[0]


def test_the_checkers_page_lists_every_check() -> None:
    """With its fact, its article, and how sure that is."""
    listed = LISTED.search(CHECKER.read_text(encoding="utf-8"))

    assert listed is not None
    assert render_checks() == listed[0]


def test_what_must_hold_is_written_somewhere() -> None:
    """A fact that is uncertain is advice; only one that Heroku states, or that code shows, can fail a provider."""
    assert [] == [check.id for check in CHECKS if check.level is Level.MUST and check.sureness is Sureness.UNCERTAIN]


def test_every_check_is_named_once_and_states_its_fact_in_a_sentence() -> None:
    """A report is read by its names and facts."""
    assert len(CHECKS) == len({check.id for check in CHECKS})
    assert [] == [check.id for check in CHECKS if not check.fact.endswith(".") or "\n" in check.fact]


def render_lifecycle() -> str:
    """Draw the table and the diagram of docs/lifecycle.md."""
    rows = [
        f"| {state or 'not known'} | {call} | {row.state or 'not known'} | {row.reply} |"
        for (state, call), row in TABLE.items()
    ]
    moves = {
        f"    {state or '[*]'} --> {row.state}: {call}"
        for (state, call), row in TABLE.items()
        if row.state is not None and state != row.state
    }
    # What a workflow does when it ends stands in no row, since no call does it.
    moves |= {
        "    provisioning --> provisioned: workflow done",
        "    provisioning --> failed: workflow gave up",
        "    deprovisioning --> failed: workflow gave up",
        "    deprovisioning --> deprovisioned: workflow done",
    }
    table = ["| the resource is | Heroku asks for | then it is | the answer |", "|---|---|---|---|", *rows]
    diagram = ["```mermaid", "stateDiagram-v2", *sorted(moves), "    deprovisioned --> [*]", "```"]
    return "\n".join(["", *table, "", *diagram, "", ""])


def render_checks() -> str:
    """Draw the tables of docs/checker.md, one for each feature."""
    lines = []
    for feature in FEATURES:
        lines += ["", f"### {feature.name}", "", feature.about, "", "| check | the fact | level | how sure | article |"]
        lines.append("|---|---|---|---|---|")
        for check in feature.checks:
            article = f"[{check.article.title}]({check.article.url})"
            lines.append(f"| `{check.id}` | {check.fact} | {check.level} | {check.sureness} | {article} |")
    return "\n".join([*lines, "", ""])


def render_definitions() -> str:
    """Draw the rules and the table of figures of docs/metrics.md."""
    rules = [f"- **{rule.about}.** {rule.text}" for rule in RULES]
    rows = [f"| {each.name} | `{'`, `'.join(each.paths)}` | {each.text} |" for each in DEFINITIONS.values()]
    table = ["| figure | in `/operators.json` | is |", "|---|---|---|", *rows]
    return "\n".join(["", "### What counts, and when", "", *rules, "", "### Each figure", "", *table, "", ""])


def render_notices() -> str:
    """Draw the table of notices of docs/reliability.md."""
    rows = [f"| `{kind}` | {meaning.means} | {meaning.do} |" for kind, meaning in MEANINGS.items()]
    return "\n".join(["", "| kind | means | do |", "|---|---|---|", *rows, "", ""])


def draw(path: Path, place: re.Pattern[str], text: str) -> None:
    page = path.read_text(encoding="utf-8")
    path.write_text(place.sub(lambda _: text, page), encoding="utf-8")


if __name__ == "__main__":
    assert set(Call) == {call for _, call in TABLE}
    draw(LIFECYCLE, DRAWN, render_lifecycle())
    draw(CHECKER, LISTED, render_checks())
    draw(METRICS, DEFINED, render_definitions())
    draw(RELIABILITY, NOTICES, render_notices())
