"""Control API: pull requests, the runs of tests, and what a pipeline needs for them."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec

from headrace.emulator.kit.errors import invalid
from headrace.emulator.local.instruction import Control, Instruction
from headrace.emulator.local.scenario import PATIENCE, PULL_REQUESTS, play_week
from headrace.emulator.local.scenario_plan import Size
from headrace.emulator.world.flow import ReviewApp

Text = Annotated[str, msgspec.Meta(min_length=1)]


class NewRepository(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`repository` is `owner/name`, `app_json` what its file of this name holds."""

    repository: Text
    app_json: dict[str, Any] = {}


class NewPullRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: int
    branch: str = ""


class NewTestRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`user` is the e-mail address of who runs the tests."""

    user: Text
    branch: Text = "main"


class ShownReviewApp(msgspec.Struct, frozen=True, kw_only=True):
    """`parent` is the app that it is a likeness of."""

    id: str
    branch: str
    number: int | None
    status: str
    message: str | None
    app: str | None
    parent: str | None


class ShownTestRun(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: int
    status: str
    message: str | None
    nodes: int


class NewWeek(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`service` is the slug of an add-on service, the first by default; `patience` is in seconds."""

    seed: int = 1
    teams: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    pipelines: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 12
    pull_requests: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 500
    service: str = ""
    patience: Annotated[float, msgspec.Meta(ge=0, le=3600)] = PATIENCE.total_seconds()


class ShownWeek(msgspec.Struct, frozen=True, kw_only=True):
    """The generator's books: add-ons that it had provisioned, those that are there by stage, and what was done."""

    provisioned: int
    live: dict[str, int]
    done: dict[str, int]
    moves: int
    refused: list[str]


def connect(instruction: Instruction) -> None:
    wanted = instruction.read(NewRepository)
    instruction.emulator.connect(instruction.parts["pipeline"], wanted.repository, wanted.app_json)


async def open_pull_request(instruction: Instruction) -> ShownReviewApp:
    wanted = instruction.read(NewPullRequest)
    return _show(
        await instruction.emulator.open_pull_request(instruction.parts["pipeline"], wanted.number, branch=wanted.branch)
    )


async def close_pull_request(instruction: Instruction) -> ShownReviewApp:
    number = instruction.parts["number"]
    if not number.isascii() or not number.isdigit():
        raise invalid("A pull request is named by its number.")
    return _show(await instruction.emulator.close_pull_request(instruction.parts["pipeline"], int(number)))


async def run_tests(instruction: Instruction) -> ShownTestRun:
    wanted = instruction.read(NewTestRun)
    run = await instruction.emulator.run_tests(instruction.parts["pipeline"], wanted.user, branch=wanted.branch)
    return ShownTestRun(id=run.id, number=run.number, status=run.status, message=run.message, nodes=len(run.nodes))


async def play(instruction: Instruction) -> ShownWeek:
    """Play a week; the answer comes when it is over."""
    wanted = instruction.read(NewWeek)
    size = Size(teams=wanted.teams, pipelines=wanted.pipelines, pull_requests=wanted.pull_requests)
    books = await play_week(
        instruction.emulator,
        size=size,
        seed=wanted.seed,
        service=wanted.service or None,
        patience=timedelta(seconds=wanted.patience),
    )
    return ShownWeek(
        provisioned=len(books.entries),
        live={str(stage): count for stage, count in books.by_stage.items()},
        done=dict(books.done),
        moves=sum(books.moves.values()),
        refused=books.refused,
    )


CONTROLS = (
    Control("POST", f"/scenarios/{PULL_REQUESTS}", play),
    Control("POST", "/pipelines/{pipeline}/repository", connect),
    Control("POST", "/pipelines/{pipeline}/pull-requests", open_pull_request),
    Control("DELETE", "/pipelines/{pipeline}/pull-requests/{number}", close_pull_request),
    Control("POST", "/pipelines/{pipeline}/test-runs", run_tests),
)


def _show(review_app: ReviewApp) -> ShownReviewApp:
    return ShownReviewApp(
        id=review_app.id,
        branch=review_app.branch,
        number=review_app.pr_number,
        status=review_app.status,
        message=review_app.message,
        app=review_app.app.name if review_app.app else None,
        parent=review_app.parent.name if review_app.parent else None,
    )
