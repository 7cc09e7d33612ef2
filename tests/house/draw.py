"""What the docs have of the code, drawn from it. `./dev draw` writes it anew, and the texts that the guards keep."""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from headrace.checker.catalogue import FEATURES
from headrace.fleet.definitions import DEFINITIONS, RULES
from headrace.fleet.report_definitions import OWN_DEFINITIONS
from headrace.logs import LOGGED
from headrace.models import Outcome
from headrace.protocol.lifecycle import TABLE
from headrace.settings import SETTINGS, Setting
from headrace.store.sql.tables.views import VIEWS
from headrace.store.state.notices import MEANINGS
from headrace.store.state.plan_changes import PlanChangeOutcome
from headrace.store.state.timeline import TOLD
from headrace.workflows.lifecycle.operations import Order
from house.commands import render_commands
from house.public import draw as draw_public
from house.reference import render_errors, render_reference
from house.rooms import PACKAGE, ROOT, find_direct, find_sign, survey

DOCS = ROOT / "docs"


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


def render_facts() -> str:
    """Draw the tables of docs/checker.md, one for each feature."""
    lines = []
    for feature in FEATURES:
        lines += ["", f"### {feature.name}", "", feature.about, "", "| name | the fact | level | how sure | article |"]
        lines.append("|---|---|---|---|---|")
        for fact in feature.facts:
            article = f"[{fact.article.title}]({fact.article.url})"
            lines.append(f"| `{fact.id}` | {fact.text} | {fact.level} | {fact.sureness} | {article} |")
    return "\n".join([*lines, "", ""])


def render_definitions() -> str:
    """Draw the rules and the table of figures of docs/metrics.md."""
    rules = [f"- **{rule.about}.** {rule.text}" for rule in RULES]
    rows = [f"| {each.name} | `{'`, `'.join(each.paths)}` | {each.text} |" for each in DEFINITIONS.values()]
    table = ["| figure | in `/operators.json` | is |", "|---|---|---|", *rows]
    return "\n".join(["", "### What counts, and when", "", *rules, "", "### Each figure", "", *table, "", ""])


def render_report() -> str:
    """Draw the table of what the report alone has, of docs/metrics.md."""
    rows = [f"| {each.name} | `{'`, `'.join(each.paths)}` | {each.text} |" for each in OWN_DEFINITIONS.values()]
    return "\n".join(["", "| figure | in `/operators/report.json` | is |", "|---|---|---|", *rows, "", ""])


def render_notices() -> str:
    """Draw the table of notices of docs/reliability.md."""
    rows = [f"| `{kind}` | {meaning.means} | {meaning.do} |" for kind, meaning in MEANINGS.items()]
    return "\n".join(["", "| kind | means | do |", "|---|---|---|", *rows, "", ""])


def render_timeline() -> str:
    """Draw the table of what a timeline can tell."""
    rows = [f"| `{name}` | {told} |" for name, told in TOLD.items()]
    return "\n".join(["", "| line | tells |", "|---|---|", *rows, "", ""])


def render_logs() -> str:
    """Draw the table of what a service logs."""
    rows = [f"| `{name}` | {logged.level} | {logged.tells} |" for name, logged in LOGGED.items()]
    return "\n".join(["", "| event | level | tells |", "|---|---|---|", *rows, "", ""])


def render_outcomes() -> str:
    """Draw what becomes of a plan change, and what an operator can order."""
    kinds = (PlanChangeOutcome, Outcome, Order)
    rows = [f"| {kind.__name__} | {', '.join(f'`{each}`' for each in kind)} |" for kind in kinds]
    return "\n".join(["", "| names | values |", "|---|---|", *rows, "", ""])


def render_settings() -> str:
    """Draw the table of docs/settings.md."""
    rows = [
        f"| `{each.name}` | {spell_setting(each)} | {f'`{each.default}`' if each.default else ''} | {each.needed} |"
        for each in SETTINGS
    ]
    return "\n".join(["", "| setting | is | default | needed |", "|---|---|---|---|", *rows, "", ""])


def render_example() -> str:
    """Draw .env.example: what is needed with real Heroku to be filled in, the rest with what it is by default."""
    lines = [
        "# Settings of a headrace service. `headrace serve --env-file .env MODULE:NAME` reads this file.",
        "# `./dev draw` writes it; docs/settings.md says more.",
    ]
    for is_required, heading in ((True, "Required with real Heroku"), (False, "Optional")):
        lines += ["", f"# {heading} ".ljust(115, "-")]
        lines += [line for each in SETTINGS if each.is_required is is_required for line in spell_example(each)]
    return "\n".join([*lines, ""])


def spell_example(setting: Setting) -> list[str]:
    told = textwrap.wrap(spell_setting(setting), 113, break_on_hyphens=False)
    line = f"{setting.name}={setting.default}"
    return ["", *(f"# {line}" for line in told), line if setting.is_required else f"# {line}"]


def spell_setting(setting: Setting) -> str:
    """Return what a setting is in sentences."""
    return f"{setting.what[0].upper()}{setting.what[1:]}. {setting.more}".rstrip()


def read_decisions() -> list[tuple[str, str]]:
    """Return each decision's title and topic, in their order."""
    page = (DOCS / "decisions.md").read_text(encoding="utf-8")
    return re.findall(r"^### (.+)\n\n20\d\d-\d\d-\d\d · (.+)$", page, re.MULTILINE)


def render_views() -> str:
    """Draw the views of docs/warehouse.md."""
    lines = []
    for view in VIEWS:
        lines += ["", f"### `{view.name}`", "", view.row, "", "| column | is |", "|---|---|"]
        lines += [f"| `{column}` | {text} |" for column, text in view.columns.items()]
    return "\n".join([*lines, "", ""])


def render_decisions() -> str:
    """Draw the index of decisions by topic."""
    decisions = read_decisions()
    lines = []
    for topic in sorted({topic for _, topic in decisions}):
        lines.append(f"- {topic}")
        lines += [f"  - [{title}](#{name_anchor(title)})" for title, its in decisions if its == topic]
    return "\n".join(["", *lines, "", ""])


def name_anchor(title: str) -> str:
    """Return the anchor that a heading has on the page."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def render_rooms() -> str:
    """Draw the table of rooms of ARCHITECTURE.md, the highest first."""
    rooms = [room for room in survey().rooms if room.modules or room.imports]
    direct = find_direct(rooms)
    rows = [
        f"| {room.level} | `{room.name or PACKAGE}` | {find_sign(room.name)} | {_spell_rooms(direct[room.name])} |"
        for room in rooms
    ]
    return "\n".join(["", "| level | room | is | stands on |", "|---|---|---|---|", *rows, "", ""])


def _spell_rooms(names: Iterable[str]) -> str:
    return ", ".join(f"`{name or PACKAGE}`" for name in sorted(names))


# Where each drawing stands: the page, and what stands before it there.
DRAWINGS: Mapping[str, tuple[Path, Callable[[], str]]] = {
    "lifecycle.TABLE": (DOCS / "lifecycle.md", render_lifecycle),
    "the catalogue of facts": (DOCS / "checker.md", render_facts),
    "the definitions": (DOCS / "metrics.md", render_definitions),
    "the report's definitions": (DOCS / "metrics.md", render_report),
    "the decisions": (DOCS / "decisions.md", render_decisions),
    "the imports": (ROOT / "ARCHITECTURE.md", render_rooms),
    "the meanings of notices": (DOCS / "reliability.md", render_notices),
    "the views": (DOCS / "warehouse.md", render_views),
    "the timeline": (DOCS / "reliability.md", render_timeline),
    "the log": (DOCS / "reliability.md", render_logs),
    "the outcomes and orders": (DOCS / "reliability.md", render_outcomes),
    "the commands": (DOCS / "commands.md", render_commands),
    "the settings": (DOCS / "settings.md", render_settings),
    "the public names": (DOCS / "reference.md", render_reference),
    "the tree of errors": (DOCS / "reference.md", render_errors),
}
EXAMPLE = ROOT / ".env.example"


def find_place(source: str) -> re.Pattern[str]:
    """Return where in a page the drawing of something stands."""
    return re.compile(rf"(?<=<!-- drawn from {re.escape(source)} -->\n).*?(?=<!-- end -->)", re.DOTALL)


def draw(source: str) -> None:
    """Write one drawing anew."""
    path, render = DRAWINGS[source]
    page = path.read_text(encoding="utf-8")
    path.write_text(find_place(source).sub(lambda _: render(), page, count=1), encoding="utf-8")


if __name__ == "__main__":
    for each in DRAWINGS:
        draw(each)
    EXAMPLE.write_text(render_example(), encoding="utf-8")
    draw_public()
