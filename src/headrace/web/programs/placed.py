"""Where each resource is now, as series that a partner's own are joined with.

The value is the moment at which what the labels say began, and not 1: where two processes tell of two stages, or a
Prometheus comes back to an old series, the newest is the right one. Written here and not by Prometheus' client, which
looks at each label's name again for each of a hundred thousand resources.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from headrace.store.reports.figures.placed import Placed, load_placed

PLACED = "headrace_resource_placed_timestamp_seconds"
UNLISTED = "headrace_unlisted_resources"
_HEAD = f"""\
# HELP {PLACED} When a provisioned resource came to where it is, or to its plan, in Unix seconds.
# TYPE {PLACED} gauge
"""
_FOOT = f"""\
# HELP {UNLISTED} Provisioned resources beyond HEADRACE_PLACED_SERIES, of which {PLACED} has none.
# TYPE {UNLISTED} gauge
{UNLISTED} %d
"""
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def render_placed(connection: sa.Connection, *, limit: int) -> bytes:
    """Return the series of so many resources, and how many have none."""
    found, unlisted = load_placed(connection, limit=limit)
    return "".join((_HEAD, *_render(found), _FOOT % unlisted)).encode()


def _render(found: list[Placed]) -> Iterator[str]:
    for uuid, app_name, pipeline_id, pipeline_name, stage, plan, since in found:
        yield (
            f'{PLACED}{{uuid="{uuid}",app_name="{_escape(app_name)}",pipeline_id="{pipeline_id or ""}",'
            f'pipeline_name="{_escape(pipeline_name)}",stage="{_escape(stage)}",plan="{_escape(plan)}"}} '
            f"{since.timestamp():.6f}\n"
        )


def _escape(text: str | None) -> str:
    """Escape a label's value, which hardly ever has what must be."""
    if not text:
        return ""
    return text.translate(_ESCAPES) if "\\" in text or '"' in text or "\n" in text else text
