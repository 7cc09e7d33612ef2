"""What each figure is, said once: the page of definitions and docs/metrics.md are made of this.

Texts are plain, but for names between backticks.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for all figures: what counts, and when."""

    about: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One figure: `id` is its anchor, `paths` are its members in `/operators.json`."""

    id: str
    name: str
    paths: tuple[str, ...]
    text: str


RULES = (
    Rule(
        about="Day, week",
        text="A day is a day in UTC; what happens at midnight belongs to the new one. A week begins on Monday.",
    ),
    Rule(
        about="Live",
        text=(
            "A resource is live from the moment it is provisioned to the moment its deprovision is done. One that is "
            "still being provisioned, or whose provision failed, is not live. One whose deprovision failed is live "
            "until somebody settles that."
        ),
    ),
    Rule(
        about="Place",
        text=(
            "A resource's place on a day is the last one that Heroku told before the day's end. Where Heroku stops "
            "telling (FORBIDDEN, no answer, a dead token) the last one holds. Where Heroku never told it is `unknown`, "
            "which is not the same as `none`: in no pipeline, because Heroku said so."
        ),
    ),
    Rule(
        about="Stage",
        text=(
            "Heroku's word: `development`, `review`, `test`, `staging`, `production`, or one that Heroku adds later, "
            "which is counted under its own word."
        ),
    ),
    Rule(
        about="Passing, lasting",
        text=(
            "Stages `review` and `test` are passing: their apps come and go with pull requests and CI runs. "
            "Everything else is lasting: the other stages, `none` and `unknown`. CI apps stand at `test`; an app that "
            "CI made outside a pipeline is `none`, and lasts as far as anybody can tell. Figures that are given twice, "
            "`all` and `lasting`, are counted with and without what is passing."
        ),
    ),
    Rule(
        about="Plan",
        text="The one of the day's end: a plan change counts from the moment it is done, and a refused one never.",
    ),
    Rule(
        about="Gone and back",
        text=(
            "A resource that the customer removes and adds again is another resource, with another uuid: one lost, "
            "one gained."
        ),
    ),
    Rule(
        about="Move",
        text=(
            "A resource whose app goes to another stage, pipeline or out of one moves; it is neither lost nor gained. "
            "To be told a place for the first time is no move, and a new name is none."
        ),
    ),
    Rule(
        about="Late",
        text=(
            "A day comes out the same however much later it is counted, because history is never rewritten. What is "
            "imported with a provision in the past is the exception: `headrace count --since DAY` counts the days "
            "since then again."
        ),
    ),
)

_LISTED = (
    Definition(
        id="resources",
        name="Resources",
        paths=("figures.coverage.resources", "figures.days[].resources"),
        text="Live resources at the end of the latest day (of today: now); and of each day.",
    ),
    Definition(
        id="in-pipelines",
        name="In pipelines",
        paths=(
            "figures.coverage.in_pipeline",
            "figures.coverage.uncoupled",
            "figures.coverage.unknown",
            "figures.coverage.share",
            "figures.days[].placed",
        ),
        text=(
            "Of the live resources, those whose app is in a pipeline, in none, and those of which Heroku never told; "
            "they add up. The share is in a pipeline, of all live resources; null without one."
        ),
    ),
    Definition(
        id="pipelines",
        name="Pipelines",
        paths=("figures.coverage.pipelines", "figures.days[].pipelines"),
        text=(
            "Pipelines with at least one live resource; `lasting`: with one that lasts. A customer's pipeline without "
            "our add-on is not seen at all."
        ),
    ),
    Definition(
        id="pipelines-at-several-stages",
        name="At several stages",
        paths=("figures.coverage.pipelines_at_several_stages",),
        text="Of the pipelines, those with live resources at two stages or more.",
    ),
    Definition(
        id="production-resources",
        name="Production resources",
        paths=("figures.days[].by_stage.production",),
        text="Live resources at stage `production` at the day's end.",
    ),
    Definition(
        id="changes",
        name="Changes",
        paths=("figures.changes",),
        text=(
            "From the first day of the window that has a live resource, `since`, to the last. With fourteen such days "
            "or more it is between the mean of the first seven and the mean of the last seven (`is_of_means`), since "
            "review apps dip each weekend. `share` is the share in pipelines that it was at first. Null for one day."
        ),
    ),
    Definition(
        id="provision-p95",
        name="Provision p95",
        paths=("provisions",),
        text=(
            "The time from the provision request to the provisioned mark that 95 percent of provisions did not exceed: "
            "of the latest thousand at the most that Heroku asked for within 24 hours and that were provisioned. "
            "Imported resources are left out."
        ),
    ),
    Definition(
        id="sync-lag",
        name="Sync lag",
        paths=("sync_lag_seconds",),
        text=(
            "How long the look at a placement that waits longest has been due; 0 when none is due, and null where "
            "there is no placement to look at."
        ),
    ),
    Definition(
        id="health",
        name="Health",
        paths=("health",),
        text=(
            "Where what is wrong is wrong, Heroku first: it has answered no process for half a minute, or the last "
            "looks at three resources or more failed at its side; headrace, when no worker works, or one of the "
            "notices about the service as a whole is open; your hooks, when three provisions or more failed in this "
            "hour and the last, and more than one in twenty. What a hook refuses is no fault."
        ),
    ),
    Definition(
        id="provisions-by-hour",
        name="Provisions",
        paths=("health.day.hours",),
        text=(
            "Provisions by the hour in which Heroku asked for them: done, refused by your hook, failed, or still "
            "waiting. Of each state the latest five thousand are counted; what was imported is not."
        ),
    ),
    Definition(
        id="time-to-provision",
        name="Time to provision",
        paths=("health.day.p50", "health.day.p95"),
        text=(
            "From Heroku's request to the provisioned mark, of provisions that were asked for in these hours and are "
            "done: half took no longer than p50, 95 of a hundred no longer than p95. Its parts are those of the one "
            "provision that took so long: waiting for a worker, requests to Heroku, and your hook with all its "
            "attempts. They are told of the latest five hundred that needed no order of an operator's."
        ),
    ),
    Definition(
        id="heroku-answers",
        name="Answers from Heroku",
        paths=("health.day.answers", "health.day.answered_within"),
        text=(
            "Answers to all requests of all processes, by class, written down twice a minute; `none`: no answer came. "
            "429, 5xx and none are failures. 95 of a hundred answers came within the bound that is told, of 0.1, 0.25, "
            "0.5, 1, 2.5, 5 and 10 seconds."
        ),
    ),
    Definition(
        id="failed-checks",
        name="Failed checks",
        paths=("health.day.failed_checks",),
        text="Looks at placements that brought no answer, by the kind of the error, each time that one failed.",
    ),
    Definition(
        id="queue",
        name="Queue",
        paths=("health.day.hours",),
        text=(
            "The most resources with a workflow that ran or waited at one moment of the hour, and the longest that a "
            "provision had been waiting; looked at twice a minute."
        ),
    ),
    Definition(
        id="open-notices",
        name="Open notices",
        paths=("open_notices",),
        text="Notices that nobody has settled, counted up to a thousand.",
    ),
    Definition(
        id="stage-mix",
        name="Resources by stage",
        paths=("figures.days[].by_stage",),
        text=(
            "Live resources at the day's end, by stage, `none` and `unknown` among them. A day without a live resource "
            "is left out."
        ),
    ),
    Definition(
        id="stage-by-plan",
        name="Stage by plan",
        paths=("figures.by_stage_and_plan",),
        text="Live resources at the end of the latest day, by stage and plan.",
    ),
    Definition(
        id="stage-by-region",
        name="Stage by region",
        paths=("figures.by_stage_and_region",),
        text="Live resources at the end of the latest day, by stage and region.",
    ),
    Definition(
        id="per-pipeline",
        name="Resources per pipeline",
        paths=("figures.days[].per_pipeline",),
        text=(
            "Resources in a pipeline for each pipeline; `lasting`: lasting resources in a pipeline, for each pipeline "
            "that has one."
        ),
    ),
    Definition(
        id="gained",
        name="Gained",
        paths=("figures.weeks[].gained",),
        text=(
            "Resources provisioned within the week, by the last stage that Heroku told by the end of that day. One "
            "that came and went within the week is gained and lost."
        ),
    ),
    Definition(
        id="lost",
        name="Lost",
        paths=("figures.weeks[].lost",),
        text="Resources deprovisioned within the week, by the last stage that Heroku told by the end of that day.",
    ),
    Definition(
        id="growth",
        name="Growth",
        paths=("figures.weeks[].growth",),
        text=(
            "Gained less lost. That is the difference of `resources.all` from one Sunday to the next; for `lasting` it "
            "is the difference but for moves between what is passing and what lasts."
        ),
    ),
    Definition(
        id="churn",
        name="Churn",
        paths=("figures.weeks[].churn", "figures.weeks[].churned", "figures.weeks[].at_start"),
        text=(
            "Churned are resources that were live when the week began and were deprovisioned within it, by the stage "
            "they had when it began. Churn is these, of all that were live when the week began; null without one. The "
            "current week's is of its days so far; `is_over` tells."
        ),
    ),
    Definition(
        id="production-on-small-plan",
        name="Production on a small plan",
        paths=("figures.opportunities.production_on_small_plan",),
        text="Live resources at stage `production` on one of the plans in `HEADRACE_SMALL_PLANS`.",
    ),
    Definition(
        id="staging-without-production",
        name="Staging without production",
        paths=("figures.opportunities.staging_without_production",),
        text="Pipelines with a live resource at `staging` and none at `production`.",
    ),
    Definition(
        id="production-without-staging",
        name="Production without staging",
        paths=("figures.opportunities.production_without_staging",),
        text="Pipelines with a live resource at `production` and none at `staging`.",
    ),
    Definition(
        id="reached-production",
        name="Reached production",
        paths=("reached_production",),
        text=(
            "Moves to `production` from another stage or from no pipeline, counted within the window; listed are the "
            "latest among the thousand placements that were told last."
        ),
    ),
    Definition(
        id="moves",
        name="Moves",
        paths=("figures.moves", "latest_moves"),
        text=(
            "Changes of place within the window, by stage before and after: `none` is no pipeline, the same stage "
            "twice another pipeline. The latest are looked for among the thousand placements that were told last."
        ),
    ),
    Definition(
        id="way-to-production",
        name="Way to production",
        paths=("figures.way_to_production",),
        text=(
            "Of the pipelines that got their first live production resource within the window, the time from the first "
            "live resource, at whatever stage, to that one, in whole days: zero where it began in production. A "
            "resource comes to a pipeline when it is provisioned there, or when its app is coupled later. "
            "`median_days` and `p90_days` are durations that a pipeline took, not numbers in between. Left out are "
            "pipelines that began before anybody watched: those with a resource that had been provisioned for more "
            "than a day when Heroku first told its place, such as an imported one."
        ),
    ),
    Definition(
        id="own-metrics",
        name="Your own metrics by stage",
        paths=("own_metrics",),
        text=(
            "What your panel hook gave as `Panel.metrics`, summed over the resources that gave it, by the stage at "
            "which each app stood when it was asked. It is that of the latest day that is over, or of today where "
            "there is no other (`is_over` tells). The change is from the same sum a week earlier; null where none was "
            "kept then."
        ),
    ),
    Definition(
        id="largest-pipelines",
        name="Pipelines with most resources",
        paths=("figures.largest_pipelines",),
        text="The 50 pipelines with most live resources on the latest day, and how many of these last.",
    ),
    Definition(
        id="pipelines-by-size",
        name="Pipelines by size",
        paths=("figures.pipelines_by_size",),
        text="Pipelines by how many live resources are in them, on the latest day.",
    ),
)
DEFINITIONS = {each.id: each for each in _LISTED}
