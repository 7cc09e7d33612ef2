import pytest

from headrace.protocol.lifecycle import WorkflowKind
from headrace.workflows.engine.ids import build_id, read_kind, read_subject

UUID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize("which", [None, 1, "an-event:with:colons"])
@pytest.mark.parametrize("kind", WorkflowKind)
def test_what_an_id_is_made_of_is_read_from_it(kind: WorkflowKind, which: int | str | None) -> None:
    """Pages and upkeep know a workflow by its id alone."""
    workflow_id = build_id(kind, UUID, which=which)

    assert (kind, UUID) == (read_kind(workflow_id), read_subject(workflow_id))


def test_ids_stay_as_they_are_stored() -> None:
    """Workflows that an older release began are found by these."""
    assert [f"provision:{UUID}:1", f"stage-change:{UUID}:7", "sweep:batch"] == [
        build_id(WorkflowKind.PROVISION, UUID, which=1),
        build_id(WorkflowKind.STAGE_CHANGE, UUID, which=7),
        build_id(WorkflowKind.SWEEP, "batch"),
    ]
