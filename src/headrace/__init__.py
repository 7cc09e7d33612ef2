"""Run a Heroku add-on: provisioning, pipelines, a board for customers, and an emulator of Heroku."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.errors import HeadraceError, Refused
    from headrace.inspector.panel import Figure, Panel
    from headrace.models import Inspection, Outcome, Stage
    from headrace.service import AddonService
    from headrace.workflows.hooks import Event, PlanChange, Provision, Resource, StageChange

__all__ = [
    "AddonService",
    "Event",
    "Figure",
    "HeadraceError",
    "Inspection",
    "Outcome",
    "Panel",
    "PlanChange",
    "Provision",
    "Refused",
    "Resource",
    "Stage",
    "StageChange",
]

_HOMES = {
    "AddonService": "headrace.service",
    "Event": "headrace.workflows.hooks",
    "Figure": "headrace.inspector.panel",
    "HeadraceError": "headrace.errors",
    "Inspection": "headrace.models",
    "Outcome": "headrace.models",
    "Panel": "headrace.inspector.panel",
    "PlanChange": "headrace.workflows.hooks",
    "Provision": "headrace.workflows.hooks",
    "Refused": "headrace.errors",
    "Resource": "headrace.workflows.hooks",
    "Stage": "headrace.models",
    "StageChange": "headrace.workflows.hooks",
}


def __getattr__(name: str) -> Any:
    # The command line and the emulator start without the workflow engine, which takes most of a second to import.
    if name not in _HOMES:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
