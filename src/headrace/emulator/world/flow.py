"""What a pipeline has beside its apps: a repository, review apps, test runs, and config vars for a whole stage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from headrace.emulator.world.records import App, Pipeline, Team, User
from headrace.emulator.world.world_file import derive_id

Progress = Literal["pending", "creating", "building", "running", "succeeded", "failed", "errored", "cancelled"]
T = TypeVar("T")

# How many review apps and test runs are remembered, those that are not over besides.
REMEMBERED = 1_000
# Those of a test run that is over.
OVER = frozenset({"succeeded", "failed", "errored", "cancelled"})


@dataclass(slots=True, kw_only=True, eq=False)
class Source:
    """An archive that a client uploaded, gzipped tar as at Heroku; its id is the secret of its URLs."""

    id: str
    archive: bytes = field(default=b"", repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class AppSetup:
    """An app that is made of an app.json. `addon_ids` are those that it asked for; it waits for all of them."""

    id: str
    app: App
    created_at: datetime
    updated_at: datetime
    status: Literal["pending", "succeeded", "failed"] = "pending"
    failure_message: str | None = None
    manifest_errors: tuple[str, ...] = ()
    addon_ids: list[str] = field(default_factory=list)
    # Whether all that app.json names has been asked for.
    is_asked: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class ReviewApp:
    """The app of a pull request or branch; `app` comes with `setup`, `parent` is the app it is a likeness of."""

    id: str
    pipeline: Pipeline
    branch: str
    pr_number: int | None
    fork_repo_id: int | None
    creator: User | Team
    wait_for_ci: bool
    created_at: datetime
    updated_at: datetime
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    status: Literal["pending", "creating", "created", "deleting", "deleted", "errored"] = "pending"
    parent: App | None = None
    app: App | None = None
    setup: AppSetup | None = None
    message: str | None = None
    error_status: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status in {"pending", "creating", "created"}


@dataclass(slots=True, kw_only=True, eq=False)
class TestNode:
    """One of the dynos on which a test run runs."""

    id: str
    index: int
    created_at: datetime
    updated_at: datetime
    exit_code: int | None = None
    # pytest takes what begins with Test for tests.
    __test__ = False


@dataclass(slots=True, kw_only=True, eq=False)
class TestRun:
    """A run of the tests of a commit, on an app of its own that goes when it is over."""

    id: str
    number: int
    pipeline: Pipeline
    commit_branch: str
    commit_sha: str
    commit_message: str
    source_blob_url: str
    is_debug: bool
    user: User
    organization: Team | None
    created_at: datetime
    updated_at: datetime
    status: Progress = "pending"
    app: App | None = None
    setup: AppSetup | None = None
    message: str | None = None
    nodes: list[TestNode] = field(default_factory=list)
    __test__ = False


@dataclass(slots=True, kw_only=True)
class ReviewAppConfig:
    """How a pipeline makes review apps; `deploy_region` is where, the parent's region if it is empty."""

    automatic: bool = False
    destroys_stale: bool = False
    stale_days: int = 5
    wait_for_ci: bool = False
    base_name: str | None = None
    deploy_region: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class PipelineFlow:
    """What one pipeline has; `id` is the pipeline's. `app_json` is what its repository holds."""

    id: str
    repository: str = ""
    repository_id: int = 0
    app_json: dict[str, Any] = field(default_factory=dict)
    config: ReviewAppConfig | None = None
    stage_config: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    review_apps: dict[str, ReviewApp] = field(default_factory=dict)
    test_runs: list[TestRun] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class FlowBook:
    """Everything of every pipeline's flow, by id; what belongs to an app by the app's."""

    pipelines: dict[str, PipelineFlow] = field(default_factory=dict)
    review_apps: dict[str, ReviewApp] = field(default_factory=dict)
    test_runs: dict[str, TestRun] = field(default_factory=dict)
    setups: dict[str, AppSetup] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    review_apps_by_app: dict[str, ReviewApp] = field(default_factory=dict)
    test_runs_by_app: dict[str, TestRun] = field(default_factory=dict)
    setups_by_app: dict[str, AppSetup] = field(default_factory=dict)

    def of(self, pipeline: Pipeline) -> PipelineFlow:
        """Return what a pipeline has, which is nothing at first."""
        return self.pipelines.setdefault(pipeline.id, PipelineFlow(id=pipeline.id))

    def connect(self, pipeline: Pipeline, repository: str, app_json: dict[str, Any]) -> None:
        """Connect a pipeline to a repository, `owner/name`, in which there is this app.json."""
        flow = self.of(pipeline)
        flow.repository, flow.app_json = repository, app_json
        flow.repository_id = UUID(derive_id("repository", repository)).int % 2**31


def forget_oldest(things: dict[str, T], is_over: Callable[[T], bool]) -> None:
    """Keep so many things; of more, the oldest goes that is over."""
    if len(things) > REMEMBERED:
        oldest = next((key for key, thing in things.items() if is_over(thing)), None)
        if oldest is not None:
            del things[oldest]
