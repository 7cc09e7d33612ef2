"""The ids of workflows: their kind, what they are about, and which of that kind it is, parted by colons.

An id follows from the request that it is for, so that a repeat of the request starts nothing.
"""

from headrace.protocol.lifecycle import WorkflowKind

SEPARATOR = ":"


def build_id(kind: WorkflowKind, subject: str, *, which: int | str | None = None) -> str:
    """Return the id of a workflow about a resource's uuid, or about a batch; `which` parts it from others like it."""
    parts = (str(kind), subject) if which is None else (str(kind), subject, str(which))
    return SEPARATOR.join(parts)


def read_kind(workflow_id: str) -> str:
    """Return the kind, which an older release may have had and this one has not."""
    return workflow_id.partition(SEPARATOR)[0]


def read_purpose(workflow_id: str) -> str:
    """Return of what kind it is to a resource: what a batch does there is a change of its config."""
    kind = read_kind(workflow_id)
    return WorkflowKind.CONFIG_CHANGE if kind == WorkflowKind.CONFIG_BATCH else kind


def read_subject(workflow_id: str) -> str:
    """Return what a workflow is about: a resource's uuid, or a batch."""
    return workflow_id.partition(SEPARATOR)[2].partition(SEPARATOR)[0]
