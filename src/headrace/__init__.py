"""Run a Heroku add-on: provisioning, pipelines, a board for customers, and an emulator of Heroku.

Beside the rooms stand, from the top: `service`, what a partner registers hooks on; `serving`, its web server and its
worker process; `lifetime`, how long its parts are there; `running`, how they start, work and end; `routes`, every
address; `assembly`, what it is put together of; `doctor`, whether all is well; `testing` and `pytest_plugin`, for
partners' own tests; `settings`, a setting each; `client`, which asks Heroku by its `transport`; `encryption` of what is
stored; `parent`, which runs a web process and a worker; `wording` of counts and times; `logs`, what is logged and how
(what is hidden there: `workflows.engine.redaction`); `models`, Heroku's nouns; `errors`; `clock`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.errors import (
        ConfigurationError,
        Forbidden,
        GrantError,
        HeadraceError,
        HerokuBroken,
        Malformed,
        MisuseError,
        NotFound,
        NothingToDo,
        PlatformError,
        RateLimited,
        Refused,
        ResourceGone,
        SealBroken,
        SeveralResources,
        TokenRejected,
        UnexpectedAnswer,
        UnknownResource,
        Unprocessable,
        Unreachable,
    )
    from headrace.hooks.answers import PlanChanged, Provisioned
    from headrace.hooks.arguments import (
        ActionOrder,
        Event,
        Failure,
        KnownResource,
        PlanChange,
        Provision,
        Resource,
        Retirement,
        Rotation,
        StageChange,
    )
    from headrace.hooks.callables import (
        ActionHook,
        DeprovisionHook,
        ErrorHook,
        EventHook,
        PanelHook,
        PlanChangeHook,
        ProvisionHook,
        RetireHook,
        RotateHook,
        StageChangeHook,
    )
    from headrace.hooks.config import NoConfig
    from headrace.hooks.lifespan import Lifespan
    from headrace.hooks.panel import Figure, Panel
    from headrace.models import Actor, Addon, Inspection, Outcome, Owner, Placement, Ref, Secret, Stage, State
    from headrace.protocol.logplex import LogBatch, LogLine, read_log_batch, write_log_batch, write_log_input
    from headrace.resources.jobs import ConfigJob, Jobs, Ordered
    from headrace.resources.known import ResourceFilters, ResourcePage
    from headrace.resources.labels import ResourceLabels
    from headrace.resources.operating import Operating
    from headrace.resources.ordering import ConfigChange
    from headrace.resources.plain import PlainJobs, PlainOperations, PlainResources, PlainService
    from headrace.resources.reading import Resources
    from headrace.service import AddonService, Connection
    from headrace.store.state.config.changes import ConfigChangeKind, ConfigChangeOutcome
    from headrace.store.state.config.jobs import FailedChange
    from headrace.workflows.lifecycle.operations import Retried
    from headrace.workflows.lifecycle.waiting import WaitingStep

__all__ = [
    "ActionHook",
    "ActionOrder",
    "Actor",
    "Addon",
    "AddonService",
    "ConfigChange",
    "ConfigChangeKind",
    "ConfigChangeOutcome",
    "ConfigJob",
    "ConfigurationError",
    "Connection",
    "DeprovisionHook",
    "ErrorHook",
    "Event",
    "EventHook",
    "FailedChange",
    "Failure",
    "Figure",
    "Forbidden",
    "GrantError",
    "HeadraceError",
    "HerokuBroken",
    "Inspection",
    "Jobs",
    "KnownResource",
    "Lifespan",
    "LogBatch",
    "LogLine",
    "Malformed",
    "MisuseError",
    "NoConfig",
    "NotFound",
    "NothingToDo",
    "Operating",
    "Ordered",
    "Outcome",
    "Owner",
    "Panel",
    "PanelHook",
    "Placement",
    "PlainJobs",
    "PlainOperations",
    "PlainResources",
    "PlainService",
    "PlanChange",
    "PlanChangeHook",
    "PlanChanged",
    "PlatformError",
    "Provision",
    "ProvisionHook",
    "Provisioned",
    "RateLimited",
    "Ref",
    "Refused",
    "Resource",
    "ResourceFilters",
    "ResourceGone",
    "ResourceLabels",
    "ResourcePage",
    "Resources",
    "RetireHook",
    "Retirement",
    "Retried",
    "RotateHook",
    "Rotation",
    "SealBroken",
    "Secret",
    "SeveralResources",
    "Stage",
    "StageChange",
    "StageChangeHook",
    "State",
    "TokenRejected",
    "UnexpectedAnswer",
    "UnknownResource",
    "Unprocessable",
    "Unreachable",
    "WaitingStep",
    "read_log_batch",
    "write_log_batch",
    "write_log_input",
]

# Where they live, what is imported soonest first. The command line and the emulator start without the last one, which
# brings the workflow engine and takes most of a second.
_HOMES = (
    "headrace.errors",
    "headrace.models",
    "headrace.protocol.logplex",
    "headrace.hooks.answers",
    "headrace.hooks.arguments",
    "headrace.hooks.config",
    "headrace.hooks.lifespan",
    "headrace.hooks.panel",
    "headrace.hooks.callables",
    "headrace.store.state.config.changes",
    "headrace.store.state.config.jobs",
    "headrace.resources.known",
    "headrace.resources.jobs",
    "headrace.resources.labels",
    "headrace.resources.ordering",
    "headrace.workflows.lifecycle.waiting",
    "headrace.workflows.lifecycle.operations",
    "headrace.resources.operating",
    "headrace.resources.plain",
    "headrace.resources.reading",
    "headrace.service",
)

# Out of a type checker's sight, or it would take every name there might be for one of ours.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in __all__:
            for home in map(import_module, _HOMES):
                if name in vars(home):
                    return vars(home)[name]
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
